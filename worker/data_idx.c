/* data_idx: IDX files of the MNIST family: grey images and their labels in two files.
 *
 * The networks here take 32x32 colour, so an image is centred on a zero 32x32 plane which is repeated in three channels. */
#include <math.h>
#include <string.h>

#include "worker/data_format.h"

enum { SIDE = 32, CHANNELS = 3, IMAGE_MAGIC = 0x0803, LABEL_MAGIC = 0x0801, IMAGE_HEADER = 16, LABEL_HEADER = 8 };

static uint32_t big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool data_idx_recognise(const struct data_bytes *bytes)
{
    return bytes->size >= 4 && big_endian(bytes->data) == IMAGE_MAGIC;
}

/* The body must hold exactly what the header promises. */
static enum status_code check_size(const struct data_bytes *bytes, size_t header, size_t count, size_t each, struct status *status)
{
    if (bytes->size - header == count * each)
        return STATUS_OK;
    return status_set(status, STATUS_BAD_INPUT, "%s: promises %zu items of %zu bytes after offset %zu but has %zu bytes there",
                      bytes->path, count, each, header, bytes->size - header);
}

/* *count, *height and *width of a well-formed image file. */
static enum status_code read_image_header(const struct data_bytes *images, size_t *count, int *height, int *width,
                                          struct status *status)
{
    if (!data_idx_recognise(images))
        return status_set(status, STATUS_BAD_INPUT, "%s: does not begin with 0x%08x, the magic of IDX images of bytes",
                          images->path, IMAGE_MAGIC);
    if (images->size < IMAGE_HEADER)
        return status_set(status, STATUS_BAD_INPUT, "%s: ends at offset %zu, inside the IDX header of %d bytes", images->path,
                          images->size, IMAGE_HEADER);
    uint32_t rows = big_endian(images->data + 8), columns = big_endian(images->data + 12);
    *count = big_endian(images->data + 4);
    if (rows < 1 || rows > SIDE || columns < 1 || columns > SIDE)
        return status_set(status, STATUS_UNSUPPORTED, "%s: images of %ux%u at offset 8; sizes from 1x1 to %dx%d are supported",
                          images->path, rows, columns, SIDE, SIDE);
    if (*count == 0)
        return status_set(status, STATUS_BAD_INPUT, "%s: holds no images (count at offset 4 is 0)", images->path);
    *height = (int)rows;
    *width = (int)columns;
    return check_size(images, IMAGE_HEADER, *count, (size_t)rows * columns, status);
}

static enum status_code check_labels(const struct data_bytes *labels, size_t image_count, const char *image_path,
                                     struct status *status)
{
    if (labels->size < LABEL_HEADER || big_endian(labels->data) != LABEL_MAGIC)
        return status_set(status, STATUS_BAD_INPUT, "%s: does not begin with 0x%08x, the magic of IDX labels", labels->path,
                          LABEL_MAGIC);
    size_t count = big_endian(labels->data + 4);
    if (count != image_count)
        return status_set(status, STATUS_BAD_INPUT, "%s: has %zu labels (offset 4) for the %zu images of %s", labels->path, count,
                          image_count, image_path);
    return check_size(labels, LABEL_HEADER, count, 1, status);
}

/* Mean and deviation of the padded images, over the whole file whatever is kept of it, so that they do not depend on how many
 * images somebody asked for. */
static enum status_code set_statistics(const struct data_bytes *images, size_t count, struct data_set *out, struct status *status)
{
    double sum = 0, squares = 0, n = (double)count * SIDE * SIDE;
    for (size_t i = IMAGE_HEADER; i < images->size; i++) {
        double value = images->data[i] / 255.0;
        sum += value;
        squares += value * value;
    }
    double mean = sum / n, variance = squares / n - mean * mean;
    if (!(variance > 1e-9))
        return status_set(status, STATUS_BAD_INPUT, "%s: every pixel of every image has the same value", images->path);
    for (int c = 0; c < CHANNELS; c++) {
        out->mean[c] = (float)mean;
        out->std[c] = (float)sqrt(variance);
    }
    return STATUS_OK;
}

/* One grey image centred into CHANNELS equal planes, which are zero before. */
static void place(const uint8_t *grey, int height, int width, uint8_t *planes)
{
    int top = (SIDE - height) / 2, left = (SIDE - width) / 2;
    for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < height; y++)
            memcpy(planes + (c * SIDE + top + y) * SIDE + left, grey + y * width, (size_t)width);
}

enum status_code data_idx_parse(const struct data_bytes *images, const struct data_bytes *labels, size_t max_count,
                                struct data_set *out, struct status *status)
{
    size_t count = 0;
    int height = 0, width = 0;
    enum status_code code = read_image_header(images, &count, &height, &width, status);
    if (code == STATUS_OK)
        code = check_labels(labels, count, images->path, status);
    if (code == STATUS_OK)
        code = set_statistics(images, count, out, status);
    if (code != STATUS_OK)
        return code;
    strcpy(out->name, "idx");
    out->shape = (struct net_shape){CHANNELS, SIDE, SIDE};
    out->classes = 2;
    for (size_t i = 0; i < count; i++)
        if (labels->data[LABEL_HEADER + i] >= out->classes)
            out->classes = labels->data[LABEL_HEADER + i] + 1;
    if (max_count > 0 && max_count < count)
        count = max_count;
    code = data_allocate(count, out, status);
    if (code != STATUS_OK)
        return code;
    memcpy(out->labels, labels->data + LABEL_HEADER, count);
    for (size_t i = 0; i < count; i++)
        place(images->data + IMAGE_HEADER + i * (size_t)(height * width), height, width, out->images + i * CHANNELS * SIDE * SIDE);
    return STATUS_OK;
}
