/* nearest: which word was meant. */
#include "tests/support/test.h"

#include <string.h>

#include "common/nearest.h"

static void each_kind_of_slip_costs_one(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("population", "population"), 0);
    assert_int_equal(nearest_distance("popluation", "population"), 1);
    assert_int_equal(nearest_distance("populaton", "population"), 1);
    assert_int_equal(nearest_distance("populattion", "population"), 1);
    assert_int_equal(nearest_distance("populetion", "population"), 1);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
}

static void case_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("SEED", "seed"), 0);
}

static void very_long_words_are_compared_by_their_beginning(void **state)
{
    (void)state;
    char a[500], b[500];
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    a[sizeof a - 1] = b[sizeof b - 1] = '\0';
    assert_int_equal(nearest_distance(a, b), 63);
}

static void the_nearest_word_wins_and_the_first_of_equals(void **state)
{
    (void)state;
    static const char *const words[] = {"run", "study", "front", "export"};
    assert_int_equal(nearest_word("frnt", words, 4), 2);
    assert_int_equal(nearest_word("rnu", words, 4), 0);
    assert_int_equal(nearest_word("zzz", words, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_slip_costs_one),
        cmocka_unit_test(case_costs_nothing),
        cmocka_unit_test(very_long_words_are_compared_by_their_beginning),
        cmocka_unit_test(the_nearest_word_wins_and_the_first_of_equals),
    };
    return TEST_RUN(tests);
}
