/* config: what study files may say, each way of getting one wrong, defaults, overrides, and settings as text and back. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "common/config.h"
#include "common/config_rules.h"
#include "common/fileio.h"
#include "common/oneshot.h"
#include "common/rng.h"

/* A folder with `table.csv` and `ref.bundle` beside the study file, made by setup; each test writes study.yaml into it. */
static char folder[64], study_path[96];

static int make_folder(void **state)
{
    (void)state;
    char path[128];
    struct status status;
    snprintf(folder, sizeof folder, "/tmp/hwnas-test-config-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(study_path, sizeof study_path, "%s/study.yaml", folder);
    snprintf(path, sizeof path, "%s/table.csv", folder);
    if (fileio_write(path, "x", 1, &status) != STATUS_OK)
        return -1;
    snprintf(path, sizeof path, "%s/ref.bundle", folder);
    return fileio_write(path, "x", 1, &status) == STATUS_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"study.yaml", "table.csv", "ref.bundle"};
    char path[128];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static enum status_code load(const char *text, const char *override, struct config_study **out, struct status *status)
{
    const char *overrides[] = {override};
    assert_ok(fileio_write(study_path, text, strlen(text), status), *status);
    status->message[0] = '\0';
    return config_load(study_path, overrides, override != NULL ? 1 : 0, out, status);
}

static struct config_study *load_ok(const char *text, const char *override)
{
    struct config_study *study = NULL;
    struct status status;
    assert_ok(load(text, override, &study, &status), status);
    return study;
}

#define TABLE_FITNESS "fitness: {source: table, file: table.csv, column: acc}\n"
#define SMALLEST "name: s\nspace: nb201\n" TABLE_FITNESS

static void the_smallest_study_gets_every_documented_default(void **state)
{
    (void)state;
    struct config_study *study = load_ok(SMALLEST, NULL);
    assert_string_equal(study->strategy.name, "evrsnas");
    assert_int_equal(study->strategy.population, 20);
    assert_int_equal(study->strategy.generations, 100);
    assert_int_equal(study->strategy.tournament, 5);
    assert_int_equal(study->strategy.elites, 1);
    assert_near(study->strategy.mutation, 0.1, 0, 0);
    assert_near(study->strategy.lambda, 2, 0, 0);
    assert_false(study->strategy.plain);
    assert_int_equal(study->strategy.mode, CONFIG_MODE_GENERATIONS);
    assert_int_equal(study->strategy.in_flight, 20);
    assert_true(study->strategy.diversity);
    assert_int_equal(study->strategy.warmup, 100);
    assert_int_equal(study->strategy.positives, 100);
    assert_near(study->strategy.quantile, 0.05, 0, 0);
    assert_int_equal(study->strategy.pool, 1000);
    assert_int_equal(study->strategy.trees, 30);
    assert_int_equal(study->strategy.consensus, 20);
    assert_int_equal(study->cost_count, 0);
    assert_int_equal(study->network.channels, 16);
    assert_int_equal(study->network.cells, 5);
    assert_int_equal(study->network.classes, 10);
    assert_int_equal(study->network.input_channels, 3);
    assert_int_equal(study->network.input_size, 32);
    assert_int_equal(study->budget.evaluations, 1000);
    assert_true(study->seed == 0);
    config_free(study);
}

static void sizes_left_out_are_those_of_the_space(void **state)
{
    (void)state;
    struct config_study *study = load_ok("name: s\nspace: darts\nnetwork: {channels: 36}\n" TABLE_FITNESS, NULL);
    assert_int_equal(study->network.channels, 36);
    assert_int_equal(study->network.cells, 8);
    assert_int_equal(study->network.classes, 10);
    assert_int_equal(study->network.input_channels, 3);
    assert_int_equal(study->network.input_size, 32);
    config_free(study);
}

#define RMI_FITNESS(space, more) "name: s\nspace: " space "\nfitness: {source: rmi, bundle: ref.bundle" more "}\n"

static void assert_fitness(const struct config_study *study, const char *protocol, const char *combine)
{
    assert_string_equal(study->fitness.protocol, protocol);
    assert_string_equal(study->fitness.combine, combine);
}

static void phi_and_macs_are_combined_where_their_scale_is_known(void **state)
{
    (void)state;
    static const char *const texts[] = {RMI_FITNESS("nb201", ""), RMI_FITNESS("nb201", ", combine: none"),
                                        RMI_FITNESS("nb201", ", protocol: rmi-full"), RMI_FITNESS("darts", ""),
                                        RMI_FITNESS("fbnet", "")};
    static const char *const kept[][2] = {
        {"rmi-fast-2", "macs+deep"}, {"rmi-fast-2", "none"}, {"rmi-full", "none"}, {"rmi-fast", "none"}, {"rmi-fast", "none"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct config_study *study = load_ok(texts[i], NULL);
        assert_fitness(study, kept[i][0], kept[i][1]);
        config_free(study);
    }
}

static uint32_t finalists_of(const char *text, const char *change)
{
    struct config_study *study = load_ok(text, change);
    uint32_t finalists = study->fitness.finalists;
    assert_true((finalists > 0) == (study->fitness.finals != NULL));
    if (finalists > 0)
        assert_string_equal(study->fitness.finals, "final-1");
    config_free(study);
    return finalists;
}

#define LIMITED "costs: [{source: macs, max: 5e7}, {source: params}]\n"

static void finals_are_the_default_where_one_best_is_looked_for_by_the_default_fitness(void **state)
{
    (void)state;
    static const char none[] = RMI_FITNESS("nb201", "") "costs: [{source: macs}]\n";
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), NULL), CONFIG_FINALISTS);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", "") LIMITED, NULL), CONFIG_FINALISTS);
    assert_int_equal(finalists_of(none, NULL), 0); /* a front is looked for */
    assert_int_equal(finalists_of(none, "fitness.finalists=7"), 7);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), "fitness.finalists=0"), 0);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ", finals: final-1"), "fitness.finalists=3"), 3);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ", combine: none"), NULL), 0);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ", combine: none"), "fitness.finalists=3"), 3);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ", protocol: rmi-full"), NULL), 0);
    assert_int_equal(finalists_of(RMI_FITNESS("darts", ""), NULL), 0);
}

