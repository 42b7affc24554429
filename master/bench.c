/* bench: opens every search of a matrix and runs them all. Called by cli_bench.c.
 *
 * The rule it keeps: a run writes into its own place alone, so neither the number of threads nor who comes first changes a figure.
 */
#include "master/bench.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench_known {
    struct digest digest;
    struct bench_truth truth;
    struct bench_known *next;
};

/* --- opening --- */

enum { SAMPLES = 100 };

/* The overrides of one search: those of --set, then those of its choices. */
struct overrides {
    const char **texts; /* owned array */
    char **made;        /* owned texts */
    size_t count, made_count;
};

static void free_overrides(struct overrides *overrides)
{
    for (size_t i = 0; i < overrides->made_count; i++)
        free(overrides->made[i]);
    free(overrides->made);
    free(overrides->texts);
}

static enum status_code add_override(struct overrides *overrides, const char *key, const char *value, struct status *status)
{
    char *text;
    if (asprintf(&text, "%s=%s", key, value) < 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for settings");
    overrides->made[overrides->made_count++] = text;
    overrides->texts[overrides->count++] = text;
    return STATUS_OK;
}

static enum status_code start_overrides(const struct bench *bench, struct overrides *out, struct status *status)
{
    const struct bench_options *options = bench->options;
    size_t most = options->override_count + (size_t)BENCH_AXES_MAX * BENCH_KEYS_MAX;
    *out = (struct overrides){.texts = calloc(most, sizeof *out->texts), .made = calloc(most, sizeof *out->made)};
    if (out->texts == NULL || out->made == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for settings");
    for (size_t i = 0; i < options->override_count; i++)
        out->texts[out->count++] = options->overrides[i];
    return STATUS_OK;
}

/* Adds the choices' values: with a truth all of them, limits given as a share turned into numbers; without one all but those.
 * *shares tells how many there are. */
static enum status_code add_choices(const struct bench *bench, const struct bench_search *search, const struct bench_truth *truth,
                                    struct overrides *overrides, size_t *shares, struct status *status)
{
    size_t choice[BENCH_AXES_MAX], cost;
    double share, limit;
    char number[40];
    enum status_code code = STATUS_OK;
    *shares = 0;
    bench_matrix_at(bench->matrix, search->setting, search->method, choice);
    for (size_t i = 0; i < bench->matrix->axis_count; i++) {
        const struct bench_axis *axis = &bench->matrix->axes[i];
        for (size_t k = 0; k < axis->key_count && code == STATUS_OK; k++) {
            const char *key = axis->keys[k], *value = axis->choices[choice[i]].values[k];
            if (*value == '\0' || strcmp(key, BENCH_TEST_COLUMN) == 0)
                continue;
            if (bench_matrix_is_quantile(key, value, &cost, &share)) {
                ++*shares;
                if (truth == NULL)
                    continue;
                if (cost >= truth->costs)
                    return status_set(status, STATUS_BAD_INPUT, "--over %s: there is no such cost; the study has %zu", key,
                                      truth->costs);
                code = bench_truth_limit(truth, cost, share, &limit, status);
                snprintf(number, sizeof number, "%.17g", limit);
                value = number;
            }
            if (code == STATUS_OK)
                code = add_override(overrides, key, value, status);
        }
    }
    return code;
}

/* The column that says how good what this search returns really is: its choice, or else that of the options. */
static const char *test_column_of(const struct bench *bench, const struct bench_search *search)
{
    const char *column = bench->options->test_column;
    size_t choice[BENCH_AXES_MAX];
    bench_matrix_at(bench->matrix, search->setting, search->method, choice);
    for (size_t i = 0; i < bench->matrix->axis_count; i++) {
        const struct bench_axis *axis = &bench->matrix->axes[i];
        for (size_t k = 0; k < axis->key_count; k++)
            if (strcmp(axis->keys[k], BENCH_TEST_COLUMN) == 0 && *axis->choices[choice[i]].values[k] != '\0')
                column = axis->choices[choice[i]].values[k];
    }
    return column;
}

static enum status_code load_config(const struct bench *bench, const struct bench_search *search, const struct bench_truth *truth,
                                    struct config_study **out, size_t *shares, struct status *status)
{
    struct overrides overrides;
    enum status_code code = start_overrides(bench, &overrides, status);
    if (code == STATUS_OK)
        code = add_choices(bench, search, truth, &overrides, shares, status);
    if (code == STATUS_OK)
        code = config_load(bench->options->study_path, overrides.texts, overrides.count, out, status);
    free_overrides(&overrides);
    return code;
}

static enum status_code check_known(const struct config_study *config, struct status *status)
{
    if (config->fitness.source != CONFIG_FITNESS_TABLE)
        return status_set(
            status, STATUS_BAD_INPUT,
            "fitness.source is not table, and a bench trains nothing: what it runs must be known from tables; `hwnas run` "
            "runs this study");
    for (uint32_t i = 0; i < config->cost_count; i++)
        if (config->costs[i].source == CONFIG_COST_AGENT)
            return status_set(
                status, STATUS_BAD_INPUT,
                "costs.%u.source is agent, and a bench measures nothing: give a table, lut, macs or params; `hwnas run` "
                "runs this study",
                i);
    return STATUS_OK;
}

/* All searches walk through one space. */
static enum status_code open_space(struct bench *bench, const struct config_study *config, struct status *status)
{
    if (bench->space_open && strcmp(bench->space.ops->name, config->space) != 0)
        return status_set(status, STATUS_BAD_INPUT, "space: %s here and %s elsewhere in the matrix; a bench has one", config->space,
                          bench->space.ops->name);
    if (bench->space_open)
        return STATUS_OK;
    enum status_code code = space_open(config->space, &bench->space, status);
    bench->space_open = code == STATUS_OK;
    return code;
}

/* The truth of those settings: loaded once. */
static enum status_code find_truth(struct bench *bench, const struct config_study *config, const char *test_column,
                                   const struct bench_truth **out, struct status *status)
{
    struct digest digest;
    bench_truth_digest(config, test_column, &digest);
    for (struct bench_known *known = bench->known; known != NULL; known = known->next) {
        if (memcmp(&known->digest, &digest, sizeof digest) == 0) {
            *out = &known->truth;
            return STATUS_OK;
        }
    }
    struct bench_known *known = calloc(1, sizeof *known);
    if (known == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for what the tables say");
    known->digest = digest;
    enum status_code code = bench_truth_load(config, &bench->space, test_column, bench->tables, &known->truth, status);
    if (code != STATUS_OK) {
        free(known);
        return code;
    }
    known->next = bench->known;
    bench->known = known;
    *out = &known->truth;
    return STATUS_OK;
}

static enum status_code check_target(const struct bench_search *search, struct status *status)
{
    const struct config_study *config = search->config;
    if (search->target.feasible > 0)
        return STATUS_OK;
    for (uint32_t c = 0; c < config->cost_count; c++)
        if (config->costs[c].has_max)
            return status_set(status, STATUS_BAD_INPUT,
                              "no architecture in the tables satisfies the limits (costs.%u.max is %g); raise them", c,
                              config->costs[c].max);
    return status_set(status, STATUS_INTERNAL, "no architecture is feasible");
}

static enum status_code open_search(struct bench *bench, struct bench_search *search, struct status *status)
{
    size_t shares = 0;
    enum status_code code = load_config(bench, search, NULL, &search->config, &shares, status);
    if (code == STATUS_OK)
        code = check_known(search->config, status);
    if (code == STATUS_OK)
        code = open_space(bench, search->config, status);
    if (code == STATUS_OK)
        code = find_truth(bench, search->config, test_column_of(bench, search), &search->truth, status);
    if (code == STATUS_OK && shares > 0) {
        config_free(search->config);
        search->config = NULL;
        code = load_config(bench, search, search->truth, &search->config, &shares, status);
    }
    if (code == STATUS_OK)
        code = bench_target_find(search->truth, search->config, &bench->options->reference, &search->target, status);
    if (code == STATUS_OK)
        code = check_target(search, status);
    if (code != STATUS_OK)
        return code;
    if (bench->options->times.simulated && bench->options->times.evaluation_s > 0 && isnan(search->truth->mean_macs))
        return status_set(status, STATUS_BAD_INPUT,
                          "--seconds: no network can be built from these settings, so its multiply-accumulates are not known");
    search->runs = calloc(bench->options->seeds, sizeof *search->runs);
    return search->runs != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory for %u runs", bench->options->seeds);
}

/* About a hundred samples of the longest search. */
static void choose_samples(struct bench *bench)
{
    uint64_t most = 0;
    for (size_t i = 0; i < bench->search_count; i++) {
        const struct config_study *config = bench->searches[i].config;
        uint64_t asks = (uint64_t)config->strategy.population * config->strategy.generations;
        uint64_t evaluations = config->budget.evaluations != 0 ? config->budget.evaluations : asks;
        if (evaluations > most)
            most = evaluations;
    }
    bench->sample_every = most > SAMPLES ? (uint32_t)((most + SAMPLES - 1) / SAMPLES) : 1;
}

/* Names the search that failed, where there are several. */
static enum status_code blame(const struct bench *bench, const struct bench_search *search, struct status *status)
{
    char setting[BENCH_LABEL_BYTES], method[BENCH_LABEL_BYTES];
    bench_matrix_label(bench->matrix, false, search->setting, setting);
    bench_matrix_label(bench->matrix, true, search->method, method);
    if (*setting == '\0' && *method == '\0')
        return status->code;
    return status_prefix(status, "%s%s%s", setting, *setting != '\0' && *method != '\0' ? " " : "", method);
}

enum status_code bench_open(const struct bench_options *options, const struct bench_matrix *matrix, struct bench *out,
                            struct status *status)
{
    *out = (struct bench){.options = options,
                          .matrix = matrix,
                          .settings = bench_matrix_count(matrix, false),
                          .methods = bench_matrix_count(matrix, true)};
    out->search_count = out->settings * out->methods;
    out->searches = calloc(out->search_count, sizeof *out->searches);
    out->tables = tables_new();
    if (out->searches == NULL || out->tables == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu searches", out->search_count);
    for (size_t i = 0; i < out->search_count; i++) {
        struct bench_search *search = &out->searches[i];
        search->setting = i / out->methods;
        search->method = i % out->methods;
        if (open_search(out, search, status) != STATUS_OK)
            return blame(out, search, status);
    }
    choose_samples(out);
    return STATUS_OK;
}

void bench_close(struct bench *bench)
{
    for (size_t i = 0; bench->searches != NULL && i < bench->search_count; i++) {
        struct bench_search *search = &bench->searches[i];
        for (uint32_t seed = 0; search->runs != NULL && seed < bench->options->seeds; seed++)
            bench_run_free(&search->runs[seed]);
        free(search->runs);
        bench_target_free(&search->target);
        config_free(search->config);
    }
    free(bench->searches);
    for (struct bench_known *known = bench->known, *next; known != NULL; known = next) {
        next = known->next;
        bench_truth_free(&known->truth);
        free(known);
    }
    tables_free(bench->tables);
    if (bench->space_open)
        space_close(&bench->space);
    *bench = (struct bench){.searches = NULL};
}

struct bench_search *bench_search_at(const struct bench *bench, size_t setting, size_t method)
{
    return &bench->searches[setting * bench->methods + method];
}

bool bench_has_test(const struct bench *bench)
{
    for (size_t i = 0; i < bench->search_count; i++)
        if (bench->searches[i].truth->test_table != NULL)
            return true;
    return false;
}

bool bench_is_limited(const struct bench *bench)
{
    for (size_t i = 0; i < bench->search_count; i++)
        for (uint32_t c = 0; c < bench->searches[i].config->cost_count; c++)
            if (bench->searches[i].config->costs[c].has_max)
                return true;
    return false;
}

void bench_method_name(const struct bench *bench, size_t method, char out[BENCH_LABEL_BYTES])
{
    bench_matrix_label(bench->matrix, true, method, out);
    if (*out == '\0')
        snprintf(out, BENCH_LABEL_BYTES, "%s", bench->searches[0].config->strategy.name);
}

void bench_setting_name(const struct bench *bench, size_t setting, char out[BENCH_LABEL_BYTES])
{
    bench_matrix_label(bench->matrix, false, setting, out);
}

/* --- running --- */

/* Shared by the threads of one bench_go. */
struct crew {
    struct bench *bench;
    pthread_mutex_t tables_lock;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t moved;
    size_t next, done, all; /* runs; next of them were begun */
    bool closed;            /* one failed: no more are begun */
    size_t failed_run;      /* the first in the matrix's order; all: none */
    struct status failure;
    atomic_bool stopped;
};

static enum status_code run_one(struct crew *crew, size_t number, struct status *status)
{
    struct bench *bench = crew->bench;
    uint32_t seeds = bench->options->seeds;
    struct bench_search *search = &bench->searches[number / seeds];
    struct bench_case what = {.config = search->config,
                              .space = &bench->space,
                              .truth = search->truth,
                              .target = &search->target,
                              .times = &bench->options->times,
                              .tables = bench->tables,
                              .tables_lock = &crew->tables_lock,
                              .sample_every = bench->sample_every,
                              .stopped = &crew->stopped};
    enum status_code code = bench_run(&what, number % seeds + 1, &search->runs[number % seeds], status);
    return code == STATUS_OK ? code : blame(bench, search, status);
}

static void *work(void *context)
{
    struct crew *crew = context;
    pthread_mutex_lock(&crew->lock);
    while (crew->next < crew->all && !crew->closed && !atomic_load(&crew->stopped)) {
        size_t number = crew->next++;
        struct status status = {0};
        pthread_mutex_unlock(&crew->lock);
        enum status_code code = run_one(crew, number, &status);
        pthread_mutex_lock(&crew->lock);
        crew->done++;
        if (code != STATUS_OK && code != STATUS_UNAVAILABLE && number < crew->failed_run) {
            crew->failed_run = number;
            crew->failure = status;
            crew->closed = true;
        }
        pthread_cond_signal(&crew->moved);
    }
    pthread_mutex_unlock(&crew->lock);
    return NULL;
}

/* Waits for the runs that were begun, looking up from time to time. */
static void watch_over(struct crew *crew, const struct bench_watch *watch)
{
    enum { LOOK_UP_MS = 100 };
    pthread_mutex_lock(&crew->lock);
    while (crew->done < crew->next || (crew->next < crew->all && !crew->closed && !atomic_load(&crew->stopped))) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_UP_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (pthread_cond_timedwait(&crew->moved, &crew->lock, &until) == ETIMEDOUT) {
            watch->progress(watch->context, crew->done, crew->all);
        }
        if (watch->interrupted(watch->context))
            atomic_store(&crew->stopped, true);
    }
    pthread_mutex_unlock(&crew->lock);
}

static void crew_init(struct crew *crew, struct bench *bench)
{
    pthread_condattr_t monotonic;
    *crew = (struct crew){.bench = bench, .all = bench->search_count * bench->options->seeds};
    crew->failed_run = crew->all;
    pthread_mutex_init(&crew->tables_lock, NULL);
    pthread_mutex_init(&crew->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&crew->moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum status_code bench_go(struct bench *bench, uint32_t threads, const struct bench_watch *watch, struct status *status)
{
    struct crew crew;
    enum status_code code = STATUS_OK;
    uint32_t started = 0;
    pthread_t *thread = calloc(threads, sizeof *thread);
    if (thread == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for %u threads", threads);
    crew_init(&crew, bench);
    while (started < threads && pthread_create(&thread[started], NULL, work, &crew) == 0)
        started++;
    if (started == 0)
        code = status_set(status, STATUS_NO_MEMORY, "not one thread could be started");
    else
        watch_over(&crew, watch);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    if (code == STATUS_OK && crew.failed_run < crew.all) {
        *status = crew.failure;
        code = status->code;
    } else if (code == STATUS_OK && atomic_load(&crew.stopped)) {
        code = status_set(status, STATUS_UNAVAILABLE, "interrupted; nothing was written");
    }
    pthread_cond_destroy(&crew.moved);
    pthread_mutex_destroy(&crew.lock);
    pthread_mutex_destroy(&crew.tables_lock);
    free(thread);
    return code;
}
