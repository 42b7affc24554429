/* study with a one-shot net: weights come about epoch by epoch, each candidate is scored by the right ones, what is known is not
 * trained again, and a restart at any point ends the same. What workers and the database do is made up here. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "master/course.h"
#include "master/study_key.h"
#include "tests/support/study_world.h"

/* --- a made-up database, whose workers answer at once --- */

enum { KEPT_MAX = 4096 };

struct lab {
    struct kept {
        char key[DIGEST_HEX_BYTES];
        struct digest digest;
        bool here;
    } kept[KEPT_MAX];
    size_t count, trained, made, scored;
    size_t scored_since; /* the last training */
    size_t read;
    bool diverges;        /* no training ends well */
    bool holds_nothing;   /* weights have no architecture in them */
    bool prefers_nothing; /* the architecture in them is `none` on every edge */
    bool backwards;       /* of several wants the last is answered first */
    struct study_want last_train;
    struct digest scored_by; /* the weights of the last score */
    uint32_t stages;
    struct space_mask mask;        /* of the last training */
    double pull[SPACE_MATRIX_MAX]; /* likewise */
    bool inherited;                /* the last stage's first epoch began with weights */
};

static struct lab lab;
static struct study_candidate told_once[WORLD_TOLD_MAX], told_again[WORLD_TOLD_MAX];
static struct digest images, validation;

static struct kept *find(const char *key)
{
    for (size_t i = 0; i < lab.count; i++)
        if (strcmp(lab.kept[i].key, key) == 0)
            return &lab.kept[i];
    return NULL;
}

static void keep(const char *key, const struct digest *digest)
{
    struct kept *kept = find(key);
    if (kept == NULL) {
        assert_true(lab.count < KEPT_MAX);
        kept = &lab.kept[lab.count++];
    }
    snprintf(kept->key, sizeof kept->key, "%s", key);
    kept->digest = *digest;
    kept->here = true;
}

/* Weights whose bytes are kept. */
static size_t here(void)
{
    size_t count = 0;
    for (size_t i = 0; i < lab.count; i++)
        count += lab.kept[i].here;
    return count;
}

static void drop(const char *key)
{
    struct kept *kept = find(key);
    assert_non_null(kept);
    kept->here = false;
}

/* Weights depend on what was trained and on what that began with. */
static void train(struct study *study, const struct study_want *want)
{
    struct digest_stream stream;
    struct digest digest;
    const struct study_oneshot *oneshot = &want->oneshot;
    assert_memory_equal(&oneshot->images, &images, sizeof images);
    digest_begin(&stream);
    digest_text(&stream, want->key);
    if (oneshot->has_weights)
        digest_bytes(&stream, oneshot->weights.bytes, DIGEST_BYTES);
    digest_end(&stream, &digest);
    if (!lab.diverges)
        keep(want->key, &digest);
    lab.trained++;
    lab.scored_since = 0;
    lab.last_train = *want;
    lab.mask = *oneshot->mask;
    if (oneshot->pull_count > 0)
        assert_memory_equal(&oneshot->validation, &validation, sizeof validation);
    for (size_t i = 0; i < oneshot->pull_count; i++)
        lab.pull[i] = oneshot->pull[i];
    if (oneshot->epoch == 0)
        lab.inherited = oneshot->has_weights;
    lab.stages = oneshot->stage + 1;
    for (int copies = 0; copies < 2; copies++)
        study_provide(study, want->key, &(struct study_value){.feasible = !lab.diverges, .value = 2.3});
}

static void score(struct study *study, const struct study_want *want)
{
    const struct digest *weights = &want->oneshot.weights;
    assert_true(want->oneshot.has_weights);
    assert_memory_equal(&want->oneshot.images, &validation, sizeof validation);
    lab.scored++;
    lab.scored_since++;
    lab.scored_by = *weights;
    study_provide(study, want->key,
                  &(struct study_value){.feasible = true, .value = world_value(&want->arch, 0) + weights->bytes[0] / 512.0});
}

static void answer(struct study *study, const struct study_want *want)
{
    if (want->kind == STUDY_WANT_ONESHOT_TRAIN)
        train(study, want);
    else
        score(study, want);
}

