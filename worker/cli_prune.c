/* cli_prune: `hwnas prune`: an architecture trained by the beta-VAE objective and pruned by magnitude, over a grid of betas,
 * sparsities and seeds. Everything that a person can get wrong is looked at before the first training begins; what is written is
 * whole or absent. */
#include "worker/cli_prune.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fileio.h"
#include "common/net_onnx.h"
#include "worker/cli_device_parts.h"
#include "worker/cli_images.h"
#include "worker/cli_options.h"
#include "worker/cli_prune_parts.h"
#include "worker/measure_runner.h"

struct prune_options {
    const char *arch, *space, *folder, *out; /* folder: of the ONNX files */
    struct cli_images images, test;
    size_t train_max, test_max; /* 0: all */
    struct cli_device_options device;
    bool measure;
    struct prune_plan plan;
    double betas[CLI_PRUNE_BETAS_MAX];
    int beta_count, seeds;
};

/* --- options --- */

enum {
    KEY_SPACE = 256,
    KEY_CHANNELS,
    KEY_CELLS,
    KEY_TEST_IMAGES,
    KEY_TEST_LABELS,
    KEY_TRAIN_MAX,
    KEY_TEST_MAX,
    KEY_BETA,
    KEY_SPARSITY,
    KEY_SEEDS,
    KEY_SEED,
    KEY_LATENT,
    KEY_GAMMA,
    KEY_DECODER,
    KEY_EPOCHS,
    KEY_FINE_TUNE,
    KEY_SCHEDULE,
    KEY_BATCH,
    KEY_RATE,
    KEY_FINE_TUNE_RATE,
    KEY_AUGMENT,
    KEY_EXPORT,
    KEY_MEASURE
};

static const struct argp_option option_table[] = {
    {"arch", 'a', "STR", 0, "the architecture, as the space writes it (needed)", 1},
    {"space", KEY_SPACE, "NAME", 0, "the search space; default nb201", 1},
    {"channels", KEY_CHANNELS, "N", 0, "channels of the first stage; default the space's", 1},
    {"cells", KEY_CELLS, "N", 0, "cells, counted as the space does; default the space's", 1},
    {"test-images", KEY_TEST_IMAGES, "FILE", 0, "images that accuracy is measured on, in the same format (needed)", 3},
    {"test-labels", KEY_TEST_LABELS, "FILE", 0, "labels of the test images; default: the file beside them", 3},
    {"train-max", KEY_TRAIN_MAX, "N", 0, "train on the first N images; default all", 3},
    {"test-max", KEY_TEST_MAX, "N", 0, "test on the first N images; default all", 3},
    {"beta", KEY_BETA, "LIST", 0, "weights of the KL term; default 0,0.001,0.01,0.1,1,4", 4},
    {"sparsity", KEY_SPARSITY, "LIST", 0, "per cent of the weights to be zero, rising; default 0,50,80,90,95,98", 4},
    {"seeds", KEY_SEEDS, "N", 0, "trainings of each beta; default 3", 4},
    {"seed", KEY_SEED, "S", 0, "the first of their seeds; default 1", 4},
    {"latent", KEY_LATENT, "D", 0, "numbers in the latent; default 16", 5},
    {"gamma", KEY_GAMMA, "W", 0, "weight of the reconstruction; default 0: no decoder", 5},
    {"decoder", KEY_DECODER, "N", 0, "units of the decoder's hidden layer; default 128", 5},
    {"epochs", KEY_EPOCHS, "N", 0, "passes over the images before pruning; default 10", 6},
    {"fine-tune", KEY_FINE_TUNE, "N", 0, "passes under each mask, at 0 % too; default 5", 6},
    {"schedule", KEY_SCHEDULE, "NAME", 0,
     "iterative (default): each sparsity goes on from the one before; one-shot: from the dense net", 6},
    {"batch", KEY_BATCH, "N", 0, "images a step; default 64", 6},
    {"learning-rate", KEY_RATE, "R", 0, "peak of the one-cycle schedule; default 0.05", 6},
    {"fine-tune-rate", KEY_FINE_TUNE_RATE, "R", 0, "the same under each mask; default 0.02", 6},
    {"augment", KEY_AUGMENT, NULL, 0, "crop and flip the images", 6},
    {"export", KEY_EXPORT, "FOLDER", 0, "write each pruned net there as ONNX", 7},
    {"measure", KEY_MEASURE, NULL, 0, "measure the latency of the first seed's nets as an agent does", 7},
    {"output", 'o', "FILE", 0, "write the grid there, too: JSON, or CSV when the name ends in .csv", 9},
    {0}};

