/* fuzz_parse: what the targets of the parsers of tools' outputs share. */
#ifndef HWNAS_TESTS_FUZZ_FUZZ_PARSE_H
#define HWNAS_TESTS_FUZZ_FUZZ_PARSE_H

#include <math.h>

#include "tests/fuzz/fuzz.h"
#include "worker/parse.h"

/* Gives the bytes to the parser; holds what parse.h promises of samples and failures. pattern: for CONFIG_BOARD_REGEX. */
static inline void fuzz_parse(enum config_board_parser parser, const char *pattern, const uint8_t *data, size_t size)
{
    const struct parse_options options = {.parser = parser, .pattern = pattern, .unit = CONFIG_BOARD_US, .clock_hz = 2e8};
    struct status status = {0};
    struct parse_extra extra;
    double samples[16] = {-1};
    int count = -1;
    if (parse_output(&options, (const char *)data, size, "/nowhere", samples, 16, &count, &extra, &status) != STATUS_OK) {
        FUZZ_MUST(count == 0 && samples[0] == -1 && extra.meta == NULL, "a failure leaves nothing");
        FUZZ_MUST(status.message[0] != '\0', "and has a sentence");
        return;
    }
    FUZZ_MUST(count >= 1 && count <= 16, "there is a sample, and room for it");
    for (int i = 0; i < count; i++)
        FUZZ_MUST(samples[i] >= PARSE_LATENCY_MS_MIN && samples[i] <= PARSE_LATENCY_MS_MAX, "a sample is a latency");
    FUZZ_MUST(isnan(extra.energy_mj) || (extra.energy_mj > 0 && extra.energy_mj <= PARSE_ENERGY_MJ_MAX), "an energy is one");
    FUZZ_MUST(json_is_object(extra.meta), "what else is kept is an object");
    json_decref(extra.meta);
}

#endif
