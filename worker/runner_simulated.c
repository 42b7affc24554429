/* runner_simulated: plays a board. Opened by runner_open for board files with `runner: simulated`.
 *
 * Chance comes from the digest of what it is for: one generator a measurement. Samples take no time; only delay_s
 * and a hang are real, and both end early when the job is cancelled. Called on one thread, but for board, conditions and warning,
 * which read what never changes after opening. */
#include "worker/runner_simulated.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/digest.h"
#include "common/table.h"

/* The least of a latency that noise may leave. */
static const double SAMPLE_LEAST = 0.05;

struct simulated {
    struct runner_simulated_options options; /* its texts are those below, or NULL where they are not kept */
    struct runner_board board;
    char conditions[512], warning[256];
    struct space space;
    bool space_open;
    struct table *latency, *energy;
    int begun; /* measurements */
};

struct prepared {
    const struct runner_simulated_options *options;
    struct runner_job job; /* whom to ask whether it is still wanted; net, space and arch may be gone by now */
    struct rng rng;
    double table_ms, latency_ms; /* of the table; as this board has it */
    double energy_mj;            /* NaN: none */
    int measurement;             /* which one this is, from 0 */
    bool begun;
};

struct runner_simulated_options runner_simulated_defaults(void)
{
    return (struct runner_simulated_options){.lie = 1, .hang_s = 600, .seed = 1};
}

/* --- what the board is called --- */

static void board(const struct runner *runner, struct runner_board *out)
{
    const struct simulated *simulated = runner->state;
    *out = simulated->board;
}

static void conditions(const struct runner *runner, char *out, size_t size)
{
    const struct simulated *simulated = runner->state;
    snprintf(out, size, "%s", simulated->conditions);
}

static bool warning(const struct runner *runner, int i, char *out, size_t size)
{
    const struct simulated *simulated = runner->state;
    if (i != 0)
        return false;
    snprintf(out, size, "%s", simulated->warning);
    return true;
}

static void describe(struct simulated *simulated)
{
    const struct runner_simulated_options *options = &simulated->options;
    struct runner_board *out = &simulated->board;
    char digest[DIGEST_HEX_BYTES];
    snprintf(out->device_key, sizeof out->device_key, "%s", options->device_key);
    snprintf(out->name, sizeof out->name, "%s", options->name);
    out->elsewhere = true;
    out->deterministic = options->deterministic || (options->noise <= 0 && options->spikes <= 0);
    out->peak_macs_per_s = options->peak_macs_per_s;
    out->peak_bytes_per_s = options->peak_bytes_per_s;
    digest_hex(table_digest(simulated->latency), digest);
    snprintf(simulated->conditions, sizeof simulated->conditions,
             "simulated=yes table=%.12s rows=%zu column=%.40s device=%.40s noise=%g spikes=%g drift=%g seed=%llu", digest,
             table_rows(simulated->latency), options->column, options->device == NULL ? "-" : options->device, options->noise,
             options->spikes, options->drift, (unsigned long long)options->seed);
    snprintf(simulated->warning, sizeof simulated->warning,
             "this board is simulated: its latencies are those of %.120s, and nothing is measured", options->table);
}

/* --- the table --- */

struct search {
    const struct space *space;
    struct arch canonical;
    bool found;
    double value;
};

static void compare(void *context, const struct arch *arch, double value)
{
    struct search *search = context;
    struct arch canonical;
    if (search->found)
        return;
    space_canonical(search->space, arch, &canonical);
    search->found = arch_equal(&canonical, &search->canonical);
    search->value = value;
}

/* Tasks name an architecture by its canonical form; a table may hold another of those that the space counts as the same. */
static bool look_up(const struct simulated *simulated, const struct table *table, const struct arch *arch, double *value)
{
    struct search search = {.space = &simulated->space};
    if (table_get(table, arch, value) == 1)
        return true;
    space_canonical(&simulated->space, arch, &search.canonical);
    table_each(table, compare, &search);
    *value = search.value;
    return search.found;
}

