/* fuzz_parse_hls_xml: any bytes as what a report of high-level synthesis gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_hls_xml", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_HLS_XML, NULL, data, size);
    return 0;
}
