/* data: recognises a data file's format, loads it, and hands out normalised batches.
 *
 * Used by `hwnas reference` alone: workers get their images inside a bundle. */
#include "worker/data.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/data_format.h"

enum { CROP_PAD = 4 };

void data_free(struct data_set *set)
{
    free(set->images);
    free(set->labels);
    memset(set, 0, sizeof *set);
}

static size_t image_bytes(const struct data_set *set)
{
    return (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
}

enum status_code data_allocate(size_t count, struct data_set *out, struct status *status)
{
    out->count = count;
    out->images = calloc(count, image_bytes(out));
    out->labels = calloc(count, 1);
    if (out->images == NULL || out->labels == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu images of %zu bytes", count, image_bytes(out));
    return STATUS_OK;
}

/* --- loading --- */

/* The labels file that belongs to an images file: "images-idx3" replaced by "labels-idx1" in the file's own name. */
static enum status_code neighbour(const char *path, char out[PATH_MAX], struct status *status)
{
    static const char images[] = "images-idx3", labels[] = "labels-idx1";
    _Static_assert(sizeof images == sizeof labels, "replaced in place");
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1, *hit = strstr(name, images);
    if (hit == NULL || strlen(path) >= PATH_MAX)
        return status_set(status, STATUS_BAD_INPUT,
                          "%s: IDX images need their labels, and the name holds no \"%s\" to guess them by: give --labels", path,
                          images);
    strcpy(out, path);
    memcpy(out + (hit - path), labels, sizeof labels - 1);
    return STATUS_OK;
}

static enum status_code load_idx(const struct data_bytes *images, const char *labels_path, size_t max_count, struct data_set *out,
                                 struct status *status)
{
    char guessed[PATH_MAX];
    if (labels_path == NULL) {
        enum status_code code = neighbour(images->path, guessed, status);
        if (code != STATUS_OK)
            return code;
        labels_path = guessed;
    }
    struct data_bytes labels = {0};
    enum status_code code = data_bytes_load(labels_path, &labels, status);
    if (code == STATUS_OK)
        code = data_idx_parse(images, &labels, max_count, out, status);
    data_bytes_free(&labels);
    return code;
}

/* The format's name when the contents can be of only one; NULL with the sentence otherwise. */
static const char *recognise(const struct data_bytes *bytes, struct status *status)
{
    if (data_idx_recognise(bytes))
        return "idx";
    bool ten = data_cifar_fits(bytes, DATA_CIFAR10_RECORD), hundred = data_cifar_fits(bytes, DATA_CIFAR100_RECORD);
    if (ten && hundred)
        status_set(status, STATUS_BAD_INPUT, "%s: its %zu bytes fit CIFAR-10 and CIFAR-100: say which with --format", bytes->path,
                   bytes->size);
    else if (!ten && !hundred)
        status_set(
            status, STATUS_BAD_INPUT,
            "%s: is neither IDX (it does not begin with 0x00000803) nor CIFAR-10 or CIFAR-100 (its %zu bytes are no multiple "
            "of %d or %d)",
            bytes->path, bytes->size, DATA_CIFAR10_RECORD, DATA_CIFAR100_RECORD);
    else
        return ten ? "cifar10" : "cifar100";
    return NULL;
}

static enum status_code parse(const struct data_bytes *bytes, const char *labels_path, const char *format, size_t max_count,
                              struct data_set *out, struct status *status)
{
    if (format == NULL)
        format = recognise(bytes, status);
    if (format == NULL)
        return STATUS_BAD_INPUT;
    if (strcmp(format, "idx") == 0)
        return load_idx(bytes, labels_path, max_count, out, status);
    if (strcmp(format, "cifar10") == 0)
        return data_cifar_parse(bytes, DATA_CIFAR10_RECORD, max_count, out, status);
    if (strcmp(format, "cifar100") == 0)
        return data_cifar_parse(bytes, DATA_CIFAR100_RECORD, max_count, out, status);
    return status_set(status, STATUS_BAD_INPUT, "data format \"%s\" is not known; known are cifar10, cifar100 and idx", format);
}

enum status_code data_load(const char *path, const char *labels_path, const char *format, size_t max_count, struct data_set *out,
                           struct status *status)
{
    struct data_bytes bytes = {0};
    struct data_set set = {0};
    enum status_code code = data_bytes_load(path, &bytes, status);
    if (code != STATUS_OK)
        return code;
    code = parse(&bytes, labels_path, format, max_count, &set, status);
    data_bytes_free(&bytes);
    if (code != STATUS_OK)
        data_free(&set);
    else
        *out = set;
    return code;
}

/* --- batches --- */

/* All 256 normalised values of one channel: a batch is then one look-up a pixel. */
static void fill_levels(const struct data_set *set, int channel, float levels[256])
{
    for (int v = 0; v < 256; v++)
        levels[v] = (float)((v / 255.0 - (double)set->mean[channel]) / (double)set->std[channel]);
}

void data_batch(const struct data_set *set, const uint32_t *indices, size_t count, float *out)
{
    size_t plane = (size_t)set->shape.h * (size_t)set->shape.w, image = image_bytes(set);
    for (int c = 0; c < set->shape.c; c++) {
        float levels[256];
        fill_levels(set, c, levels);
        for (size_t n = 0; n < count; n++) {
            const uint8_t *from = set->images + indices[n] * image + (size_t)c * plane;
            float *to = out + n * image + (size_t)c * plane;
            for (size_t i = 0; i < plane; i++)
                to[i] = levels[from[i]];
        }
    }
}

/* One image shifted by (dy,dx), mirrored when flip is set; what comes from outside is black. */
static void shifted_plane(const uint8_t *from, struct net_shape shape, int dy, int dx, bool flip, const float levels[256],
                          float *to)
{
    for (int y = 0; y < shape.h; y++) {
        int sy = y + dy;
        for (int x = 0; x < shape.w; x++) {
            int sx = (flip ? shape.w - 1 - x : x) + dx;
            bool inside = sy >= 0 && sy < shape.h && sx >= 0 && sx < shape.w;
            to[y * shape.w + x] = levels[inside ? from[sy * shape.w + sx] : 0];
        }
    }
}

void data_batch_augmented(const struct data_set *set, const uint32_t *indices, size_t count, struct rng *rng, float *out)
{
    size_t plane = (size_t)set->shape.h * (size_t)set->shape.w, image = image_bytes(set);
    float levels[4][256];
    for (int c = 0; c < set->shape.c; c++)
        fill_levels(set, c, levels[c]);
    for (size_t n = 0; n < count; n++) {
        int dy = (int)rng_below(rng, 2 * CROP_PAD + 1) - CROP_PAD;
        int dx = (int)rng_below(rng, 2 * CROP_PAD + 1) - CROP_PAD;
        bool flip = rng_below(rng, 2) == 1;
        for (int c = 0; c < set->shape.c; c++)
            shifted_plane(set->images + indices[n] * image + (size_t)c * plane, set->shape, dy, dx, flip, levels[c],
                          out + n * image + (size_t)c * plane);
    }
}
