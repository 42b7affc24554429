/* cli_device_calibrate: `hwnas device calibrate`: measures a few networks of a space on a board and writes a file that a study
 * reads in place of a board: a look-up table (`source: lut`), or a table of a whole small space (`source: table`).
 *
 * The rule it keeps: how good the file is was found out with networks that the fit has not seen, and stands beside it. Measuring is
 * done here, arithmetic in calibrate*.c, printing in cli_device_calibrated.c. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "worker/cli_device_calibrated.h"
#include "worker/cli_device_parts.h"
#include "worker/cli_options.h"

enum { NETS = 30, HELD_OUT = 10, HELD_OUT_LEAST = 5, ATTEMPTS = 3 };
enum { KEY_NETS = CLI_DEVICE_KEY_OWN, KEY_HELD_OUT, KEY_AS, KEY_SEED };

/* --- measuring --- */

struct watch {
    struct cli_progress progress;
    int64_t begun_ms;
    bool quiet;
};

static void show_progress(struct watch *watch, size_t done, size_t all, const char *detail)
{
    double fraction = (double)done / (double)all, seconds = (double)(clock_monotonic_ms() - watch->begun_ms) / 1000;
    if (!watch->quiet && done > 0)
        cli_progress_show(&watch->progress, fraction, seconds / fraction - seconds, detail);
}

static bool cannot_run_it(const struct runner_note *note)
{
    return note->failure == WIRE_FAILURE_UNSUPPORTED_OP || note->failure == WIRE_FAILURE_CONVERT_FAILED;
}

/* Measures one network, again after a failure that is not its own. */
static void take(struct calibrated *work, struct runner *runner, const struct arch *arch, struct calibrated_net *out)
{
    struct status status = {0};
    out->latency_ms = NAN;
    for (int i = 0; i < ATTEMPTS && isnan(out->latency_ms) && !out->infeasible; i++) {
        struct cli_device_measured measured;
        cli_device_measured_init(&measured);
        enum status_code code = cli_device_take(runner, &work->space, &work->build, arch, &measured, &status);
        if (code == STATUS_OK && measured.result.latency_ms > 0) {
            out->latency_ms = measured.result.latency_ms;
            out->steady = measure_is_steady(&measured.result);
            work->throttled += measured.result.throttled;
        } else {
            out->infeasible = cannot_run_it(&measured.note);
            if (code == STATUS_OK)
                status_set(&status, STATUS_IO, "it took no time");
            memcpy(out->reason, status.message, sizeof out->reason);
        }
        cli_device_measured_free(&measured);
    }
}

/* A random order: if the board changes meanwhile, it does so for fitted and held-out networks alike. */
static void shuffle(struct calibrated *work, struct rng *rng)
{
    for (size_t i = work->count; i > 1; i--) {
        size_t k = (size_t)rng_below(rng, i);
        struct calibrated_net net = work->nets[i - 1];
        work->nets[i - 1] = work->nets[k];
        work->nets[k] = net;
    }
}

/* How much the first network that could be measured changed, measured again. */
static void measure_drift(struct calibrated *work, struct runner *runner)
{
    struct calibrated_net again = {.latency_ms = NAN};
    size_t first = 0;
    while (first < work->count && isnan(work->nets[first].latency_ms))
        first++;
    if (first < work->count)
        take(work, runner, &work->nets[first].arch, &again);
    work->drift = first < work->count ? again.latency_ms / work->nets[first].latency_ms - 1 : NAN;
}

static enum status_code choose(struct calibrated *work, size_t nets, size_t held_out, uint64_t seed, struct status *status)
{
    struct rng rng;
    work->count = nets + held_out;
    work->nets = calloc(work->count, sizeof *work->nets);
    struct arch *archs = calloc(work->count, sizeof *archs);
    rng_seed(&rng, seed);
    enum status_code code = work->nets != NULL && archs != NULL
                                ? calibrate_choose(&work->space, &rng, nets, held_out, archs, status)
                                : status_set(status, STATUS_NO_MEMORY, "no memory for %zu networks", work->count);
    for (size_t i = 0; i < work->count && code == STATUS_OK; i++) {
        work->nets[i].arch = archs[i];
        work->nets[i].fitted = i < nets;
    }
    if (code == STATUS_OK)
        shuffle(work, &rng);
    free(archs);
    return code;
}

