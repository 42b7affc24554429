/* fuzz_parse_json: any bytes as what a script that prints JSON gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_json", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_JSON, NULL, data, size);
    return 0;
}
