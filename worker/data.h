/* data: labelled image sets from disk: CIFAR-10 and CIFAR-100 binary, IDX (MNIST family), plain or gzip-compressed. */
#ifndef HWNAS_WORKER_DATA_H
#define HWNAS_WORKER_DATA_H

#include <stddef.h>
#include <stdint.h>

#include "common/images.h"
#include "common/net.h"
#include "common/rng.h"
#include "common/status.h"

struct data_set {
    char name[64]; /* "cifar10", "cifar100", "idx" */
    size_t count;
    struct net_shape shape; /* (C,H,W); IDX greys are padded with zeros to 32x32 and repeated in three channels */
    int classes;
    uint8_t *images;       /* (count,C,H,W), owned */
    uint8_t *labels;       /* (count), owned */
    float mean[4], std[4]; /* the normalisation that belongs to the set (methods 1.4): CIFAR-10 uses ImageNet's constants; for IDX
                              computed over the images of this very file */
};

/* Loads image file(s). The format is recognised by contents: IDX by its magic (labels then come from `labels_path`, or when that is
 * NULL from the neighbour with "images-idx3" replaced by "labels-idx1"), CIFAR-10 by records of 3,073 bytes, CIFAR-100 by 3,074
 * (fine label); a size that fits both is told apart by `format` ("cifar10", "cifar100", "idx" or NULL). Gzip is undone on the way.
 * At most max_count images are kept (0: all). STATUS_BAD_INPUT names file, offset and what was expected. */
enum status_code data_load(const char *path, const char *labels_path, const char *format, size_t max_count, struct data_set *out,
                           struct status *status);
void data_free(struct data_set *set);

/* Writes images chosen by index as normalised float32 (count,C,H,W). */
void data_batch(const struct data_set *set, const uint32_t *indices, size_t count, float *out);

/* The same with training augmentation: random crop of a zero-padded (4 pixels) image and a horizontal flip with probability one
 * half. */
void data_batch_augmented(const struct data_set *set, const uint32_t *indices, size_t count, struct rng *rng, float *out);

/* Images first .. first + count - 1 (count at least 1), which must be there, as what common/images writes. Free with images_free.
 */
enum status_code data_images(const struct data_set *set, size_t first, size_t count, struct images *out, struct status *status);

#endif
