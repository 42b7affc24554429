/* fuzz_images: any bytes as a file of images, as a worker gets it from a master. */
#include <stdlib.h>
#include <string.h>

#include "common/images.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"images", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct images images = {0}, back = {0};
    void *bytes;
    size_t count;
    if (images_read(data, size, &images, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    for (int i = 0; i < images.count; i++)
        FUZZ_MUST(images.labels[i] >= 0 && images.labels[i] < images.classes, "labels are classes");
    FUZZ_MUST(images_write(&images, &bytes, &count, &status) == STATUS_OK, "what was read can be written");
    FUZZ_MUST(images_read(bytes, count, &back, &status) == STATUS_OK, "and read again");
    FUZZ_MUST(memcmp(back.labels, images.labels, (size_t)images.count * sizeof *back.labels) == 0, "as it was");
    images_free(&back);
    images_free(&images);
    free(bytes);
    return 0;
}
