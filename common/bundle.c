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

#include "common/fileio.h"
#include "common/tensorfile.h"

#define BUNDLE_FORMAT "hwnas-bundle-1"

enum { CLASSES_MAX = 65536, NUMBERS_TEXT_BYTES = BUNDLE_CHANNELS_MAX * 32 };

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

/* The tensor of that name with exactly that type and shape (a dimension of -1 may have any size), or NULL with the sentence. */
static const struct tensorfile_entry *expect_tensor(const struct tensorfile *file, const char *name, enum tensorfile_dtype dtype,
                                                    int rank, const int64_t *dims, struct status *status)
{
    const struct tensorfile_entry *entry = tensorfile_find(file, name);
    if (entry == NULL) {
        status_set(status, STATUS_BAD_INPUT, "bundle: there is no tensor \"%s\"", name);
        return NULL;
    }
    int fits = entry->dtype == dtype && entry->rank == rank;
    for (int d = 0; fits && d < rank; d++)
        fits = dims[d] < 0 || entry->dims[d] == dims[d];
    if (!fits) {
        status_set(status, STATUS_BAD_INPUT, "bundle: tensor \"%s\" has another type or shape than the images ask for", name);
        return NULL;
    }
    return entry;
}

static void *copy_tensor(const struct tensorfile_entry *entry, enum status_code *code, struct status *status)
{
    void *copy = malloc(entry->bytes > 0 ? entry->bytes : 1);
    if (copy == NULL)
        *code = status_set(status, STATUS_NO_MEMORY, "bundle: no memory for tensor \"%s\" of %zu bytes", entry->name, entry->bytes);
    else
        memcpy(copy, entry->data, entry->bytes);
    return copy;
}

/* expect_tensor and copy_tensor in one; does nothing when *code already tells of a failure. */
static void *take_tensor(const struct tensorfile *file, const char *name, enum tensorfile_dtype dtype, int rank,
                         const int64_t *dims, enum status_code *code, struct status *status)
{
    if (*code != STATUS_OK)
        return NULL;
    const struct tensorfile_entry *entry = expect_tensor(file, name, dtype, rank, dims, status);
    if (entry == NULL)
        *code = STATUS_BAD_INPUT;
    return entry == NULL ? NULL : copy_tensor(entry, code, status);
}

static enum status_code read_text(const struct tensorfile *file, const char *key, char *out, size_t size, struct status *status)
{
    const char *text = tensorfile_metadata(file, key);
    if (text == NULL)
        return status_set(status, STATUS_BAD_INPUT, "bundle: the metadata lack \"%s\"", key);
    if (strlen(text) >= size)
        return status_set(status, STATUS_BAD_INPUT, "bundle: \"%s\" has more than %zu bytes", key, size - 1);
    strcpy(out, text);
    return STATUS_OK;
}

/* Exactly `count` comma-separated finite numbers. */
static enum status_code read_numbers(const struct tensorfile *file, const char *key, int count, float *out, struct status *status)
{
    char text[NUMBERS_TEXT_BYTES];
    enum status_code code = read_text(file, key, text, sizeof text, status);
    if (code != STATUS_OK)
        return code;
    const char *at = text;
    for (int i = 0; i < count; i++) {
        char *end;
        out[i] = strtof(at, &end);
        if (end == at || !isfinite(out[i]) || *end != (i + 1 < count ? ',' : '\0'))
            return status_set(status, STATUS_BAD_INPUT, "bundle: \"%s\" is \"%s\"; it must be %d numbers, one a channel", key, text,
                              count);
        at = end + 1;
    }
    return STATUS_OK;
}

static enum status_code read_metadata(const struct tensorfile *file, struct bundle *bundle, struct status *status)
{
    char classes[16];
    enum status_code code = read_text(file, "dataset", bundle->dataset, sizeof bundle->dataset, status);
    if (code == STATUS_OK)
        code = read_text(file, "reference", bundle->reference, sizeof bundle->reference, status);
    if (code == STATUS_OK)
        code = read_text(file, "classes", classes, sizeof classes, status);
    if (code == STATUS_OK) {
        char *end;
        long value = strtol(classes, &end, 10);
        if (end == classes || *end != '\0' || value < 2 || value > CLASSES_MAX)
            return status_set(status, STATUS_BAD_INPUT, "bundle: \"classes\" is \"%s\"; it must be a number from 2 to %d", classes,
                              CLASSES_MAX);
        bundle->classes = (int)value;
    }
    if (code == STATUS_OK)
        code = read_numbers(file, "mean", bundle->shape.c, bundle->mean, status);
    if (code == STATUS_OK)
        code = read_numbers(file, "std", bundle->shape.c, bundle->std, status);
    for (int c = 0; code == STATUS_OK && c < bundle->shape.c; c++)
        if (!(bundle->std[c] > 0))
            code = status_set(status, STATUS_BAD_INPUT, "bundle: std of channel %d is %g; it must be above 0", c,
                              (double)bundle->std[c]);
    return code;
}