/* --- a measurement --- */

static void seed_chance(const struct simulated *simulated, const struct arch *arch, struct rng *rng)
{
    struct digest_stream stream;
    struct digest digest;
    uint64_t words[4];
    digest_begin(&stream);
    digest_text(&stream, "hwnas simulated board");
    digest_u64(&stream, simulated->options.seed);
    digest_bytes(&stream, arch->genes, arch->length);
    digest_u64(&stream, (uint64_t)simulated->begun);
    digest_end(&stream, &digest);
    memcpy(words, digest.bytes, sizeof words);
    rng_from_words(rng, words);
}

static enum status_code find(const struct simulated *simulated, const struct runner_job *job, struct prepared *out,
                             struct runner_note *note, struct status *status)
{
    char text[ARCH_TEXT_BYTES];
    double energy_mj;
    if (strcmp(job->space->ops->name, simulated->space.ops->name) != 0) {
        note->failure = WIRE_FAILURE_UNSUPPORTED_OP;
        return status_set(status, STATUS_UNSUPPORTED, "the simulated board knows networks of %s, and none of %s",
                          simulated->space.ops->name, job->space->ops->name);
    }
    if (!look_up(simulated, simulated->latency, job->arch, &out->table_ms)) {
        note->failure = WIRE_FAILURE_UNSUPPORTED_OP;
        space_print(job->space, job->arch, text);
        return status_set(status, STATUS_UNSUPPORTED, "the simulated board's table has no row for %.300s", text);
    }
    out->energy_mj = NAN;
    if (simulated->energy != NULL && look_up(simulated, simulated->energy, job->arch, &energy_mj))
        out->energy_mj = energy_mj;
    return STATUS_OK;
}

static void *prepare(struct runner *runner, const struct runner_job *job, struct runner_note *note, struct status *status)
{
    struct simulated *simulated = runner->state;
    const struct runner_simulated_options *options = &simulated->options;
    struct prepared *prepared = calloc(1, sizeof *prepared);
    if (prepared == NULL) {
        status_set(status, STATUS_NO_MEMORY, "no memory for a simulated measurement");
        return NULL;
    }
    if (find(simulated, job, prepared, note, status) != STATUS_OK) {
        free(prepared);
        return NULL;
    }
    prepared->options = options;
    prepared->job = (struct runner_job){.cancelled = job->cancelled, .context = job->context};
    prepared->measurement = simulated->begun;
    seed_chance(simulated, job->arch, &prepared->rng);
    simulated->begun++;
    prepared->latency_ms = prepared->table_ms * pow(1 + options->drift, prepared->measurement);
    if (prepared->measurement >= options->lie_after)
        prepared->latency_ms *= options->lie;
    return prepared;
}

/* What becomes of the measurement is decided once, before its first sample; each mischief has a draw of its own. */
static enum status_code meet_fate(struct prepared *prepared, struct runner_note *note, struct status *status)
{
    const struct runner_simulated_options *options = prepared->options;
    bool crashes = rng_uniform(&prepared->rng) < options->crash;
    bool hangs = rng_uniform(&prepared->rng) < options->hang;
    bool fails = rng_uniform(&prepared->rng) < options->fail;
    if (!runner_wait(&prepared->job, options->delay_s))
        return status_set(status, STATUS_UNAVAILABLE, "the measurement was called off");
    if (crashes)
        abort();
    if (hangs && !runner_wait(&prepared->job, options->hang_s))
        return status_set(status, STATUS_UNAVAILABLE, "the measurement was called off while the simulated board hung");
    if (hangs) {
        note->failure = WIRE_FAILURE_TIMEOUT;
        return status_set(status, STATUS_UNAVAILABLE, "the simulated board hung for %.0f s and was given up", options->hang_s);
    }
    if (fails) {
        note->failure = WIRE_FAILURE_CRASHED;
        return status_set(status, STATUS_UNAVAILABLE, "the simulated board failed, as it is told to in %g %% of its measurements",
                          100 * options->fail);
    }
    return STATUS_OK;
}

