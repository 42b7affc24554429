/* plan_limit: reads the steps of a plan and adds up what each must move and multiply. */
#include "tests/support/plan_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/roofline.h"
#include "tests/support/timing.h"
#include "worker/engine/isa.h"
#include "worker/engine/plan.h"

enum { ATTEMPTS = 12, FAR_BYTES = 24 << 20, ROTATED = 4 };

/* GB/s over `sets` times three arrays of `count` floats, the fastest of several attempts. */
static double stream_rate(float *arrays, size_t count, int sets, int passes)
{
    double best = 0;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        const double start = timing_processor_seconds();
        for (int p = 0; p < passes; p++) {
            float *const a = arrays + (size_t)(p % sets) * 3 * count;
            const float *const in[] = {a, a + count};
            roofline_stream(in, 2, a + 2 * count, count);
        }
        const double rate = 1e-9 * 3 * sizeof(float) * (double)count * passes / (timing_processor_seconds() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

void plan_limit_measure(enum engine_isa isa, struct plan_machine *machine)
{
    const long level2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
    float *arrays = aligned_alloc(4096, FAR_BYTES);
    if (!arrays)
        exit(1);
    for (size_t i = 0; i < FAR_BYTES / sizeof *arrays; i++)
        arrays[i] = 1;
    machine->near_bytes = level2 > 0 ? (size_t)level2 : 1 << 20; /* not every kernel tells */
    machine->peak_gflops = isa_kernels(isa)->peak_gflops(timing_processor_seconds);
    machine->near_gbs = stream_rate(arrays, machine->near_bytes / 6 / sizeof *arrays / 64 * 64, 1, 64);
    machine->far_gbs = stream_rate(arrays, FAR_BYTES / 3 / ROTATED / sizeof *arrays / 64 * 64, ROTATED, 2 * ROTATED);
    free(arrays);
}

/* Of one convolution or dense layer as defined, forward. */
static double gflop_of(const struct plan *plan, int node)
{
    const struct net_node *n = &plan->nodes[node];
    const int c_in = plan->nodes[n->inputs[0]].shape.c;
    const double outputs = (double)plan->batch * n->shape.c * n->shape.h * n->shape.w;
    return 2e-9 * outputs * (n->op == NET_CONV ? (double)c_in / n->groups * n->kernel_h * n->kernel_w : c_in);
}

static double step_gflop(const struct plan *plan, const struct plan_step *step)
{
    switch (step->op) {
    case PLAN_CONV:
    case PLAN_DENSE: return gflop_of(plan, step->node);
    case PLAN_CONV_BACK:
    case PLAN_DENSE_BACK: return gflop_of(plan, step->node) * (step->out == PLAN_NONE ? 1 : 2);
    default: return 0;
    }
}

static double buffer_bytes(const struct plan *plan, int buffer)
{
    return buffer == PLAN_NONE ? 0 : (double)(plan->buffers[buffer].elements * sizeof(engine_real));
}

static double step_bytes(const struct plan *plan, const struct plan_step *step)
{
    double bytes = buffer_bytes(plan, step->gradient) + buffer_bytes(plan, step->out);
    for (int i = 0; i < step->in_count; i++)
        bytes += buffer_bytes(plan, step->in[i].buffer);
    if (step->addend != PLAN_NONE)
        bytes += buffer_bytes(plan, step->addend);
    if ((step->op == PLAN_CONV_BACK || step->op == PLAN_NORM_BACK) && step->norm != PLAN_NONE)
        bytes += buffer_bytes(plan, plan->norms[step->norm].source);
    return bytes;
}

struct plan_limit plan_limit_of(const struct net *net, const struct engine_options *options, const struct plan_machine *machine)
{
    struct plan_limit limit = {0};
    struct plan plan;
    struct status status;
    if (plan_make(net, options, isa_kernels(options->isa), &plan, &status) != STATUS_OK) {
        fprintf(stderr, "a plan: %s\n", status.message);
        exit(1);
    }
    for (int i = 0; i < plan.step_count; i++) {
        const int back = i >= plan.forward_count;
        const double gflop = step_gflop(&plan, &plan.steps[i]), bytes = step_bytes(&plan, &plan.steps[i]);
        const double rate = bytes <= (double)machine->near_bytes ? machine->near_gbs : machine->far_gbs;
        const double arithmetic = gflop / machine->peak_gflops, memory = 1e-9 * bytes / rate;
        *(back ? &limit.backward_seconds : &limit.forward_seconds) += arithmetic > memory ? arithmetic : memory;
        *(back ? &limit.backward_gflop : &limit.forward_gflop) += gflop;
    }
    plan_free(&plan);
    return limit;
}
