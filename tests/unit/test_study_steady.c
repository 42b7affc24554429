/* study, mode steady: candidates are told as they come; what is asked depends on the order of the tells and on nothing else; and a
 * restart at any point goes on as if there had been none. */
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "tests/support/study_world.h"

enum { IN_FLIGHT = 12, TOTAL = 20 * 6 };

static int open_steady(void **state)
{
    if (world_open(state) != 0)
        return -1;
    struct world *world = *state;
    world->tables = tables_new();
    world->config.strategy.mode = CONFIG_MODE_STEADY;
    world->config.strategy.in_flight = IN_FLIGHT;
    world->config.strategy.generations = 6;
    world->config.strategy.warmup = 30; /* rminas */
    world->config.strategy.positives = 20;
    world->config.strategy.quantile = 0.2;
    world->config.strategy.pool = 20;
    world->config.strategy.trees = 3;
    world->config.strategy.consensus = 5;
    return 0;
}

/* A study whose candidates come in an order that a test decides. */
struct course {
    struct study *study;
    struct study_candidate asked[WORLD_TOLD_MAX], told[WORLD_TOLD_MAX];
    size_t asked_count, told_count;
    uint64_t open[IN_FLIGHT]; /* asked and not told, in ask order */
    size_t open_count;
};

static void note_asked(struct course *course)
{
    struct study_candidate candidate;
    while (study_asked(course->study, &candidate)) {
        assert_true(course->open_count < IN_FLIGHT);
        course->open[course->open_count++] = candidate.ask;
        course->asked[candidate.ask] = candidate;
        course->asked_count++;
    }
}

static void begin(struct course *course, const struct world *world)
{
    *course = (struct course){.study = world_study(world)};
    study_hold(course->study);
}

/* Lets that one come and tells it. */
static void let_come(struct course *course, size_t which)
{
    struct study_candidate *told = &course->told[course->told_count];
    uint64_t ask = course->open[which];
    study_release(course->study, ask);
    assert_true(study_told(course->study, told));
    assert_true(told->ask == ask);
    assert_true(told->told == course->told_count);
    course->told_count++;
    course->open_count--;
    for (size_t i = which; i < course->open_count; i++)
        course->open[i] = course->open[i + 1];
    assert_false(study_told(course->study, told + 1));
    note_asked(course); /* what study_told asked before it told */
}

/* A random one of those in flight comes, until so many were told or the end. Which one depends on the seed and on how many were
 * told alone. */
static void go_on(struct course *course, uint64_t seed, size_t until)
{
    struct rng order;
    while (course->told_count < until) {
        study_pump(course->study, SIZE_MAX);
        note_asked(course);
        if (course->open_count == 0)
            return;
        rng_seed(&order, seed + 1000 * course->told_count);
        let_come(course, rng_below(&order, course->open_count));
    }
}

static struct course first, second;

static void every_ask_is_told_once_and_tells_are_numbered(void **state)
{
    struct world *world = *state;
    bool seen[TOTAL] = {false};
    begin(&first, world);
    go_on(&first, 1, SIZE_MAX);
    assert_int_equal(first.told_count, TOTAL);
    assert_int_equal(first.asked_count, TOTAL);
    for (size_t i = 0; i < TOTAL; i++) {
        assert_false(seen[first.told[i].ask]);
        seen[first.told[i].ask] = true;
        assert_true(first.told[i].told == i);
    }
    study_close(first.study);
}

static void an_ask_follows_the_tells_before_it_however_the_study_is_pumped(void **state)
{
    struct world *world = *state;
    struct rng pumps;
    size_t told_before = 0;
    rng_seed(&pumps, 2);
    begin(&first, world);
    while (!study_finished(first.study)) {
        size_t asked_before = first.asked_count;
        study_pump(first.study, rng_below(&pumps, 3));
        note_asked(&first);
        if (first.open_count > 0)
            let_come(&first, rng_below(&pumps, first.open_count));
        for (size_t ask = asked_before; ask < first.asked_count; ask++)
            assert_true(ask < IN_FLIGHT ? told_before == 0 : told_before == ask + 1 - IN_FLIGHT);
        told_before = first.told_count;
    }
    study_close(first.study);
}

