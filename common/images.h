/* images: a set of labelled images as one file with a content address: what one-shot nets are trained and scored on.
 *
 * A safetensors file: "images" (N,C,H,W) uint8, "labels" (N) int32, and metadata: format "hwnas-images-1", dataset, classes, mean
 * and std (comma-separated per channel). Made by `hwnas images build`, kept by the master, fetched by workers. Equal inputs give
 * equal bytes. */
#ifndef HWNAS_COMMON_IMAGES_H
#define HWNAS_COMMON_IMAGES_H

#include <stddef.h>
#include <stdint.h>

#include "common/net.h"
#include "common/status.h"

/* Room for all 60,000 images of CIFAR-10. */
enum { IMAGES_CHANNELS_MAX = 4, IMAGES_BYTES_MAX = 192 << 20 };

struct images {
    int count;              /* N */
    struct net_shape shape; /* (C,H,W) */
    int classes;
    uint8_t *pixels; /* (N,C,H,W), owned */
    int32_t *labels; /* (N), owned */
    float mean[IMAGES_CHANNELS_MAX], std[IMAGES_CHANNELS_MAX];
    char dataset[64]; /* a name for people; part of the bytes */
};

/* Checks everything (shapes agree, labels below classes, std > 0, nothing besides) and copies out of data, into *out only when all
 * is well. STATUS_BAD_INPUT names what is wrong. Free with images_free. */
enum status_code images_read(const void *data, size_t size, struct images *out, struct status *status);
/* The same from a file; the sentence then begins with its path. */
enum status_code images_load(const char *path, struct images *out, struct status *status);
void images_free(struct images *images);

/* Serialises; caller frees *data. STATUS_BAD_INPUT where that would be more than IMAGES_BYTES_MAX. */
enum status_code images_write(const struct images *images, void **data, size_t *size, struct status *status);

#endif
