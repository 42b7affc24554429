/* fuzz_data: what the targets of image files share. */
#ifndef HWNAS_TESTS_FUZZ_FUZZ_DATA_H
#define HWNAS_TESTS_FUZZ_FUZZ_DATA_H

#include "tests/fuzz/fuzz.h"
#include "worker/data.h"

/* Loads the files (labels may be NULL) and looks at every byte of what comes out. */
static inline void fuzz_data(const char *path, const char *labels, const char *format)
{
    struct status status = {0};
    struct data_set set = {0};
    if (data_load(path, labels, format, 64, &set, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return;
    }
    FUZZ_MUST(set.count >= 1 && set.count <= 64, "as many images as were asked for");
    size_t pixels = set.count * (size_t)(set.shape.c * set.shape.h * set.shape.w);
    unsigned sum = 0;
    for (size_t i = 0; i < pixels; i++)
        sum += set.images[i];
    FUZZ_MUST(sum <= 255 * pixels, "pixels are bytes");
    for (size_t i = 0; i < set.count; i++)
        FUZZ_MUST(set.labels[i] < set.classes, "labels are classes");
    data_free(&set);
}

#endif