static void a_replay_of_the_tells_makes_the_same_asks(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    for (uint64_t seed = 1; seed <= 10; seed++) {
        print_message("# seed=%d\n", (int)seed);
        world->config.strategy.plain = seed % 2 == 0;
        begin(&first, world);
        go_on(&first, seed, SIZE_MAX);
        struct study *again = world_study(world);
        for (size_t i = 0; i < first.told_count; i++)
            assert_ok(study_replay(again, &first.told[i], &status), status);
        struct study_counts got = world_counts(again), want = world_counts(first.study);
        assert_memory_equal(&got, &want, sizeof want);
        study_close(again);
        study_close(first.study);
    }
}

/* Where in the list of what is in flight that ask stands. */
static size_t place_of(const struct course *course, uint64_t ask)
{
    size_t which = 0;
    while (which < course->open_count && course->open[which] != ask)
        which++;
    return which;
}

static void how_often_the_study_is_pumped_changes_nothing(void **state)
{
    struct world *world = *state;
    struct rng pumps;
    begin(&first, world);
    go_on(&first, 11, SIZE_MAX);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        print_message("# seed=%d\n", (int)seed);
        rng_seed(&pumps, seed);
        begin(&second, world);
        for (size_t i = 0; i < first.told_count; i++) {
            study_pump(second.study, rng_below(&pumps, 3));
            note_asked(&second);
            for (uint64_t ask = first.told[i].ask; place_of(&second, ask) == second.open_count; note_asked(&second))
                study_pump(second.study, 1);
            let_come(&second, place_of(&second, first.told[i].ask));
        }
        world_assert_all_same(second.told, second.told_count, first.told, first.told_count);
        study_close(second.study);
    }
    study_close(first.study);
}

static void another_order_of_tells_is_another_search(void **state)
{
    struct world *world = *state;
    int different = 0;
    begin(&first, world);
    go_on(&first, 1, SIZE_MAX);
    begin(&second, world);
    go_on(&second, 2, SIZE_MAX);
    for (size_t i = 0; i < TOTAL; i++)
        different += strcmp(first.asked[i].arch_text, second.asked[i].arch_text) != 0;
    assert_true(different > 0);
    study_close(first.study);
    study_close(second.study);
}

static void one_that_never_comes_holds_nobody_up(void **state)
{
    struct world *world = *state;
    begin(&first, world);
    for (;;) {
        study_pump(first.study, SIZE_MAX);
        note_asked(&first);
        if (first.open_count < 2)
            break;
        let_come(&first, 1); /* ask 0 stays */
    }
    assert_true(first.open[0] == 0);
    assert_int_equal(first.told_count, TOTAL - 1);
    assert_false(study_finished(first.study));
    let_come(&first, 0);
    assert_true(study_finished(first.study));
    study_close(first.study);
}

static void of_several_that_have_come_the_oldest_ask_is_told_first(void **state)
{
    struct world *world = *state;
    struct study_candidate told;
    struct study *study = world_study(world);
    study_hold(study);
    study_pump(study, SIZE_MAX);
    study_release(study, 7);
    study_release(study, 3);
    study_release(study, 9);
    for (uint64_t ask = 3; ask <= 9; ask += ask == 3 ? 4 : 2) {
        assert_true(study_told(study, &told));
        assert_true(told.ask == ask);
    }
    assert_false(study_told(study, &told));
    study_close(study);
}

static void the_budget_ends_a_steady_search(void **state)
{
    struct world *world = *state;
    world->config.budget.evaluations = 50;
    begin(&first, world);
    go_on(&first, 1, SIZE_MAX);
    assert_true(world_counts(first.study).distinct == 50);
    assert_true(world_counts(first.study).asked == first.told_count);
    study_close(first.study);
}

/* --- values from outside --- */

