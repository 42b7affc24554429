/* cli_device: measures on this host without master or agent, through the same runner and protocol as the agent, so that a person
 * can look at a device before a search trusts it. */
#include "worker/cli_device.h"

#include <math.h>
#include <string.h>

#include "common/cost.h"
#include "common/space.h"
#include "worker/cli_options.h"
#include "worker/conditions.h"
#include "worker/measure.h"
#include "worker/measure_json.h"
#include "worker/measure_runner.h"
#include "worker/runner.h"

enum { DEVICE_BYTES = 128, CONDITIONS_BYTES = WIRE_CONDITIONS_BYTES, WARNINGS_MAX = 16, WARNING_BYTES = 256 };

struct device_options {
    int cpu; /* -1: the runner's choice */
    enum cli_format format;
    /* measure only */
    const char *arch, *space;
    struct space_build build; /* 0: the space's own */
};

enum { KEY_CPU = 256, KEY_SPACE, KEY_CHANNELS, KEY_CELLS, KEY_CLASSES, KEY_INPUT_CHANNELS, KEY_INPUT_SIZE };

/* --- what this host is --- */

struct description {
    char device[DEVICE_BYTES], conditions[CONDITIONS_BYTES];
    char warnings[WARNINGS_MAX][WARNING_BYTES];
    int warning_count;
};

static void describe(const struct runner *runner, struct description *out)
{
    out->warning_count = 0;
    struct runner_board board;
    runner_describe(runner, &board);
    snprintf(out->device, sizeof out->device, "%s", board.device_key);
    runner->ops->conditions(runner, out->conditions, sizeof out->conditions);
    while (out->warning_count < WARNINGS_MAX &&
           runner->ops->warning(runner, out->warning_count, out->warnings[out->warning_count], WARNING_BYTES))
        out->warning_count++;
}

static enum status_code print_description(const struct description *description, enum cli_format format, struct status *status)
{
    if (format == CLI_JSON) {
        json_t *warnings = json_array();
        for (int i = 0; i < description->warning_count; i++)
            json_array_append_new(warnings, json_string(description->warnings[i]));
        return cli_json_print(
            json_pack("{s:s,s:s,s:o}", "device", description->device, "conditions", description->conditions, "warnings", warnings),
            status);
    }
    if (format == CLI_CSV) {
        /* None of the values holds a quotation mark. */
        printf("key,value\ndevice,%s\nconditions,%s\n", description->device, description->conditions);
        for (int i = 0; i < description->warning_count; i++)
            printf("warning,\"%s\"\n", description->warnings[i]);
        return STATUS_OK;
    }
    printf("device      %s\nconditions  %s\n", description->device, description->conditions);
    for (int i = 0; i < description->warning_count; i++)
        printf("warning     %s\n", description->warnings[i]);
    if (description->warning_count == 0)
        puts("nothing is known that would disturb measurements");
    return STATUS_OK;
}

/* --- options --- */

#define DEVICE_COMMON_OPTIONS                                                                                                      \
    {"cpu", KEY_CPU, "N", 0, "the CPU to measure on; default: the last one this process may use", 8},                              \
    {                                                                                                                              \
        "format", 'f', "FORMAT", 0, "table (default), csv or json", 9                                                              \
    }

static bool parse_common(struct device_options *options, int key, char *text, struct argp_state *state)
{
    if (key == 'f')
        options->format = cli_option_format(text, state);
    else if (key == KEY_CPU)
        options->cpu = cli_option_int("cpu", text, 0, 4095, state);
    else if (key == ARGP_KEY_ARG)
        argp_error(state, "'%s' belongs to no option", text);
    else
        return false;
    return true;
}

static error_t parse_show(int key, char *text, struct argp_state *state)
{
    return parse_common(state->input, key, text, state) ? 0 : ARGP_ERR_UNKNOWN;
}