/* They shall not take longer than the search. */
static void a_small_budget_has_fewer_finalists(void **state)
{
    (void)state;
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), "budget.evaluations=0"), CONFIG_FINALISTS);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), "budget.evaluations=100"), 20);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), "budget.evaluations=54"), 10);
    assert_int_equal(finalists_of(RMI_FITNESS("nb201", ""), "budget.evaluations=4"), 0);
}

/* Settings stored before `combine` was there, and before rmi-fast changed, mean what they meant then; those stored now come back.
 */
static void stored_settings_keep_their_meaning(void **state)
{
    (void)state;
    static const char then[] = "name: s\nspace: nb201\nfitness:\n  source: rmi\n  bundle: /ref.bundle\n  protocol: rmi-fast\n";
    struct config_study *old = NULL, *new = load_ok(RMI_FITNESS("nb201", ""), NULL), *again = NULL;
    struct status status;
    char difference[320], *text;
    assert_ok(config_parse(then, strlen(then), "the database", &old, &status), status);
    assert_fitness(old, "rmi-fast-1", "none");
    assert_int_equal(old->fitness.finalists, 0);
    assert_true(config_difference(old, new, difference, sizeof difference));
    assert_non_null(strstr(difference, "fitness.protocol: rmi-fast-1 there, rmi-fast-2 here"));
    assert_non_null(strstr(difference, "fitness.combine: none there, macs+deep here"));
    assert_ok(config_text(new, &text, &status), status);
    assert_ok(config_parse(text, strlen(text), "the database", &again, &status), status);
    assert_fitness(again, "rmi-fast-2", "macs+deep");
    assert_int_equal(again->fitness.finalists, CONFIG_FINALISTS);
    assert_string_equal(again->fitness.finals, "final-1");
    assert_false(config_difference(again, new, difference, sizeof difference));
    free(text);
    config_free(old);
    config_free(new);
    config_free(again);
}

