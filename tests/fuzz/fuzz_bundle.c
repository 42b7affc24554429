/* fuzz_bundle: any bytes as a reference bundle, as a worker gets it from a master. */
#include <math.h>
#include <stdlib.h>

#include "common/bundle.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"bundle", 10000};

static void look_at(const struct bundle *bundle)
{
    size_t numbers = (size_t)bundle->batch * (size_t)(bundle->shape.c * bundle->shape.h * bundle->shape.w);
    double *images = malloc(numbers * sizeof *images);
    FUZZ_MUST(images != NULL, "there is memory for the images");
    bundle_normalise(bundle, images);
    for (size_t i = 0; i < numbers; i++)
        FUZZ_MUST(isfinite(images[i]), "images are numbers");
    for (int i = 0; i < bundle->batch; i++)
        FUZZ_MUST(bundle->labels[i] >= 0 && bundle->labels[i] < bundle->classes, "labels are classes");
    free(images);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct status status = {0};
    struct bundle bundle = {0}, back = {0};
    void *bytes;
    size_t count;
    if (bundle_read(data, size, &bundle, &status) != STATUS_OK) {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
        return 0;
    }
    look_at(&bundle);
    FUZZ_MUST(bundle_write(&bundle, &bytes, &count, &status) == STATUS_OK, "what was read can be written");
    FUZZ_MUST(bundle_read(bytes, count, &back, &status) == STATUS_OK, "and read again");
    bundle_free(&back);
    bundle_free(&bundle);
    free(bytes);
    return 0;
}
