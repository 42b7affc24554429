/* bundle: reference bundles as safetensors files, read and written.
 *
 * Made by `hwnas reference build`, kept by the master's store, fetched by workers, which know nothing of where the bytes have been:
 * bundle_read checks whatever a scoring run relies on, and nothing behind it checks again. */
#include "common/bundle.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/expect.h"
#include "common/fileio.h"
#include "common/tensorfile.h"

#define BUNDLE_FORMAT "hwnas-bundle-1"

_Static_assert((int)BUNDLE_CHANNELS_MAX <= (int)EXPECT_NUMBERS_MAX, "a number a channel fits");

void bundle_free(struct bundle *bundle)
{
    free(bundle->images);
    free(bundle->labels);
    free(bundle->indices);
    free(bundle->cross_entropy);
    for (int tap = 0; tap < BUNDLE_TAPS_MAX; tap++)
        free(bundle->grams[tap]);
    memset(bundle, 0, sizeof *bundle);
}

static size_t image_bytes(const struct bundle *bundle)
{
    return (size_t)bundle->shape.c * (size_t)bundle->shape.h * (size_t)bundle->shape.w;
}

/* --- reading --- */

static void read_metadata(struct expect *expect, struct bundle *bundle)
{
    expect_text(expect, "dataset", bundle->dataset, sizeof bundle->dataset);
    expect_text(expect, "reference", bundle->reference, sizeof bundle->reference);
    expect_classes(expect, &bundle->classes);
    expect_normalisation(expect, bundle->shape.c, bundle->mean, bundle->std);
}

static void read_images(struct expect *expect, struct bundle *bundle)
{
    const int64_t limits[4] = {BUNDLE_BATCH_MAX, BUNDLE_CHANNELS_MAX, NET_DIMENSION_MAX, NET_DIMENSION_MAX};
    int dims[4] = {0};
    bundle->images = expect_images(expect, 2, limits, dims);
    bundle->batch = dims[0];
    bundle->shape = (struct net_shape){dims[1], dims[2], dims[3]};
}

/* A teacher's Gram must be finite, symmetric, centred (rows sum to 0) and not zero, or every candidate's RMI would be wrong or NaN
 * without anybody noticing. Rounding is allowed for. */
static enum status_code check_gram(const float *gram, int n, int tap, struct status *status)
{
    double largest = 0;
    for (int i = 0; i < n * n; i++) {
        if (!isfinite(gram[i]))
            return status_set(status, STATUS_BAD_INPUT, "bundle: gram%d holds a number that is not finite", tap + 1);
        largest = fmax(largest, fabs((double)gram[i]));
    }
    if (largest < (double)FLT_MIN)
        return status_set(status, STATUS_BAD_INPUT, "bundle: gram%d is zero: the reference's tap does not depend on the image",
                          tap + 1);
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int j = 0; j < n; j++) {
            sum += (double)gram[i * n + j];
            if (fabs((double)gram[i * n + j] - (double)gram[j * n + i]) > 1e-4 * largest)
                return status_set(status, STATUS_BAD_INPUT, "bundle: gram%d is not symmetric at (%d,%d)", tap + 1, i, j);
        }
        if (fabs(sum) > 1e-3 * n * largest)
            return status_set(status, STATUS_BAD_INPUT, "bundle: gram%d is not centred: row %d sums to %g", tap + 1, i, sum);
    }
    return STATUS_OK;
}

static void read_grams(struct expect *expect, struct bundle *bundle)
{
    const int64_t square[2] = {bundle->batch, bundle->batch};
    for (int tap = 0; tap < BUNDLE_TAPS_MAX; tap++) {
        char name[16];
        snprintf(name, sizeof name, "gram%d", tap + 1);
        if (tap > 0 && tensorfile_find(expect->file, name) == NULL)
            break;
        bundle->grams[tap] = expect_copy(expect, name, TENSORFILE_F32, 2, square);
        if (expect->code == STATUS_OK)
            expect->code = check_gram(bundle->grams[tap], bundle->batch, tap, expect->status);
        bundle->taps = tap + 1;
        if (expect->code != STATUS_OK)
            return;
    }
}

static enum status_code check_per_image(const struct bundle *bundle, struct status *status)
{
    for (int i = 0; i < bundle->batch; i++) {
        if (bundle->indices[i] < 0)
            return status_set(status, STATUS_BAD_INPUT, "bundle: index %d is negative", i);
        if (!(bundle->cross_entropy[i] >= 0) || !isfinite(bundle->cross_entropy[i]))
            return status_set(status, STATUS_BAD_INPUT, "bundle: cross-entropy %d is %g; it must be finite and not negative", i,
                              bundle->cross_entropy[i]);
    }
    return STATUS_OK;
}

