/* cli_run: the verb `run`, and what `study resume` shares with it. Checks come first: nothing is started for a study that cannot
 * run. */
#include "master/cli_run.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bundle.h"
#include "common/config.h"
#include "common/config_board.h"
#include "common/credentials.h"
#include "common/digest.h"
#include "common/fileio.h"
#include "common/log.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/wire.h"
#include "master/cli_launch.h"
#include "master/report.h"
#include "master/search.h"
#include "master/store.h"
#include "master/study.h"

/* --- checks before anything is started --- */

/* Builds one connected architecture to see that the sizes make a network; returns how many outputs it has, the logits among them.
 */
static enum status_code try_build(const struct space *space, const struct space_build *build, int *outputs, struct status *status)
{
    struct rng rng;
    struct arch arch;
    struct net net;
    net_init_empty(&net);
    rng_seed(&rng, 0);
    do
        space_sample(space, &rng, &arch);
    while (!space_connected(space, &arch));
    enum status_code code = space_build_net(space, &arch, build, &net, status);
    *outputs = net.output_count;
    net_free(&net);
    return code;
}

static enum status_code check_network(const struct config_study *study, const struct space *space, struct status *status)
{
    const struct config_network *network = &study->network;
    const struct space_build build = {.channels = network->channels,
                                      .cells = network->cells,
                                      .classes = network->classes,
                                      .input = {network->input_channels, network->input_size, network->input_size}};
    int outputs;
    enum status_code code = try_build(space, &build, &outputs, status);
    return code == STATUS_OK ? code : status_prefix(status, "network");
}

/* The bundle's images must fit the space, and its taps must be as many as the space's. */
static enum status_code check_bundle_fits(const struct config_study *study, const struct space *space, const struct bundle *bundle,
                                          struct status *status)
{
    struct protocol protocol;
    int outputs = 0;
    enum status_code code = protocol_preset(study->space, study->fitness.protocol, &protocol, status);
    if (code != STATUS_OK)
        return code;
    const struct space_build build = {
        .channels = protocol.channels, .cells = protocol.cells, .classes = bundle->classes, .input = bundle->shape};
    code = try_build(space, &build, &outputs, status);
    if (code == STATUS_OK && outputs - 1 != bundle->taps)
        code = status_set(status, STATUS_BAD_INPUT,
                          "the reference has %d taps, networks of %s have %d; build the bundle with as many (--taps)", bundle->taps,
                          study->space, outputs - 1);
    return code;
}

static enum status_code check_bundle(const struct config_study *study, const struct space *space, struct digest *digest,
                                     struct status *status)
{
    void *data = NULL;
    size_t size = 0;
    struct bundle bundle = {.batch = 0};
    enum status_code code = fileio_read(study->fitness.bundle, BUNDLE_BYTES_MAX, &data, &size, status);
    if (code != STATUS_OK)
        return code;
    digest_of(data, size, digest);
    code = bundle_read(data, size, &bundle, status);
    free(data);
    if (code == STATUS_OK) {
        code = check_bundle_fits(study, space, &bundle, status);
        bundle_free(&bundle);
    }
    if (code != STATUS_OK)
        status_prefix(status, "%s", study->fitness.bundle);
    return code;
}

static enum status_code check_images(const struct config_study *study, const char *path, struct digest *digest,
                                     struct status *status)
{
    struct search_file file;
    int count;
    enum status_code code = search_read_images(study, path, &file, &count, status);
    *digest = file.digest;
    free(file.data);
    return code;
}

/* Space, strategy, tables, bundle, images: everything the master will need from this study. */
static enum status_code check_study(const struct config_study *study, struct status *status)
{
    struct space space;
    const struct config_fitness *fitness = &study->fitness;
    struct digest bundle, images, validation;
    struct study *opened = NULL;
    struct study_inputs inputs = {.bundle = NULL};
    enum status_code code = space_open(study->space, &space, status);
    if (code != STATUS_OK)
        return code;
    code = check_network(study, &space, status);
    if (code == STATUS_OK && fitness->source == CONFIG_FITNESS_RMI) {
        code = check_bundle(study, &space, &bundle, status);
        inputs.bundle = &bundle;
    } else if (code == STATUS_OK && fitness->source == CONFIG_FITNESS_ONESHOT) {
        code = check_images(study, fitness->oneshot.images, &images, status);
        if (code == STATUS_OK)
            code = check_images(study, fitness->oneshot.validation, &validation, status);
        inputs = (struct study_inputs){.images = &images, .validation = &validation};
    }
    if (code == STATUS_OK)
        code = study_open(study, &space, &inputs, &opened, status);
    study_close(opened);
    space_close(&space);
    return code;
}

