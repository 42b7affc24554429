/* cli_export: the verb `export`. The network is the one the study's `network` settings describe, initialised as an evaluation of
 * the same architecture, seed, cells and channels would be, or filled from a file of weights. */
#include "master/cli_export.h"

#include <argp.h>
#include <string.h>

#include "common/config.h"
#include "common/cost.h"
#include "common/net_onnx.h"
#include "common/net_weights.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/tensorfile.h"
#include "master/cli_ask.h"
#include "master/report.h"

enum {
    KEY_ONNX = 256,
    KEY_DB,
    KEY_ARCH,
    KEY_SPACE,
    KEY_CHANNELS,
    KEY_CELLS,
    KEY_CLASSES,
    KEY_INPUT_CHANNELS,
    KEY_INPUT_SIZE,
    KEY_SEED,
    KEY_WEIGHTS
};

struct export_options {
    const char *study, *db, *onnx, *arch, *space, *weights;
    struct space_build sizes; /* 0: the study's, else the space's own */
    uint64_t seed;
    bool has_seed;
};

/* What is exported, options and study put together. */
struct subject {
    char arch[ARCH_TEXT_BYTES], space[CONFIG_NAME_BYTES];
    struct space_build sizes;
    uint64_t seed;
};

static enum status_code take_study(const struct export_options *options, struct subject *subject, struct status *status)
{
    struct report report;
    char db[CONFIG_NAME_BYTES + 8];
    snprintf(db, sizeof db, "%.*s.db", CONFIG_NAME_BYTES, options->study);
    const char *path = options->db != NULL ? options->db : db;
    if (report_read(path, options->study, &report, status) != STATUS_OK)
        return cli_ask_who_holds(path, status);
    enum status_code code = STATUS_OK;
    const struct config_network *network = &report.settings->network;
    const struct space_build sizes = {
        network->channels, network->cells, network->classes, {network->input_channels, network->input_size, network->input_size}};
    space_build_complete(&subject->sizes, &sizes);
    subject->seed = report.settings->seed;
    snprintf(subject->space, sizeof subject->space, "%s", report.settings->space);
    if (report.final != NULL)
        snprintf(subject->arch, sizeof subject->arch, "%s", report.final->point.arch);
    else if (report.best != NULL)
        snprintf(subject->arch, sizeof subject->arch, "%s", report.best->arch);
    else if (options->arch == NULL)
        code = status_set(status, STATUS_NOT_FOUND, "no candidate of %s satisfies its constraints; name one with --arch",
                          options->study);
    report_free(&report);
    return code;
}

static enum status_code choose_subject(const struct export_options *options, struct subject *subject, struct status *status)
{
    const struct space_ops *space;
    *subject = (struct subject){.space = "nb201", .sizes = options->sizes};
    enum status_code code = options->study != NULL ? take_study(options, subject, status) : STATUS_OK;
    if (code != STATUS_OK)
        return code;
    if (options->has_seed)
        subject->seed = options->seed;
    if (options->space != NULL)
        snprintf(subject->space, sizeof subject->space, "%s", options->space);
    if (options->arch != NULL && strlen(options->arch) >= sizeof subject->arch)
        return status_set(status, STATUS_BAD_INPUT, "--arch: the text is too long for an architecture");
    if (options->arch != NULL)
        snprintf(subject->arch, sizeof subject->arch, "%s", options->arch);
    code = space_find(subject->space, &space, status);
    if (code == STATUS_OK)
        space_build_complete(&subject->sizes, &space->defaults);
    return code;
}

static enum status_code fill_weights(const struct export_options *options, const struct subject *subject, const struct space *space,
                                     const struct arch *arch, struct net *net, struct status *status)
{
    struct tensorfile weights = {.entry_count = 0};
    struct protocol like = {.channels = subject->sizes.channels, .cells = subject->sizes.cells};
    struct arch canonical;
    struct rng rng;
    char text[ARCH_TEXT_BYTES];
    if (options->weights == NULL) {
        space_canonical(space, arch, &canonical);
        space_print(space, &canonical, text);
        protocol_weight_seed(&like, subject->seed, text, &rng);
        net_init(net, &rng);
        return STATUS_OK;
    }
    enum status_code code = tensorfile_load(options->weights, &weights, status);
    if (code == STATUS_OK && (code = net_weights_load(&weights, net, status)) != STATUS_OK)
        status_prefix(status, "%s", options->weights);
    tensorfile_free(&weights);
    return code;
}

