/* worker_main: the program hwnas-worker: scores candidates for a master. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>

#include "common/bus.h"
#include "common/cli.h"
#include "common/host.h"
#include "common/log.h"
#include "common/version.h"
#include "worker/cli_options.h"
#include "worker/session.h"

enum { KEY_ISA = 256, KEY_LOG_LEVEL, KEY_EXIT_WITH_PARENT };

static const struct argp_option option_list[] = {
    {"connect", 'c', "ADDRESS", 0, "where the master listens: ipc://FOLDER/SOCKET or tcp://127.0.0.1:PORT", 1},
    {"slots", 's', "N", 0, "candidates scored at once, each on one thread (1)", 1},
    {"name", 'n', "NODE", 0, "this process's name, unique in the cluster (HOST-worker-PID)", 1},
    {"isa", KEY_ISA, "WORD", 0, "auto (default), avx512, avx2, neon or portable", 1},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info (default) or debug", 2},
    {"exit-with-parent", KEY_EXIT_WITH_PARENT, NULL, 0, "stop when the process that started this one ends", 2},
    {0}};

struct options {
    struct session_options session;
    enum log_level level;
    bool exit_with_parent;
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    struct status status = {0};
    switch (key) {
    case 'c':
        if (bus_check_address(text, &status) != STATUS_OK)
            argp_error(state, "--connect: %s", status.message);
        options->session.address = text;
        break;
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
    char name[WIRE_NAME_BYTES];
    host_process_name("worker", name, sizeof name);
    options.session.node = name;
    argp_program_version = "hwnas-worker " HWNAS_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    struct logger logger = {.out = stderr, .level = options.level, .program = "hwnas-worker"};
    signal(SIGPIPE, SIG_IGN);
    if (options.exit_with_parent && host_exit_with_parent() != 0)
        return 1;
    const char *warning = engine_blas_warning();
    if (warning != NULL)
        log_warn(&logger, "%s", warning);
    int exit_code = session_run(&options.session, &logger, &status);
    if (status.code != STATUS_OK)
        log_error(&logger, "%s", status.message);
    return exit_code;
}