static double normal(struct rng *rng)
{
    double u = 1 - rng_uniform(rng), v = rng_uniform(rng);
    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static int sample(void *context, double *out_ms, int room, struct runner_note *note, struct status *status)
{
    struct prepared *prepared = context;
    const struct runner_simulated_options *options = prepared->options;
    assert(room >= 1);
    (void)room;
    if (!prepared->begun) {
        if (meet_fate(prepared, note, status) != STATUS_OK)
            return -1;
        note->tool = json_pack("{s:f,s:i}", "table_ms", prepared->table_ms, "measurement", prepared->measurement);
        prepared->begun = true;
    }
    double factor = fmax(SAMPLE_LEAST, 1 + options->noise * normal(&prepared->rng));
    if (rng_uniform(&prepared->rng) < options->spikes)
        factor *= 1 + 2 * rng_uniform(&prepared->rng);
    *out_ms = factor * prepared->latency_ms;
    note->run_seconds = *out_ms / 1000;
    note->energy_mj = factor * prepared->energy_mj;
    note->power_samples = isfinite(prepared->energy_mj) ? 1 : 0;
    return 1;
}

/* --- opening and closing --- */

static void close_simulated(struct runner *runner)
{
    struct simulated *simulated = runner->state;
    if (simulated == NULL)
        return;
    if (simulated->space_open)
        space_close(&simulated->space);
    table_free(simulated->latency);
    table_free(simulated->energy);
    free(simulated);
    runner->state = NULL;
}

static const struct runner_ops simulated_ops = {
    .name = "simulated",
    .board = board,
    .conditions = conditions,
    .warning = warning,
    .prepare = prepare,
    .sample = sample,
    .release = free,
    .close = close_simulated,
};

/* A table of zeroes would make a board whose speed is infinite. */
static enum status_code check_values(const struct simulated *simulated, struct status *status)
{
    const struct runner_simulated_options *options = &simulated->options;
    double least = table_minimum(simulated->latency);
    if (least > 0)
        return STATUS_OK;
    if (isnan(least))
        return status_set(status, STATUS_BAD_INPUT, "%s: column %s has no latency in any row that is asked for", options->table,
                          options->column);
    return status_set(status, STATUS_BAD_INPUT, "%s: column %s has the latency %g, which no board has", options->table,
                      options->column, least);
}

static enum status_code load(struct simulated *simulated, struct status *status)
{
    const struct runner_simulated_options *options = &simulated->options;
    enum status_code code = space_open(options->space, &simulated->space, status);
    simulated->space_open = code == STATUS_OK;
    if (code == STATUS_OK)
        code = table_load(options->table, &simulated->space, options->device, options->dataset, options->column,
                          &simulated->latency, status);
    if (code == STATUS_OK && options->energy_column != NULL)
        code = table_load(options->table, &simulated->space, options->device, options->dataset, options->energy_column,
                          &simulated->energy, status);
    return code == STATUS_OK ? check_values(simulated, status) : code;
}

enum status_code runner_simulated_open(const struct runner_simulated_options *options, struct runner *out, struct status *status)
{
    struct simulated *simulated = calloc(1, sizeof *simulated);
    if (simulated == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the simulated board");
    *out = (struct runner){.ops = &simulated_ops, .state = simulated, .protocol = measure_defaults()};
    simulated->options = *options;
    if (options->seed == 0) /* what an agent measures after a restart is no replay of what it measured before */
        simulated->options.seed = (uint64_t)clock_wall_ms() << 20 ^ (uint64_t)clock_monotonic_ns();
    enum status_code code = load(simulated, status);
    if (code != STATUS_OK) {
        runner_close(out);
        return code;
    }
    describe(simulated);
    /* The texts are the caller's; what is needed of them has been written down. */
    simulated->options.device_key = simulated->options.name = simulated->options.table = simulated->options.space = NULL;
    simulated->options.column = simulated->options.device = simulated->options.dataset = simulated->options.energy_column = NULL;
    return STATUS_OK;
}
