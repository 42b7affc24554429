/* fuzz_parse_ort_perf: any bytes as what onnxruntime_perf_test gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_ort_perf", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_ORT_PERF, NULL, data, size);
    return 0;
}