static int read_numbers(const char *option, char *text, double *out, int most, double low, double high, struct argp_state *state)
{
    char *parts[CLI_PRUNE_BETAS_MAX];
    const int count = cli_option_list(option, text, parts, most, state);
    for (int i = 0; i < count; i++)
        out[i] = cli_option_number(option, parts[i], low, high, state);
    return count;
}

static void read_sparsities(char *text, struct prune_plan *plan, struct argp_state *state)
{
    plan->level_count = read_numbers("sparsity", text, plan->percents, PRUNE_LEVELS_MAX, 0, 99.999, state);
    for (int i = 1; i < plan->level_count; i++)
        if (!(plan->percents[i] > plan->percents[i - 1]))
            argp_error(state, "--sparsity: %g does not rise above %g", plan->percents[i], plan->percents[i - 1]);
}

static enum prune_schedule read_schedule(const char *text, struct argp_state *state)
{
    if (strcmp(text, "iterative") != 0 && strcmp(text, "one-shot") != 0)
        argp_error(state, "--schedule is '%.40s'; it must be iterative or one-shot", text);
    return strcmp(text, "one-shot") == 0 ? PRUNE_ONE_SHOT : PRUNE_ITERATIVE;
}

/* What is the training's, and the grid's. */
static error_t parse_plan(int key, char *text, struct prune_options *options, struct argp_state *state)
{
    struct prune_plan *plan = &options->plan;
    switch (key) {
    case KEY_BETA: options->beta_count = read_numbers("beta", text, options->betas, CLI_PRUNE_BETAS_MAX, 0, 1e6, state); return 0;
    case KEY_SPARSITY: read_sparsities(text, plan, state); return 0;
    case KEY_SEEDS: options->seeds = cli_option_int("seeds", text, 1, CLI_PRUNE_SEEDS_MAX, state); return 0;
    case KEY_SEED: plan->seed = cli_option_seed("seed", text, state); return 0;
    case KEY_LATENT: plan->latent = cli_option_int("latent", text, 1, PRUNE_LATENT_MAX, state); return 0;
    case KEY_GAMMA: plan->gamma = cli_option_number("gamma", text, 0, 1e6, state); return 0;
    case KEY_DECODER: plan->decoder = cli_option_int("decoder", text, 1, 65536, state); return 0;
    case KEY_EPOCHS: plan->epochs = cli_option_int("epochs", text, 1, 100000, state); return 0;
    case KEY_FINE_TUNE: plan->fine_tune_epochs = cli_option_int("fine-tune", text, 0, 100000, state); return 0;
    case KEY_SCHEDULE: plan->schedule = read_schedule(text, state); return 0;
    case KEY_BATCH: plan->batch = cli_option_int("batch", text, 2, 4096, state); return 0;
    case KEY_RATE: plan->learning_rate = cli_option_number("learning-rate", text, 1e-6, 10, state); return 0;
    case KEY_FINE_TUNE_RATE: plan->fine_tune_rate = cli_option_number("fine-tune-rate", text, 1e-6, 10, state); return 0;
    case KEY_AUGMENT: plan->augment = true; return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct prune_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &options->images;
        state->child_inputs[1] = &options->device;
        return 0;
    case 'a': options->arch = text; return 0;
    case 'o': options->out = text; return 0;
    case KEY_SPACE: options->space = text; return 0;
    case KEY_CHANNELS: options->plan.sizes.channels = cli_option_int("channels", text, 1, 1024, state); return 0;
    case KEY_CELLS: options->plan.sizes.cells = cli_option_int("cells", text, 1, 64, state); return 0;
    case KEY_TEST_IMAGES: options->test.path = text; return 0;
    case KEY_TEST_LABELS: options->test.labels = text; return 0;
    case KEY_TRAIN_MAX: options->train_max = (size_t)cli_option_int("train-max", text, 2, 100000000, state); return 0;
    case KEY_TEST_MAX: options->test_max = (size_t)cli_option_int("test-max", text, 1, 100000000, state); return 0;
    case KEY_EXPORT: options->folder = text; return 0;
    case KEY_MEASURE: options->measure = true; return 0;
    case ARGP_KEY_END:
        if (options->arch == NULL || options->images.path == NULL || options->test.path == NULL)
            argp_error(state, "--arch, --images and --test-images are needed");
        if (!options->measure && (options->device.board != NULL || options->device.cpu >= 0))
            argp_error(state, "--board and --cpu say where to measure: give --measure, too");
        return 0;
    default: return parse_plan(key, text, options, state);
    }
}

/* --- the grid --- */