static void flow_and_block_style_mean_the_same(void **state)
{
    (void)state;
    struct config_study *flow = load_ok(SMALLEST "strategy: {name: evrsnas, population: 30, generations: 7}\n"
                                                 "costs: [{name: latency_ms, source: table, file: table.csv, device: fpga, "
                                                 "dataset: cifar100, max: 4.0}]\nseed: 1\n",
                                        NULL);
    struct config_study *block = load_ok(SMALLEST "strategy:\n  name: evrsnas\n  population: 30\n  generations: 7\ncosts:\n"
                                                  "  - name: latency_ms\n    source: table\n    file: table.csv\n    device: fpga\n"
                                                  "    dataset: cifar100\n    max: 4.0\nseed: 1\n",
                                         NULL);
    char difference[256];
    assert_int_equal(flow->strategy.population, 30);
    assert_string_equal(flow->costs[0].column, "latency_ms");
    assert_true(flow->costs[0].has_max);
    assert_near(flow->costs[0].max, 4.0, 0, 0);
    assert_false(config_difference(flow, block, difference, sizeof difference));
    config_free(flow);
    config_free(block);
}

static void files_are_found_beside_the_study_and_made_absolute(void **state)
{
    (void)state;
    struct config_study *study = load_ok(SMALLEST, NULL);
    char want[96];
    snprintf(want, sizeof want, "%s/table.csv", folder);
    assert_string_equal(study->fitness.file, want);
    config_free(study);
}

static void files_are_found_in_the_current_folder_too(void **state)
{
    (void)state;
    struct config_study *study = load_ok("name: s\nspace: nb201\nfitness: {source: table, file: Makefile, column: c}\n", NULL);
    assert_non_null(strstr(study->fitness.file, "/Makefile"));
    assert_int_equal(study->fitness.file[0], '/');
    config_free(study);
}

#define ONESHOT_FITNESS(space, more)                                                                                               \
    "name: s\nspace: " space "\nfitness: {source: oneshot, images: ref.bundle, validation: table.csv" more "}\n"

/* The files need only be there. */
static void a_one_shot_net_is_trained_as_its_strategy_has_it(void **state)
{
    (void)state;
    struct status status;
    struct oneshot_protocol protocol;
    char *text = NULL;
    struct config_study *study = load_ok(ONESHOT_FITNESS("nb201", ""), NULL), *again = NULL;
    config_oneshot_protocol(study, &protocol);
    assert_int_equal(study->fitness.oneshot.train, CONFIG_TRAIN_BEFORE);
    assert_true(protocol.epochs == 50 && protocol.channels == 16 && protocol.cells == 5 && !protocol.single_path);
    config_free(study);
    study = load_ok(
        ONESHOT_FITNESS("darts", ", paths: single, channels: 4, statistics: batch") "strategy: {name: evnas, generations: 30}\n",
        NULL);
    config_oneshot_protocol(study, &protocol);
    assert_int_equal(study->fitness.oneshot.train, CONFIG_TRAIN_POPULATION);
    assert_true(protocol.epochs == 30 && protocol.channels == 4 && protocol.single_path && protocol.batch_statistics);
    assert_ok(config_text(study, &text, &status), status);
    assert_null(strstr(text, "bundle:"));
    assert_ok(config_parse(text, strlen(text), "settings", &again, &status), status);
    char difference[256];
    assert_false(config_difference(study, again, difference, sizeof difference));
    again->fitness.oneshot.clip_norm = 1;
    assert_true(config_difference(study, again, difference, sizeof difference));
    assert_string_equal(difference, "fitness.clip_norm: 5 there, 1 here");
    free(text);
    config_free(again);
    config_free(study);
}

/* Where a source has no use for a key, its settings do not have it. */
static void settings_have_the_keys_of_their_source_alone(void **state)
{
    (void)state;
    struct status status;
    char *text = NULL, difference[256];
    struct config_study *study = load_ok(SMALLEST, NULL), *other = load_ok(ONESHOT_FITNESS("nb201", ""), NULL);
    assert_ok(config_text(study, &text, &status), status);
    assert_null(strstr(text, "epochs"));
    assert_true(config_difference(study, other, difference, sizeof difference));
    assert_non_null(strstr(difference, "fitness.source: table there, oneshot here"));
    free(text);
    config_free(study);
    config_free(other);
}

static void a_cost_that_is_only_limited_needs_a_limit(void **state)
{
    (void)state;
    struct config_study *study = load_ok(SMALLEST "costs: [{source: macs}, {source: params, max: 1e6, limit_only: true}]\n", NULL);
    struct status status;
    assert_false(study->costs[0].limit_only);
    assert_true(study->costs[1].limit_only);
    config_free(study);
    assert_int_equal(load(SMALLEST "costs: [{source: macs, limit_only: true}]\n", NULL, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "costs.0.limit_only"));
}

