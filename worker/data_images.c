/* data_images: a part of a labelled set as a file of images (common/images). Called by `hwnas images build`. */
#include <stdlib.h>
#include <string.h>

#include "worker/data.h"

enum status_code data_images(const struct data_set *set, size_t first, size_t count, struct images *out, struct status *status)
{
    const size_t image = (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
    if (first >= set->count || count > set->count - first)
        return status_set(status, STATUS_BAD_INPUT, "images %zu to %zu are asked for, counted from 0, and there are %zu", first,
                          first + count - 1, set->count);
    struct images images = {.count = (int)count, .shape = set->shape, .classes = set->classes};
    images.pixels = malloc(count * image);
    images.labels = malloc(count * sizeof *images.labels);
    if (images.pixels == NULL || images.labels == NULL) {
        images_free(&images);
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu images", count);
    }
    memcpy(images.pixels, set->images + first * image, count * image);
    for (size_t i = 0; i < count; i++)
        images.labels[i] = set->labels[first + i];
    memcpy(images.mean, set->mean, sizeof images.mean);
    memcpy(images.std, set->std, sizeof images.std);
    memcpy(images.dataset, set->name, sizeof images.dataset);
    *out = images;
    return STATUS_OK;
}