/* Everything that a run needs; zero-initialised. */
struct prune_run {
    const struct prune_options *options;
    struct prune_plan plan; /* the options', completed */
    struct space space;
    struct arch arch;
    struct data_set train, test;
    struct cli_device device;
    struct cli_prune_grid grid;
    struct cli_progress progress;
    int beta, seed; /* being trained */
    int64_t started_ns;
};

static enum status_code make_folder(const char *folder, struct status *status)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return status_set(status, STATUS_IO, "%s: the folder cannot be made: %s", folder, strerror(errno));
    if (access(folder, W_OK | X_OK) != 0)
        return status_set(status, STATUS_IO, "%s: nothing can be written there: %s", folder, strerror(errno));
    return STATUS_OK;
}

static enum status_code make_grid(struct prune_run *run, struct status *status)
{
    const struct prune_options *options = run->options;
    struct cli_prune_grid *grid = &run->grid;
    const size_t cells = (size_t)options->beta_count * (size_t)run->plan.level_count;
    grid->plan = &run->plan;
    grid->beta_count = options->beta_count;
    memcpy(grid->betas, options->betas, sizeof grid->betas);
    grid->seed_count = options->seeds;
    grid->train_count = run->train.count;
    grid->test_count = run->test.count;
    space_print(&run->space, &run->arch, grid->arch);
    grid->levels = calloc(cells * (size_t)options->seeds, sizeof *grid->levels);
    grid->latencies = calloc(cells, sizeof *grid->latencies);
    if (grid->levels == NULL || grid->latencies == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a grid of %zu cells", cells);
    for (size_t i = 0; i < cells; i++)
        grid->latencies[i].ms = NAN;
    return STATUS_OK;
}

static enum status_code open_device(struct prune_run *run, struct status *status)
{
    struct runner_board board;
    enum status_code code = cli_device_open(&run->options->device, &run->device, status);
    if (code == STATUS_OK) {
        runner_describe(&run->device.runner, &board);
        snprintf(run->grid.device, sizeof run->grid.device, "%s", board.device_key);
    }
    return code;
}

static enum status_code prepare(struct prune_run *run, struct status *status)
{
    const struct prune_options *options = run->options;
    run->plan = options->plan;
    enum status_code code = space_open(options->space, &run->space, status);
    if (code == STATUS_OK)
        code = space_parse(&run->space, options->arch, &run->arch, status);
    if (code == STATUS_OK)
        code = cli_images_load_pair(&options->images, options->train_max, &options->test, options->test_max, &run->train,
                                    &run->test, status);
    if (code == STATUS_OK && options->out != NULL)
        code = fileio_check_target(options->out, status);
    if (code == STATUS_OK && options->folder != NULL)
        code = make_folder(options->folder, status);
    if (code == STATUS_OK)
        code = make_grid(run, status);
    if (code == STATUS_OK && options->measure)
        code = open_device(run, status);
    if (code != STATUS_OK)
        return code;
    run->plan.space = &run->space;
    run->plan.arch = &run->arch;
    space_build_complete(&run->plan.sizes, &run->space.ops->defaults);
    run->plan.sizes.input = run->train.shape;
    run->plan.sizes.classes = run->train.classes;
    return STATUS_OK;
}

static void close_run(struct prune_run *run)
{
    free(run->grid.levels);
    free(run->grid.latencies);
    cli_device_close(&run->device);
    data_free(&run->train);
    data_free(&run->test);
    space_close(&run->space);
}

static enum status_code export_net(const struct prune_run *run, int index, const struct net *net, struct status *status)
{
    char path[4096];
    const int length =
        snprintf(path, sizeof path, "%s/beta%g_sparsity%g_seed%llu.onnx", run->options->folder, run->grid.betas[run->beta],
                 run->plan.percents[index], (unsigned long long)(run->plan.seed + (uint64_t)run->seed));
    if (length < 0 || (size_t)length >= sizeof path)
        return status_set(status, STATUS_BAD_INPUT, "--export: the folder's name is too long");
    return net_onnx_save(net, path, status);
}

static enum status_code measure_net(struct prune_run *run, int index, const struct net *net, struct status *status)
{
    struct runner *runner = &run->device.runner;
    const struct runner_job job = {.net = net, .space = &run->space, .arch = &run->arch};
    struct runner_note note;
    struct measure_result *result = calloc(1, sizeof *result);
    if (result == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a measurement");
    runner_note_init(&note);
    enum status_code code = measure_runner(runner, &job, &runner->protocol, &note, result, status);
    if (code == STATUS_OK)
        *cli_prune_latency(&run->grid, run->beta, index) =
            (struct cli_prune_latency){result->latency_ms, measure_is_steady(result)};
    runner_note_free(&note);
    free(result);
    return code;
}

static enum status_code take_level(void *context, int index, const struct prune_level *level, const struct net *deployed,
                                   struct status *status)
{
    struct prune_run *run = context;
    enum status_code code = STATUS_OK;
    cli_prune_cell(&run->grid, run->beta, index)[run->seed] = *level;
    if (run->options->folder != NULL)
        code = export_net(run, index, deployed, status);
    if (code == STATUS_OK && run->options->measure && run->seed == 0)
        code = measure_net(run, index, deployed, status);
    return code;
}

static double seconds_since(int64_t started_ns)
{
    return (double)(clock_monotonic_ns() - started_ns) * 1e-9;
}

static void show_progress(void *context, double fraction, double loss)
{
    struct prune_run *run = context;
    const int chains = run->grid.beta_count * run->grid.seed_count;
    const double done = (run->beta * run->grid.seed_count + run->seed + fraction) / chains;
    char detail[64];
    snprintf(detail, sizeof detail, "beta %g, seed %d of %d: loss %.3f", run->grid.betas[run->beta], run->seed + 1,
             run->grid.seed_count, loss);
    cli_progress_show(&run->progress, done, seconds_since(run->started_ns) * (1 - done) / done, detail);
}

static enum status_code fill_grid(struct prune_run *run, struct status *status)
{
    const struct prune_visitor visitor = {run, take_level, show_progress};
    enum status_code code = STATUS_OK;
    run->started_ns = clock_monotonic_ns();
    for (run->beta = 0; run->beta < run->grid.beta_count; run->beta++)
        for (run->seed = 0; code == STATUS_OK && run->seed < run->grid.seed_count; run->seed++) {
            struct prune_plan plan = run->plan;
            plan.beta = run->grid.betas[run->beta];
            plan.seed += (uint64_t)run->seed;
            code = prune_chain_run(&plan, &run->train, &run->test, &visitor, status);
        }
    cli_progress_end();
    run->grid.seconds = seconds_since(run->started_ns);
    return code;
}

static enum status_code write_grid(const struct cli_prune_grid *grid, const char *path, struct status *status)
{
    const size_t length = strlen(path);
    const enum cli_format format = length >= 4 && strcmp(path + length - 4, ".csv") == 0 ? CLI_CSV : CLI_JSON;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the grid as a file");
    enum status_code code = cli_prune_print(grid, format, stream, status);
    if (fclose(stream) != 0 && code == STATUS_OK)
        code = status_set(status, STATUS_NO_MEMORY, "no memory for the grid as a file");
    if (code == STATUS_OK)
        code = fileio_write(path, text, size, status);
    free(text);
    return code;
}

static int prune_run(int argc, char **argv)
{
    static const struct argp_child children[] = {
        {&cli_images_argp, 0, "The training images:", 2}, {&cli_device_common_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        option_table,
        parse_option,
        NULL,
        "Trains an architecture as the encoder of a beta-VAE with a classifier behind it, prunes the smallest weights of what is "
        "deployed and trains on under the mask, over a grid of betas, sparsities and seeds (docs/SYSTEMS.md).\v"
        "Sparsities are exact to one weight. Progress goes to standard error.",
        children,
        NULL,
        NULL};
    struct prune_options options = {.space = "nb201",
                                    .device = {.cpu = -1},
                                    .betas = {0, 0.001, 0.01, 0.1, 1, 4},
                                    .beta_count = 6,
                                    .seeds = 3,
                                    .plan = {.latent = 16,
                                             .decoder = 128,
                                             .epochs = 10,
                                             .fine_tune_epochs = 5,
                                             .batch = 64,
                                             .learning_rate = 0.05,
                                             .fine_tune_rate = 0.02,
                                             .momentum = 0.9,
                                             .weight_decay = 5e-4,
                                             .percents = {0, 50, 80, 90, 95, 98},
                                             .level_count = 6,
                                             .seed = 1}};
    struct status status = {0};
    engine_blas_settle();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    cli_warn_of_blas("prune");
    struct prune_run run = {.options = &options, .progress = {.what = "pruning", .last_tenth = -1}};
    enum status_code code = prepare(&run, &status);
    if (code == STATUS_OK)
        code = fill_grid(&run, &status);
    if (code == STATUS_OK)
        code = cli_prune_print(&run.grid, options.device.format, stdout, &status);
    if (code == STATUS_OK && options.out != NULL)
        code = write_grid(&run.grid, options.out, &status);
    close_run(&run);
    return code == STATUS_OK ? cli_flush("prune") : cli_fail("prune", &status);
}

const struct cli_verb cli_prune_verb = {"prune", "prune an architecture trained as a beta-VAE, over a grid", prune_run};
