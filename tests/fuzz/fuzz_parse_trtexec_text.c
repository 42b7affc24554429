/* fuzz_parse_trtexec_text: any bytes as what trtexec gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_trtexec_text", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_TRTEXEC_TEXT, NULL, data, size);
    return 0;
}
