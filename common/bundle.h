/* bundle: the reference bundle: all a worker needs to know of data and teacher to score candidates (design: Keys).
 *
 * A safetensors file: "images" (N,C,H,W) uint8, "labels" (N) int32, "gram1".."gramT" (N,N) float32 centred teacher Grams, "indices"
 * (N) int32 into the pool, "cross_entropy" (N) float64 of the teacher, and metadata: format "hwnas-bundle-1", dataset, reference,
 * classes, mean and std (comma-separated per channel). Its digest is the content address: equal inputs give equal bytes. */
#ifndef HWNAS_COMMON_BUNDLE_H
#define HWNAS_COMMON_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/net.h"
#include "common/status.h"

enum { BUNDLE_TAPS_MAX = NET_OUTPUTS_MAX - 1, BUNDLE_CHANNELS_MAX = 4, BUNDLE_BATCH_MAX = 1024, BUNDLE_BYTES_MAX = 64 << 20 };

struct bundle {
    int batch;              /* N */
    struct net_shape shape; /* (C,H,W) */
    int classes, taps;
    uint8_t *images;               /* (N,C,H,W), owned */
    int32_t *labels;               /* (N), owned */
    int32_t *indices;              /* (N) into the pool the batch was chosen from, owned */
    double *cross_entropy;         /* (N) the reference's, owned */
    float *grams[BUNDLE_TAPS_MAX]; /* (N,N) each, owned */
    float mean[BUNDLE_CHANNELS_MAX], std[BUNDLE_CHANNELS_MAX];
    char dataset[64], reference[64]; /* names for people; part of the bytes */
};

/* Checks everything (shapes agree, labels below classes, Grams finite, symmetric, centred and not zero, std > 0) and copies out of
 * data, into *out only when all is well.
 * STATUS_BAD_INPUT names what is wrong. Free with bundle_free. */
enum status_code bundle_read(const void *data, size_t size, struct bundle *out, struct status *status);
/* The same from a file; the sentence then begins with its path. */
enum status_code bundle_load(const char *path, struct bundle *out, struct status *status);
void bundle_free(struct bundle *bundle);

/* Serialises; caller frees *data. */
enum status_code bundle_write(const struct bundle *bundle, void **data, size_t *size, struct status *status);

/* The images as networks take them: (value/255 - mean[c]) / std[c] in (N,C,H,W) order into out (N*C*H*W numbers). In double, so
 * that an engine of either precision rounds once. */
void bundle_normalise(const struct bundle *bundle, double *out);

#endif
