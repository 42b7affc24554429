/* images: image files as safetensors, read and written. Made by `hwnas images build`, kept by the master's store, fetched by
 * workers: images_read checks whatever a training relies on, and nothing behind it checks again. */
#include "common/images.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/expect.h"
#include "common/fileio.h"
#include "common/tensorfile.h"

#define IMAGES_FORMAT "hwnas-images-1"

enum { TENSORS = 2 };

_Static_assert((int)IMAGES_CHANNELS_MAX <= (int)EXPECT_NUMBERS_MAX, "a number a channel fits");

void images_free(struct images *images)
{
    free(images->pixels);
    free(images->labels);
    memset(images, 0, sizeof *images);
}

static enum status_code too_large(size_t size, struct status *status)
{
    return status_set(status, STATUS_BAD_INPUT,
                      "images: the file has %zu bytes, more than the %d such a file may have: take fewer images", size,
                      IMAGES_BYTES_MAX);
}

/* --- reading --- */

static void read_images(struct expect *expect, struct images *images)
{
    const int64_t limits[4] = {INT_MAX, IMAGES_CHANNELS_MAX, NET_DIMENSION_MAX, NET_DIMENSION_MAX};
    int dims[4] = {0};
    images->pixels = expect_images(expect, 1, limits, dims);
    images->count = dims[0];
    images->shape = (struct net_shape){dims[1], dims[2], dims[3]};
    expect_text(expect, "dataset", images->dataset, sizeof images->dataset);
    expect_classes(expect, &images->classes);
    expect_normalisation(expect, images->shape.c, images->mean, images->std);
    images->labels = expect_copy(expect, "labels", TENSORFILE_I32, 1, (const int64_t[]){images->count});
    expect_labels(expect, images->labels, images->count, images->classes);
}

enum status_code images_read(const void *data, size_t size, struct images *out, struct status *status)
{
    struct tensorfile file = {0};
    struct images images = {0};
    struct expect expect = {.file = &file, .what = "images", .status = status};
    if (size > IMAGES_BYTES_MAX)
        return too_large(size, status);
    expect.code = tensorfile_read(data, size, &file, status);
    if (expect.code != STATUS_OK) {
        status_prefix(status, "images");
        return expect.code;
    }
    expect_format(&expect, IMAGES_FORMAT, "hwnas images build");
    read_images(&expect, &images);
    if (expect.code == STATUS_OK && file.entry_count != TENSORS)
        expect.code = status_set(status, STATUS_BAD_INPUT,
                                 "images: holds %zu tensors where %d belong: a newer format, or not a file of images",
                                 file.entry_count, TENSORS);
    tensorfile_free(&file);
    if (expect.code != STATUS_OK)
        images_free(&images);
    else
        *out = images;
    return expect.code;
}

enum status_code images_load(const char *path, struct images *out, struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    enum status_code code = fileio_read(path, IMAGES_BYTES_MAX, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    code = images_read(data, size, out, status);
    if (code != STATUS_OK)
        status_prefix(status, "%s", path);
    free(data);
    return code;
}

/* --- writing --- */

static enum status_code add_metadata(const struct images *images, struct tensorfile *file, struct status *status)
{
    char classes[16], mean[EXPECT_NUMBERS_BYTES], deviation[EXPECT_NUMBERS_BYTES];
    snprintf(classes, sizeof classes, "%d", images->classes);
    expect_print_numbers(images->mean, images->shape.c, mean);
    expect_print_numbers(images->std, images->shape.c, deviation);
    const char *const pairs[][2] = {
        {"format", IMAGES_FORMAT}, {"dataset", images->dataset}, {"classes", classes}, {"mean", mean}, {"std", deviation}};
    enum status_code code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < sizeof pairs / sizeof pairs[0]; i++)
        code = tensorfile_set(file, pairs[i][0], pairs[i][1], status);
    return code;
}

enum status_code images_write(const struct images *images, void **data, size_t *size, struct status *status)
{
    const int64_t dims[4] = {images->count, images->shape.c, images->shape.h, images->shape.w};
    struct tensorfile file = {0};
    enum status_code code = add_metadata(images, &file, status);
    if (code == STATUS_OK)
        code = tensorfile_add(&file, "images", TENSORFILE_U8, 4, dims, images->pixels, status);
    if (code == STATUS_OK)
        code = tensorfile_add(&file, "labels", TENSORFILE_I32, 1, dims, images->labels, status);
    if (code == STATUS_OK)
        code = tensorfile_write(&file, data, size, status);
    tensorfile_free(&file);
    if (code != STATUS_OK || *size <= IMAGES_BYTES_MAX)
        return code;
    free(*data);
    *data = NULL;
    return too_large(*size, status);
}
