/* evaluate: scores one candidate: builds its net, trains it on the frozen batch and records the RMI trace (methods 1.5).
 *
 * Called by the worker's slot and by `hwnas rmi`. The rule it keeps: the trace depends on the task and the ISA alone, and a
 * candidate that cannot be scored (disconnected, NaN) is a result, not an error. */
#include "worker/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/net_weights.h"
#include "worker/rmi.h"

/* One run's working memory. */
struct run {
    const struct evaluate_task *task;
    struct net net;
    struct engine *engine;
    engine_real *images;                   /* (N,C,H,W) normalised */
    int *labels;                           /* (N) */
    engine_real *student[BUNDLE_TAPS_MAX]; /* (N,N) centred Grams of this step */
    engine_real *teacher[BUNDLE_TAPS_MAX]; /* (N,N) the bundle's, in the engine's type */
    engine_real *scratch;                  /* (N,N) */
};

void evaluate_trace_free(struct evaluate_trace *trace)
{
    free(trace->rows);
    memset(trace, 0, sizeof *trace);
}

static void run_free(struct run *run)
{
    engine_free(run->engine);
    net_free(&run->net);
    free(run->images);
    free(run->labels);
    for (int tap = 0; tap < BUNDLE_TAPS_MAX; tap++) {
        free(run->student[tap]);
        free(run->teacher[tap]);
    }
    free(run->scratch);
}

/* --- setting up --- */

/* Builds the net and gives it its weights: the task's, or drawn from the seed and the text of what is built. */
static enum status_code build_net(struct run *run, const struct arch *arch, struct status *status)
{
    const struct evaluate_task *task = run->task;
    const struct bundle *bundle = task->bundle;
    const struct space_build build = {
        .channels = task->protocol->channels, .cells = task->protocol->cells, .classes = bundle->classes, .input = bundle->shape};
    enum status_code code = space_build_net(task->space, arch, &build, &run->net, status);
    if (code != STATUS_OK)
        return code;
    if (run->net.output_count - 1 != bundle->taps)
        return status_set(status, STATUS_BAD_INPUT, "the bundle has %d taps, a network of space %s has %d", bundle->taps,
                          task->space->ops->name, run->net.output_count - 1);
    if (task->weights != NULL)
        return net_weights_load(task->weights, &run->net, status);
    char text[ARCH_TEXT_BYTES];
    struct rng rng;
    space_print(task->space, arch, text);
    protocol_weight_seed(task->protocol, task->seed, text, &rng);
    net_init(&run->net, &rng);
    return STATUS_OK;
}

static enum status_code allocate_run(struct run *run, struct status *status)
{
    const struct bundle *bundle = run->task->bundle;
    size_t n = (size_t)bundle->batch, square = n * n * sizeof(engine_real);
    size_t image = (size_t)bundle->shape.c * (size_t)bundle->shape.h * (size_t)bundle->shape.w;
    run->images = malloc(n * image * sizeof *run->images);
    run->labels = malloc(n * sizeof *run->labels);
    run->scratch = malloc(square);
    int complete = run->images != NULL && run->labels != NULL && run->scratch != NULL;
    for (int tap = 0; tap < bundle->taps; tap++) {
        run->student[tap] = malloc(square);
        run->teacher[tap] = malloc(square);
        complete = complete && run->student[tap] != NULL && run->teacher[tap] != NULL;
    }
    return complete ? STATUS_OK
                    : status_set(status, STATUS_NO_MEMORY, "evaluate: no memory for a batch of %d images", bundle->batch);
}

static enum status_code fill_images(struct run *run, struct status *status)
{
    const struct bundle *bundle = run->task->bundle;
    size_t count = (size_t)bundle->batch * (size_t)bundle->shape.c * (size_t)bundle->shape.h * (size_t)bundle->shape.w;
    double *images = malloc(count * sizeof *images);
    if (images == NULL)
        return status_set(status, STATUS_NO_MEMORY, "evaluate: no memory for a batch of %d images", bundle->batch);
    bundle_normalise(bundle, images);
    for (size_t i = 0; i < count; i++)
        run->images[i] = (engine_real)images[i];
    free(images);
    return STATUS_OK;
}