static void make(struct study *study, const struct study_weights_want *want)
{
    struct digest_stream stream;
    struct digest digest;
    char key[DIGEST_HEX_BYTES];
    digest_begin(&stream);
    for (uint32_t i = 0; i < want->shards; i++) {
        study_key_shard(want->key, i, key);
        assert_non_null(find(key));
        assert_true(find(key)->here);
        digest_bytes(&stream, find(key)->digest.bytes, DIGEST_BYTES);
        drop(key);
    }
    digest_end(&stream, &digest);
    keep(want->key, &digest);
    lab.made++;
    if (want->outdated[0] != '\0')
        drop(want->outdated);
    study_weights_provide(study, want->key, &digest);
}

/* The architecture that weights hold is made of their digest. */
static void read_alpha(struct study *study, const struct study_weights_want *want)
{
    double alpha[SPACE_MATRIX_MAX] = {0};
    for (int i = 0; i < 30; i++)
        alpha[i] = lab.prefers_nothing ? (i % 5 == 0 ? 2 : i == 17 ? 1 : 0) : want->weights.bytes[i] / 256.0;
    assert_memory_equal(&find(want->key)->digest, &want->weights, sizeof want->weights);
    lab.read++;
    study_alpha_provide(study, want->key, lab.holds_nothing ? NULL : alpha);
}

static bool meet_weights(struct study *study)
{
    struct study_weights_want want;
    if (!study_weights_want(study, &want))
        return false;
    if (want.read) {
        read_alpha(study, &want);
        return true;
    }
    const struct kept *kept = find(want.key);
    if (want.make)
        make(study, &want);
    else
        study_weights_provide(study, want.key, kept != NULL && kept->here ? &kept->digest : NULL);
    return true;
}

/* As search_advance does. */
static bool meet(struct study *study)
{
    struct study_want wants[512];
    size_t count = 0;
    bool moved = false;
    while (meet_weights(study))
        moved = true;
    while (count < 512 && study_want(study, &wants[count]))
        count++;
    for (size_t i = 0; i < count; i++) {
        const struct study_want *want = &wants[lab.backwards ? count - 1 - i : i];
        const struct kept *kept = find(want->key);
        if (want->kind == STUDY_WANT_ONESHOT_TRAIN && kept != NULL && kept->here)
            study_provide(study, want->key, &(struct study_value){.feasible = true, .value = 2.3});
        else
            answer(study, want);
    }
    return moved || count > 0;
}

/* Until so many are told, or the end. */
static size_t run(struct study *study, size_t limit, size_t already, size_t until, struct study_candidate *out)
{
    size_t told = already;
    while (!study_finished(study) && told < until && study_failure(study, NULL) == STATUS_OK) {
        study_pump(study, limit);
        while (meet(study))
            continue;
        while (told < until && study_told(study, &out[told]))
            told++;
    }
    return told;
}

/* --- studies --- */

static void set(struct world *world, const char *strategy, enum config_training train, uint32_t epochs, uint32_t shards)
{
    struct config_study *config = &world->config;
    config->strategy.name = (char *)(uintptr_t)strategy;
    config->strategy.population = 8;
    config->strategy.generations = 5;
    config->strategy.neighbours = 5;
    config->strategy.in_flight = 20;
    config->strategy.sweep = 3;
    config->fitness.source = CONFIG_FITNESS_ONESHOT;
    config->fitness.oneshot = (struct config_oneshot){.images = (char *)(uintptr_t) "train",
                                                      .validation = (char *)(uintptr_t) "validation",
                                                      .train = train,
                                                      .epochs = epochs,
                                                      .batch = 32,
                                                      .shards = shards,
                                                      .channels = 4,
                                                      .cells = 1,
                                                      .inherit = true,
                                                      .learning_rate = 0.025,
                                                      .learning_rate_end = 0.001,
                                                      .momentum = 0.9,
                                                      .weight_decay = 3e-4,
                                                      .clip_norm = 5};
    digest_of("images", 6, &images);
    digest_of("validation", 10, &validation);
    memset(&lab, 0, sizeof lab);
}

