/* fuzz_parse_timeloop: any bytes as what Timeloop gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_timeloop", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_TIMELOOP, NULL, data, size);
    return 0;
}