static void the_slowest_value_comes_last_and_everything_is_wanted_once(void **state)
{
    struct world *world = *state;
    static struct study_want held[2 * WORLD_TOLD_MAX];
    static struct study_candidate told[WORLD_TOLD_MAX];
    size_t held_count = 0, told_count = 0, wanted = 0;
    struct rng rng;
    world_evaluate_outside(world);
    rng_seed(&rng, 5);
    struct study *study = world_study(world);
    while (!study_finished(study)) {
        study_pump(study, rng_below(&rng, 9));
        while (study_want(study, &held[held_count])) {
            held_count++;
            wanted++;
        }
        if (held_count > 0) {
            size_t pick = rng_below(&rng, held_count);
            world_answer(study, &held[pick]);
            held[pick] = held[--held_count];
        }
        while (study_told(study, &told[told_count]))
            told_count++;
    }
    assert_int_equal(told_count, TOTAL);
    assert_true(wanted == 2 * world_counts(study).distinct);
    for (size_t i = 0; i < told_count; i++) {
        struct study_want want = {.kind = STUDY_WANT_RMI};
        space_canonical(&world->space, &told[i].arch, &want.arch);
        assert_int_equal(told[i].result.feasible, !told[i].skipped && world_value_of(&want).feasible);
        if (told[i].result.feasible)
            assert_true(told[i].result.fitness == world_value_of(&want).value);
    }
    study_close(study);
}

static void after_a_restart_only_what_was_in_flight_is_wanted(void **state)
{
    struct world *world = *state;
    struct study_want want;
    struct status status = {0};
    static struct study_candidate told[WORLD_TOLD_MAX];
    size_t told_count = 0, rmi = 0;
    world_evaluate_outside(world);
    struct study *study = world_study(world);
    while (told_count < 40) {
        study_pump(study, SIZE_MAX);
        if (study_want(study, &want))
            world_answer(study, &want);
        while (told_count < 40 && study_told(study, &told[told_count]))
            told_count++;
    }
    study_close(study);
    study = world_study(world);
    for (size_t i = 0; i < told_count; i++)
        assert_ok(study_replay(study, &told[i], &status), status);
    study_pump(study, SIZE_MAX);
    while (study_want(study, &want)) {
        rmi += want.kind == STUDY_WANT_RMI;
        for (size_t i = 0; i < told_count; i++)
            assert_string_not_equal(want.key, told[i].fitness_key);
    }
    assert_true(rmi > 0);
    assert_true(rmi <= IN_FLIGHT);
    study_close(study);
}

/* --- restart --- */

/* What a process that was killed leaves behind: the last snapshot that was due, and what was told. */
struct left_behind {
    void *snapshot;
    size_t size, told_at_snapshot;
};

static void keep_snapshot(const struct study *study, struct left_behind *left)
{
    struct status status = {0};
    free(left->snapshot);
    assert_ok(study_save(study, &left->snapshot, &left->size, &status), status);
    left->told_at_snapshot = world_counts(study).told;
}

static void run_keeping_snapshots(struct course *course, uint64_t seed, size_t until, struct left_behind *left)
{
    for (size_t told = 1; told <= until; told++) {
        go_on(course, seed, told);
        if (study_snapshot_due(course->study))
            keep_snapshot(course->study, left);
    }
}

/* The second course becomes what a new process makes of what the first left behind. */
static void restart(const struct world *world, const struct left_behind *left)
{
    struct status status = {0};
    begin(&second, world);
    if (left->snapshot != NULL)
        assert_ok(study_load(second.study, left->snapshot, left->size, &status), status);
    for (size_t i = left->told_at_snapshot; i < first.told_count; i++)
        assert_ok(study_replay(second.study, &first.told[i], &status), status);
    memcpy(second.told, first.told, sizeof first.told);
    second.told_count = first.told_count;
}

static void assert_in_flight_alike(void)
{
    study_pump(first.study, SIZE_MAX);
    note_asked(&first);
    study_pump(second.study, SIZE_MAX);
    note_asked(&second);
    assert_int_equal(second.open_count, first.open_count);
    for (size_t i = 0; i < first.open_count; i++) {
        assert_true(second.open[i] == first.open[i]);
        world_assert_same(&second.asked[second.open[i]], &first.asked[first.open[i]]);
    }
}