static enum status_code enough(const struct calibrated *work, struct status *status)
{
    size_t fitted = 0, held_out = 0;
    const char *reason = "";
    for (size_t i = 0; i < work->count; i++) {
        const struct calibrated_net *net = &work->nets[i];
        if (isnan(net->latency_ms))
            reason = net->reason;
        else if (net->fitted)
            fitted++;
        else
            held_out++;
    }
    if (fitted >= CALIBRATE_NETS_LEAST && held_out >= HELD_OUT_LEAST)
        return STATUS_OK;
    return status_set(status, STATUS_IO, "only %zu of %zu networks could be measured, too few to fit and to judge: %s",
                      fitted + held_out, work->count, reason);
}

static enum status_code measure_all(struct calibrated *work, struct runner *runner, bool quiet, struct status *status)
{
    struct watch watch = {{"measuring", -1}, clock_monotonic_ms(), quiet};
    for (size_t i = 0; i < work->count; i++) {
        char detail[64];
        take(work, runner, &work->nets[i].arch, &work->nets[i]);
        snprintf(detail, sizeof detail, "network %zu of %zu", i + 1, work->count);
        show_progress(&watch, i + 1, work->count, detail);
    }
    measure_drift(work, runner);
    if (!quiet)
        cli_progress_end();
    return enough(work, status);
}

/* --- fitting --- */

static enum status_code judge(struct calibrated *work, enum calibrate_kind kind, struct status *status)
{
    double *measured = calloc(2 * work->count, sizeof *measured);
    size_t held_out = 0;
    if (measured == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory to judge %zu networks", work->count);
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < work->count && code == STATUS_OK; i++) {
        struct calibrated_net *net = &work->nets[i];
        if (isnan(net->latency_ms))
            continue;
        code = calibrate_predict(work->models[kind], &net->arch, &net->predicted_ms[kind], status);
        if (net->fitted)
            continue;
        measured[held_out] = net->latency_ms;
        measured[work->count + held_out++] = net->predicted_ms[kind];
    }
    if (code == STATUS_OK)
        code = calibrate_judge(measured, measured + work->count, held_out, &work->errors[kind], status);
    free(measured);
    return code;
}

static enum status_code fit_all(struct calibrated *work, struct status *status)
{
    struct arch *archs = calloc(work->count, sizeof *archs);
    double *latency_ms = calloc(work->count, sizeof *latency_ms);
    struct calibrate_examples examples = {&work->space, &work->build, archs, latency_ms, 0};
    enum status_code code = archs != NULL && latency_ms != NULL
                                ? STATUS_OK
                                : status_set(status, STATUS_NO_MEMORY, "no memory to fit %zu networks", work->count);
    for (size_t i = 0; i < work->count && code == STATUS_OK; i++) {
        if (!work->nets[i].fitted || isnan(work->nets[i].latency_ms))
            continue;
        archs[examples.count] = work->nets[i].arch;
        latency_ms[examples.count++] = work->nets[i].latency_ms;
    }
    for (int kind = 0; kind < CALIBRATE_KINDS && code == STATUS_OK; kind++) {
        code = calibrate_fit((enum calibrate_kind)kind, &examples, &work->models[kind], status);
        if (code == STATUS_OK)
            code = judge(work, (enum calibrate_kind)kind, status);
    }
    free(archs);
    free(latency_ms);
    return code;
}

/* --- from end to end --- */

struct arguments {
    struct cli_device_options common;
    const char *out;
    enum calibrate_kind kind;
    int nets, held_out;
    uint64_t seed;
    bool quiet;
};

/* Before a board works for minutes: what the file will need. */
static enum status_code check_output(const struct arguments *arguments, const struct calibrated *work, struct status *status)
{
    char folder[PATH_MAX];
    size_t length = strlen(arguments->out);
    if (length < 5 || length >= sizeof folder || strcmp(arguments->out + length - 4, ".csv") != 0)
        return status_set(status, STATUS_BAD_INPUT, "-o %.200s: the file's name must end in .csv", arguments->out);
    snprintf(folder, sizeof folder, "%s", arguments->out);
    if (access(dirname(folder), W_OK | X_OK) != 0)
        return status_set(status, STATUS_BAD_INPUT, "-o %.200s: its folder cannot be written: %s", arguments->out, strerror(errno));
    if (arguments->kind == CALIBRATE_KERNELS && calibrate_space_size(&work->space) == 0)
        return status_set(status, STATUS_BAD_INPUT, "--as table: %s has too many networks to list; use --as lut",
                          work->space.ops->name);
    return STATUS_OK;
}