static struct study *open(const struct world *world)
{
    struct study *study = NULL;
    struct status status = {0};
    const struct study_inputs inputs = {.images = &images, .validation = &validation};
    assert_ok(study_open(&world->config, &world->space, &inputs, &study, &status), status);
    return study;
}

static size_t run_new(const struct world *world, size_t limit, struct study_candidate *out)
{
    struct study *study = open(world);
    size_t told = run(study, limit, 0, SIZE_MAX, out);
    assert_true(study_finished(study));
    study_close(study);
    return told;
}

/* --- before --- */

static void with_before_all_epochs_are_trained_and_all_are_scored_by_the_last(void **state)
{
    struct world *world = *state;
    set(world, "cmanas", CONFIG_TRAIN_BEFORE, 6, 3);
    struct study *study = open(world);
    study_pump(study, 100);
    while (meet(study))
        assert_true(lab.scored == 0 || lab.made == 6);
    assert_int_equal(lab.trained, 6 * 3);
    struct digest by = lab.scored_by;
    size_t told = run(study, 7, 0, SIZE_MAX, told_once);
    assert_int_equal(lab.trained, 6 * 3);
    assert_memory_equal(&by, &lab.scored_by, sizeof by);
    assert_true(told > 20);
    struct study_counts counts = world_counts(study);
    assert_true(counts.epochs == 6 && counts.epochs_in_all == 6);
    assert_true(counts.distinct + counts.skipped == told);
    study_close(study);
}

/* Only the last epoch's weights are left, and a second search with the same settings but its own strategy trains nothing. */
static void what_was_trained_serves_every_study_that_trains_alike(void **state)
{
    struct world *world = *state;
    set(world, "cmanas", CONFIG_TRAIN_BEFORE, 6, 3);
    run_new(world, 9, told_once);
    size_t trained = lab.trained;
    assert_int_equal(here(), 1);
    world->config.strategy.name = (char *)(uintptr_t) "random";
    run_new(world, 9, told_once);
    assert_int_equal(lab.trained, trained);
    world->config.fitness.oneshot.learning_rate = 0.05;
    run_new(world, 9, told_once);
    assert_int_equal(lab.trained, 2 * trained);
}

/* --- population --- */

static void with_population_each_generation_trains_what_it_is_scored_by(void **state)
{
    struct world *world = *state;
    set(world, "evnas", CONFIG_TRAIN_POPULATION, 50, 2);
    struct study *study = open(world);
    size_t told = 0, before = 0;
    struct digest weights[5];
    struct arch answer;
    for (uint32_t generation = 0; generation < 5; generation++) {
        study_pump(study, 100);
        size_t asked = (size_t)world_counts(study).asked - before;
        while (meet(study))
            continue;
        assert_int_equal(lab.last_train.oneshot.epoch, generation);
        assert_int_equal(lab.last_train.oneshot.schedule_count, asked);
        assert_true(asked <= 8 && asked >= 1);
        assert_int_equal(lab.trained, 2 * (generation + 1));
        weights[generation] = lab.scored_by;
        while (study_told(study, &told_once[told]))
            told++;
        assert_int_equal(told, before + asked);
        for (size_t i = 0; i < asked; i++)
            assert_true(arch_equal(&lab.last_train.oneshot.schedule[i], &told_once[before + i].arch));
        before = told;
    }
    study_pump(study, 1);
    assert_true(study_finished(study));
    assert_true(strategy_answers(&world->config) && strategy_answer(study_strategy(study), &answer));
    world->config.fitness.oneshot.train = CONFIG_TRAIN_BEFORE; /* then it is the best candidate */
    assert_false(strategy_answers(&world->config));
    for (int i = 0; i + 1 < 5; i++)
        assert_memory_not_equal(&weights[i], &weights[i + 1], sizeof weights[i]);
    study_close(study);
}

/* The elite is a member of each generation and is scored each time by new weights; of one architecture there are several results.
 */
