/* fuzz_parse_tflite: any bytes as what TensorFlow Lite's benchmark_model gives. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_tflite", 10000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_parse(CONFIG_BOARD_TFLITE, NULL, data, size);
    return 0;
}
