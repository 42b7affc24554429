/* space_check: see the header. */
#include "tests/support/space_check.h"

#include <string.h>

#include "tests/support/test.h"

struct arch space_check_parsed(const struct space *space, const char *text)
{
    struct arch arch;
    struct status status;
    assert_ok(space_parse(space, text, &arch, &status), status);
    return arch;
}

void space_check_refused(const struct space *space, const char *text, const char *place, const char *expected)
{
    struct arch arch = {.length = 1}, before = arch;
    struct status status;
    assert_int_equal(space_parse(space, text, &arch, &status), STATUS_BAD_INPUT);
    assert_true(arch_equal(&arch, &before));
    if (strstr(status.message, place) == NULL || strstr(status.message, expected) == NULL)
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", status.message, place, expected);
}

void space_check_round_trip(const struct space *space, uint64_t seed, int samples, size_t length)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (int i = 0; i < samples; i++) {
        struct arch arch, back;
        char text[ARCH_TEXT_BYTES];
        space_sample(space, &rng, &arch);
        space_print(space, &arch, text);
        assert_int_equal(strlen(text), length);
        back = space_check_parsed(space, text);
        assert_true(arch_equal(&arch, &back));
    }
}