static void what_is_kept_is_scored_again_by_new_weights(void **state)
{
    struct world *world = *state;
    static const char *const strategies[] = {"evnas", "nevonas"};
    for (int s = 0; s < 2; s++) {
        set(world, strategies[s], CONFIG_TRAIN_POPULATION, 50, 1);
        size_t told = run_new(world, 3, told_once), again = 0;
        for (size_t i = 0; i < told; i++) {
            assert_false(told_once[i].cached);
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(told_once[i].fitness_key, told_once[j].fitness_key);
                again += strcmp(told_once[i].arch_text, told_once[j].arch_text) == 0;
            }
        }
        assert_true(again > 0 || s == 1);
    }
}

static void the_answer_is_of_the_last_generation(void **state)
{
    struct world *world = *state;
    set(world, "evnas", CONFIG_TRAIN_POPULATION, 50, 1);
    world->costs[0].has_max = false;
    struct study *study = open(world);
    struct arch answer;
    size_t told = run(study, 3, 0, SIZE_MAX, told_once);
    assert_true(strategy_answer(study_strategy(study), &answer));
    double best = 0, answered = 0;
    for (size_t i = told, left = lab.scored_since; left > 0; i--) {
        const struct study_candidate *candidate = &told_once[i - 1];
        left -= !candidate->skipped;
        if (candidate->satisfies)
            best = fmax(best, candidate->result.fitness);
        if (arch_equal(&candidate->arch, &answer))
            answered = candidate->result.fitness;
    }
    assert_true(best > 0 && answered == best);
    study_close(study);
}

/* --- stages --- */

static void a_stage_begins_with_the_weights_of_the_one_before_and_fewer_operations(void **state)
{
    struct world *world = *state;
    for (int inherit = 0; inherit <= 1; inherit++) {
        set(world, "pevonas", CONFIG_TRAIN_BEFORE, 2, 1);
        world->config.fitness.oneshot.inherit = inherit;
        run_new(world, 5, told_once);
        assert_int_equal(lab.stages, 3);
        assert_int_equal(lab.trained, 3 * 2);
        assert_int_equal(lab.inherited, inherit);
        assert_int_equal(here(), 3); /* what a stage was scored by stays */
        for (size_t row = 0; row < space_rows(&world->space); row++)
            assert_int_equal(__builtin_popcount(lab.mask.rows[row]), 2);
    }
}

/* --- nothing depends on when --- */

/* --- bilevel --- */

static void set_bilevel(struct world *world, uint32_t epochs, uint32_t shards)
{
    set(world, "bilevel", CONFIG_TRAIN_BILEVEL, epochs, shards);
    world->config.strategy.sweep = 4;
    world->config.strategy.lambda = 0.8;
}

