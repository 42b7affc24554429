/* cli_doctor: options and printing of `hwnas doctor`. Called by hwnas_main, which knows the examinations of both sides. */
#include "common/cli_doctor.h"

#include <argp.h>
#include <jansson.h>
#include <string.h>

enum { KEY_DB = 256, KEY_KEY, KEY_ALLOW, KEY_SERVER_KEY, KEY_LISTEN, KEY_CONNECT, KEY_BOARD };

struct doctor {
    struct doctor_options options;
    enum cli_format format;
    bool quiet;
};

static void add(const char *option, const char **list, size_t *count, const char *text, struct argp_state *state)
{
    if (*count == DOCTOR_NAMES_MAX)
        argp_error(state, "--%s may be given %d times at most", option, DOCTOR_NAMES_MAX);
    else
        list[(*count)++] = text;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct doctor *doctor = state->input;
    struct doctor_options *options = &doctor->options;
    switch (key) {
    case KEY_DB: options->db = text; return 0;
    case KEY_KEY: options->key = text; return 0;
    case KEY_ALLOW: options->allow = text; return 0;
    case KEY_SERVER_KEY: options->server_key = text; return 0;
    case KEY_LISTEN: add("listen", options->listen, &options->listen_count, text, state); return 0;
    case KEY_CONNECT: add("connect", options->connect, &options->connect_count, text, state); return 0;
    case KEY_BOARD: add("board", options->boards, &options->board_count, text, state); return 0;
    case 'f': doctor->format = cli_option_format(text, state); return 0;
    case 'q': doctor->quiet = true; return 0;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* --- what comes out --- */

static void print_table(const struct doctor_report *report, bool quiet)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        if (quiet && finding->level < DOCTOR_DOUBTFUL)
            continue;
        printf("%-8s  %-9s  ", doctor_level_name(finding->level), finding->area);
        cli_print_safe(stdout, finding->sentence);
        if (finding->advice[0] != '\0') {
            printf("\n%-8s  %-9s  -> ", "", "");
            cli_print_safe(stdout, finding->advice);
        }
        putchar('\n');
    }
    printf("%-8s  %zu wrong, %zu doubtful, %zu unknown, %zu fine\n", doctor_level_name(doctor_worst(report)),
           report->counts[DOCTOR_WRONG], report->counts[DOCTOR_DOUBTFUL], report->counts[DOCTOR_UNKNOWN],
           report->counts[DOCTOR_FINE]);
}

static void print_quoted(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv(const struct doctor_report *report)
{
    puts("level,area,sentence,advice");
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        printf("%s,%s,", doctor_level_name(finding->level), finding->area);
        print_quoted(finding->sentence);
        putchar(',');
        print_quoted(finding->advice);
        putchar('\n');
    }
}

static enum status_code print_json(const struct doctor_report *report, struct status *status)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < report->count; i++) {
        const struct doctor_finding *finding = &report->findings[i];
        json_array_append_new(findings, json_pack("{s:s,s:s,s:s,s:s?}", "level", doctor_level_name(finding->level), "area",
                                                  finding->area, "sentence", finding->sentence, "advice",
                                                  finding->advice[0] != '\0' ? finding->advice : NULL));
    }
    json_t *object = json_pack("{s:s,s:I,s:I,s:I,s:I,s:o}", "verdict", doctor_level_name(doctor_worst(report)), "wrong",
                               (json_int_t)report->counts[DOCTOR_WRONG], "doubtful", (json_int_t)report->counts[DOCTOR_DOUBTFUL],
                               "unknown", (json_int_t)report->counts[DOCTOR_UNKNOWN], "fine",
                               (json_int_t)report->counts[DOCTOR_FINE], "findings", findings);
    if (object == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for the report");
    json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
    putchar('\n');
    json_decref(object);
    return STATUS_OK;
}

/* --- the verb --- */

static const struct argp_option option_list[] = {
    {"db", KEY_DB, "FILE", 0, "the database of a master: its disk, its state, who holds it; without it the current folder", 1},
    {"listen", KEY_LISTEN, "ADDRESS", 0, "where a master is to listen; may be repeated", 1},
    {"allow", KEY_ALLOW, "FOLDER", 0, "the public keys a master lets in", 1},
    {"connect", KEY_CONNECT, "ADDRESS", 0, "where a worker or agent is to find a master; may be repeated", 2},
    {"server-key", KEY_SERVER_KEY, "FILE", 0, "the master's public key", 2},
    {"board", KEY_BOARD, "FILE", 0, "a board file of an agent; may be repeated", 2},
    {"key", KEY_KEY, "FILE", 0, "the key of whichever it is, NAME_secret of `hwnas keygen`", 3},
    {"quiet", 'q', NULL, 0, "leave out what is fine (of the table)", 4},
    {"format", 'f', "FORMAT", 0,
     "table (default), csv, or json: {\"verdict\":...,\"wrong\":N,...,\"findings\":[{\"level\":...,\"area\":...,\"sentence\":...,"
     "\"advice\":...},...]}",
     4},
    {0}};

int cli_doctor_run(int argc, char **argv, doctor_section *const *sections, size_t count)
{
    static const struct argp argp = {
        .options = option_list,
        .parser = parse,
        .doc = "Examines this installation: programs, processor, memory, limits, clock, disk, and what the options name as the "
               "programs "
               "would be given it. Says what is fine, doubtful (it works, but slower, less exactly or not for ever) or wrong, and "
               "what to do. Changes nothing.\vExit codes: 0 nothing is wrong; 1 something is; 2 bad options."};
    struct doctor doctor = {.format = CLI_TABLE};
    struct doctor_report report = {0};
    struct status status = {0};
    enum status_code code = STATUS_OK;
    argp_parse(&argp, argc, argv, 0, NULL, &doctor);
    for (size_t i = 0; i < count; i++)
        sections[i](&doctor.options, &report);
    if (report.lost)
        code = status_set(&status, STATUS_NO_MEMORY, "no memory for all that was found");
    else if (doctor.format == CLI_JSON)
        code = print_json(&report, &status);
    else if (doctor.format == CLI_CSV)
        print_csv(&report);
    else
        print_table(&report, doctor.quiet);
    bool wrong = doctor_worst(&report) == DOCTOR_WRONG;
    doctor_free(&report);
    if (code != STATUS_OK)
        return cli_fail("doctor", &status);
    int failed = cli_flush("doctor");
    return failed != 0 ? failed : wrong;
}
