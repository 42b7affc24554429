/* data_format: what the image formats hand to data.c. Private to worker/data*.c. */
#ifndef HWNAS_WORKER_DATA_FORMAT_H
#define HWNAS_WORKER_DATA_FORMAT_H

#include <stdbool.h>

#include "worker/data.h"

/* The largest file, unpacked, that is looked at: the largest public set of this kind (EMNIST, 814,255 images of 28x28) has 640 MB.
 */
#define DATA_BYTES_MAX ((size_t)1 << 30)

/* A file's contents, unpacked. */
struct data_bytes {
    const char *path; /* borrowed, for messages */
    uint8_t *data;    /* owned */
    size_t size;
};

/* Reads a file whole; a gzip file (recognised by its first bytes; several members in a row are fine) is unpacked. Nothing above
 * DATA_BYTES_MAX is read or unpacked: a file that promises more is refused when it gets there, not after. STATUS_BAD_INPUT names
 * the file and the offset of damage. Free with data_bytes_free. */
enum status_code data_bytes_load(const char *path, struct data_bytes *out, struct status *status);
void data_bytes_free(struct data_bytes *bytes);

/* Room for `count` images of out->shape and their labels. On failure the caller frees *out. */
enum status_code data_allocate(size_t count, struct data_set *out, struct status *status);

/* CIFAR records: label_bytes label bytes (1: CIFAR-10; 2: CIFAR-100, coarse then fine), then 3,072 pixels, planes R, G, B. */
enum { DATA_CIFAR10_RECORD = 3073, DATA_CIFAR100_RECORD = 3074 };
bool data_cifar_fits(const struct data_bytes *bytes, size_t record);
enum status_code data_cifar_parse(const struct data_bytes *bytes, size_t record, size_t max_count, struct data_set *out,
                                  struct status *status);

/* IDX of unsigned bytes (Y. LeCun's MNIST format: big-endian magic 0x0803 and three dimensions for images, 0x0801 and one for
 * labels). */
bool data_idx_recognise(const struct data_bytes *bytes);
enum status_code data_idx_parse(const struct data_bytes *images, const struct data_bytes *labels, size_t max_count,
                                struct data_set *out, struct status *status);

#endif