static enum status_code check_db(const char *db, struct status *status)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(db, '/');
    int length = slash == NULL ? 1 : slash == db ? 1 : (int)(slash - db);
    snprintf(folder, sizeof folder, "%.*s", length, slash == NULL ? "." : db);
    if (access(folder, W_OK | X_OK) != 0)
        return status_set(status, STATUS_BAD_INPUT, "%.300s: the folder %.150s cannot be written (%s); choose another with --db",
                          db, folder, strerror(errno));
    return STATUS_OK;
}

/* Whether this machine itself is to be measured: it is named, or nobody else could be meant. */
static bool needs_host_agent(const struct cli_run *run, const struct config_study *study)
{
    bool alone = run->board_count == 0 && run->listen_count == 0;
    for (uint32_t i = 0; i < study->cost_count; i++) {
        const struct config_cost *cost = &study->costs[i];
        if (cost->source == CONFIG_COST_AGENT &&
            (alone || strcmp(cost->device, "host") == 0 || strncmp(cost->device, "host-", 5) == 0))
            return true;
    }
    return false;
}

static enum status_code count_workers(const struct cli_run *run, const struct config_study *study, int *workers,
                                      struct status *status)
{
    bool needed = study->fitness.source != CONFIG_FITNESS_TABLE;
    if (needed && run->workers == 0 && run->listen_count == 0)
        return status_set(
            status, STATUS_BAD_INPUT,
            "fitness by %s needs workers; give --workers 1 or more, or --listen ADDRESS for workers started elsewhere",
            study->fitness.source == CONFIG_FITNESS_RMI ? "rmi" : "a one-shot net");
    *workers = !needed ? 0 : run->workers == CLI_RUN_WORKERS_AUTO ? cli_launch_cpus() : run->workers;
    return STATUS_OK;
}

/* Each board file is sound, and no two speak of the same board: the later agent would take the place of the other. */
static enum status_code check_boards(const struct cli_run *run, struct status *status)
{
    char names[CLI_LAUNCH_BOARDS_MAX][WIRE_NAME_BYTES];
    for (size_t i = 0; i < run->board_count; i++) {
        struct config_board *board;
        enum status_code code = config_board_load(run->boards[i], &board, status);
        if (code != STATUS_OK)
            return code;
        snprintf(names[i], sizeof names[i], "%s", board->name != NULL ? board->name : "");
        config_board_free(board);
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[k], names[i]) == 0)
                return status_set(status, STATUS_BAD_INPUT, "%s and %s: both boards have the name '%s'; give each its own",
                                  run->boards[k], run->boards[i], names[i]);
    }
    return STATUS_OK;
}

/* What the master would refuse, told before anything is started. */
static enum status_code check_listen(const struct cli_run *run, struct status *status)
{
    struct credentials credentials;
    enum status_code code = credentials_of_master(run->key, run->allow, &credentials, status);
    if (code == STATUS_OK && run->key != NULL && run->listen_count == 0)
        code = status_set(status, STATUS_BAD_INPUT,
                          "--key and --allow are for those who come in at --listen ADDRESS, which is missing");
    for (size_t i = 0; i < run->listen_count && code == STATUS_OK; i++)
        if (bus_check_address(BUS_SERVER, run->listen[i], run->key != NULL, status) != STATUS_OK)
            code = status_prefix(status, "--listen");
    credentials_free(&credentials);
    return code;
}

/* --- the result --- */