/* Every weight of the costs has a training of its own, whose end is asked and scored by what it ended with. */
static void each_weight_of_a_sweep_trains_an_architecture_of_its_own(void **state)
{
    struct world *world = *state;
    set_bilevel(world, 3, 2);
    struct study *study = open(world);
    size_t told = run(study, 5, 0, SIZE_MAX, told_once);
    assert_true(study_finished(study));
    assert_int_equal(told, 4);
    assert_int_equal(lab.trained, 4 * 3 * 2);
    assert_int_equal(lab.read, 4);
    assert_true(lab.scored <= 4 && lab.scored >= 1);
    for (size_t i = 0; i < told; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(told_once[i].fitness_key, told_once[j].fitness_key);
    study_close(study);
}

/* The table's latency is a sum over edges: what pulls at an operation is its slope there, in standard deviations, times lambda. */
static void costs_pull_at_operations_as_they_weigh(void **state)
{
    struct world *world = *state;
    set_bilevel(world, 1, 1);
    world->config.strategy.sweep = 1;
    run_new(world, 5, told_once);
    for (int edge = 0; edge < 6; edge++) {
        const double *pull = lab.pull + edge * 5;
        double conv = pull[3] - pull[1], point = pull[2] - pull[1];
        assert_true(conv > 0);
        assert_near(point / conv, (2 - 0.3) / (5 - 0.3), 0.02, 0);
        assert_near(conv, lab.pull[3] - lab.pull[1], 0.02, 0);
        assert_near(conv, 0.8 * (5 - 0.3) / 4.38, 0.08, 0); /* 4.38: of random cells' latency */
    }
    world->costs[0].limit_only = true;
    set_bilevel(world, 1, 1);
    world->config.strategy.sweep = 1;
    run_new(world, 5, told_once);
    for (int i = 0; i < 30; i++)
        assert_true(lab.pull[i] == 0);
}

/* Where nothing pulls, all weights of the sweep are one. */
static void equal_trainings_are_done_once(void **state)
{
    struct world *world = *state;
    set_bilevel(world, 3, 1);
    world->config.cost_count = 0;
    size_t told = run_new(world, 5, told_once);
    assert_int_equal(told, 4);
    assert_int_equal(lab.trained, 3);
    assert_int_equal(lab.scored, 1);
    for (size_t i = 0; i < told; i++)
        assert_int_equal(told_once[i].cached, i > 0);
}

/* It is not trained, and however large its number, each edge has the best of the other operations. */
static void none_is_no_choice(void **state)
{
    struct world *world = *state;
    set_bilevel(world, 1, 1);
    lab.prefers_nothing = true;
    run_new(world, 5, told_once);
    for (int edge = 0; edge < 6; edge++) {
        assert_int_equal(lab.mask.rows[edge], 0x1e);
        assert_int_equal(told_once[0].arch.genes[edge], edge == 3 ? 2 : 1);
    }
}

static void weights_without_an_architecture_are_told(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    set_bilevel(world, 2, 1);
    lab.holds_nothing = true;
    struct study *study = open(world);
    run(study, 5, 0, SIZE_MAX, told_once);
    assert_int_not_equal(study_failure(study, &status), STATUS_OK);
    assert_non_null(strstr(status.message, "they hold no architecture"));
    study_close(study);
}

static void bilevel_refuses_what_it_cannot_know(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    struct study *study = NULL;
    const struct study_inputs inputs = {.images = &images, .validation = &validation};
    set_bilevel(world, 2, 1);
    world->costs[0].source = CONFIG_COST_AGENT;
    world->costs[0].device = (char *)(uintptr_t) "host";
    assert_int_equal(study_open(&world->config, &world->space, &inputs, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "has to know cost latency_ms"));
    world->costs[0].source = CONFIG_COST_TABLE;
    world->costs[0].device = NULL;
    world->config.fitness.source = CONFIG_FITNESS_TABLE;
    assert_int_equal(study_open(&world->config, &world->space, &inputs, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "set fitness.source to oneshot"));
}

static const struct {
    const char *strategy;
    enum config_training train;
} systems[] = {{"evnas", CONFIG_TRAIN_POPULATION}, {"nevonas", CONFIG_TRAIN_POPULATION}, {"cmanas", CONFIG_TRAIN_BEFORE},
               {"pevonas", CONFIG_TRAIN_BEFORE},   {"evrsnas", CONFIG_TRAIN_BEFORE},     {"bilevel", CONFIG_TRAIN_BILEVEL}};
enum { SYSTEMS = sizeof systems / sizeof systems[0] };

/* Whoever is asked again counts as known where the same weights would score it again, and nowhere else. */
static void an_evaluation_is_counted_once_for_each_weights_that_score(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < SYSTEMS; i++) {
        set(world, systems[i].strategy, systems[i].train, 3, 1);
        lab.prefers_nothing = true;
        struct study *study = open(world);
        size_t told = run(study, 3, 0, SIZE_MAX, told_once);
        for (size_t k = 0; k < told; k++) {
            bool known = false;
            for (size_t j = 0; j < k; j++)
                known |= strcmp(told_once[j].fitness_key, told_once[k].fitness_key) == 0;
            assert_true(told_once[k].skipped || told_once[k].cached == known);
        }
        assert_int_equal(world_counts(study).distinct, lab.scored);
        study_close(study);
    }
}