static error_t parse_measure(int key, char *text, struct argp_state *state)
{
    struct device_options *options = state->input;
    struct space_build *build = &options->build;
    if (parse_common(options, key, text, state))
        return 0;
    switch (key) {
    case 'a': options->arch = text; break;
    case KEY_SPACE: options->space = text; break;
    case KEY_CHANNELS: build->channels = cli_option_int("channels", text, 1, 1024, state); break;
    case KEY_CELLS: build->cells = cli_option_int("cells", text, 1, 64, state); break;
    case KEY_CLASSES: build->classes = cli_option_int("classes", text, 1, 100000, state); break;
    case KEY_INPUT_CHANNELS: build->input.c = cli_option_int("input-channels", text, 1, 1024, state); break;
    case KEY_INPUT_SIZE: build->input.h = build->input.w = cli_option_int("input-size", text, 4, 1024, state); break;
    case ARGP_KEY_END:
        if (options->arch == NULL)
            argp_error(state, "--arch is needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* --- show --- */

static int device_show(int argc, char **argv)
{
    static const struct argp_option option_table[] = {DEVICE_COMMON_OPTIONS, {0}};
    static const struct argp argp = {
        option_table,
        parse_show,
        NULL,
        "Prints this host's device key, the conditions measurements would be taken under, and what would disturb them.",
        NULL,
        NULL,
        NULL};
    struct device_options options = {.cpu = -1};
    struct description description;
    struct runner runner = {0};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status_code code = runner_builtin_open(options.cpu, &runner, &status);
    if (code == STATUS_OK) {
        describe(&runner, &description);
        code = print_description(&description, options.format, &status);
    }
    runner_close(&runner);
    return code == STATUS_OK ? cli_flush("device show") : cli_fail("device show", &status);
}

/* --- measure --- */

/* A measurement with what it was taken of. */
struct measured {
    char arch[ARCH_TEXT_BYTES];
    struct cost cost;
    struct measure_result result;
    struct runner_note note;
};

static enum status_code build_net(const struct device_options *options, const struct space *space, const struct arch *arch,
                                  struct measured *measured, struct net *net, struct status *status)
{
    struct space_build build = options->build;
    struct rng rng;
    space_build_complete(&build, &space->ops->defaults);
    enum status_code code = space_build_net(space, arch, &build, net, status);
    if (code != STATUS_OK)
        return code;
    space_print(space, arch, measured->arch);
    cost_of_net(net, &measured->cost);
    rng_seed(&rng, 1);
    net_init(net, &rng);
    return STATUS_OK;
}

static enum status_code take(const struct device_options *options, struct runner *runner, struct measured *measured,
                             struct status *status)
{
    struct space space = {0};
    struct arch arch;
    struct net net;
    net_init_empty(&net);
    runner_note_init(&measured->note);
    enum status_code code = space_open(options->space, &space, status);
    if (code == STATUS_OK)
        code = space_parse(&space, options->arch, &arch, status);
    if (code == STATUS_OK)
        code = build_net(options, &space, &arch, measured, &net, status);
    if (code == STATUS_OK) {
        struct runner_job job = {.net = &net, .space = &space, .arch = &arch};
        code = measure_runner(runner, &job, &runner->protocol, &measured->note, &measured->result, status);
    }
    net_free(&net);
    space_close(&space);
    return code;
}

static const char *verdict(const struct measure_result *result)
{
    if (result->summary_only)
        return "SUMMARY ONLY: the board's tool gave too few samples to say how far they spread";
    if (result->drifting)
        return "DRIFTING: the first and the last third of the samples differ; the clock or the load changed";
    if (result->unstable)
        return "UNSTABLE: the samples spread too much to be trusted; `hwnas device show` says what may disturb";
    if (result->hot_start)
        return "HOT: the board was above its start temperature when measuring began";
    return result->steady_start ? "steady" : "NEVER STEADY: warm-up ended at its limit";
}

static void print_table(const struct measured *measured, const struct description *description)
{
    const struct measure_result *r = &measured->result;
    printf("architecture  %s\n", measured->arch);
    printf("device        %s\n", description->device);
    printf("latency_ms    %.4f   median of the window medians (%s)\n", r->latency_ms, measure_mode_name(r->mode));
    printf("mad_ms        %.4f   %.1f %% of it\n", r->mad_ms, r->latency_ms > 0 ? 100 * r->mad_ms / r->latency_ms : 0);
    printf("others_ms     min %.4f, mean %.4f, std %.4f, p90 %.4f, p99 %.4f\n", r->min_ms, r->mean_ms, r->std_ms, r->p90_ms,
           r->p99_ms);
    printf("samples       %lld after %d warm-up runs, %d outlier(s), attempt(s) %d\n", r->taken_count, r->warmup_count,
           r->outlier_count, r->attempts);
    if (isfinite(r->energy_mj))
        printf("energy_mj     %.4f   from %d power samples\n", r->energy_mj, r->power_samples);
    if (r->discarded_count > 0)
        printf("discarded     %d attempt(s): the board slowed its clock: %s\n", r->discarded_count, r->throttled_why);
    printf("macs          %lld   %.1f billion a second\n", (long long)measured->cost.macs,
           r->latency_ms > 0 ? (double)measured->cost.macs / r->latency_ms / 1e6 : 0);
    printf("verdict       %s\n", verdict(r));
}

static void print_csv(const struct measured *measured, const struct description *description)
{
    const struct measure_result *r = &measured->result;
    puts("arch,device,mode,latency_ms,mad_ms,mean_ms,std_ms,min_ms,p90_ms,p99_ms,energy_mj,samples,warmup,outliers,attempts,"
         "discarded,"
         "drift,steady,macs");
    printf("%s,%s,%s,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,%.6f,", measured->arch, description->device, measure_mode_name(r->mode),
           r->latency_ms, r->mad_ms, r->mean_ms, r->std_ms, r->min_ms, r->p90_ms, r->p99_ms);
    if (isfinite(r->energy_mj))
        printf("%.6f", r->energy_mj);
    printf(",%lld,%d,%d,%d,%d,%.4f,%d,%lld\n", r->taken_count, r->warmup_count, r->outlier_count, r->attempts, r->discarded_count,
           r->drift, measure_is_steady(r), (long long)measured->cost.macs);
}

static enum status_code print_json(const struct measured *measured, const struct description *description, struct status *status)
{
    json_t *object = measure_json(&measured->result, description->device, description->conditions);
    if (object != NULL) {
        measure_json_note(object, &measured->note);
        json_object_set_new(object, "arch", json_string(measured->arch));
        json_object_set_new(object, "macs", json_integer(measured->cost.macs));
    }
    return cli_json_print(object, status);
}

static int device_measure(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"arch", 'a', "STR", 0, "the architecture, as the space writes it (needed)", 1},
        {"space", KEY_SPACE, "NAME", 0, "the search space; default nb201", 2},
        {"channels", KEY_CHANNELS, "N", 0, "channels of the first stage; default the space's", 2},
        {"cells", KEY_CELLS, "N", 0, "cells, counted as the space does; default the space's", 2},
        {"classes", KEY_CLASSES, "N", 0, "length of the logits; default the space's", 2},
        {"input-channels", KEY_INPUT_CHANNELS, "N", 0, "channels of an image; default the space's", 2},
        {"input-size", KEY_INPUT_SIZE, "N", 0, "height and width of an image; default the space's", 2},
        DEVICE_COMMON_OPTIONS,
        {0}};
    static const struct argp argp = {
        option_table,
        parse_measure,
        NULL,
        "Measures the latency of one architecture on this host, as the agent does: batch norm folded, one "
        "image, one thread, pinned to one CPU (docs/MEASURING.md).",
        NULL,
        NULL,
        NULL};
    struct device_options options = {.cpu = -1, .space = "nb201"};
    struct measured measured = {0};
    struct description description;
    struct runner runner = {0};
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    enum status_code code = runner_builtin_open(options.cpu, &runner, &status);
    if (code == STATUS_OK)
        code = take(&options, &runner, &measured, &status);
    if (code == STATUS_OK) {
        describe(&runner, &description);
        if (options.format == CLI_JSON)
            code = print_json(&measured, &description, &status);
        else if (options.format == CLI_CSV)
            print_csv(&measured, &description);
        else
            print_table(&measured, &description);
    }
    runner_note_free(&measured.note);
    runner_close(&runner);
    return code == STATUS_OK ? cli_flush("device measure") : cli_fail("device measure", &status);
}

/* --- the verb --- */

static int device_run(int argc, char **argv)
{
    static const struct cli_verb commands[] = {
        {"show", "this host's device key, conditions, and what would disturb measurements", device_show},
        {"measure", "the latency of one architecture on this host", device_measure},
    };
    return cli_run_command("device", "This host as a measuring device (docs/MEASURING.md).", commands,
                           sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_device_verb = {"device", "this host as a measuring device: show it, measure on it", device_run};
