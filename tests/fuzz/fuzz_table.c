/* fuzz_table: any bytes as an imported CSV table of the space nb201. */
#include <math.h>

#include "common/table.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_target fuzz_target = {"table", 10000};

static void is_a_number(void *context, const struct arch *arch, double value)
{
    FUZZ_MUST(isfinite(value) && space_valid(context, arch), "rows have an architecture and a number");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct space space;
    struct status status = {0};
    struct table *table;
    if (space.ops == NULL)
        FUZZ_MUST(space_open("nb201", &space, &status) == STATUS_OK, "the space can be opened");
    struct fuzz_file file = fuzz_file(data, size);
    const char *device = size % 2 == 0 ? "edge" : NULL;
    if (table_load(file.path, &space, device, NULL, "latency_ms", &table, &status) == STATUS_OK) {
        table_each(table, is_a_number, &space);
        table_free(table);
    } else {
        FUZZ_MUST(status.message[0] != '\0', "a refusal has a sentence");
    }
    fuzz_file_close(&file);
    return 0;
}
