/* job: task -> net -> score, weights or latency -> result. Called on slot threads by the session's slots. */
#include "worker/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/clock.h"
#include "common/line.h"
#include "common/net.h"
#include "worker/evaluate.h"
#include "worker/measure_json.h"
#include "worker/measure_runner.h"
#include "worker/oneshot.h"

enum { TRACE_ROWS_MAX = 4000, WEIGHTS_SEED = 1 };

static void close_space(struct job_bench *bench)
{
    if (bench->space_open)
        space_close(&bench->space);
    bench->space_open = false;
}

void job_bench_close(struct job_bench *bench)
{
    close_space(bench);
    engine_memory_free(&bench->memory);
}

static enum status_code open_space(struct job_bench *bench, const char *name, struct status *status)
{
    if (bench->space_open && strcmp(bench->space.ops->name, name) == 0)
        return STATUS_OK;
    close_space(bench);
    enum status_code code = space_open(name, &bench->space, status);
    bench->space_open = code == STATUS_OK;
    return code;
}

/* The JSON text, or nothing when there is no memory or it would not fit a frame: the value alone is worth having. */
static char *dump(json_t *object)
{
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
    if (text != NULL && strlen(text) > WIRE_DETAIL_MAX) {
        free(text);
        text = NULL;
    }
    return text;
}

/* --- scores --- */

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *trace_row(const struct evaluate_trace *trace, int step)
{
    json_t *row = json_array();
    json_array_append_new(row, json_integer(step));
    for (int tap = 0; tap < trace->taps; tap++)
        json_array_append_new(row, number(trace->rows[step].rmi[tap]));
    json_array_append_new(row, number(trace->rows[step].cross_entropy));
    json_array_append_new(row, number(trace->rows[step].loss));
    return row;
}

static char *trace_detail(const struct evaluate_trace *trace, enum engine_isa isa)
{
    int every = 1 + (trace->steps - 1) / TRACE_ROWS_MAX;
    json_t *rows = json_array();
    for (int step = 0; step < trace->steps; step++) {
        if (step % every == 0 || step == trace->steps - 1)
            json_array_append_new(rows, trace_row(trace, step));
    }
    return dump(json_pack("{s:i,s:i,s:i,s:s,s:I,s:o}", "taps", trace->taps, "steps", trace->steps, "every", every, "isa",
                          isa == ENGINE_ISA_AUTO ? engine_best_isa() : engine_isa_word(isa), "arena_bytes",
                          (json_int_t)trace->arena_bytes, "trace", rows));
}

static bool stop_scoring(void *slot)
{
    return slot_pause(slot);
}

static enum status_code score(struct job_bench *bench, struct slot *slot, const struct wire_task *task, const struct arch *arch,
                              const struct bundle *bundle, struct slot_result *out, struct status *status)
{
    struct evaluate_task work = {.space = &bench->space,
                                 .arch = arch,
                                 .bundle = bundle,
                                 .protocol = &task->protocol,
                                 .seed = task->seed,
                                 .isa = bench->isa,
                                 .memory = &bench->memory,
                                 .cancelled = stop_scoring,
                                 .context = slot};
    struct evaluate_trace trace = {0};
    enum status_code code = evaluate_run(&work, &trace, NULL, NULL, status);
    if (code != STATUS_OK)
        return code;
    out->outcome = trace.feasible ? WIRE_OK : WIRE_INFEASIBLE;
    out->value = trace.feasible ? trace.phi : 0;
    line_of(trace.feasible ? "" : trace.why_not, out->sentence, sizeof out->sentence);
    out->detail = trace_detail(&trace, bench->isa);
    evaluate_trace_free(&trace);
    return STATUS_OK;
}

/* --- one-shot nets --- */

