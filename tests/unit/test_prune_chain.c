/* prune_chain: levels in order and exact to one weight, what the schedules differ in, that equal plans give equal results, and how
 * a chain ends early. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "worker/prune_chain.h"

enum { SIDE = 8, IMAGE = 3 * SIDE * SIDE, COUNT = 48, LEVELS = 4 };
static const double percents[LEVELS] = {0, 50, 90, 97};

static struct status status;

struct fixture {
    struct space space;
    struct arch arch;
    struct data_set set;
    struct prune_plan plan;
};

/* Two classes of small noisy images: dark ones and bright ones. */
static void make_set(struct data_set *set)
{
    struct rng rng;
    rng_seed(&rng, 21);
    *set = (struct data_set){.name = "made",
                             .count = COUNT,
                             .shape = {3, SIDE, SIDE},
                             .classes = 2,
                             .images = malloc(COUNT * IMAGE),
                             .labels = malloc(COUNT),
                             .mean = {0.5F, 0.5F, 0.5F},
                             .std = {0.3F, 0.3F, 0.3F}};
    assert_non_null(set->images);
    assert_non_null(set->labels);
    for (int i = 0; i < COUNT; i++) {
        set->labels[i] = (uint8_t)rng_below(&rng, 2);
        for (int p = 0; p < IMAGE; p++)
            set->images[i * IMAGE + p] = (uint8_t)(rng_below(&rng, 128) + (set->labels[i] ? 127U : 0U));
    }
}

static void make(struct fixture *f)
{
    make_set(&f->set);
    assert_ok(space_open("nb201", &f->space, &status), status);
    assert_ok(space_parse(&f->space, "342123", &f->arch, &status), status);
    f->plan = (struct prune_plan){.space = &f->space,
                                  .arch = &f->arch,
                                  .sizes = {.channels = 4, .cells = 1, .classes = 2, .input = {3, SIDE, SIDE}},
                                  .latent = 3,
                                  .decoder = 8,
                                  .beta = 0.01,
                                  .epochs = 6,
                                  .fine_tune_epochs = 2,
                                  .batch = 8,
                                  .learning_rate = 0.05,
                                  .fine_tune_rate = 0.02,
                                  .momentum = 0.9,
                                  .weight_decay = 5e-4,
                                  .level_count = LEVELS,
                                  .seed = 3};
    memcpy(f->plan.percents, percents, sizeof percents);
}

static void drop(struct fixture *f)
{
    data_free(&f->set);
    space_close(&f->space);
}

/* What a visitor saw. */
struct seen {
    int count, stop_at; /* stop_at -1: never */
    struct prune_level levels[LEVELS];
    unsigned char *zero[LEVELS]; /* owned: a byte for each weight of the net at that level, 1 where it is 0 */
    size_t weights;
    double fraction;
};

static enum status_code see(void *context, int index, const struct prune_level *level, const struct net *net, struct status *out)
{
    struct seen *seen = context;
    assert_int_equal(index, seen->count);
    if (index == seen->stop_at)
        return status_set(out, STATUS_IO, "enough was seen");
    seen->levels[seen->count] = *level;
    seen->zero[seen->count] = malloc(level->total);
    assert_non_null(seen->zero[seen->count]);
    size_t at = 0;
    for (int t = 0; t < net->tensor_count; t++)
        for (size_t i = 0; net->tensors[t].rank > 1 && i < net->tensors[t].count; i++)
            seen->zero[seen->count][at++] = net->tensors[t].data[i] == 0;
    assert_int_equal(at, level->total);
    assert_int_equal(prune_count_zeros(net), level->zeros);
    seen->count++;
    return STATUS_OK;
}

static void watch(void *context, double fraction, double loss)
{
    struct seen *seen = context;
    assert_true(fraction > seen->fraction);
    assert_true(isfinite(loss));
    seen->fraction = fraction;
}

static enum status_code run(struct fixture *f, struct seen *seen)
{
    const struct prune_visitor visitor = {seen, see, watch};
    *seen = (struct seen){.stop_at = -1};
    return prune_chain_run(&f->plan, &f->set, &f->set, &visitor, &status);
}

static void forget(struct seen *seen)
{
    for (int i = 0; i < seen->count; i++)
        free(seen->zero[i]);
}

