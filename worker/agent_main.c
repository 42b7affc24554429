/* agent_main: the program hwnas-agent: measures the latency of candidates on a board, or on the host it runs on. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/cli.h"
#include "common/credentials.h"
#include "common/host.h"
#include "common/log.h"
#include "common/version.h"
#include "worker/measure_runner.h"
#include "worker/runner_open.h"
#include "worker/session.h"

enum { KEY_CPU = 256, KEY_LOG_LEVEL, KEY_EXIT_WITH_PARENT, KEY_KEY, KEY_SERVER_KEY };

static const struct argp_option option_list[] = {
    {"connect", 'c', "ADDRESS", 0, "where the master listens: ipc://FOLDER/SOCKET, tcp://127.0.0.1:PORT, with keys tcp://HOST:PORT",
     1},
    {"key", KEY_KEY, "FILE", 0, "this process's key, NAME_secret of `hwnas keygen` (docs/SECURITY.md)", 1},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the master's public key: no other master is talked to", 1},
    {"board", 'b', "FILE", 0, "the board file: what is measured, and how (docs/MEASURING.md); without it this host itself", 1},
    {"name", 'n', "NODE", 0,
     "this process's name, unique in the cluster (BOARD-agent; HOST-agent-PID without a board file; with a key KEY. before it)", 1},
    {"cpu", KEY_CPU, "N", 0, "the CPU to measure on (the last one this process may use)", 1},
    {"log-level", KEY_LOG_LEVEL, "LEVEL", 0, "error, warn, info (default) or debug", 2},
    {"exit-with-parent", KEY_EXIT_WITH_PARENT, NULL, 0, "stop when the process that started this one ends", 2},
    {0}};

struct options {
    struct session_options session;
    const char *key, *server_key;
    const char *board;
    int cpu;
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
    case 'n': options->session.node = text; break;
    case 'b': options->board = text; break;
    case KEY_CPU: options->cpu = cli_option_int("cpu", text, 0, 65535, state); break;
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

/* What would disturb measurements here, once at the start; each result says its own conditions. */
static void warn_of_conditions(const struct runner *runner, const struct logger *logger)
{
    char sentence[WIRE_SENTENCE_BYTES];
    for (int i = 0; runner->ops->warning(runner, i, sentence, sizeof sentence); i++)
        log_warn(logger, "%s", sentence);
}

/* A board's agent keeps its name over restarts: the later process takes the place of the one that died, at once. */
static void name_process(const struct config_board *board, char *out, size_t size)
{
    if (board != NULL && board->name != NULL)
        snprintf(out, size, "%.56s-agent", board->name);
    else
        host_process_name("agent", out, size);
}

static int measure_until_stopped(struct options *options, const struct credentials *credentials, const struct logger *logger,
                                 struct status *status)
{
    struct config_board *board = NULL;
    struct runner runner = {0};
    struct runner_board described;
    char name[WIRE_NAME_BYTES];
    int exit_code = 2;
    if (options->board != NULL && config_board_load(options->board, &board, status) != STATUS_OK)
        return exit_code;
    if (runner_open(board, options->cpu, &runner, status) != STATUS_OK || measure_runner_check(&runner, status) != STATUS_OK) {
        exit_code = status_exit_code(status->code);
    } else {
        warn_of_conditions(&runner, logger);
        runner_describe(&runner, &described);
        log_event(logger, LOG_INFO, "measuring on", log_text("board", described.name), log_text("device", described.device_key));
        name_process(board, name, sizeof name);
        credentials_name_node(credentials, name, sizeof name);
        if (options->session.node == NULL)
            options->session.node = name;
        options->session.runner = &runner;
        options->session.slots = 1 + (uint32_t)described.build_ahead;
        exit_code = session_run(&options->session, logger, status);
    }
    runner_close(&runner);
    config_board_free(board);
    return exit_code;
}

static int run_with_keys(struct options *options, const struct logger *logger, struct status *status)
{
    struct credentials credentials;
    if (credentials_of_peer(KEYS_AGENT, options->session.address, options->key, options->server_key, &credentials, status) !=
        STATUS_OK)
        return status_exit_code(status->code);
    struct bus_keys keys = credentials_for_bus(&credentials);
    options->session.keys = credentials.own != NULL ? &keys : NULL;
    int exit_code = measure_until_stopped(options, &credentials, logger, status);
    credentials_free(&credentials);
    return exit_code;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        option_list,
        parse,
        NULL,
        "Measures candidates on a board, or on this host, for the master at ADDRESS, until it is stopped. Masters may come "
        "and go."
        "\vExit codes: 0 stopped by SIGTERM; 1 a failure at run time; 2 bad input; 3 another process has "
        "registered under the same name; 130 interrupted by SIGINT.",
        NULL,
        NULL,
        NULL};
    struct options options = {.level = LOG_INFO, .cpu = -1, .session = {.role = WIRE_AGENT, .slots = 1, .isa = ENGINE_ISA_AUTO}};
    struct status status = {0};
    argp_program_version = "hwnas-agent " HWNAS_VERSION;
    argp_err_exit_status = 2;
    argp_parse(&argp, argc, argv, 0, NULL, &options);

    struct logger logger;
    struct log_control control;
    log_open(&logger, &control, "hwnas-agent", options.level);
    signal(SIGPIPE, SIG_IGN);
    if (options.exit_with_parent && host_exit_with_parent() != 0)
        return 1;
    int exit_code = run_with_keys(&options, &logger, &status);
    if (status.code != STATUS_OK)
        log_error(&logger, "%s", status.message);
    return exit_code;
}