static int print_result(const struct cli_run *run, const char *db, const struct config_study *study)
{
    struct report report;
    struct status status = {0};
    if (report_read(db, study->name, &report, &status) != STATUS_OK)
        return cli_fail(run->verb, &status);
    report_print(&report, run->format, stdout);
    if (report.valued == 0)
        fprintf(stderr,
                "hwnas %s: no candidate of %s has a value: its tables know none of those asked (`hwnas table show` tells what they "
                "hold), or no evaluation succeeded (the log says why)\n",
                run->verb, study->name);
    else if (report.best == NULL)
        fprintf(stderr,
                "hwnas %s: no candidate satisfies the constraints of %s; raise costs.N.max or let it ask for more candidates\n",
                run->verb, study->name);
    report_free(&report);
    return cli_flush(run->verb);
}

static int run_checked(const struct cli_run *run, const struct config_study *study, const char *db)
{
    struct status status = {0};
    struct cli_launch launch = {.study_path = run->study_path,
                                .resume = run->resume,
                                .overrides = run->overrides,
                                .override_count = run->override_count,
                                .db = db,
                                .log_level = run->log_level,
                                .canary_every = run->canary_every,
                                .agent = needs_host_agent(run, study),
                                .boards = run->boards,
                                .board_count = run->board_count,
                                .listen = run->listen,
                                .listen_count = run->listen_count,
                                .key = run->key,
                                .allow = run->allow,
                                .quiet = run->quiet};
    if (check_listen(run, &status) != STATUS_OK || count_workers(run, study, &launch.workers, &status) != STATUS_OK ||
        check_boards(run, &status) != STATUS_OK || check_db(db, &status) != STATUS_OK)
        return cli_fail(run->verb, &status);
    int code = cli_launch_run(&launch, &status);
    if (code != 0) {
        cli_fail(run->verb, &status);
        return code;
    }
    return print_result(run, db, study);
}

/* A study that is in the database already has passed the checks; the master looks whether its files are still the same, and takes a
 * bundle that is gone out of the database. */
static enum status_code load_stored(const struct cli_run *run, struct config_study **out, struct status *status)
{
    struct store *store = NULL;
    struct store_study stored = {.name = NULL};
    /* For writing, which brings the database of an older hwnas up to date; but never to make one. */
    enum store_mode mode = access(run->db, F_OK) == 0 ? STORE_WRITE : STORE_READ;
    enum status_code code = store_open(run->db, mode, &store, status);
    if (code != STATUS_OK)
        return code;
    code = store_study_find(store, run->resume, &stored, status);
    if (code == STATUS_OK)
        code = config_parse(stored.settings, strlen(stored.settings), "stored settings", out, status);
    store_study_free(&stored);
    store_close(store);
    return code;
}

static enum status_code load_file(const struct cli_run *run, struct config_study **out, struct status *status)
{
    enum status_code code = config_load(run->study_path, run->overrides, run->override_count, out, status);
    return code == STATUS_OK ? check_study(*out, status) : code;
}

int cli_run_study(const struct cli_run *run)
{
    struct config_study *study = NULL;
    struct status status = {0};
    char db[CONFIG_NAME_BYTES + 8];
    if ((run->resume != NULL ? load_stored(run, &study, &status) : load_file(run, &study, &status)) != STATUS_OK) {
        config_free(study);
        return cli_fail(run->verb, &status);
    }
    snprintf(db, sizeof db, "%s.db", study->name);
    int exit_code = run_checked(run, study, run->db != NULL ? run->db : db);
    config_free(study);
    return exit_code;
}

/* --- the command line --- */

enum { KEY_DB = 256, KEY_WORKERS, KEY_BOARD, KEY_LISTEN, KEY_SET, KEY_LOG_LEVEL, KEY_CANARY_EVERY, KEY_KEY, KEY_ALLOW };

