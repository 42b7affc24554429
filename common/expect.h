/* expect: what a file format made of tensors (common/bundle, common/images) asks of a file, and the sentences when it is not so.
 * Pure. */
#ifndef HWNAS_COMMON_EXPECT_H
#define HWNAS_COMMON_EXPECT_H

#include "common/tensorfile.h"

/* A file that is being read. Sentences begin with `what` ("bundle"). After the first failure, kept in `code`, every step below
 * does nothing and returns NULL or the code. */
struct expect {
    const struct tensorfile *file;
    const char *what;
    enum status_code code;
    struct status *status; /* may be NULL */
};

enum { EXPECT_CLASSES_MAX = 65536, EXPECT_NUMBERS_MAX = 4, EXPECT_NUMBERS_BYTES = EXPECT_NUMBERS_MAX * 32 };

/* The metadata say that it is of this format; `make` names the command that makes one. */
enum status_code expect_format(struct expect *expect, const char *format, const char *make);

/* The tensor of that name with exactly that type and shape (a dimension of -1 may have any size), or NULL. */
const struct tensorfile_entry *expect_tensor(struct expect *expect, const char *name, enum tensorfile_dtype dtype, int rank,
                                             const int64_t *dims);

/* A copy of such a tensor's elements, which the caller frees, or NULL. */
void *expect_copy(struct expect *expect, const char *name, enum tensorfile_dtype dtype, int rank, const int64_t *dims);

/* "images", (N,C,H,W) of uint8, with every dimension between 1 (`least` for N) and its limit. Writes the four dims; a copy as
 * above. */
uint8_t *expect_images(struct expect *expect, int64_t least, const int64_t limits[4], int dims[4]);

/* `labels` (count), read from the file, are all below `classes`. */
enum status_code expect_labels(struct expect *expect, const int32_t *labels, int count, int classes);

/* A metadata value of less than `size` bytes. */
enum status_code expect_text(struct expect *expect, const char *key, char *out, size_t size);

/* "classes": a number from 2 to EXPECT_CLASSES_MAX; "mean" and "std": a number a channel each, std above 0. */
enum status_code expect_classes(struct expect *expect, int *out);
enum status_code expect_normalisation(struct expect *expect, int channels, float *mean, float *std);

/* How they are written. "%.9g" carries every float32 through text unchanged. count: EXPECT_NUMBERS_MAX at most. */
void expect_print_numbers(const float *values, int count, char out[EXPECT_NUMBERS_BYTES]);

#endif
