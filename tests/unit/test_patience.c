/* patience: who is not heard any more, from when on, and until when; that nobody else is, and that little is kept. */
#include "tests/support/test.h"

#include <string.h>

#include "master/patience.h"

static const struct patience_options options = {.messages = 4, .within_ms = 1000, .deaf_ms = 500, .known_max = 8};

static int open_patience(void **state)
{
    *state = patience_new(&options);
    return *state == NULL ? -1 : 0;
}

static int close_patience(void **state)
{
    patience_free(*state);
    return 0;
}

/* One after the other, all at that time; whether the last was one too many. */
static bool offend(struct patience *patience, int64_t now_ms, const char *who, int times)
{
    bool silenced = false;
    for (int i = 0; i < times; i++) {
        assert_false(silenced);
        assert_true(patience_hears(patience, now_ms, who));
        silenced = patience_refused(patience, now_ms, who);
    }
    return silenced;
}

static void the_last_message_too_many_silences(void **state)
{
    assert_false(offend(*state, 100, "a", 3));
    assert_true(offend(*state, 200, "a", 1));
    assert_false(patience_hears(*state, 201, "a"));
    assert_false(patience_hears(*state, 699, "a"));
}

static void who_was_silenced_is_heard_again_and_begins_anew(void **state)
{
    assert_true(offend(*state, 0, "a", 4));
    assert_false(patience_hears(*state, 499, "a"));
    assert_false(offend(*state, 500, "a", 3));
    assert_true(offend(*state, 500, "a", 1));
}

static void offences_far_apart_are_forgiven(void **state)
{
    for (int64_t now_ms = 0; now_ms < 20000; now_ms += 400)
        assert_false(offend(*state, now_ms, "slow", 1));
    assert_false(offend(*state, 50000, "a", 3));
    assert_false(offend(*state, 51000, "a", 3));
    assert_true(offend(*state, 51001, "a", 1));
}

static void others_are_heard_meanwhile(void **state)
{
    assert_true(offend(*state, 0, "a", 4));
    assert_true(patience_hears(*state, 1, "b"));
    assert_false(offend(*state, 1, "b", 3));
}

static void every_message_is_counted_once(void **state)
{
    struct patience_counts counts;
    offend(*state, 0, "a", 4);
    offend(*state, 0, "b", 2);
    for (int i = 0; i < 10; i++)
        assert_false(patience_hears(*state, 1, "a"));
    patience_count(*state, &counts);
    assert_int_equal(counts.refused, 6);
    assert_int_equal(counts.unheard, 10);
    assert_int_equal(counts.silenced, 1);
    assert_int_equal(counts.known, 2);
}

static void a_crowd_is_forgotten_from_its_oldest_offence_on(void **state)
{
    struct patience_counts counts;
    char who[16];
    assert_true(offend(*state, 0, "first", 4));
    for (int i = 0; i < 7; i++) {
        snprintf(who, sizeof who, "%d", i);
        offend(*state, i, who, 1);
    }
    assert_false(patience_hears(*state, 10, "first"));
    offend(*state, 10, "0", 1); /* known already: nobody is forgotten for it */
    assert_false(patience_hears(*state, 10, "first"));
    offend(*state, 10, "one more", 1);
    assert_true(patience_hears(*state, 10, "first"));
    for (int i = 0; i < 10000; i++) {
        snprintf(who, sizeof who, "crowd %d", i);
        offend(*state, 11, who, 1);
    }
    patience_count(*state, &counts);
    assert_int_equal(counts.known, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_message_too_many_silences, open_patience, close_patience),
        cmocka_unit_test_setup_teardown(who_was_silenced_is_heard_again_and_begins_anew, open_patience, close_patience),
        cmocka_unit_test_setup_teardown(offences_far_apart_are_forgiven, open_patience, close_patience),
        cmocka_unit_test_setup_teardown(others_are_heard_meanwhile, open_patience, close_patience),
        cmocka_unit_test_setup_teardown(every_message_is_counted_once, open_patience, close_patience),
        cmocka_unit_test_setup_teardown(a_crowd_is_forgotten_from_its_oldest_offence_on, open_patience, close_patience),
    };
    return TEST_RUN(tests);
}
