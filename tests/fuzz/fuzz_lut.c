/* fuzz_lut: any bytes as a look-up table of costs for the space nb201. */
#include <math.h>

#include "master/lut.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"lut", 10000};

static void add_up(const struct lut *lut)
{
    struct arch least, most;
    double low, high;
    lut_least(lut, &least);
    lut_most(lut, &most);
    FUZZ_MUST(lut_get(lut, &least, &low) == 1 && lut_get(lut, &most, &high) == 1, "the extremes have a cost");
    FUZZ_MUST(!(low > high), "the least is not above the most");
    FUZZ_MUST(lut_values(lut) <= lut_rows(lut), "a figure stands in a row");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct space space;
    struct status status = {0};
    struct lut *lut;
    if (space.ops == NULL)
        FUZZ_MUST(space_open("nb201", &space, &status) == STATUS_OK, "the space can be opened");
    struct fuzz_file file = fuzz_file(data, size);
    if (lut_load(file.path, &space, "latency_ms", &lut, &status) == STATUS_OK) {
        add_up(lut);
        lut_free(lut);
    } else {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
    }
    fuzz_file_close(&file);
    return 0;
}