static void read_per_image(struct expect *expect, struct bundle *bundle)
{
    const int64_t n[1] = {bundle->batch};
    bundle->labels = expect_copy(expect, "labels", TENSORFILE_I32, 1, n);
    bundle->indices = expect_copy(expect, "indices", TENSORFILE_I32, 1, n);
    bundle->cross_entropy = expect_copy(expect, "cross_entropy", TENSORFILE_F64, 1, n);
    if (expect_labels(expect, bundle->labels, bundle->batch, bundle->classes) == STATUS_OK)
        expect->code = check_per_image(bundle, expect->status);
}

enum status_code bundle_read(const void *data, size_t size, struct bundle *out, struct status *status)
{
    struct tensorfile file = {0};
    struct bundle bundle = {0};
    struct expect expect = {.file = &file, .what = "bundle", .status = status};
    if (size > BUNDLE_BYTES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "bundle: has %zu bytes, more than the %d a bundle may have", size,
                          BUNDLE_BYTES_MAX);
    expect.code = tensorfile_read(data, size, &file, status);
    if (expect.code != STATUS_OK) {
        status_prefix(status, "bundle");
        return expect.code;
    }
    expect_format(&expect, BUNDLE_FORMAT, "hwnas reference build");
    read_images(&expect, &bundle);
    read_metadata(&expect, &bundle);
    read_per_image(&expect, &bundle);
    if (expect.code == STATUS_OK)
        read_grams(&expect, &bundle);
    if (expect.code == STATUS_OK && file.entry_count != (size_t)bundle.taps + 4)
        expect.code =
            status_set(status, STATUS_BAD_INPUT, "bundle: holds %zu tensors where %d belong: a newer format, or not a bundle",
                       file.entry_count, bundle.taps + 4);
    tensorfile_free(&file);
    if (expect.code != STATUS_OK)
        bundle_free(&bundle);
    else
        *out = bundle;
    return expect.code;
}

enum status_code bundle_load(const char *path, struct bundle *out, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = fileio_read(path, BUNDLE_BYTES_MAX, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    code = bundle_read(data, size, out, status);
    if (code != STATUS_OK)
        status_prefix(status, "%s", path);
    free(data);
    return code;
}

/* --- writing --- */

static enum status_code add_metadata(const struct bundle *bundle, struct tensorfile *file, struct status *status)
{
    char classes[16], mean[EXPECT_NUMBERS_BYTES], deviation[EXPECT_NUMBERS_BYTES];
    snprintf(classes, sizeof classes, "%d", bundle->classes);
    expect_print_numbers(bundle->mean, bundle->shape.c, mean);
    expect_print_numbers(bundle->std, bundle->shape.c, deviation);
    const char *const pairs[][2] = {{"format", BUNDLE_FORMAT},
                                    {"dataset", bundle->dataset},
                                    {"reference", bundle->reference},
                                    {"classes", classes},
                                    {"mean", mean},
                                    {"std", deviation}};
    enum status_code code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < sizeof pairs / sizeof pairs[0]; i++)
        code = tensorfile_set(file, pairs[i][0], pairs[i][1], status);
    return code;
}

static enum status_code add_tensors(const struct bundle *bundle, struct tensorfile *file, struct status *status)
{
    const int64_t images[4] = {bundle->batch, bundle->shape.c, bundle->shape.h, bundle->shape.w};
    const int64_t square[2] = {bundle->batch, bundle->batch};
    enum status_code code = tensorfile_add(file, "images", TENSORFILE_U8, 4, images, bundle->images, status);
    if (code == STATUS_OK)
        code = tensorfile_add(file, "labels", TENSORFILE_I32, 1, square, bundle->labels, status);
    if (code == STATUS_OK)
        code = tensorfile_add(file, "indices", TENSORFILE_I32, 1, square, bundle->indices, status);
    if (code == STATUS_OK)
        code = tensorfile_add(file, "cross_entropy", TENSORFILE_F64, 1, square, bundle->cross_entropy, status);
    for (int tap = 0; code == STATUS_OK && tap < bundle->taps; tap++) {
        char name[16];
        snprintf(name, sizeof name, "gram%d", tap + 1);
        code = tensorfile_add(file, name, TENSORFILE_F32, 2, square, bundle->grams[tap], status);
    }
    return code;
}

enum status_code bundle_write(const struct bundle *bundle, void **data, size_t *size, struct status *status)
{
    struct tensorfile file = {0};
    enum status_code code = add_metadata(bundle, &file, status);
    if (code == STATUS_OK)
        code = add_tensors(bundle, &file, status);
    if (code == STATUS_OK)
        code = tensorfile_write(&file, data, size, status);
    tensorfile_free(&file);
    return code;
}

void bundle_normalise(const struct bundle *bundle, double *out)
{
    size_t plane = (size_t)bundle->shape.h * (size_t)bundle->shape.w, channels = (size_t)bundle->shape.c;
    for (size_t i = 0; i < (size_t)bundle->batch * image_bytes(bundle); i++) {
        size_t c = i / plane % channels;
        out[i] = (bundle->images[i] / 255.0 - (double)bundle->mean[c]) / (double)bundle->std[c];
    }
}