static void a_restart_after_any_tell_goes_on_the_same(void **state)
{
    struct world *world = *state;
    static const char *const strategies[] = {"evrsnas", "mohdnas", "surrogate", "rminas", "random", "regularised", "local"};
    bool snapshot_used = false;
    for (size_t stop = 0; stop <= TOTAL; stop++) {
        struct left_behind left = {.snapshot = NULL};
        world->config.strategy.name = (char *)(uintptr_t)strategies[stop % 7];
        world->config.strategy.plain = stop % 2 == 0;
        world->config.budget.evaluations = stop % 3 == 0 ? 45 : 0; /* also while the last of a budget are on their way */
        begin(&first, world);
        run_keeping_snapshots(&first, stop, stop, &left);
        restart(world, &left);
        snapshot_used |= left.told_at_snapshot > 0 && left.told_at_snapshot < stop;
        assert_in_flight_alike();
        go_on(&first, stop, SIZE_MAX);
        go_on(&second, stop, SIZE_MAX);
        world_assert_all_same(second.told, second.told_count, first.told, first.told_count);
        struct study_counts want = world_counts(first.study), got = world_counts(second.study);
        assert_memory_equal(&got, &want, sizeof want);
        assert_true(study_best(first.study) != NULL);
        world_assert_same(study_best(second.study), study_best(first.study));
        study_close(first.study);
        study_close(second.study);
        free(left.snapshot);
    }
    assert_true(snapshot_used);
}

static void snapshots_are_due_once_the_search_has_grown_by_an_eighth(void **state)
{
    struct world *world = *state;
    size_t last = 0, due = 0;
    world->config.strategy.generations = 40;
    world->config.strategy.population = 5;
    begin(&first, world);
    for (size_t told = 1; told <= 5 * 40; told++) {
        go_on(&first, 6, told);
        if (!study_snapshot_due(first.study))
            continue;
        assert_int_equal(first.told_count % 5, 0);
        assert_true((first.told_count - last) * 8 >= last);
        last = first.told_count;
        due++;
        if (study_pump(first.study, 1) > 0)
            assert_false(study_snapshot_due(first.study));
    }
    assert_true(due > 10);
    assert_true((first.told_count - last) * 8 <= first.told_count);
    study_close(first.study);
}

static void a_replay_that_comes_out_otherwise_is_refused(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    begin(&first, world);
    go_on(&first, 7, 60);
    struct study *study = world_study(world);
    assert_ok(study_replay(study, &first.told[0], &status), status);
    assert_int_equal(study_replay(study, &first.told[2], &status), STATUS_CONFLICT); /* out of the order of tells */
    struct study_candidate changed = first.told[1];
    changed.ask = 50; /* cannot have been asked by then */
    assert_int_equal(study_replay(study, &changed, &status), STATUS_CONFLICT);
    changed.ask = first.told[0].ask; /* was told before */
    assert_int_equal(study_replay(study, &changed, &status), STATUS_CONFLICT);
    changed = first.told[1];
    memcpy(changed.arch_text, first.told[2].arch_text, sizeof changed.arch_text);
    assert_int_equal(study_replay(study, &changed, &status), STATUS_CONFLICT);
    assert_non_null(strstr(status.message, changed.arch_text));
    study_close(study);
    study_close(first.study);
}

/* The bytes of a steady study with candidates in flight. */
static json_t *saved_json(const struct world *world)
{
    struct left_behind left = {.snapshot = NULL};
    begin(&first, world);
    run_keeping_snapshots(&first, 8, 60, &left);
    json_t *saved = json_loadb(left.snapshot, left.size, 0, NULL);
    assert_non_null(saved);
    study_close(first.study);
    free(left.snapshot);
    return saved;
}

static enum status_code load_json(const struct world *world, const json_t *saved)
{
    struct status status = {0};
    char *text = json_dumps(saved, JSON_COMPACT);
    struct study *study = world_study(world);
    enum status_code code = study_load(study, text, strlen(text), &status);
    if (code == STATUS_OK)
        study_pump(study, SIZE_MAX);
    study_close(study);
    free(text);
    return code;
}