static void costs_of_agents_and_counts_name_themselves(void **state)
{
    (void)state;
    struct config_study *study = load_ok(SMALLEST "costs: [{source: agent}, {source: macs}, {source: params, max: 1e6}]\n", NULL);
    assert_string_equal(study->costs[0].name, "latency_ms");
    assert_string_equal(study->costs[0].device, "host");
    assert_string_equal(study->costs[1].name, "macs");
    assert_string_equal(study->costs[2].name, "params");
    config_free(study);
}

static void an_agent_measures_latency_and_energy(void **state)
{
    (void)state;
    struct status status = {0};
    struct config_study *study =
        load_ok(SMALLEST "costs: [{source: agent, column: latency_ms}, {source: agent, column: energy_mj}, "
                         "{name: e, source: agent, column: energy_mj, device: x}, {name: on_y, source: agent, device: y}]\n",
                NULL);
    assert_string_equal(study->costs[0].name, "latency_ms");
    assert_null(study->costs[0].column);
    assert_string_equal(study->costs[1].name, "energy_mj");
    assert_string_equal(study->costs[1].column, "energy_mj");
    assert_string_equal(study->costs[2].name, "e");
    assert_string_equal(study->costs[2].column, "energy_mj");
    assert_null(study->costs[3].column);
    config_free(study);
    study = load_ok(SMALLEST "costs: [{name: energy_mj, source: agent}]\n", NULL);
    assert_string_equal(study->costs[0].column, "energy_mj");
    config_free(study);
    assert_int_equal(load(SMALLEST "costs: [{source: agent, column: power}]\n", NULL, &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "costs.0.column"));
}

static void seeds_reach_the_last_64_bit_number(void **state)
{
    (void)state;
    struct config_study *study = load_ok(SMALLEST "seed: 18446744073709551615\n", NULL);
    assert_true(study->seed == UINT64_MAX);
    config_free(study);
}

static void overrides_change_add_and_reach_into_lists(void **state)
{
    (void)state;
    static const char text[] = SMALLEST "costs: [{source: macs, max: 9}, {source: params}]\nstrategy: {population: 30}\n";
    struct config_study *study = load_ok(text, "strategy.population=50");
    assert_int_equal(study->strategy.population, 50);
    config_free(study);
    study = load_ok(text, "budget.evaluations=77");
    assert_int_equal(study->budget.evaluations, 77);
    config_free(study);
    study = load_ok(text, "costs.0.max=4.5");
    assert_near(study->costs[0].max, 4.5, 0, 0);
    assert_false(study->costs[1].has_max);
    config_free(study);
    study = load_ok(text, "name=other");
    assert_string_equal(study->name, "other");
    config_free(study);
}

/* Each wrong study: what is appended to, or replaces, the smallest one, an override, and what the sentence must contain. */
struct wrong {
    const char *text, *override, *place, *sentence;
};

