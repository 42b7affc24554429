/* fuzz_parse_trtexec_times: any bytes as what trtexec --exportTimes gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_trtexec_times", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_TRTEXEC_TIMES, NULL, data, size);
    return 0;
}