static void a_snapshot_holds_what_is_in_flight_and_nothing_else_is_taken(void **state)
{
    struct world *world = *state;
    json_t *saved = saved_json(world), *in_flight = json_object_get(saved, "in_flight"), *item;
    assert_int_equal(json_array_size(in_flight), IN_FLIGHT - 1);
    assert_int_equal(load_json(world, saved), STATUS_OK);
    /* One in flight twice. */
    json_t *copy = json_deep_copy(saved);
    in_flight = json_object_get(copy, "in_flight");
    json_array_set(in_flight, 1, json_array_get(in_flight, 0));
    assert_int_equal(load_json(world, copy), STATUS_BAD_INPUT);
    json_decref(copy);
    /* One too few. */
    copy = json_deep_copy(saved);
    json_array_remove(json_object_get(copy, "in_flight"), 0);
    assert_int_equal(load_json(world, copy), STATUS_BAD_INPUT);
    json_decref(copy);
    /* One that was never asked for. */
    copy = json_deep_copy(saved);
    item = json_array_get(json_object_get(copy, "in_flight"), IN_FLIGHT - 2);
    json_object_set_new(item, "ask", json_integer(100000));
    assert_int_equal(load_json(world, copy), STATUS_BAD_INPUT);
    json_decref(copy);
    json_decref(saved);
}

static void a_damaged_snapshot_is_refused_or_read_but_never_crashes(void **state)
{
    struct world *world = *state;
    struct rng rng;
    struct status status = {0};
    json_t *saved = saved_json(world);
    char *text = json_dumps(saved, JSON_COMPACT);
    size_t size = strlen(text), candidates = 0;
    json_decref(saved);
    rng_seed(&rng, 9);
    for (int round = 0; round < 2000; round++) {
        struct study_candidate told;
        struct study_want want;
        char *bytes = malloc(size);
        memcpy(bytes, text, size);
        bytes[rng_below(&rng, size)] = "0123456789abcdef\"{}[],:-x"[rng_below(&rng, 25)];
        struct study *study = world_study(world);
        if (study_load(study, bytes, size, &status) == STATUS_OK) {
            study_pump(study, 100);
            while (study_want(study, &want))
                world_answer(study, &want);
            while (study_told(study, &told))
                candidates++;
        } else {
            assert_int_equal(status.code, STATUS_BAD_INPUT);
        }
        study_close(study);
        free(bytes);
    }
    assert_true(candidates > 0);
    free(text);
}

static void a_snapshot_from_before_there_was_a_steady_mode_is_read(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct study_candidate candidate;
    void *data;
    size_t size;
    world->config.strategy.mode = CONFIG_MODE_GENERATIONS;
    struct study *study = world_study(world);
    do {
        study_pump(study, SIZE_MAX);
        while (study_told(study, &candidate))
            continue;
    } while (world_counts(study).told < 60);
    assert_ok(study_save(study, &data, &size, &status), status);
    json_t *saved = json_loadb(data, size, 0, NULL);
    assert_null(json_object_get(saved, "in_flight"));
    assert_int_equal(json_object_del(json_object_get(saved, "best"), "told"), 0);
    assert_int_equal(json_object_del(json_object_get(saved, "strategy"), "asked"), 0);
    free(data);
    data = json_dumps(saved, JSON_COMPACT);
    struct study *copy = world_study(world);
    assert_ok(study_load(copy, data, strlen(data), &status), status);
    world_assert_same(study_best(copy), study_best(study));
    assert_true(study_pump(copy, SIZE_MAX) > 0);
    study_close(copy);
    study_close(study);
    json_decref(saved);
    free(data);
}

#define steady(test) cmocka_unit_test_setup_teardown(test, open_steady, world_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        steady(every_ask_is_told_once_and_tells_are_numbered),
        steady(an_ask_follows_the_tells_before_it_however_the_study_is_pumped),
        steady(a_replay_of_the_tells_makes_the_same_asks),
        steady(how_often_the_study_is_pumped_changes_nothing),
        steady(another_order_of_tells_is_another_search),
        steady(one_that_never_comes_holds_nobody_up),
        steady(of_several_that_have_come_the_oldest_ask_is_told_first),
        steady(the_budget_ends_a_steady_search),
        steady(the_slowest_value_comes_last_and_everything_is_wanted_once),
        steady(after_a_restart_only_what_was_in_flight_is_wanted),
        steady(a_restart_after_any_tell_goes_on_the_same),
        steady(snapshots_are_due_once_the_search_has_grown_by_an_eighth),
        steady(a_replay_that_comes_out_otherwise_is_refused),
        steady(a_snapshot_holds_what_is_in_flight_and_nothing_else_is_taken),
        steady(a_damaged_snapshot_is_refused_or_read_but_never_crashes),
        steady(a_snapshot_from_before_there_was_a_steady_mode_is_read),
    };
    return TEST_RUN(tests);
}
