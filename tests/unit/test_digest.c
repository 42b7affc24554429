/* digest and rng: fixed vectors, field separation, independence of streams. */
#include "tests/support/test.h"

#include <string.h>

#include "common/digest.h"

static void digest_of_abc_is_the_published_blake2b_256_vector(void **state)
{
    (void)state;
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    digest_of("abc", 3, &digest);
    digest_hex(&digest, hex);
    assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

static void hex_is_read_back_and_anything_else_is_refused(void **state)
{
    (void)state;
    struct digest digest, back;
    char hex[DIGEST_HEX_BYTES];
    digest_of("x", 1, &digest);
    digest_hex(&digest, hex);
    assert_int_equal(digest_parse(hex, &back), 0);
    assert_memory_equal(digest.bytes, back.bytes, DIGEST_BYTES);
    assert_int_equal(digest_parse("12", &back), -1);
    hex[5] = 'g';
    assert_int_equal(digest_parse(hex, &back), -1);
}

static void fields_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct digest_stream stream;
    struct digest a, b;
    digest_begin(&stream);
    digest_text(&stream, "ab");
    digest_text(&stream, "c");
    digest_end(&stream, &a);
    digest_begin(&stream);
    digest_text(&stream, "a");
    digest_text(&stream, "bc");
    digest_end(&stream, &b);
    assert_memory_not_equal(a.bytes, b.bytes, DIGEST_BYTES);
}

static void generators_of_different_digests_differ_and_of_equal_ones_agree(void **state)
{
    (void)state;
    struct digest one, two;
    struct rng a, b, c;
    digest_of("one", 3, &one);
    digest_of("two", 3, &two);
    digest_rng(&one, &a);
    digest_rng(&one, &b);
    digest_rng(&two, &c);
    uint64_t first = rng_next(&a);
    assert_true(first == rng_next(&b));
    assert_true(first != rng_next(&c));
}

/* Of 6,000 shuffles of three each of the six orders comes some 1,000 times, give or take 29. */
static void every_order_of_a_shuffle_is_as_likely(void **state)
{
    (void)state;
    int seen[6] = {0};
    struct rng rng;
    rng_seed(&rng, 3);
    for (int i = 0; i < 6000; i++) {
        uint32_t list[3] = {0, 1, 2};
        rng_shuffle(&rng, list, 3);
        assert_int_equal(1U << list[0] | 1U << list[1] | 1U << list[2], 7);
        seen[2 * list[0] + (list[1] > list[2])]++;
    }
    for (int i = 0; i < 6; i++)
        assert_true(seen[i] > 880 && seen[i] < 1120);
    rng_shuffle(&rng, NULL, 0);
}

static void below_stays_below_and_reaches_every_value(void **state)
{
    (void)state;
    struct rng rng;
    int seen[5] = {0};
    rng_seed(&rng, 7);
    for (int i = 0; i < 5000; i++)
        seen[rng_below(&rng, 5)]++;
    for (int i = 0; i < 5; i++)
        assert_in_range(seen[i], 850, 1150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_of_abc_is_the_published_blake2b_256_vector),
        cmocka_unit_test(hex_is_read_back_and_anything_else_is_refused),
        cmocka_unit_test(fields_do_not_run_into_each_other),
        cmocka_unit_test(generators_of_different_digests_differ_and_of_equal_ones_agree),
        cmocka_unit_test(every_order_of_a_shuffle_is_as_likely),
        cmocka_unit_test(below_stays_below_and_reaches_every_value),
    };
    return TEST_RUN(tests);
}