static void neither_the_pump_nor_the_order_of_answers_changes_anything(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < SYSTEMS; i++) {
        set(world, systems[i].strategy, systems[i].train, 3, 3);
        size_t once = run_new(world, 1, told_once);
        set(world, systems[i].strategy, systems[i].train, 3, 3);
        lab.backwards = true;
        size_t again = run_new(world, 1000, told_again);
        world_assert_all_same(told_again, again, told_once, once);
    }
}

/* The study is thrown away after every so many tells and built anew from its last snapshot and what was told since; what was
 * trained and not made into weights is lost on top of it. */
static size_t run_with_restarts(const struct world *world, size_t every, struct study_candidate *out)
{
    struct status status = {0};
    void *snapshot = NULL;
    size_t size = 0, saved_told = 0, told = 0;
    for (bool finished = false; !finished;) {
        struct study *study = open(world);
        if (snapshot != NULL)
            assert_ok(study_load(study, snapshot, size, &status), status);
        for (size_t i = saved_told; i < told; i++)
            assert_ok(study_replay(study, &out[i], &status), status);
        for (size_t until = told + every; told < until && !study_finished(study);) {
            size_t next = run(study, 5, told, told + 1, out);
            if (next == told)
                break;
            told = next;
            if (!study_snapshot_due(study))
                continue;
            free(snapshot);
            assert_ok(study_save(study, &snapshot, &size, &status), status);
            saved_told = told;
        }
        study_pump(study, 1);
        finished = study_finished(study);
        study_close(study);
    }
    free(snapshot);
    return told;
}

static void a_restart_at_any_point_ends_the_same_and_trains_nothing_twice(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < SYSTEMS; i++) {
        set(world, systems[i].strategy, systems[i].train, 3, 2);
        size_t once = run_new(world, 4, told_once), trained = lab.trained, left = here();
        for (size_t every = 1; every <= 11; every += 5) {
            set(world, systems[i].strategy, systems[i].train, 3, 2);
            size_t again = run_with_restarts(world, every, told_again);
            world_assert_all_same(told_again, again, told_once, once);
            assert_int_equal(lab.trained, trained);
            assert_int_equal(here(), left);
        }
    }
}

/* What counts as known is known after a restart, too. */
static void equal_trainings_are_still_equal_after_a_restart(void **state)
{
    struct world *world = *state;
    set_bilevel(world, 3, 1);
    world->config.cost_count = 0;
    size_t once = run_new(world, 5, told_once);
    set_bilevel(world, 3, 1);
    size_t again = run_with_restarts(world, 1, told_again);
    world_assert_all_same(told_again, again, told_once, once);
    assert_true(told_again[once - 1].cached);
}

/* --- what cannot be had --- */

static void training_that_fails_is_told_and_ends_the_study(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    set(world, "cmanas", CONFIG_TRAIN_BEFORE, 3, 2);
    lab.diverges = true;
    struct study *study = open(world);
    assert_int_equal(study_failure(study, &status), STATUS_OK);
    run(study, 5, 0, SIZE_MAX, told_once);
    assert_int_not_equal(study_failure(study, &status), STATUS_OK);
    assert_non_null(strstr(status.message, "after epoch 1 of stage 1"));
    assert_int_equal(lab.made, 0);
    study_close(study);
}

static void saved_weights_that_are_gone_are_told(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    void *snapshot = NULL;
    size_t size, told = 0;
    set(world, "evnas", CONFIG_TRAIN_POPULATION, 3, 2);
    struct study *study = open(world);
    do
        told = run(study, 5, told, told + 1, told_once);
    while (!study_snapshot_due(study));
    assert_ok(study_save(study, &snapshot, &size, &status), status);
    study_close(study);
    memset(&lab, 0, sizeof lab);
    study = open(world);
    assert_ok(study_load(study, snapshot, size, &status), status);
    run(study, 5, told, SIZE_MAX, told_once);
    assert_int_not_equal(study_failure(study, &status), STATUS_OK);
    assert_non_null(strstr(status.message, "not in the database"));
    free(snapshot);
    study_close(study);
}

