/* fuzz_parse_regex: any bytes as the output of a tool whose figures a pattern finds; the first byte chooses the pattern, because
 * patterns are the board file's, and whoever writes that file starts programs anyway. */
#include "tests/fuzz/fuzz_parse.h"

const struct fuzz_target fuzz_target = {"parse_regex", 5000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const patterns[] = {"latency: ([0-9.]+) us", "[0-9]+", "^([-+0-9.eE]+)[[:space:]]*$", "(a|b)*c([0-9]+)|x"};
    if (size < 1)
        return 0;
    fuzz_parse(CONFIG_BOARD_REGEX, patterns[data[0] % 4], data + 1, size - 1);
    return 0;
}
