/* protocol: the presets of each space, what may be in one, and digests that must never change by accident: they are part of the
 * keys of evaluations in people's databases. */
#include "tests/support/test.h"

#include <string.h>

#include "common/protocol.h"
#include "common/space.h"

static struct protocol preset(const char *space, const char *name)
{
    struct protocol protocol;
    struct status status;
    assert_ok(protocol_preset(space, name, &protocol, &status), status);
    return protocol;
}

static void assert_digest(const struct protocol *protocol, const char *expected)
{
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    protocol_digest(protocol, &digest);
    digest_hex(&digest, hex);
    assert_string_equal(hex, expected);
}

static void digests_of_presets_are_those_in_existing_databases(void **state)
{
    (void)state;
    struct protocol full = preset("nb201", "rmi-full"), first = preset("nb201", "rmi-fast-1");
    struct protocol second = preset("nb201", "rmi-fast-2"), deep = preset("nb201", "rmi-deep-1");
    assert_digest(&full, "a8750f881af55a6627374ae6f60cb7bb04f4f08b3053822e5035572fb17fcc50");
    assert_digest(&second, "918c0fac42f916dc3842b1a513cd1fc20cae01a8aaef1e4cb769988f06f61336");
    assert_digest(&deep, "43850fcdadd1f2bdde41fbc85d38814bddffbf4503d5150afd02f10167afd96c");
    assert_digest(&first, "19d6ac29f215a35dcbf39ee2c7babfe16bd8cd0e1f8dc93c00974000588bf360");
}

static void every_preset_is_within_the_ranges_and_names_itself(void **state)
{
    (void)state;
    static const char *const spaces[] = {"nb201", "darts", "fbnet"}, *const names[] = {"rmi-full", "rmi-fast"};
    for (int i = 0; i < 6; i++) {
        struct protocol protocol = preset(spaces[i / 2], names[i % 2]);
        struct status status;
        assert_ok(protocol_check(&protocol, &status), status);
        assert_string_equal(protocol.name, protocol_kept_name(spaces[i / 2], names[i % 2], false));
    }
}

/* A study goes on with the numbers it began with. */
static void a_preset_that_has_changed_is_kept_by_its_number(void **state)
{
    (void)state;
    assert_string_equal(protocol_kept_name("nb201", "rmi-fast", false), "rmi-fast-2");
    assert_string_equal(protocol_kept_name("nb201", "rmi-fast", true), "rmi-fast-1");
    assert_string_equal(protocol_kept_name("nb201", "rmi-fast-1", false), "rmi-fast-1");
    assert_string_equal(protocol_kept_name("nb201", "rmi-full", true), "rmi-full");
    assert_string_equal(protocol_kept_name("darts", "rmi-fast", false), "rmi-fast");
    assert_string_equal(protocol_kept_name("darts", "rmi-fast", true), "rmi-fast");
    assert_string_equal(preset("nb201", "rmi-fast").name, "rmi-fast-2");
    assert_string_equal(preset("nb201", "rmi-deep").name, "rmi-deep-1");
}

static void the_full_protocol_of_darts_is_the_published_one(void **state)
{
    (void)state;
    struct protocol full = preset("darts", "rmi-full");
    assert_int_equal(full.steps, 251);
    assert_int_equal(full.channels, 16);
    assert_int_equal(full.cells, 8);
    assert_near(full.learning_rate, 0.025, 0, 0);
    assert_near(full.momentum, 0.9, 0, 0);
    assert_near(full.weight_decay, 3e-4, 0, 0);
    assert_near(full.beta, 0.8, 0, 0);
}

static void unknown_presets_are_refused_with_the_known_ones(void **state)
{
    (void)state;
    struct protocol protocol;
    struct status status;
    assert_int_equal(protocol_preset("darts", "rmi-slow", &protocol, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "rmi-full and rmi-fast"));
}

static void a_space_without_presets_is_named(void **state)
{
    (void)state;
    struct protocol protocol;
    struct status status;
    assert_int_equal(protocol_preset("nb101", "rmi-full", &protocol, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "space nb101 cannot be scored by RMI"));
}

static void every_preset_makes_a_network(void **state)
{
    (void)state;
    static const char *const spaces[] = {"nb201", "darts"}, *const names[] = {"rmi-full", "rmi-fast"};
    for (int i = 0; i < 4; i++) {
        struct protocol protocol = preset(spaces[i / 2], names[i % 2]);
        struct space space;
        struct status status;
        struct rng rng;
        struct arch arch;
        struct net net;
        net_init_empty(&net);
        rng_seed(&rng, 21);
        assert_ok(space_open(spaces[i / 2], &space, &status), status);
        do
            space_sample(&space, &rng, &arch);
        while (!space_connected(&space, &arch));
        struct space_build build = space.ops->defaults;
        build.channels = protocol.channels;
        build.cells = protocol.cells;
        assert_ok(space_build_net(&space, &arch, &build, &net, &status), status);
        net_free(&net);
        space_close(&space);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_of_presets_are_those_in_existing_databases),
        cmocka_unit_test(every_preset_is_within_the_ranges_and_names_itself),
        cmocka_unit_test(a_preset_that_has_changed_is_kept_by_its_number),
        cmocka_unit_test(the_full_protocol_of_darts_is_the_published_one),
        cmocka_unit_test(unknown_presets_are_refused_with_the_known_ones),
        cmocka_unit_test(a_space_without_presets_is_named),
        cmocka_unit_test(every_preset_makes_a_network),
    };
    return TEST_RUN(tests);
}
