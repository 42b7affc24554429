/* cli_device_parts: the options, the description and the one measurement that cli_device*.c share. The rule it keeps: a network is
 * measured here exactly as an agent would. */
#include "worker/cli_device_parts.h"

#include <string.h>

#include "worker/measure_runner.h"
#include "worker/runner_open.h"

/* --- options ---------------------------------------------------------------------------------------------------- */

static error_t parse_common(int key, char *text, struct argp_state *state)
{
    struct cli_device_options *options = state->input;
    switch (key) {
    case 'f': options->format = cli_option_format(text, state); return 0;
    case CLI_DEVICE_KEY_BOARD: options->board = text; return 0;
    case CLI_DEVICE_KEY_CPU: options->cpu = cli_option_int("cpu", text, 0, 4095, state); return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_device_common_argp = {
    .options =
        (const struct argp_option[]){
            {"board", CLI_DEVICE_KEY_BOARD, "FILE", 0, "the board file (docs/MEASURING.md); without it this host itself", 8},
            {"cpu", CLI_DEVICE_KEY_CPU, "N", 0, "the CPU to measure on; default: the last one this process may use", 8},
            {"format", 'f', "FORMAT", 0, "table (default), csv or json", 9},
            {0}},
    .parser = parse_common};

static error_t parse_network(int key, char *text, struct argp_state *state)
{
    struct cli_device_options *options = state->input;
    struct space_build *build = &options->build;
    switch (key) {
    case CLI_DEVICE_KEY_SPACE: options->space = text; return 0;
    case CLI_DEVICE_KEY_CHANNELS: build->channels = cli_option_int("channels", text, 1, 1024, state); return 0;
    case CLI_DEVICE_KEY_CELLS: build->cells = cli_option_int("cells", text, 1, 64, state); return 0;
    case CLI_DEVICE_KEY_CLASSES: build->classes = cli_option_int("classes", text, 1, 100000, state); return 0;
    case CLI_DEVICE_KEY_INPUT_CHANNELS: build->input.c = cli_option_int("input-channels", text, 1, 1024, state); return 0;
    case CLI_DEVICE_KEY_INPUT_SIZE: build->input.h = build->input.w = cli_option_int("input-size", text, 4, 1024, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

const struct argp cli_device_network_argp = {
    .options =
        (const struct argp_option[]){
            {"space", CLI_DEVICE_KEY_SPACE, "NAME", 0, "the search space; default nb201", 2},
            {"channels", CLI_DEVICE_KEY_CHANNELS, "N", 0, "channels of the first stage; default the space's", 2},
            {"cells", CLI_DEVICE_KEY_CELLS, "N", 0, "cells, counted as the space does; default the space's", 2},
            {"classes", CLI_DEVICE_KEY_CLASSES, "N", 0, "length of the logits; default the space's", 2},
            {"input-channels", CLI_DEVICE_KEY_INPUT_CHANNELS, "N", 0, "channels of an image; default the space's", 2},
            {"input-size", CLI_DEVICE_KEY_INPUT_SIZE, "N", 0, "height and width of an image; default the space's", 2},
            {0}},
    .parser = parse_network};

/* --- the runner ------------------------------------------------------------------------------------------------- */

enum status_code cli_device_open(const struct cli_device_options *options, struct cli_device *out, struct status *status)
{
    enum status_code code = STATUS_OK;
    if (options->board != NULL)
        code = config_board_load(options->board, &out->board, status);
    return code == STATUS_OK ? runner_open(out->board, options->cpu, &out->runner, status) : code;
}

void cli_device_close(struct cli_device *device)
{
    runner_close(&device->runner);
    config_board_free(device->board);
    device->board = NULL;
}

void cli_device_describe(const struct runner *runner, struct cli_device_description *out)
{
    out->warning_count = 0;
    runner_describe(runner, &out->board);
    runner->ops->conditions(runner, out->conditions, sizeof out->conditions);
    while (out->warning_count < CLI_DEVICE_WARNINGS_MAX &&
           runner->ops->warning(runner, out->warning_count, out->warnings[out->warning_count], CLI_DEVICE_WARNING_BYTES))
        out->warning_count++;
}

/* --- one measurement -------------------------------------------------------------------------------------------- */

static enum status_code build_net(const struct space *space, const struct space_build *build, const struct arch *arch,
                                  struct cli_device_measured *out, struct net *net, struct status *status)
{
    struct space_build complete = *build;
    struct rng rng;
    space_build_complete(&complete, &space->ops->defaults);
    enum status_code code = space_build_net(space, arch, &complete, net, status);
    if (code != STATUS_OK)
        return code;
    space_print(space, arch, out->arch);
    cost_of_net(net, &out->cost);
    rng_seed(&rng, 1);
    net_init(net, &rng);
    return STATUS_OK;
}

void cli_device_measured_init(struct cli_device_measured *measured)
{
    memset(measured, 0, sizeof *measured);
    runner_note_init(&measured->note);
}

void cli_device_measured_free(struct cli_device_measured *measured)
{
    runner_note_free(&measured->note);
}

enum status_code cli_device_take(struct runner *runner, const struct space *space, const struct space_build *build,
                                 const struct arch *arch, struct cli_device_measured *out, struct status *status)
{
    struct net net;
    net_init_empty(&net);
    enum status_code code = build_net(space, build, arch, out, &net, status);
    if (code == STATUS_OK) {
        struct runner_job job = {.net = &net, .space = space, .arch = arch};
        code = measure_runner(runner, &job, &runner->protocol, &out->note, &out->result, status);
    }
    net_free(&net);
    return code;
}

const char *cli_device_verdict(const struct measure_result *result)
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
