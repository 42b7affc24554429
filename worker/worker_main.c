/* worker_main: the program hwnas-worker: scores candidates for a master. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>

#include "common/cli.h"
#include "common/credentials.h"
#include "common/host.h"
#include "common/log.h"
#include "common/version.h"
#include "worker/cli_options.h"
#include "worker/session.h"

enum { KEY_ISA = 256, KEY_LOG_LEVEL, KEY_EXIT_WITH_PARENT, KEY_KEY, KEY_SERVER_KEY };

static const struct argp_option option_list[] = {
    {"connect", 'c', "ADDRESS", 0, "where the master listens: ipc://FOLDER/SOCKET, tcp://127.0.0.1:PORT, with keys tcp://HOST:PORT",
     1},
    {"key", KEY_KEY, "FILE", 0, "this process's key, NAME_secret of `hwnas keygen` (docs/SECURITY.md)", 1},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the master's public key: no other master is talked to", 1},
    {"slots", 's', "N", 0, "candidates scored at once, each on one thread (1)", 1},
    {"name", 'n', "NODE", 0, "this process's name, unique in the cluster (HOST-worker-PID; with a key KEY.HOST-worker-PID)", 1},
    {"isa", KEY_ISA, "WORD", 0, "auto (default), avx512, avx2, neon or portable", 1},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info (default) or debug", 2},
    {"exit-with-parent", KEY_EXIT_WITH_PARENT, NULL, 0, "stop when the process that started this one ends", 2},
    {0}};

struct options {
    struct session_options session;
    const char *key, *server_key;
    enum log_level level;
    bool exit_with_parent;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'c': options->session.address = text; break;
    case KEY_KEY: options->key = text; break;
    case KEY_SERVER_KEY: options->server_key = text; break;
    case 's': options->session.slots = (uint32_t)cli_option_int("slots", text, 1, WIRE_SLOTS_MAX, state); break;
    case 'n': options->session.node = text; break;
    case KEY_ISA: options->session.isa = cli_option_isa(text, state); break;
    case KEY_EXIT_WITH_PARENT: options->exit_with_parent = true; break;
    case KEY_LOG_LEVEL:
        if (log_parse_level(text, &options->level) != 0)
            argp_error(state, "--log-level is '%.40s'; it must be error, warn, info or debug", text);
        break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END:
        if (options->session.address == NULL)
            argp_error(state, "--connect ADDRESS is needed");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static int work_until_stopped(struct options *options, const struct logger *logger, struct status *status)
{
    struct credentials credentials;
    char name[WIRE_NAME_BYTES];
    if (credentials_of_peer(KEYS_WORKER, options->session.address, options->key, options->server_key, &credentials, status) !=
        STATUS_OK)
        return status_exit_code(status->code);
    struct bus_keys keys = credentials_for_bus(&credentials);
    options->session.keys = credentials.own != NULL ? &keys : NULL;
    host_process_name("worker", name, sizeof name);
    credentials_name_node(&credentials, name, sizeof name);
    if (options->session.node == NULL)
        options->session.node = name;
    int exit_code = session_run(&options->session, logger, status);
    credentials_free(&credentials);
    return exit_code;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list,
        parse,
        NULL,
        "Scores candidates (RMI) for the master at ADDRESS, until it is stopped. Masters may come and go."
        "\vExit codes: 0 stopped by SIGTERM; 1 a failure at run time; 2 bad input; 3 another process has "
        "registered under the same name; 130 interrupted by SIGINT.",
        NULL,
        NULL,
        NULL};
    struct options options = {.level = LOG_INFO, .session = {.role = WIRE_WORKER, .slots = 1, .isa = ENGINE_ISA_AUTO}};
    struct status status = {0};
    argp_program_version = "hwnas-worker " HWNAS_VERSION;
    argp_err_exit_status = 2;
    engine_blas_settle();
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    struct logger logger;
    struct log_control control;
    log_open(&logger, &control, "hwnas-worker", options.level);
    signal(SIGPIPE, SIG_IGN);
    if (options.exit_with_parent && host_exit_with_parent() != 0)
        return 1;
    const char *warning = engine_blas_warning();
    if (warning != NULL)
        log_warn(&logger, "%s", warning);
    int exit_code = work_until_stopped(&options, &logger, &status);
    if (status.code != STATUS_OK)
        log_error(&logger, "%s", status.message);
    return exit_code;
}