static const struct argp_option shared_options[] = {
    {"db", KEY_DB, "FILE", 0, "the database; default NAME.db in the current folder", 1},
    {"workers", KEY_WORKERS, "N", 0, "worker processes; default one a CPU", 1},
    {"board", KEY_BOARD, "FILE", 0, "a board file (docs/MEASURING.md): starts an agent for that board; may be repeated", 1},
    {"listen", KEY_LISTEN, "ADDRESS", 0,
     "where workers and agents started elsewhere connect: ipc://FOLDER/SOCKET, tcp://127.0.0.1:PORT, with keys tcp://HOST:PORT; "
     "may be repeated",
     1},
    {"key", KEY_KEY, "FILE", 0, "the master's key, NAME_secret of `hwnas keygen` (docs/SECURITY.md)", 1},
    {"allow", KEY_ALLOW, "FOLDER", 0, "the public keys of those who are let in at --listen", 1},
    {"canary-every", KEY_CANARY_EVERY, "N", 0,
     "measurements of a board between two of the network that it is checked with; default 10, 0 for none", 1},
    {"format", 'f', "FORMAT", 0, "table (default), csv (the front) or json (one object, the last line)", 2},
    {"quiet", 'q', NULL, 0, "show no progress", 2},
    {"log-level", KEY_LOG_LEVEL, "L", 0, "error, warn, info (default) or debug: what goes into the log beside the database", 2},
    {0}};

static error_t parse_shared(int key, char *text, struct argp_state *state)
{
    struct cli_run *run = state->input;
    enum log_level level;
    switch (key) {
    case KEY_DB: run->db = text; return 0;
    case KEY_WORKERS: run->workers = cli_option_int("workers", text, 0, CLI_LAUNCH_WORKERS_MAX, state); return 0;
    case KEY_BOARD:
        if (run->board_count == CLI_LAUNCH_BOARDS_MAX)
            argp_error(state, "--board may be given %d times at most", CLI_LAUNCH_BOARDS_MAX);
        run->boards[run->board_count++] = text;
        return 0;
    case KEY_LISTEN:
        if (run->listen_count == CLI_LAUNCH_LISTEN_MAX)
            argp_error(state, "--listen may be given %d times at most", CLI_LAUNCH_LISTEN_MAX);
        run->listen[run->listen_count++] = text;
        return 0;
    case KEY_KEY: run->key = text; return 0;
    case KEY_ALLOW: run->allow = text; return 0;
    case 'f': run->format = cli_option_format(text, state); return 0;
    case 'q': run->quiet = true; return 0;
    case KEY_CANARY_EVERY:
        cli_option_int("canary-every", text, 0, 1000000, state);
        run->canary_every = text;
        return 0;
    case KEY_LOG_LEVEL:
        if (log_parse_level(text, &level) != 0)
            argp_error(state, "--log-level is '%.40s'; it must be error, warn, info or debug", text);
        run->log_level = text;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp shared_argp = {.options = shared_options, .parser = parse_shared};
const struct argp_child cli_run_children[] = {{&shared_argp, 0, NULL, 0}, {0}};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct cli_run *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = run; return 0;
    case KEY_SET:
        if (run->override_count == CLI_RUN_OVERRIDES_MAX)
            argp_error(state, "--set may be given %d times at most", CLI_RUN_OVERRIDES_MAX);
        run->overrides[run->override_count++] = text;
        return 0;
    case ARGP_KEY_ARG:
        if (run->study_path != NULL)
            argp_error(state, "one study file at a time; '%s' is a second", text);
        run->study_path = text;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "which study file?"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int run_verb(int argc, char **argv)
{
    static const struct argp_option set[] = {
        {"set", KEY_SET, "KEY.PATH=VALUE", 0, "change one setting, such as costs.0.max=4; may be repeated", 1}, {0}};
    static const struct argp argp = {
        .options = set,
        .parser = parse_option,
        .args_doc = "STUDY.yaml",
        .doc =
            "Runs a study on this machine: starts master, workers and, where latency is measured, agents; shows the progress on "
            "standard "
            "error and prints the result. A study that the database already holds is resumed, or its result printed when it is "
            "finished; other settings under the same name are refused.\v"
            "docs/STUDY.md documents study files. Exit codes: 0 done, 1 failed, 2 wrong arguments, settings or files, 3 conflict, "
            "130 interrupted; the same command goes on where it stopped.",
        .children = cli_run_children};
    struct cli_run run = {.verb = "run", .workers = CLI_RUN_WORKERS_AUTO, .log_level = "info"};
    argp_parse(&argp, argc, argv, 0, NULL, &run);
    return cli_run_study(&run);
}

const struct cli_verb cli_run_verb = {"run", "run a study file to its end and print the result", run_verb};