static const struct wrong wrongs[] = {
    {SMALLEST "stratgy: {population: 3}\n", NULL, "study.yaml:4: stratgy: ", "did you mean strategy?"},
    {SMALLEST "strategy:\n  population: 20\n  popluation: 3\n", NULL,
     "study.yaml:6: strategy.popluation: ", "did you mean population?"},
    {SMALLEST "costs:\n  - source: macs\n  - source: macs\n    nam: x\n", NULL,
     "study.yaml:7: costs.1.nam: ", "did you mean name?"},
    {SMALLEST "strategy: {population: many}\n", NULL, "study.yaml:4: strategy.population: ", "'many' is not a whole number from 2"},
    {SMALLEST "strategy: {population: -5}\n", NULL, "study.yaml:4: strategy.population: ", "'-5' is not a whole number"},
    {SMALLEST "strategy: {population: 1}\n", NULL, "study.yaml:4: strategy.population: ", "from 2 to 100000"},
    {SMALLEST "strategy: {population: 99999999999999999999999}\n", NULL, "strategy.population: ", "not a whole number"},
    {SMALLEST "strategy: {mutation: 1.5}\n", NULL, "strategy.mutation: ", "'1.5' is not a number from 0 to 1"},
    {SMALLEST "strategy: {mutation: 0..1}\n", NULL, "strategy.mutation: ", "'0..1' is not a number"},
    {SMALLEST "strategy: {mutation: nan}\n", NULL, "strategy.mutation: ", "'nan' is not a number"},
    {SMALLEST "strategy: {lambda: 1e999}\n", NULL, "strategy.lambda: ", "'1e999' is not a number"},
    {SMALLEST "strategy: {plain: flase}\n", NULL, "strategy.plain: ", "'flase' is neither true nor false"},
    {SMALLEST "strategy: {population: 4}\n", NULL, "strategy.tournament: ", "5 draws more candidates than the population of 4"},
    {SMALLEST "strategy: {elites: 20}\n", NULL, "strategy.elites: ", "leaves no room for offspring"},
    {SMALLEST "strategy: evrsnas\n", NULL, "study.yaml:4: strategy: ", "must be settings of its own"},
    {SMALLEST "strategy: {name: [a]}\n", NULL, "study.yaml:4: strategy.name: ", "must be one value"},
    {SMALLEST "strategy: {population: }\n", NULL, "study.yaml:4: strategy.population: ", "has no value"},
    {SMALLEST "seed: 18446744073709551616\n", NULL, "study.yaml:4: seed: ", "is not a whole number from 0 to 18446744073709551615"},
    {SMALLEST "seed: -1\n", NULL, "study.yaml:4: seed: ", "'-1' is not a whole number"},
    {SMALLEST "seed: 1\nseed: 2\n", NULL, "seed: ", "is given twice"},
    {SMALLEST "costs: {source: macs}\n", NULL, "study.yaml:4: costs: ", "must be a list"},
    {SMALLEST "costs: [macs]\n", NULL, "costs.0: ", "must be settings of its own"},
    {SMALLEST "costs: [{max: 3}]\n", NULL, "costs.0.source: ", "is missing: give table, agent, macs, params or lut"},
    {SMALLEST "costs: [{source: mac}]\n", NULL, "costs.0.source: ", "'mac' is not one of its words"},
    {SMALLEST "costs: [{source: table, file: table.csv}]\n", NULL, "costs.0.name: ", "is missing"},
    {SMALLEST "costs: [{source: table, name: latency_ms}]\n", NULL, "costs.0.file: ", "source table needs it"},
    {SMALLEST "costs: [{source: macs, device: host}]\n", NULL, "costs.0.device: ", "means nothing with source macs"},
    {SMALLEST "costs: [{source: macs, max: 0}]\n", NULL, "costs.0.max: ", "'0' is not a number above 0"},
    {SMALLEST "costs: [{source: macs}, {source: macs}]\n", NULL, "costs.1.name: ", "names an earlier cost already"},
    {SMALLEST "costs: [{source: macs, name: 'a b'}]\n", NULL, "costs.0.name: ", "is not a name"},
    {SMALLEST
     "costs: [{source: macs, name: a}, {source: macs, name: b}, {source: macs, name: c}, {source: macs, name: d}, {source: macs, "
     "name: e}, {source: macs, name: f}, {source: macs, name: g}, {source: macs, name: h}, {source: macs, name: i}]\n",
     NULL, "costs", "at most 8 costs"},
    {SMALLEST "budget: {evaluations: &n 3}\nseed: *n\n", NULL, "seed: ", "aliases"},
    {SMALLEST "---\nname: t\n", NULL, "study.yaml:5: ", "second document"},
    {SMALLEST "strategy: {population: 3\n", NULL, "study.yaml:5: ", "is not YAML"},
    {"", NULL, "study.yaml:1: ", "is empty"},
    {"- name\n", NULL, "study.yaml:1: ", "must consist of `key: value` settings"},
    {"space: nb201\n" TABLE_FITNESS, NULL, "study.yaml:1: name: ", "is missing"},
    {"name: s\n" TABLE_FITNESS, NULL, "space: ", "is missing"},
    {"name: s\nspace: nb201\n", NULL, "fitness.source: ", "is missing: give rmi, table or oneshot"},
    {"name: s\nspace: nb202\n" TABLE_FITNESS, NULL, "study.yaml:2: space: ", "known: nb201, darts"},
    {"name: a/b\nspace: nb201\n" TABLE_FITNESS, NULL, "study.yaml:1: name: ", "'a/b' is not a name"},
    {"name: -x\nspace: nb201\n" TABLE_FITNESS, NULL, "study.yaml:1: name: ", "not beginning with"},
    {"name: 0123456789012345678901234567890123456789012345678901234567890123\nspace: nb201\n" TABLE_FITNESS, NULL,
     "study.yaml:1: name: ", "at most 63"},
    {"name: s\nspace: nb201\nfitness: {source: rmi}\n", NULL, "study.yaml:3: fitness.bundle: ", "`hwnas reference build`"},
    {"name: s\nspace: nb201\nfitness: {source: rmi, bundle: ref.bundle, column: x}\n", NULL,
     "fitness.column: ", "means nothing with source rmi"},
    {"name: s\nspace: nb201\nfitness: {source: rmi, bundle: ref.bundle, protocol: rmi-slow}\n", NULL,
     "fitness.protocol: ", "rmi-fast"},
    {RMI_FITNESS("nb201", ", combine: params"), NULL,
     "study.yaml:3: fitness.combine: ", "'params' is not one of its words; give macs+deep, macs or none"},
    {RMI_FITNESS("darts", ", combine: macs"), NULL, "study.yaml:3: fitness.combine: ", "in the space darts was not measured"},
    {RMI_FITNESS("nb201", ", finalists: 3, finals: best"), NULL, "study.yaml:3: fitness.finalists: ", "there are no finals 'best'"},
    {RMI_FITNESS("darts", ", finalists: 3"), NULL, "study.yaml:3: fitness.finalists: ", "leave it out, or take 0"},
    {RMI_FITNESS("nb201", ", protocol: rmi-full, finalists: 3"), NULL, "study.yaml:3: fitness.finalists: ", "for rmi-full"},
    {RMI_FITNESS("nb201", ", finalists: 1001"), NULL, "study.yaml:3: fitness.finalists: ", "1000"},
    {SMALLEST, "fitness.finalists=3", "fitness.finalists: ", "means nothing with source table"},
    {SMALLEST, "fitness.combine=macs", "fitness.combine: ", "means nothing with source table"},
    {SMALLEST, "fitness.epochs=3", "fitness.epochs: ", "means nothing with source table"},
    {"name: s\nspace: nb201\nfitness: {source: oneshot, images: ref.bundle}\n", NULL, "fitness.validation: ", "is missing"},
    {ONESHOT_FITNESS("nb201", ", train: population"), NULL, "fitness.train: ", "strategy evrsnas compares candidates"},
    {ONESHOT_FITNESS("nb201", "") "strategy: {name: evnas, population: 2000}\n", NULL,
     "strategy.population: ", "more than the 1024"},
    {ONESHOT_FITNESS("fbnet", ""), NULL, "study.yaml:2: space: ", "has no one-shot net"},
    {"name: s\nspace: nb201\nfitness: {source: table, column: x}\n", NULL, "fitness.file: ", "source table needs it"},
    {"name: s\nspace: nb201\nfitness: {source: table, file: table.csv}\n", NULL, "fitness.column: ", "source table needs it"},
    {"name: s\nspace: nb201\nfitness: {source: table, file: nowhere.csv, column: x}\n", NULL,
     "study.yaml:3: fitness.file: ", "nowhere.csv is neither beside the study file"},
    {"name: s\nspace: nb201\nfitness: {source: table, file: /nowhere.csv, column: x}\n", NULL, "fitness.file: ", "No such file"},
    {SMALLEST, "strategy.population=x", "--set strategy.population: ", "'x' is not a whole number"},
    {SMALLEST, "strategy.popluation=3", "--set strategy.popluation: ", "did you mean population?"},
    {SMALLEST, "costs.0.max=3", "--set costs: ", "must be a list"},
    {SMALLEST "costs: [{source: macs}]\n", "costs.1.max=3", "--set costs.1.max=3: ", "no such setting"},
    {SMALLEST, "name.first=3", "--set name.first=3: ", "no such setting"},
    {SMALLEST, "strategy", "--set strategy: ", "must be KEY.PATH=VALUE"},
    {SMALLEST, "seed=", "--set seed: ", "has no value"},
};

