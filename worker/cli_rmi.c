/* cli_rmi: `hwnas rmi`: one evaluation from the command line: what a worker does, without master or store.
 *
 * Standard output carries the result alone, so that scripts can read it; warnings and errors go to standard error. */
#include "worker/cli_rmi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/cli_options.h"
#include "worker/evaluate.h"

struct rmi_options {
    const char *arch, *bundle, *space, *protocol, *weights, *gradients;
    int steps, cells, channels; /* 0: the protocol's own */
    uint64_t seed;
    bool exact, direct;
    enum engine_isa isa;
    enum cli_format format;
};

enum {
    KEY_SPACE = 256,
    KEY_PROTOCOL,
    KEY_WEIGHTS,
    KEY_STEPS,
    KEY_CELLS,
    KEY_CHANNELS,
    KEY_SEED,
    KEY_EXACT,
    KEY_DIRECT,
    KEY_ISA,
    KEY_GRADIENTS
};

static const struct argp_option option_table[] = {
    {"arch", 'a', "STR", 0, "the architecture, as the space writes it (needed)", 1},
    {"bundle", 'b', "FILE", 0, "the reference bundle, made by `hwnas reference build` (needed)", 1},
    {"space", KEY_SPACE, "NAME", 0, "the search space; default nb201", 2},
    {"protocol", KEY_PROTOCOL, "NAME", 0, "rmi-full (default), rmi-fast, rmi-deep or rmi-final", 2},
    {"steps", KEY_STEPS, "N", 0, "forward passes recorded; default the protocol's", 2},
    {"cells", KEY_CELLS, "N", 0, "cells, counted as the space does; default the protocol's", 2},
    {"channels", KEY_CHANNELS, "N", 0, "channels of the first stage; default the protocol's", 2},
    {"seed", KEY_SEED, "S", 0, "seed of the initial weights, as a study's `seed`; default 0", 2},
    {"exact", KEY_EXACT, NULL, 0, "build the cell as it is written, not its canonical form", 3},
    {"direct", KEY_DIRECT, NULL, 0, "3x3 convolutions as plain sums of products: slower, less rounding", 3},
    {"weights", KEY_WEIGHTS, "FILE", 0, "initial weights by name (safetensors) instead of drawn ones; implies --exact", 3},
    {"gradients", KEY_GRADIENTS, "FILE", 0, "write the loss's gradients at step 0 there (safetensors)", 3},
    {"isa", KEY_ISA, "NAME", 0, "auto (default), avx512, avx2, neon or portable", 3},
    {"format", 'f', "FORMAT", 0, "table (default), csv or json", 4},
    {0}};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct rmi_options *options = state->input;
    switch (key) {
    case 'a': options->arch = text; break;
    case 'b': options->bundle = text; break;
    case 'f': options->format = cli_option_format(text, state); break;
    case KEY_SPACE: options->space = text; break;
    case KEY_PROTOCOL: options->protocol = text; break;
    case KEY_WEIGHTS: options->weights = text; break;
    case KEY_GRADIENTS: options->gradients = text; break;
    case KEY_STEPS: options->steps = cli_option_int("steps", text, 1, PROTOCOL_STEPS_MAX, state); break;
    case KEY_CELLS: options->cells = cli_option_int("cells", text, 1, 32, state); break;
    case KEY_CHANNELS: options->channels = cli_option_int("channels", text, 1, 256, state); break;
    case KEY_SEED: options->seed = cli_option_seed("seed", text, state); break;
    case KEY_EXACT: options->exact = true; break;
    case KEY_DIRECT: options->direct = true; break;
    case KEY_ISA: options->isa = cli_option_isa(text, state); break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END:
        if (options->arch == NULL || options->bundle == NULL)
            argp_error(state, "--arch and --bundle are needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static enum status_code choose_protocol(const struct rmi_options *options, struct protocol *out, struct status *status)
{
    enum status_code code = protocol_preset(options->space, options->protocol, out, status);
    if (code != STATUS_OK)
        return code;
    if (options->steps > 0)
        out->steps = options->steps;
    if (options->cells > 0)
        out->cells = options->cells;
    if (options->channels > 0)
        out->channels = options->channels;
    return protocol_check(out, status);
}

/* --- printing --- */

/* Every digit of it; nothing at all for what is not a number. */
static void print_field(double value, char end)
{
    if (isfinite(value))
        printf("%.17g", value);
    putchar(end);
}

static void print_csv(const struct evaluate_trace *trace)
{
    fputs("step,", stdout);
    for (int tap = 0; tap < trace->taps; tap++)
        printf("rmi%d,", tap + 1);
    puts("cross_entropy,loss");
    for (int step = 0; step < trace->steps; step++) {
        const struct evaluate_step *row = &trace->rows[step];
        printf("%d,", step);
        for (int tap = 0; tap < trace->taps; tap++)
            print_field(row->rmi[tap], ',');
        print_field(row->cross_entropy, ',');
        print_field(row->loss, '\n');
    }
}

static void print_cell(double value)
{
    if (isfinite(value))
        printf("  %13.6f", value);
    else
        printf("  %13s", "-");
}

static void print_table(const struct evaluate_trace *trace)
{
    if (trace->steps > 0) {
        fputs("step", stdout);
        for (int tap = 0; tap < trace->taps; tap++)
            printf("  %12s%d", "rmi", tap + 1);
        printf("  %13s  %13s\n", "cross_entropy", "loss");
    }
    for (int step = 0; step < trace->steps; step++) {
        const struct evaluate_step *row = &trace->rows[step];
        printf("%4d", step);
        for (int tap = 0; tap < trace->taps; tap++)
            print_cell(row->rmi[tap]);
        print_cell(row->cross_entropy);
        print_cell(row->loss);
        putchar('\n');
    }
    if (trace->feasible)
        printf("phi %.6f after %d steps in %.1f s\n", trace->phi, trace->steps, trace->seconds);
    else
        printf("infeasible (phi 0): %s\n", trace->why_not);
}

static json_t *trace_rows(const struct evaluate_trace *trace)
{
    json_t *rows = json_array();
    for (int step = 0; step < trace->steps; step++) {
        const struct evaluate_step *row = &trace->rows[step];
        json_t *rmi = json_array();
        for (int tap = 0; tap < trace->taps; tap++)
            json_array_append_new(rmi, cli_json_number(row->rmi[tap]));
        json_array_append_new(rows, json_pack("{s:i,s:o,s:o,s:o}", "step", step, "rmi", rmi, "cross_entropy",
                                              cli_json_number(row->cross_entropy), "loss", cli_json_number(row->loss)));
    }
    return rows;
}

static enum status_code print_json(const char *arch, const struct protocol *protocol, const struct evaluate_trace *trace,
                                   struct status *status)
{
    json_t *why_not = trace->feasible ? json_null() : json_string(trace->why_not);
    return cli_json_print(json_pack("{s:s,s:f,s:o,s:f,s:b,s:o,s:i,s:i,s:s*,s:I}", "arch", arch, "seconds", trace->seconds, "trace",
                                    trace_rows(trace), "phi", trace->phi, "feasible", trace->feasible, "why_not", why_not, "cells",
                                    protocol->cells, "channels", protocol->channels, "isa", trace->isa, "arena_bytes",
                                    (json_int_t)trace->arena_bytes),
                          status);
}

/* --- the verb --- */

/* What is loaded from files before the evaluation. */
struct inputs {
    struct space space;
    struct bundle bundle;
    struct tensorfile weights;
    struct protocol protocol;
    struct arch arch;
};

static enum status_code load_inputs(const struct rmi_options *options, struct inputs *in, struct status *status)
{
    enum status_code code = choose_protocol(options, &in->protocol, status);
    if (code == STATUS_OK)
        code = space_open(options->space, &in->space, status);
    if (code == STATUS_OK)
        code = space_parse(&in->space, options->arch, &in->arch, status);
    if (code == STATUS_OK)
        code = bundle_load(options->bundle, &in->bundle, status);
    if (code == STATUS_OK && options->weights != NULL)
        code = tensorfile_load(options->weights, &in->weights, status);
    return code;
}

static void inputs_free(struct inputs *in)
{
    tensorfile_free(&in->weights);
    bundle_free(&in->bundle);
    space_close(&in->space);
}

static enum status_code evaluate_and_print(const struct rmi_options *options, const struct inputs *in, struct status *status)
{
    const struct evaluate_task task = {.space = &in->space,
                                       .arch = &in->arch,
                                       .bundle = &in->bundle,
                                       .protocol = &in->protocol,
                                       .seed = options->seed,
                                       .exact = options->exact || options->weights != NULL,
                                       .weights = options->weights != NULL ? &in->weights : NULL,
                                       .isa = options->isa,
                                       .direct = options->direct};
    struct evaluate_trace trace = {0};
    struct tensorfile gradients = {0};
    void *gradient_data = NULL;
    char arch[ARCH_TEXT_BYTES];
    enum status_code code = evaluate_run(&task, &trace, options->gradients != NULL ? &gradients : NULL, &gradient_data, status);
    if (code == STATUS_OK && options->gradients != NULL && gradients.entry_count == 0)
        code = status_set(status, STATUS_BAD_INPUT, "there are no gradients to write: %s", trace.why_not);
    if (code == STATUS_OK && options->gradients != NULL)
        code = tensorfile_save(&gradients, options->gradients, status);
    space_print(&in->space, &in->arch, arch);
    if (code == STATUS_OK && options->format == CLI_JSON)
        code = print_json(arch, &in->protocol, &trace, status);
    else if (code == STATUS_OK && options->format == CLI_CSV)
        print_csv(&trace);
    else if (code == STATUS_OK)
        print_table(&trace);
    tensorfile_free(&gradients);
    free(gradient_data);
    evaluate_trace_free(&trace);
    return code;
}

static int rmi_run(int argc, char **argv)
{
    static const struct argp argp = {
        option_table,
        parse_option,
        NULL,
        "Scores one architecture on this machine and prints the RMI trace of its short training.\v"
        "The last line of `-f json` is {\"arch\":...,\"seconds\":...,\"trace\":[{\"step\":0,\"rmi\":[a,b,c],"
        "\"cross_entropy\":...,\"loss\":...},...],...}; a number that is not finite is null.",
        NULL,
        NULL,
        NULL};
    struct rmi_options options = {.space = "nb201", .protocol = "rmi-full"};
    struct inputs in = {0};
    struct status status = {0};
    engine_blas_settle();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    cli_warn_of_blas("rmi");
    enum status_code code = load_inputs(&options, &in, &status);
    if (code == STATUS_OK)
        code = evaluate_and_print(&options, &in, &status);
    inputs_free(&in);
    return code == STATUS_OK ? cli_flush("rmi") : cli_fail("rmi", &status);
}

const struct cli_verb cli_rmi_verb = {"rmi", "score one architecture here and print its RMI trace", rmi_run};