static enum status_code build(const struct subject *subject, const struct space *space, struct arch *arch, struct net *net,
                              struct status *status)
{
    enum status_code code = space_parse(space, subject->arch, arch, status);
    return code == STATUS_OK ? space_build_net(space, arch, &subject->sizes, net, status) : code;
}

static enum status_code export_net(const struct export_options *options, const struct subject *subject, struct status *status)
{
    struct space space;
    struct arch arch;
    struct net net;
    struct cost cost;
    char text[ARCH_TEXT_BYTES];
    enum status_code code = space_open(subject->space, &space, status);
    if (code != STATUS_OK)
        return code;
    net_init_empty(&net);
    code = build(subject, &space, &arch, &net, status);
    if (code == STATUS_OK)
        code = fill_weights(options, subject, &space, &arch, &net, status);
    if (code == STATUS_OK)
        code = net_onnx_save(&net, options->onnx, status);
    if (code == STATUS_OK) {
        cost_of_net(&net, &cost);
        space_print(&space, &arch, text);
        fprintf(stderr, "hwnas export: %s: %s, %.3f M parameters, %.2f M multiply-accumulates\n", options->onnx, text,
                (double)cost.params / 1e6, (double)cost.macs / 1e6);
    }
    net_free(&net);
    space_close(&space);
    return code;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct export_options *options = state->input;
    switch (key) {
    case KEY_ONNX: options->onnx = text; return 0;
    case KEY_DB: options->db = text; return 0;
    case KEY_ARCH: options->arch = text; return 0;
    case KEY_SPACE: options->space = text; return 0;
    case KEY_WEIGHTS: options->weights = text; return 0;
    case KEY_CHANNELS: options->sizes.channels = cli_option_int("channels", text, 1, 1024, state); return 0;
    case KEY_CELLS: options->sizes.cells = cli_option_int("cells", text, 1, 100, state); return 0;
    case KEY_CLASSES: options->sizes.classes = cli_option_int("classes", text, 2, 65536, state); return 0;
    case KEY_INPUT_CHANNELS: options->sizes.input.c = cli_option_int("input-channels", text, 1, 64, state); return 0;
    case KEY_INPUT_SIZE:
        options->sizes.input.h = options->sizes.input.w = cli_option_int("input-size", text, 4, 1024, state);
        return 0;
    case KEY_SEED:
        options->seed = cli_option_seed("seed", text, state);
        options->has_seed = true;
        return 0;
    case ARGP_KEY_ARG:
        if (options->study != NULL)
            argp_error(state, "one study at a time; '%s' is a second", text);
        options->study = text;
        return 0;
    case ARGP_KEY_END:
        if (options->onnx == NULL || (options->study == NULL && options->arch == NULL))
            argp_error(state, "--onnx OUT.onnx and a study or --arch are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int run_verb(int argc, char **argv)
{
    static const struct argp_option option_table[] = {
        {"onnx", KEY_ONNX, "OUT.onnx", 0, "the file to write (needed)", 1},
        {"db", KEY_DB, "FILE", 0, "the study's database; default STUDY.db", 1},
        {"arch", KEY_ARCH, "STR", 0, "this architecture; with a study, in that study's network settings", 1},
        {"space", KEY_SPACE, "NAME", 0, "the search space; default the study's, else nb201", 2},
        {"channels", KEY_CHANNELS, "N", 0, "of the first stage; default the study's, else the space's", 2},
        {"cells", KEY_CELLS, "N", 0, "counted as the space does; default the study's, else the space's", 2},
        {"classes", KEY_CLASSES, "N", 0, "default the study's, else the space's", 2},
        {"input-channels", KEY_INPUT_CHANNELS, "N", 0, "default the study's, else the space's", 2},
        {"input-size", KEY_INPUT_SIZE, "N", 0, "pixels; default the study's, else the space's", 2},
        {"seed", KEY_SEED, "S", 0, "of the initial weights; default the study's, else 0", 3},
        {"weights", KEY_WEIGHTS, "FILE", 0, "weights by name (safetensors) instead of initial ones", 3},
        {0}};
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .args_doc = "[STUDY]",
                                     .doc = "Writes a study's best architecture (the one that its finals chose, where it has "
                                            "some), or the one given by --arch, as an ONNX model (opset 13) with "
                                            "initial weights drawn from the seed, ready to be trained or measured."};
    struct export_options options = {.study = NULL};
    struct subject subject;
    struct status status = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    if (choose_subject(&options, &subject, &status) != STATUS_OK || export_net(&options, &subject, &status) != STATUS_OK)
        return cli_fail("export", &status);
    return 0;
}

const struct cli_verb cli_export_verb = {"export", "write an architecture as an ONNX file", run_verb};