static void snapshots_of_no_course_are_refused(void **state)
{
    struct world *world = *state;
    struct status status = {0};
    void *snapshot = NULL;
    size_t size, told = 0;
    set(world, "evnas", CONFIG_TRAIN_POPULATION, 3, 1);
    struct study *study = open(world);
    do
        told = run(study, 5, told, told + 1, told_once);
    while (!study_snapshot_due(study));
    assert_ok(study_save(study, &snapshot, &size, &status), status);
    study_close(study);
    char *at = strstr(snapshot, "\"point\":\"");
    assert_non_null(at);
    at[strlen("\"point\":\"")] = 'x';
    study = open(world);
    assert_int_equal(study_load(study, snapshot, size, &status), STATUS_BAD_INPUT);
    study_close(study);
    free(snapshot);
}

/* --- keys --- */

static void weights_have_the_key_of_all_that_they_depend_on(void **state)
{
    struct world *world = *state;
    struct digest protocol, other;
    char keys[9][DIGEST_HEX_BYTES];
    struct arch arch = {.length = 6};
    struct course_point point = {.previous = COURSE_NONE, .epoch = 1};
    set(world, "evnas", CONFIG_TRAIN_POPULATION, 3, 1);
    digest_of("protocol", 8, &protocol);
    digest_of("other", 5, &other);
    space_mask_all(&world->space, &point.mask);
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[0]);
    study_key_weights(&world->config, &world->space, &other, &images, &validation, &point, NULL, keys[1]);
    study_key_weights(&world->config, &world->space, &protocol, &other, &validation, &point, NULL, keys[2]);
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, keys[0], keys[3]);
    point.stage = 1;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[4]);
    point.epoch = 2;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[5]);
    point.mask.rows[2] = 3;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[6]);
    point.schedule = &arch;
    point.schedule_count = 1;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[7]);
    arch.genes[5] = 4;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[8]);
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
    world->config.seed++;
    study_key_weights(&world->config, &world->space, &protocol, &images, &validation, &point, NULL, keys[7]);
    assert_string_not_equal(keys[7], keys[8]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(with_before_all_epochs_are_trained_and_all_are_scored_by_the_last, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_was_trained_serves_every_study_that_trains_alike, world_open, world_close),
        cmocka_unit_test_setup_teardown(with_population_each_generation_trains_what_it_is_scored_by, world_open, world_close),
        cmocka_unit_test_setup_teardown(what_is_kept_is_scored_again_by_new_weights, world_open, world_close),
        cmocka_unit_test_setup_teardown(the_answer_is_of_the_last_generation, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_stage_begins_with_the_weights_of_the_one_before_and_fewer_operations, world_open,
                                        world_close),
        cmocka_unit_test_setup_teardown(each_weight_of_a_sweep_trains_an_architecture_of_its_own, world_open, world_close),
        cmocka_unit_test_setup_teardown(costs_pull_at_operations_as_they_weigh, world_open, world_close),
        cmocka_unit_test_setup_teardown(equal_trainings_are_done_once, world_open, world_close),
        cmocka_unit_test_setup_teardown(none_is_no_choice, world_open, world_close),
        cmocka_unit_test_setup_teardown(weights_without_an_architecture_are_told, world_open, world_close),
        cmocka_unit_test_setup_teardown(bilevel_refuses_what_it_cannot_know, world_open, world_close),
        cmocka_unit_test_setup_teardown(an_evaluation_is_counted_once_for_each_weights_that_score, world_open, world_close),
        cmocka_unit_test_setup_teardown(neither_the_pump_nor_the_order_of_answers_changes_anything, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_restart_at_any_point_ends_the_same_and_trains_nothing_twice, world_open, world_close),
        cmocka_unit_test_setup_teardown(equal_trainings_are_still_equal_after_a_restart, world_open, world_close),
        cmocka_unit_test_setup_teardown(training_that_fails_is_told_and_ends_the_study, world_open, world_close),
        cmocka_unit_test_setup_teardown(saved_weights_that_are_gone_are_told, world_open, world_close),
        cmocka_unit_test_setup_teardown(snapshots_of_no_course_are_refused, world_open, world_close),
        cmocka_unit_test_setup_teardown(weights_have_the_key_of_all_that_they_depend_on, world_open, world_close),
    };
    return TEST_RUN(tests);
}
