/* runner_builtin: measures on this host with our own engine: BN folded, batch 1, one thread, pinned to one CPU.
 *
 * Called by the agent's slot and by `hwnas device measure`, always prepare, samples and release from one thread: it is that thread
 * that is pinned, from prepare to release. One sample is one inference; nets so small that the clock would matter run several times
 * a sample and report the mean. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/host.h"
#include "common/version.h"
#include "worker/conditions.h"
#include "worker/engine/engine.h"
#include "worker/runner.h"

/* Reading the clock twice costs some 50 ns: a hundredth of a per cent of this. */
static const int64_t SAMPLE_MIN_NS = 50 * 1000;
enum { REPEATS_MAX = 10000, IMAGE_SEED = 20 };

struct builtin {
    int cpu;
};

struct prepared {
    struct engine *engine;
    float *image; /* (1,C,H,W) */
    int repeats;  /* inferences a sample */
    pid_t thread; /* the pinned one, and where it was allowed to run before */
    cpu_set_t allowed_before;
};

static void board(const struct runner *runner, struct runner_board *out)
{
    const struct builtin *builtin = runner->state;
    struct conditions conditions;
    *out = (struct runner_board){0};
    conditions_read("", builtin->cpu, &conditions);
    snprintf(out->device_key, sizeof out->device_key, "host-%s-hwnas%s+%s-f32", conditions.processor, HWNAS_VERSION,
             engine_best_isa());
    host_name(out->name, sizeof out->name);
}

static void conditions(const struct runner *runner, char *out, size_t size)
{
    const struct builtin *builtin = runner->state;
    struct conditions now;
    conditions_read("", builtin->cpu, &now);
    conditions_print(&now, out, size);
    size_t used = strlen(out);
    snprintf(out + used, size - used, " hwnas=%s isa=%s", HWNAS_VERSION, engine_best_isa());
}

static bool warning(const struct runner *runner, int i, char *out, size_t size)
{
    const struct builtin *builtin = runner->state;
    struct conditions now;
    conditions_read("", builtin->cpu, &now);
    return conditions_warning(&now, i, out, size);
}

/* What the pixels are does not change the time; that they are the same every time leaves no doubt about it. */
static float *fixed_image(struct net_shape shape)
{
    size_t count = (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
    float *image = malloc(count * sizeof *image);
    struct rng rng;
    rng_seed(&rng, IMAGE_SEED);
    for (size_t i = 0; image != NULL && i < count; i++)
        image[i] = (float)(2 * rng_uniform(&rng) - 1);
    return image;
}

static double run_once(struct prepared *prepared)
{
    int64_t began = clock_monotonic_ns();
    for (int i = 0; i < prepared->repeats; i++)
        engine_forward(prepared->engine, prepared->image);
    return (double)(clock_monotonic_ns() - began) / 1e6 / prepared->repeats;
}

static int sample(void *context, double *out_ms, int room, struct runner_note *note, struct status *status)
{
    (void)room, (void)status;
    struct prepared *prepared = context;
    *out_ms = run_once(prepared);
    note->run_seconds += *out_ms / 1e3 * prepared->repeats;
    return 1;
}

/* How many inferences make a sample of SAMPLE_MIN_NS; the first run, which touches the memory, does not count. */
static void choose_repeats(struct prepared *prepared)
{
    prepared->repeats = 1;
    run_once(prepared);
    double ns = 1e6 * run_once(prepared);
    double wanted = ns > 0 ? (double)SAMPLE_MIN_NS / ns : REPEATS_MAX;
    if (wanted > 1)
        prepared->repeats = wanted < REPEATS_MAX ? (int)wanted + 1 : REPEATS_MAX;
}

static void release(void *context)
{
    struct prepared *prepared = context;
    if (prepared == NULL)
        return;
    if (prepared->thread != 0)
        sched_setaffinity(prepared->thread, sizeof prepared->allowed_before, &prepared->allowed_before);
    engine_free(prepared->engine);
    free(prepared->image);
    free(prepared);
}

static enum status_code pin(struct prepared *prepared, int cpu, struct status *status)
{
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((size_t)cpu, &only);
    if (sched_getaffinity(0, sizeof prepared->allowed_before, &prepared->allowed_before) != 0 ||
        sched_setaffinity(0, sizeof only, &only) != 0)
        return status_set(status, STATUS_UNAVAILABLE, "cannot pin the measurement to CPU %d: %s", cpu, strerror(errno));
    prepared->thread = gettid();
    return STATUS_OK;
}

static void *prepare(struct runner *runner, const struct runner_job *job, struct runner_note *note, struct status *status)
{
    int64_t began = clock_monotonic_ns();
    const struct builtin *builtin = runner->state;
    struct engine_options options = {.mode = ENGINE_INFER, .batch = 1, .isa = ENGINE_ISA_AUTO};
    struct net folded;
    net_init_empty(&folded);
    struct prepared *prepared = calloc(1, sizeof *prepared);
    enum status_code code =
        prepared != NULL ? STATUS_OK : status_set(status, STATUS_NO_MEMORY, "no memory to prepare a measurement");
    if (code == STATUS_OK)
        code = net_fold(job->net, &folded, status);
    /* Pinned first, so that the memory the engine touches lies near that CPU. */
    if (code == STATUS_OK)
        code = pin(prepared, builtin->cpu, status);
    if (code == STATUS_OK)
        code = engine_create(&folded, &options, &prepared->engine, status);
    if (code == STATUS_OK && (prepared->image = fixed_image(folded.nodes[0].shape)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for one image to measure with");
    net_free(&folded);
    if (code != STATUS_OK) {
        note->failure = code == STATUS_NO_MEMORY     ? WIRE_FAILURE_OUT_OF_MEMORY
                        : code == STATUS_UNSUPPORTED ? WIRE_FAILURE_UNSUPPORTED_OP
                                                     : WIRE_FAILURE_NONE;
        release(prepared);
        return NULL;
    }
    choose_repeats(prepared);
    note->build_seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    return prepared;
}

static void close_builtin(struct runner *runner)
{
    free(runner->state);
    runner->state = NULL;
}

static const struct runner_ops builtin_ops = {
    .name = "builtin",
    .board = board,
    .conditions = conditions,
    .warning = warning,
    .prepare = prepare,
    .sample = sample,
    .release = release,
    .close = close_builtin,
};

/* The last CPU this process may use (interrupts mostly go to the first), or -1. */
static int last_allowed(const cpu_set_t *allowed)
{
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--)
        if (CPU_ISSET((size_t)cpu, allowed))
            return cpu;
    return -1;
}

enum status_code runner_builtin_open(int cpu, struct runner *out, struct status *status)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return status_set(status, STATUS_IO, "cannot ask which CPUs this process may use: %s", strerror(errno));
    int last = last_allowed(&allowed);
    if (cpu == -1)
        cpu = last;
    if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET((size_t)cpu, &allowed))
        return status_set(status, STATUS_BAD_INPUT, "CPU %d is not among the %d this process may use (the last of them is %d)", cpu,
                          CPU_COUNT(&allowed), last);
    struct builtin *builtin = malloc(sizeof *builtin);
    if (builtin == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the built-in runner");
    builtin->cpu = cpu;
    *out = (struct runner){.ops = &builtin_ops, .state = builtin, .protocol = measure_defaults()};
    return STATUS_OK;
}