static enum status_code prepare(struct run *run, const struct arch *arch, struct status *status)
{
    const struct bundle *bundle = run->task->bundle;
    const struct engine_options options = {.mode = ENGINE_TRAIN,
                                           .batch = bundle->batch,
                                           .isa = run->task->isa,
                                           .convolutions = run->task->direct ? ENGINE_DIRECT : ENGINE_FAST,
                                           .memory = run->task->memory};
    enum status_code code = build_net(run, arch, status);
    if (code == STATUS_OK)
        code = allocate_run(run, status);
    if (code == STATUS_OK)
        code = engine_create(&run->net, &options, &run->engine, status);
    if (code != STATUS_OK)
        return code;
    code = fill_images(run, status);
    for (int i = 0; i < bundle->batch; i++)
        run->labels[i] = bundle->labels[i];
    for (int tap = 0; tap < bundle->taps; tap++)
        for (int i = 0; i < bundle->batch * bundle->batch; i++)
            run->teacher[tap][i] = (engine_real)bundle->grams[tap][i];
    return code;
}

/* --- one step --- */

/* Forward and the step's row; the cross-entropy's share of the output gradient is put in place on the way. */
static struct evaluate_step score_step(struct run *run)
{
    const struct bundle *bundle = run->task->bundle;
    double beta = run->task->protocol->beta, rmi_sum = 0;
    struct evaluate_step row = {{0}, 0, 0};
    engine_forward(run->engine, run->images);
    struct engine_rows gradient = engine_output_gradient(run->engine, 0);
    row.cross_entropy =
        engine_cross_entropy(engine_output(run->engine, 0), run->labels, bundle->classes, 1 - beta, &gradient, NULL);
    for (int tap = 0; tap < bundle->taps; tap++) {
        rmi_gram(engine_output(run->engine, tap + 1), run->student[tap]);
        row.rmi[tap] = rmi_cka(run->student[tap], run->teacher[tap], bundle->batch);
        rmi_sum += row.rmi[tap];
    }
    row.loss = beta * (bundle->taps - rmi_sum) + (1 - beta) * row.cross_entropy;
    return row;
}

/* The RMIs' share of the output gradient, then everything below it. */
static void backward_step(struct run *run)
{
    for (int tap = 0; tap < run->task->bundle->taps; tap++) {
        struct engine_rows gradient = engine_output_gradient(run->engine, tap + 1);
        rmi_add_gradient(engine_output(run->engine, tap + 1), run->student[tap], run->teacher[tap], -run->task->protocol->beta,
                         run->scratch, &gradient);
    }
    engine_backward(run->engine);
}

/* Whether the row is a number in every column; says in the trace which is not. */
static bool check_row(struct evaluate_trace *trace, int step, const struct evaluate_step *row)
{
    for (int tap = 0; tap < trace->taps; tap++) {
        if (!isfinite(row->rmi[tap])) {
            snprintf(trace->why_not, sizeof trace->why_not, "RMI of tap %d is not a number at step %d", tap + 1, step);
            return false;
        }
    }
    if (!isfinite(row->loss)) {
        snprintf(trace->why_not, sizeof trace->why_not, "the cross-entropy is not a number at step %d", step);
        return false;
    }
    return true;
}

/* --- gradients --- */