static enum status_code run(const struct arguments *arguments, struct calibrated *work, struct status *status)
{
    struct cli_device device = {0};
    enum status_code code = space_open(arguments->common.space, &work->space, status);
    if (code == STATUS_OK)
        code = check_output(arguments, work, status);
    if (code == STATUS_OK) {
        work->build = arguments->common.build;
        space_build_complete(&work->build, &work->space.ops->defaults);
        work->kind = arguments->kind;
        code = choose(work, (size_t)arguments->nets, (size_t)arguments->held_out, arguments->seed, status);
    }
    if (code == STATUS_OK)
        code = cli_device_open(&arguments->common, &device, status);
    if (code == STATUS_OK) {
        cli_device_describe(&device.runner, &work->description);
        code = measure_all(work, &device.runner, arguments->quiet, status);
    }
    cli_device_close(&device);
    if (code == STATUS_OK)
        code = fit_all(work, status);
    if (code == STATUS_OK)
        code = cli_device_calibrated_write(work, arguments->out, clock_wall_ms(), status);
    if (code == STATUS_OK)
        code = cli_device_calibrated_print(work, arguments->out, arguments->common.format, status);
    return code;
}

/* --- the command line --- */

static enum calibrate_kind kind_of(const char *text, struct argp_state *state)
{
    if (strcmp(text, "lut") != 0 && strcmp(text, "table") != 0)
        argp_error(state, "--as is '%.40s'; it must be lut or table", text);
    return strcmp(text, "lut") == 0 ? CALIBRATE_LUT : CALIBRATE_KERNELS;
}

static error_t parse_calibrate(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &arguments->common; return 0;
    case KEY_NETS: arguments->nets = cli_option_int("nets", text, CALIBRATE_NETS_LEAST, CALIBRATE_NETS_MOST, state); return 0;
    case KEY_HELD_OUT: arguments->held_out = cli_option_int("held-out", text, HELD_OUT_LEAST, CALIBRATE_NETS_MOST, state); return 0;
    case KEY_AS: arguments->kind = kind_of(text, state); return 0;
    case KEY_SEED: arguments->seed = cli_option_seed("seed", text, state); return 0;
    case 'o': arguments->out = text; return 0;
    case 'q': arguments->quiet = true; return 0;
    case ARGP_KEY_END:
        if (arguments->out == NULL)
            argp_error(state, "-o FILE.csv is needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int cli_device_calibrate(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"output", 'o', "FILE.csv", 0, "the file to write (needed); FILE.json, with what is behind it, is written beside", 1},
        {"as", KEY_AS, "FORM", 0,
         "lut (default): a figure for each operation, for `source: lut`; table: one for each network of a small space, for "
         "`source: "
         "table`",
         1},
        {"nets", KEY_NETS, "N", 0, "networks to measure and fit; default 30", 1},
        {"held-out", KEY_HELD_OUT, "N", 0, "more networks to measure, which only judge the fit; default 10", 1},
        {"seed", KEY_SEED, "N", 0, "which networks; default 1", 1},
        {"quiet", 'q', NULL, 0, "show no progress", 9},
        {0}};
    static const struct argp_child children[] = {{.argp = &cli_device_network_argp}, {.argp = &cli_device_common_argp}, {0}};
    static const struct argp argp = {
        .options = option_table,
        .parser = parse_calibrate,
        .doc = "Measures a few networks of a space, fits what each operation costs, judges the fit by networks "
               "that were not fitted, and writes a file that a study can read in place of a board.",
        .children = children};
    struct arguments arguments = {.common = {.cpu = -1, .space = "nb201"}, .nets = NETS, .held_out = HELD_OUT, .seed = 1};
    struct calibrated work = {.drift = NAN};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    enum status_code code = run(&arguments, &work, &status);
    cli_device_calibrated_free(&work);
    return code == STATUS_OK ? cli_flush("device calibrate") : cli_fail("device calibrate", &status);
}