/* *out borrows from all the others. */
static enum status_code describe_work(struct job_bench *bench, struct slot *slot, const struct wire_task *task,
                                      const struct slot_inputs *inputs, struct oneshot_work *out, struct status *status)
{
    const struct wire_oneshot *oneshot = &task->oneshot;
    if (oneshot->mask_rows != space_rows(&bench->space) || !space_mask_valid(&bench->space, &oneshot->mask))
        return status_set(status, STATUS_BAD_INPUT, "a mask that is none of space %s", task->space);
    *out = (struct oneshot_work){.space = &bench->space,
                                 .mask = oneshot->mask,
                                 .protocol = oneshot->protocol,
                                 .seed = task->seed,
                                 .stage = oneshot->stage,
                                 .images = inputs->images,
                                 .weights = inputs->weights,
                                 .validation = inputs->validation,
                                 .pull = oneshot->pull,
                                 .pull_count = oneshot->pull_count,
                                 .isa = bench->isa,
                                 .memory = &bench->memory,
                                 .cancelled = stop_scoring,
                                 .context = slot};
    return STATUS_OK;
}

/* Caller frees *out, NULL when there is none. */
static enum status_code read_schedule(const struct space *space, const struct wire_oneshot *oneshot, struct arch **out,
                                      struct status *status)
{
    const char *text = oneshot->schedule;
    enum status_code code = STATUS_OK;
    *out = oneshot->schedule_count == 0 ? NULL : calloc(oneshot->schedule_count, sizeof **out);
    if (*out == NULL && oneshot->schedule_count > 0)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a schedule of %u", oneshot->schedule_count);
    for (uint32_t i = 0; i < oneshot->schedule_count && code == STATUS_OK; i++, text += strlen(text) + 1)
        code = space_parse(space, text, &(*out)[i], status);
    return code;
}

static enum status_code train(struct job_bench *bench, struct slot *slot, const struct wire_task *task,
                              const struct slot_inputs *inputs, struct slot_result *out, struct status *status)
{
    struct oneshot_work work;
    struct oneshot_trained trained = {0};
    struct arch *schedule = NULL;
    char digest[DIGEST_HEX_BYTES];
    enum status_code code = describe_work(bench, slot, task, inputs, &work, status);
    if (code == STATUS_OK)
        code = read_schedule(&bench->space, &task->oneshot, &schedule, status);
    if (code == STATUS_OK)
        code = oneshot_train(&work, task->oneshot.epoch, task->oneshot.shard, schedule, task->oneshot.schedule_count, &trained,
                             status);
    free(schedule);
    if (code != STATUS_OK)
        return code;
    out->outcome = WIRE_OK;
    out->value = trained.loss;
    out->artifact = trained.weights;
    out->artifact_bytes = trained.bytes;
    digest_of(out->artifact, out->artifact_bytes, &out->artifact_digest);
    digest_hex(&out->artifact_digest, digest);
    out->detail = dump(json_pack("{s:f,s:s,s:I,s:s,s:I}", "loss", trained.loss, "weights", digest, "bytes",
                                 (json_int_t)trained.bytes, "isa", trained.isa, "arena_bytes", (json_int_t)trained.arena_bytes));
    return STATUS_OK;
}

static enum status_code score_by_weights(struct job_bench *bench, struct slot *slot, const struct wire_task *task,
                                         const struct arch *arch, const struct slot_inputs *inputs, struct slot_result *out,
                                         struct status *status)
{
    struct oneshot_work work;
    struct oneshot_score got = {0};
    enum status_code code = describe_work(bench, slot, task, inputs, &work, status);
    if (code == STATUS_OK)
        code = oneshot_score(&work, arch, &got, status);
    if (code != STATUS_OK)
        return code;
    out->outcome = got.feasible ? WIRE_OK : WIRE_INFEASIBLE;
    out->value = got.feasible ? got.accuracy : 0;
    line_of(got.feasible ? "" : got.why_not, out->sentence, sizeof out->sentence);
    if (got.feasible)
        out->detail = dump(json_pack("{s:f,s:f,s:s,s:I}", "accuracy", got.accuracy, "cross_entropy", got.cross_entropy, "isa",
                                     got.isa, "arena_bytes", (json_int_t)got.arena_bytes));
    return STATUS_OK;
}

/* --- measurements --- */

static bool nobody_wants_it(void *slot)
{
    return !slot_holds(slot);
}