static void every_wrong_study_is_refused_naming_place_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct config_study *study = NULL;
        struct status status;
        enum status_code code = load(wrongs[i].text, wrongs[i].override, &study, &status);
        if (code != STATUS_BAD_INPUT || strstr(status.message, wrongs[i].place) == NULL ||
            strstr(status.message, wrongs[i].sentence) == NULL)
            fail_msg("case %zu:\n%s\ngave %s: %s\nwanted '%s' and '%s'", i, wrongs[i].text, status_name(code), status.message,
                     wrongs[i].place, wrongs[i].sentence);
    }
}

static void a_missing_study_file_is_said_to_be_missing(void **state)
{
    (void)state;
    struct config_study *study = NULL;
    struct status status;
    assert_int_equal(config_load("/nowhere/study.yaml", NULL, 0, &study, &status), STATUS_NOT_FOUND);
    assert_non_null(strstr(status.message, "/nowhere/study.yaml"));
}

static void a_missing_file_names_both_places_it_was_looked_for(void **state)
{
    (void)state;
    struct config_study *study = NULL;
    struct status status;
    char here[256];
    assert_non_null(getcwd(here, sizeof here));
    load("name: s\nspace: nb201\nfitness: {source: rmi, bundle: gone.bundle}\n", NULL, &study, &status);
    assert_non_null(strstr(status.message, folder));
    assert_non_null(strstr(status.message, here));
}

