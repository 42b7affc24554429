/* study_world: see study_world.h. Each program writes its own copy of the table. */
#include "tests/support/study_world.h"

#include <math.h>
#include <string.h>

double world_value(const struct arch *arch, int which)
{
    static const double weight[3][5] = {{0, 0.4, 1.3, 2.1, 0.2}, {0.1, 0.3, 2, 5, 1}, {0.2, 0.1, 9, 4, 3}};
    double sum = 0;
    for (int i = 0; i < arch->length; i++)
        sum += weight[which][arch->genes[i]] * (which == 0 ? 1 + 0.07 * i : 1);
    return sum;
}

static struct arch cell(int number)
{
    struct arch arch = {.length = 6};
    for (int edge = 0; edge < 6; edge++, number /= 5)
        arch.genes[edge] = (uint8_t)(number % 5);
    return arch;
}

/* Every cell but those of number 3 modulo 7 has a latency. */
static void write_tables(const struct world *world)
{
    FILE *out = fopen(world->path, "w");
    assert_non_null(out);
    fprintf(out, "ops,accuracy,energy_mj,latency_ms\n");
    for (int number = 0; number < WORLD_CELLS; number++) {
        struct arch arch = cell(number);
        for (int edge = 0; edge < 6; edge++)
            fputc('0' + arch.genes[edge], out);
        fprintf(out, ",%.6f,%.6f,", world_value(&arch, 0), world_value(&arch, 2));
        if (number % 7 != 3)
            fprintf(out, "%.6f", world_value(&arch, 1));
        fputc('\n', out);
    }
    assert_int_equal(fclose(out), 0);
}

int world_open(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    snprintf(world->path, sizeof world->path, "%s/hwnas-study-%ld.csv", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
             (long)getpid());
    world->costs[0] =
        (struct config_cost){.name = "latency_ms", .source = CONFIG_COST_TABLE, .file = world->path, .has_max = true, .max = 12};
    world->config = (struct config_study){
        .name = "made-up",
        .space = "nb201",
        .strategy =
            {.name = "evrsnas", .population = 20, .generations = 15, .tournament = 5, .elites = 1, .mutation = 0.1, .lambda = 2},
        .fitness = {.source = CONFIG_FITNESS_TABLE,
                    .bundle = "ref.bundle",
                    .protocol = "rmi-fast",
                    .file = world->path,
                    .column = "accuracy"},
        .costs = world->costs,
        .cost_count = 1,
        .network = {16, 1, 10, 3, 32},
        .seed = 5};
    digest_of("bundle", 6, &world->bundle);
    *state = world;
    if (space_open("nb201", &world->space, NULL) != STATUS_OK)
        return -1;
    write_tables(world);
    return 0;
}

int world_close(void **state)
{
    struct world *world = *state;
    tables_free(world->tables);
    unlink(world->path);
    space_close(&world->space);
    free(world);
    return 0;
}

void world_evaluate_outside(struct world *world)
{
    world->config.fitness.source = CONFIG_FITNESS_RMI;
    world->costs[0].source = CONFIG_COST_AGENT;
    world->costs[0].device = "host";
}

struct study *world_study(const struct world *world)
{
    struct study *study = NULL;
    struct status status = {0};
    enum status_code code =
        world->tables != NULL
            ? study_open_shared(&world->config, &world->space, &(struct study_inputs){.bundle = &world->bundle}, world->tables,
                                &study, &status)
            : study_open(&world->config, &world->space, &(struct study_inputs){.bundle = &world->bundle}, &study, &status);
    assert_ok(code, status);
    return study;
}

struct study_counts world_counts(const struct study *study)
{
    struct study_counts got;
    study_count(study, &got);
    return got;
}

struct study_value world_value_of(const struct study_want *want)
{
    bool rmi = want->kind == STUDY_WANT_RMI;
    return (struct study_value){.feasible = world_value(&want->arch, 0) < 9.5 || !rmi,
                                .value = world_value(&want->arch, rmi ? 0 : 1)};
}

void world_answer(struct study *study, const struct study_want *want)
{
    struct study_value value = world_value_of(want);
    study_provide(study, want->key, &value);
}

size_t world_run(struct study *study, struct study_candidate *out)
{
    size_t told = 0;
    struct study_want want;
    while (!study_finished(study)) {
        study_pump(study, 7);
        while (study_want(study, &want))
            world_answer(study, &want);
        while (study_told(study, &out[told]))
            told++;
    }
    return told;
}

size_t world_run_new(const struct world *world, struct study_candidate *out)
{
    struct study *study = world_study(world);
    size_t told = world_run(study, out);
    study_close(study);
    return told;
}

void world_assert_same(const struct study_candidate *got, const struct study_candidate *want)
{
    assert_true(got->ask == want->ask);
    assert_true(got->told == want->told);
    assert_string_equal(got->arch_text, want->arch_text);
    assert_string_equal(got->canonical_text, want->canonical_text);
    assert_string_equal(got->fitness_key, want->fitness_key);
    assert_int_equal(got->cached, want->cached);
    assert_int_equal(got->skipped, want->skipped);
    assert_int_equal(got->connected, want->connected);
    assert_int_equal(got->satisfies, want->satisfies);
    assert_int_equal(got->result.feasible, want->result.feasible);
    assert_true(got->result.fitness == want->result.fitness);
    assert_memory_equal(got->result.costs, want->result.costs, sizeof want->result.costs);
}

void world_assert_all_same(const struct study_candidate *got, size_t count, const struct study_candidate *want, size_t want_count)
{
    assert_int_equal(count, want_count);
    for (size_t i = 0; i < count; i++)
        world_assert_same(&got[i], &want[i]);
}