/* Copies every parameter's gradient into one block, *data, and enters it in the file under the parameter's name. */
static enum status_code keep_gradients(const struct run *run, struct tensorfile *file, void **data, struct status *status)
{
    const struct net *net = &run->net;
    size_t total = 0;
    for (int i = 0; i < net->tensor_count; i++)
        total += net->tensors[i].trainable ? net->tensors[i].count : 0;
    engine_real *values = malloc(total * sizeof *values);
    if (values == NULL)
        return status_set(status, STATUS_NO_MEMORY, "evaluate: no memory for %zu gradients", total);
    *data = values;
    enum status_code code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < net->tensor_count; i++) {
        const struct net_tensor *tensor = &net->tensors[i];
        int64_t dims[NET_RANK_MAX] = {0};
        if (!tensor->trainable)
            continue;
        for (int d = 0; d < tensor->rank; d++)
            dims[d] = tensor->dims[d];
        engine_gradient(run->engine, i, values);
        code = tensorfile_add(file, tensor->name, sizeof *values == sizeof(float) ? TENSORFILE_F32 : TENSORFILE_F64, tensor->rank,
                              dims, values, status);
        values += tensor->count;
    }
    return code;
}

/* --- the whole --- */

static enum status_code train(struct run *run, struct evaluate_trace *trace, struct tensorfile *gradients, void **gradient_data,
                              struct status *status)
{
    const struct evaluate_task *task = run->task;
    const struct protocol *protocol = task->protocol;
    const struct engine_sgd sgd = {protocol->learning_rate, protocol->momentum, protocol->weight_decay};
    enum status_code code = STATUS_OK;
    for (int step = 0; step < protocol->steps; step++) {
        if (task->cancelled != NULL && task->cancelled(task->context))
            return status_set(status, STATUS_UNAVAILABLE, "cancelled at step %d of %d", step, protocol->steps);
        struct evaluate_step row = score_step(run);
        bool wants_gradients = gradients != NULL && step == 0;
        trace->rows[trace->steps++] = row;
        if (!check_row(trace, step, &row))
            return STATUS_OK;
        if (step + 1 < protocol->steps || wants_gradients)
            backward_step(run);
        if (wants_gradients)
            code = keep_gradients(run, gradients, gradient_data, status);
        if (code != STATUS_OK)
            return code;
        if (step + 1 < protocol->steps)
            engine_step(run->engine, &sgd);
    }
    trace->feasible = true;
    for (int tap = 0; tap < trace->taps; tap++)
        trace->phi += trace->rows[trace->steps - 1].rmi[tap];
    return STATUS_OK;
}

static enum status_code run_connected(const struct evaluate_task *task, const struct arch *arch, struct evaluate_trace *trace,
                                      struct tensorfile *gradients, void **gradient_data, struct status *status)
{
    struct run run = {.task = task};
    net_init_empty(&run.net);
    enum status_code code = prepare(&run, arch, status);
    if (code == STATUS_OK && (trace->rows = calloc((size_t)task->protocol->steps, sizeof *trace->rows)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "evaluate: no memory for %d steps", task->protocol->steps);
    if (code == STATUS_OK) {
        int64_t started_ns = clock_monotonic_ns();
        code = train(&run, trace, gradients, gradient_data, status);
        trace->seconds = (double)(clock_monotonic_ns() - started_ns) * 1e-9;
        trace->arena_bytes = engine_arena_bytes(run.engine);
        trace->isa = engine_isa_name(run.engine);
    }
    run_free(&run);
    return code;
}

enum status_code evaluate_run(const struct evaluate_task *task, struct evaluate_trace *out, struct tensorfile *gradients,
                              void **gradient_data, struct status *status)
{
    struct evaluate_trace trace = {.taps = task->bundle->taps};
    struct arch arch = *task->arch;
    if (gradient_data != NULL)
        *gradient_data = NULL;
    enum status_code code = protocol_check(task->protocol, status);
    if (code != STATUS_OK)
        return code;
    if (!space_valid(task->space, &arch))
        return status_set(status, STATUS_BAD_INPUT, "the architecture has genes that space %s does not know",
                          task->space->ops->name);
    if (!task->exact)
        space_canonical(task->space, task->arch, &arch);
    if (space_connected(task->space, &arch))
        code = run_connected(task, &arch, &trace, gradients, gradient_data, status);
    else
        snprintf(trace.why_not, sizeof trace.why_not, "disconnected: the output does not depend on the input");
    if (code != STATUS_OK)
        evaluate_trace_free(&trace);
    else
        *out = trace;
    return code;
}