static void deep_nesting_and_alias_bombs_end_in_a_sentence(void **state)
{
    (void)state;
    struct config_study *study = NULL;
    struct status status;
    char deep[20001];
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_int_equal(load(deep, NULL, &study, &status), STATUS_BAD_INPUT);
    assert_int_equal(load("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n",
                          "seed=1", &study, &status),
                     STATUS_BAD_INPUT);
}

/* Bytes changed, dropped and doubled at random: every outcome is a study or a sentence. */
static void damaged_settings_end_in_a_study_or_a_sentence(void **state)
{
    (void)state;
    static const char text[] =
        "name: s\nspace: nb201\nstrategy: {population: 30, mutation: 0.2}\nfitness:\n  source: table\n  file: "
        "/a.csv\n  column: \"c\"\ncosts:\n  - {name: 'x', source: table, file: /b.csv, max: 4}\nseed: 7\n";
    static const char odd[] = "{}[]:,&*!|>'\"%@`#-? \n\t\x01\xff\xc3(";
    struct rng rng;
    rng_seed(&rng, 20260101);
    for (int round = 0; round < 4000; round++) {
        char damaged[sizeof text + 8];
        size_t size = sizeof text - 1;
        struct config_study *study = NULL;
        struct status status = {.message = ""};
        memcpy(damaged, text, size);
        for (uint64_t changes = 1 + rng_below(&rng, 4); changes > 0; changes--)
            damaged[rng_below(&rng, size)] = odd[rng_below(&rng, sizeof odd - 1)];
        if (rng_below(&rng, 8) == 0)
            size = rng_below(&rng, size);
        enum status_code code = config_parse(damaged, size, "damaged", &study, &status);
        if (code == STATUS_OK ? study == NULL : strncmp(status.message, "damaged", 7) != 0)
            fail_msg("round %d: %s '%s' for\n%.*s", round, status_name(code), status.message, (int)size, damaged);
        config_free(study);
    }
}

static void files_above_a_mebibyte_are_refused(void **state)
{
    (void)state;
    struct config_study *study = NULL;
    struct status status;
    size_t size = (1 << 20) + 1;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, '#', size);
    text[size] = '\0';
    assert_int_equal(load(text, NULL, &study, &status), STATUS_BAD_INPUT);
    free(text);
}

#define FULL                                                                                                                       \
    SMALLEST "strategy: {mutation: 0.123456789012345678, lambda: 1e-7}\ncosts: [{name: latency_ms, source: table, file: "          \
             "table.csv, device: 'a: \"b\" #c', dataset: \"tab\\there\", max: 0.1}, {name: on_host, source: agent}]\nseed: "       \
             "18446744073709551615\n"

static void settings_as_text_are_read_back_and_printed_the_same(void **state)
{
    (void)state;
    struct status status;
    char *text = NULL, *again = NULL, difference[256];
    struct config_study *study = load_ok(FULL, NULL), *back = NULL;
    assert_ok(config_text(study, &text, &status), status);
    assert_ok(config_parse(text, strlen(text), "stored settings", &back, &status), status);
    assert_ok(config_text(back, &again, &status), status);
    assert_string_equal(text, again);
    assert_true(study->strategy.mutation == back->strategy.mutation);
    assert_string_equal(back->costs[0].device, "a: \"b\" #c");
    assert_string_equal(back->costs[0].dataset, "tab\there");
    assert_false(config_difference(study, back, difference, sizeof difference));
    free(text);
    free(again);
    config_free(study);
    config_free(back);
}

