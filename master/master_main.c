/* master_main: the program hwnas-master: options, signals to ignore, exit codes. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cli.h"
#include "common/credentials.h"
#include "common/host.h"
#include "common/log.h"
#include "common/version.h"
#include "master/coord_loop.h"

enum { OVERRIDES_MAX = 64, ADDRESSES_MAX = 8 };

enum {
    KEY_RESUME = 256,
    KEY_SET,
    KEY_PROGRESS,
    KEY_EXIT_WITH_PARENT,
    KEY_LOG_LEVEL,
    KEY_HEARTBEAT_MS,
    KEY_LEASE_MS,
    KEY_CANARY_EVERY,
    KEY_COPY_AFTER_MS,
    KEY_KEY,
    KEY_ALLOW
};

static const struct argp_option option_list[] = {
    {"study", 's', "FILE.yaml", 0, "the study to run (docs/STUDY.md); goes on when the database holds it already", 1},
    {"resume", KEY_RESUME, "NAME", 0, "a study of that name out of the database, instead of --study", 1},
    {"set", KEY_SET, "KEY.PATH=VALUE", 0, "a setting of the study file, overridden; may be repeated", 1},
    {"db", 'd', "FILE", 0, "the database (NAME.db in the current folder by default)", 1},
    {"listen", 'l', "ADDRESS", 0,
     "where workers and agents connect: ipc://FOLDER/SOCKET, tcp://127.0.0.1:PORT, with keys tcp://HOST:PORT; may be repeated", 2},
    {"key", KEY_KEY, "FILE", 0, "this master's key, NAME_secret of `hwnas keygen` (docs/SECURITY.md)", 2},
    {"allow", KEY_ALLOW, "FOLDER", 0, "the public keys that are let in; read again at SIGHUP", 2},
    {"heartbeat-ms", KEY_HEARTBEAT_MS, "N", 0, "how often peers say that they live (1000)", 2},
    {"lease-ms", KEY_LEASE_MS, "N", 0, "silence after which a peer's tasks are given to others (10000)", 2},
    {"copy-after-ms", KEY_COPY_AFTER_MS, "MS", 0,
     "an evaluation that takes longer (10000) and 1.5 times what is usual is given to an idle worker as well; 0: never", 2},
    {"canary-every", KEY_CANARY_EVERY, "N", 0, "measurements of a board between its canaries (10); 0: no canaries", 2},
    {"progress", KEY_PROGRESS, NULL, 0, "print progress on standard output, one JSON object a line", 3},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info (default) or debug", 3},
    {"exit-with-parent", KEY_EXIT_WITH_PARENT, NULL, 0, "stop when the process that started this one ends", 3},
    {0}};

struct options {
    struct coord_options coord;
    const char *overrides[OVERRIDES_MAX];
    const char *addresses[ADDRESSES_MAX];
    const char *key, *allow;
    enum log_level level;
    bool exit_with_parent;
};

static void add_text(const char *option, const char **list, size_t *count, size_t most, const char *text, struct argp_state *state)
{
    if (*count == most)
        argp_error(state, "--%s may be given %zu times at most", option, most);
    else
        list[(*count)++] = text;
}

static void check_together(const struct options *options, struct argp_state *state)
{
    if ((options->coord.search.study_path == NULL) == (options->coord.search.resume == NULL))
        argp_error(state, "give --study FILE.yaml or --resume NAME");
    if (options->coord.search.resume != NULL && options->coord.search.db == NULL)
        argp_error(state, "--resume needs --db FILE");
    if (options->coord.search.resume != NULL && options->coord.search.override_count > 0)
        argp_error(state, "--set goes with --study: the settings of a study that is begun stay as they are");
    if (options->coord.lease_ms < 3 * options->coord.heartbeat_ms)
        argp_error(state, "--lease-ms must be at least three times --heartbeat-ms");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    struct search_options *search = &options->coord.search;
    switch (key) {
    case 's': search->study_path = text; break;
    case 'd': search->db = text; break;
    case 'l': add_text("listen", options->addresses, &options->coord.listen_count, ADDRESSES_MAX, text, state); break;
    case KEY_RESUME: search->resume = text; break;
    case KEY_SET: add_text("set", options->overrides, &search->override_count, OVERRIDES_MAX, text, state); break;
    case KEY_PROGRESS: options->coord.progress = true; break;
    case KEY_EXIT_WITH_PARENT: options->exit_with_parent = true; break;
    case KEY_HEARTBEAT_MS: options->coord.heartbeat_ms = (uint32_t)cli_option_int("heartbeat-ms", text, 10, 600000, state); break;
    case KEY_LEASE_MS: options->coord.lease_ms = (uint32_t)cli_option_int("lease-ms", text, 30, 3600000, state); break;
    case KEY_COPY_AFTER_MS:
        options->coord.copy_after_ms = (uint32_t)cli_option_int("copy-after-ms", text, 0, 86400000, state);
        break;
    case KEY_CANARY_EVERY: options->coord.canary_every = (uint32_t)cli_option_int("canary-every", text, 0, 1000000, state); break;
    case KEY_KEY: options->key = text; break;
    case KEY_ALLOW: options->allow = text; break;
    case KEY_LOG_LEVEL:
        if (log_parse_level(text, &options->level) != 0)
            argp_error(state, "--log-level is '%.40s'; it must be error, warn, info or debug", text);
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END: check_together(options, state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Keys first: what is wrong with them is told before anything is opened. */
static int run_with_keys(struct options *options, const struct logger *logger, struct status *status)
{
    struct credentials credentials;
    if (credentials_of_master(options->key, options->allow, &credentials, status) != STATUS_OK)
        return status_exit_code(status->code);
    for (size_t i = 0; i < options->coord.listen_count; i++) {
        if (bus_check_address(BUS_SERVER, options->addresses[i], credentials.own != NULL, status) != STATUS_OK) {
            credentials_free(&credentials);
            return status_exit_code(status_prefix(status, "--listen"));
        }
    }
    struct bus_keys keys = credentials_for_bus(&credentials);
    if (credentials.own != NULL) {
        const struct keys_public *own = keys_public_of(credentials.own);
        options->coord.keys = &keys;
        options->coord.allow = credentials.allow;
        log_event(logger, LOG_INFO, "this master has a key", log_text("key", own->name), log_text("fingerprint", own->fingerprint),
                  log_count("keys_let_in", keys_list_count(credentials.allow)));
        if (keys_list_count(credentials.allow) == 0)
            log_event(logger, LOG_WARN, "nobody is let in until a key is put into the folder and SIGHUP is sent",
                      log_text("folder", options->allow));
    }
    int exit_code = coord_loop_run(&options->coord, logger, status);
    credentials_free(&credentials);
    return exit_code;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list,
        parse,
        NULL,
        "Runs one study: asks the strategy, gives tasks to workers and agents, keeps what comes out in the database."
        "\vExit codes: 0 the study is finished, or was stopped by SIGTERM; 1 a failure at run time; 2 bad input; 3 conflict "
        "(another "
        "master holds the database, or the study has other settings or files there); 130 interrupted by SIGINT.",
        NULL,
        NULL,
        NULL};
    struct options options = {.level = LOG_INFO,
                              .coord = {.heartbeat_ms = 1000, .lease_ms = 10000, .canary_every = 10, .copy_after_ms = 10000}};
    struct status status = {0};
    options.coord.search.overrides = options.overrides;
    options.coord.listen = options.addresses;
    argp_program_version = "hwnas-master " HWNAS_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    struct logger logger;
    struct log_control control;
    log_open(&logger, &control, "hwnas-master", options.level);
    /* A reader of the progress that has gone, or a file at its size limit, is an error to be told, not a death. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (options.exit_with_parent && host_exit_with_parent() != 0)
        return 1;
    int exit_code = run_with_keys(&options, &logger, &status);
    if (exit_code != 0 && status.code != STATUS_OK)
        log_error(&logger, "%s", status.message);
    return exit_code;
}