static enum status_code take_samples(struct runner *runner, const struct runner_job *job, struct runner_note *note,
                                     struct slot_result *out, struct status *status)
{
    struct measure_result *result = malloc(sizeof *result);
    if (result == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the samples");
    enum status_code code = measure_runner(runner, job, &runner->protocol, note, result, status);
    if (code == STATUS_OK) {
        struct runner_board board;
        char conditions[WIRE_CONDITIONS_BYTES];
        runner_describe(runner, &board);
        runner->ops->conditions(runner, conditions, sizeof conditions);
        out->outcome = WIRE_OK;
        out->value = result->latency_ms;
        json_t *detail = measure_json(result, board.device_key, conditions);
        if (detail != NULL)
            measure_json_note(detail, note);
        out->detail = dump(detail);
    }
    free(result);
    return code;
}

/* What is true whoever tries makes the candidate infeasible there; anything else is an attempt that failed. */
static void keep_note(const struct runner_note *note, enum status_code code, struct slot_result *out)
{
    bool for_good = note->failure == WIRE_FAILURE_UNSUPPORTED_OP || note->failure == WIRE_FAILURE_CONVERT_FAILED;
    out->failure = code == STATUS_OK ? WIRE_FAILURE_NONE : note->failure;
    out->build_seconds = note->build_seconds;
    out->run_seconds = note->run_seconds;
    out->energy_mj = code == STATUS_OK && note->energy_mj > 0 ? note->energy_mj : 0;
    if (code != STATUS_OK)
        out->outcome = for_good ? WIRE_INFEASIBLE : WIRE_FAILED;
}

static enum status_code measure(struct job_bench *bench, struct slot *slot, const struct wire_task *task, const struct arch *arch,
                                struct slot_result *out, struct status *status)
{
    const struct wire_network *network = &task->network;
    struct space_build build = {.channels = (int)network->channels,
                                .cells = (int)network->cells,
                                .classes = (int)network->classes,
                                .input = {(int)network->input_channels, (int)network->input_size, (int)network->input_size}};
    struct net net;
    struct rng rng;
    net_init_empty(&net);
    enum status_code code = space_build_net(&bench->space, arch, &build, &net, status);
    if (code == STATUS_OK) {
        rng_seed(&rng, WEIGHTS_SEED); /* latency does not depend on the weights, but they must not be denormal or zero */
        net_init(&net, &rng);
        struct runner_job job = {
            .net = &net, .space = &bench->space, .arch = arch, .cancelled = nobody_wants_it, .context = slot, .turn = bench->turn};
        struct runner_note note;
        runner_note_init(&note);
        code = take_samples(bench->runner, &job, &note, out, status);
        keep_note(&note, code, out);
        runner_note_free(&note);
    }
    net_free(&net);
    return code;
}

/* --- all of them --- */

static enum status_code do_task(struct job_bench *bench, struct slot *slot, const struct wire_task *task,
                                const struct slot_inputs *inputs, struct slot_result *out, struct status *status)
{
    struct arch arch;
    enum status_code code = open_space(bench, task->space, status);
    if (code == STATUS_OK && task->kind == WIRE_ONESHOT_TRAIN)
        return train(bench, slot, task, inputs, out, status);
    if (code == STATUS_OK)
        code = space_parse(&bench->space, task->arch, &arch, status);
    if (code != STATUS_OK)
        return code;
    switch (task->kind) {
    case WIRE_RMI: return score(bench, slot, task, &arch, inputs->bundle, out, status);
    case WIRE_ONESHOT_SCORE: return score_by_weights(bench, slot, task, &arch, inputs, out, status);
    default: return measure(bench, slot, task, &arch, out, status);
    }
}

void job_work(void *context, struct slot *slot, const struct wire_task *task, const struct slot_inputs *inputs,
              struct slot_result *out)
{
    struct job_bench *bench = context;
    struct status status = {0};
    int64_t begun_ns = clock_monotonic_ns();
    enum status_code code = do_task(bench, slot, task, inputs, out, &status);
    out->seconds = (double)(clock_monotonic_ns() - begun_ns) / 1e9;
    if (code == STATUS_OK)
        return;
    out->abandoned = code == STATUS_UNAVAILABLE && !slot_holds(slot);
    if (out->outcome != WIRE_INFEASIBLE)
        out->outcome = WIRE_FAILED;
    line_of(status.message[0] != '\0' ? status.message : status_name(code), out->sentence, sizeof out->sentence);
}