static enum status_code read_images(const struct tensorfile *file, struct bundle *bundle, struct status *status)
{
    const int64_t any[4] = {-1, -1, -1, -1};
    const struct tensorfile_entry *entry = expect_tensor(file, "images", TENSORFILE_U8, 4, any, status);
    if (entry == NULL)
        return STATUS_BAD_INPUT;
    const int64_t limits[4] = {BUNDLE_BATCH_MAX, BUNDLE_CHANNELS_MAX, NET_DIMENSION_MAX, NET_DIMENSION_MAX};
    for (int d = 0; d < 4; d++)
        if (entry->dims[d] < (d == 0 ? 2 : 1) || entry->dims[d] > limits[d])
            return status_set(status, STATUS_BAD_INPUT, "bundle: dimension %d of the images (N,C,H,W) is %lld, outside %d..%lld", d,
                              (long long)entry->dims[d], d == 0 ? 2 : 1, (long long)limits[d]);
    bundle->batch = (int)entry->dims[0];
    bundle->shape = (struct net_shape){(int)entry->dims[1], (int)entry->dims[2], (int)entry->dims[3]};
    enum status_code code = STATUS_OK;
    bundle->images = copy_tensor(entry, &code, status);
    return code;
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

static enum status_code read_grams(const struct tensorfile *file, struct bundle *bundle, struct status *status)
{
    const int64_t square[2] = {bundle->batch, bundle->batch};
    for (int tap = 0; tap < BUNDLE_TAPS_MAX; tap++) {
        char name[16];
        snprintf(name, sizeof name, "gram%d", tap + 1);
        if (tap > 0 && tensorfile_find(file, name) == NULL)
            break;
        enum status_code code = STATUS_OK;
        bundle->grams[tap] = take_tensor(file, name, TENSORFILE_F32, 2, square, &code, status);
        if (code == STATUS_OK)
            code = check_gram(bundle->grams[tap], bundle->batch, tap, status);
        bundle->taps = tap + 1;
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

static enum status_code check_per_image(const struct bundle *bundle, struct status *status)
{
    for (int i = 0; i < bundle->batch; i++) {
        if (bundle->labels[i] < 0 || bundle->labels[i] >= bundle->classes)
            return status_set(status, STATUS_BAD_INPUT, "bundle: label %d is %d; there are %d classes", i, bundle->labels[i],
                              bundle->classes);
        if (bundle->indices[i] < 0)
            return status_set(status, STATUS_BAD_INPUT, "bundle: index %d is negative", i);
        if (!(bundle->cross_entropy[i] >= 0) || !isfinite(bundle->cross_entropy[i]))
            return status_set(status, STATUS_BAD_INPUT, "bundle: cross-entropy %d is %g; it must be finite and not negative", i,
                              bundle->cross_entropy[i]);
    }
    return STATUS_OK;
}

static enum status_code read_per_image(const struct tensorfile *file, struct bundle *bundle, struct status *status)
{
    const int64_t n[1] = {bundle->batch};
    enum status_code code = STATUS_OK;
    bundle->labels = take_tensor(file, "labels", TENSORFILE_I32, 1, n, &code, status);
    bundle->indices = take_tensor(file, "indices", TENSORFILE_I32, 1, n, &code, status);
    bundle->cross_entropy = take_tensor(file, "cross_entropy", TENSORFILE_F64, 1, n, &code, status);
    return code == STATUS_OK ? check_per_image(bundle, status) : code;
}

enum status_code bundle_read(const void *data, size_t size, struct bundle *out, struct status *status)
{
    struct tensorfile file = {0};
    struct bundle bundle = {0};
    char format[sizeof BUNDLE_FORMAT];
    if (size > BUNDLE_BYTES_MAX)
        return status_set(status, STATUS_BAD_INPUT, "bundle: has %zu bytes, more than the %d a bundle may have", size,
                          BUNDLE_BYTES_MAX);
    enum status_code code = tensorfile_read(data, size, &file, status);
    if (code != STATUS_OK) {
        status_prefix(status, "bundle");
        return code;
    }
    code = read_text(&file, "format", format, sizeof format, status);
    if (code != STATUS_OK || strcmp(format, BUNDLE_FORMAT) != 0) {
        code = status_set(status, STATUS_BAD_INPUT,
                          "bundle: the metadata do not say format " BUNDLE_FORMAT "; make one with `hwnas reference build`");
        goto done;
    }
    code = read_images(&file, &bundle, status);
    if (code == STATUS_OK)
        code = read_metadata(&file, &bundle, status);
    if (code == STATUS_OK)
        code = read_per_image(&file, &bundle, status);
    if (code == STATUS_OK)
        code = read_grams(&file, &bundle, status);
    if (code == STATUS_OK && file.entry_count != (size_t)bundle.taps + 4)
        code = status_set(status, STATUS_BAD_INPUT, "bundle: holds %zu tensors where %d belong: a newer format, or not a bundle",
                          file.entry_count, bundle.taps + 4);
done:
    tensorfile_free(&file);
    if (code != STATUS_OK)
        bundle_free(&bundle);
    else
        *out = bundle;
    return code;
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

/* "%.9g" carries every float32 through text unchanged. */
static void print_numbers(const float *values, int count, char out[NUMBERS_TEXT_BYTES])
{
    size_t used = 0;
    for (int i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, NUMBERS_TEXT_BYTES - used, "%s%.9g", i > 0 ? "," : "", (double)values[i]);
}

static enum status_code add_metadata(const struct bundle *bundle, struct tensorfile *file, struct status *status)
{
    char classes[16], mean[NUMBERS_TEXT_BYTES], deviation[NUMBERS_TEXT_BYTES];
    snprintf(classes, sizeof classes, "%d", bundle->classes);
    print_numbers(bundle->mean, bundle->shape.c, mean);
    print_numbers(bundle->std, bundle->shape.c, deviation);
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