static void stored_settings_must_have_absolute_paths(void **state)
{
    (void)state;
    struct config_study *study = NULL;
    struct status status;
    assert_int_equal(config_parse(SMALLEST, strlen(SMALLEST), "stored settings", &study, &status), STATUS_BAD_INPUT);
    assert_non_null(strstr(status.message, "absolute"));
}

static void differences_are_named_with_both_values(void **state)
{
    (void)state;
    char difference[256];
    struct config_study *there = load_ok(FULL, NULL), *here = load_ok(FULL, "strategy.population=30");
    assert_true(config_difference(there, here, difference, sizeof difference));
    assert_string_equal(difference, "strategy.population: 20 there, 30 here");
    config_free(here);
    here = load_ok(FULL, "costs.1.max=3");
    assert_true(config_difference(there, here, difference, sizeof difference));
    assert_string_equal(difference, "costs.1.max: none there, 3 here");
    config_free(here);
    here = load_ok(SMALLEST, NULL);
    assert_true(config_difference(there, here, difference, 40));
    assert_int_equal(strlen(difference), 39);
    config_free(here);
    config_free(there);
}

static void paths_are_not_differences(void **state)
{
    (void)state;
    char difference[256];
    struct config_study *there = load_ok(SMALLEST, NULL), *here = load_ok(SMALLEST, "fitness.file=ref.bundle");
    assert_false(config_difference(there, here, difference, sizeof difference));
    config_free(there);
    config_free(here);
}

static void every_key_stands_in_the_study_documentation(void **state)
{
    (void)state;
    void *data = NULL;
    size_t size, count;
    struct status status;
    assert_ok(fileio_read("docs/STUDY.md", 1 << 20, &data, &size, &status), status);
    const struct config_rule *rules = config_rules(&count);
    for (size_t i = 0; i < count; i++) {
        char row[128];
        const char *section = config_section_key((enum config_section)rules[i].section);
        snprintf(row, sizeof row, "| `%s%s%s` |", section != NULL ? section : "",
                 section == NULL                   ? ""
                 : rules[i].section == CONFIG_COST ? ".N."
                                                   : ".",
                 rules[i].key);
        if (strstr(data, row) == NULL)
            fail_msg("docs/STUDY.md has no row beginning %s", row);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_study_gets_every_documented_default),
        cmocka_unit_test(sizes_left_out_are_those_of_the_space),
        cmocka_unit_test(phi_and_macs_are_combined_where_their_scale_is_known),
        cmocka_unit_test(finals_are_the_default_where_one_best_is_looked_for_by_the_default_fitness),
        cmocka_unit_test(a_small_budget_has_fewer_finalists),
        cmocka_unit_test(stored_settings_keep_their_meaning),
        cmocka_unit_test(flow_and_block_style_mean_the_same),
        cmocka_unit_test(files_are_found_beside_the_study_and_made_absolute),
        cmocka_unit_test(files_are_found_in_the_current_folder_too),
        cmocka_unit_test(a_one_shot_net_is_trained_as_its_strategy_has_it),
        cmocka_unit_test(settings_have_the_keys_of_their_source_alone),
        cmocka_unit_test(a_cost_that_is_only_limited_needs_a_limit),
        cmocka_unit_test(costs_of_agents_and_counts_name_themselves),
        cmocka_unit_test(an_agent_measures_latency_and_energy),
        cmocka_unit_test(seeds_reach_the_last_64_bit_number),
        cmocka_unit_test(overrides_change_add_and_reach_into_lists),
        cmocka_unit_test(every_wrong_study_is_refused_naming_place_and_key),
        cmocka_unit_test(a_missing_study_file_is_said_to_be_missing),
        cmocka_unit_test(a_missing_file_names_both_places_it_was_looked_for),
        cmocka_unit_test(deep_nesting_and_alias_bombs_end_in_a_sentence),
        cmocka_unit_test(damaged_settings_end_in_a_study_or_a_sentence),
        cmocka_unit_test(files_above_a_mebibyte_are_refused),
        cmocka_unit_test(settings_as_text_are_read_back_and_printed_the_same),
        cmocka_unit_test(stored_settings_must_have_absolute_paths),
        cmocka_unit_test(differences_are_named_with_both_values),
        cmocka_unit_test(paths_are_not_differences),
        cmocka_unit_test(every_key_stands_in_the_study_documentation),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name(__FILE__, tests, make_folder, remove_folder);
}