static void levels_come_in_order_and_are_exact_to_one_weight(void **state)
{
    (void)state;
    struct fixture f;
    make(&f);
    for (int schedule = PRUNE_ITERATIVE; schedule <= PRUNE_ONE_SHOT; schedule++) {
        struct seen seen;
        f.plan.schedule = (enum prune_schedule)schedule;
        assert_ok(run(&f, &seen), status);
        assert_int_equal(seen.count, LEVELS);
        for (int i = 0; i < LEVELS; i++) {
            assert_int_equal(seen.levels[i].zeros, prune_zeros(seen.levels[i].total, percents[i]));
            assert_int_equal(seen.levels[i].macs, seen.levels[0].macs);
            assert_true(i == 0 || seen.levels[i].nonzero_macs < seen.levels[i - 1].nonzero_macs);
        }
        assert_int_equal(seen.levels[0].nonzero_macs, seen.levels[0].macs);
        assert_near(seen.fraction, 1, 1e-12, 0);
        forget(&seen);
    }
    drop(&f);
}

static void what_can_be_learnt_is_learnt_and_survives_half_of_the_weights(void **state)
{
    (void)state;
    struct fixture f;
    struct seen seen;
    make(&f);
    f.plan.gamma = 0.1;
    assert_ok(run(&f, &seen), status);
    assert_true(seen.levels[0].accuracy > 0.95);
    assert_true(seen.levels[1].accuracy > 0.95);
    assert_true(seen.levels[0].active > 0);
    assert_true(seen.levels[0].kl > 0);
    forget(&seen);
    drop(&f);
}

/* Whether every zero of level a is one of level b. */
static bool within(const struct seen *seen, int a, int b)
{
    for (size_t i = 0; i < seen->levels[a].total; i++)
        if (seen->zero[a][i] && !seen->zero[b][i])
            return false;
    return true;
}

/* One shot ranks the same dense weights each time, iteration what training under the mask before has left: both only take more
 * away. With no training in between they are the same. */
static void schedules_differ_in_what_they_rank(void **state)
{
    (void)state;
    struct fixture f;
    struct seen iterative, one_shot;
    make(&f);
    for (int epochs = 0; epochs <= 2; epochs += 2) {
        f.plan.fine_tune_epochs = epochs;
        f.plan.schedule = PRUNE_ITERATIVE;
        assert_ok(run(&f, &iterative), status);
        f.plan.schedule = PRUNE_ONE_SHOT;
        assert_ok(run(&f, &one_shot), status);
        for (int i = 1; i < LEVELS; i++) {
            assert_true(within(&iterative, i - 1, i));
            assert_true(within(&one_shot, i - 1, i));
            const bool same = memcmp(iterative.zero[i], one_shot.zero[i], iterative.levels[i].total) == 0;
            assert_true(epochs == 0 ? same : i < 2 || !same);
            assert_true(epochs > 0 || iterative.levels[i].accuracy == one_shot.levels[i].accuracy);
        }
        forget(&iterative);
        forget(&one_shot);
    }
    drop(&f);
}

static void equal_plans_give_equal_results_and_another_seed_others(void **state)
{
    (void)state;
    struct fixture f;
    struct seen first, second;
    make(&f);
    assert_ok(run(&f, &first), status);
    assert_ok(run(&f, &second), status);
    assert_memory_equal(first.levels, second.levels, sizeof first.levels);
    forget(&second);
    f.plan.seed++;
    assert_ok(run(&f, &second), status);
    assert_true(first.levels[0].kl != second.levels[0].kl);
    forget(&first);
    forget(&second);
    drop(&f);
}

static void a_chain_that_diverges_says_where(void **state)
{
    (void)state;
    struct fixture f;
    struct seen seen;
    make(&f);
    f.plan.learning_rate = 1e6;
    assert_int_equal(run(&f, &seen), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "beta 0.01, seed 3: training diverged"));
    assert_int_equal(seen.count, 0);
    drop(&f);
}

static void a_visitor_ends_the_chain(void **state)
{
    (void)state;
    struct fixture f;
    struct seen seen = {.stop_at = 1};
    const struct prune_visitor visitor = {&seen, see, NULL};
    make(&f);
    assert_int_equal(prune_chain_run(&f.plan, &f.set, &f.set, &visitor, &status), STATUS_IO);
    assert_string_equal(status.message, "enough was seen");
    assert_int_equal(seen.count, 1);
    forget(&seen);
    drop(&f);
}

static void a_batch_larger_than_the_set_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct seen seen;
    make(&f);
    f.plan.batch = COUNT + 1;
    assert_int_equal(run(&f, &seen), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "a training batch of 49"));
    drop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_come_in_order_and_are_exact_to_one_weight),
        cmocka_unit_test(what_can_be_learnt_is_learnt_and_survives_half_of_the_weights),
        cmocka_unit_test(schedules_differ_in_what_they_rank),
        cmocka_unit_test(equal_plans_give_equal_results_and_another_seed_others),
        cmocka_unit_test(a_chain_that_diverges_says_where),
        cmocka_unit_test(a_visitor_ends_the_chain),
        cmocka_unit_test(a_batch_larger_than_the_set_is_refused),
    };
    return TEST_RUN(tests);
}
