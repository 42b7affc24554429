/* cli_study: the verb `study`. `list` and `show` read a database that no master holds; `resume` runs a study from its stored
 * settings. */
#include "master/cli_study.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/cli_run.h"
#include "master/report.h"
#include "master/store.h"

enum { KEY_DB = 256 };

struct study_options {
    const char *study, *db;
    bool wants_study;
    enum cli_format format;
};

static void wall_text(int64_t wall_ms, char out[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (wall_ms <= 0 || gmtime_r(&seconds, &utc) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, 32, "never");
}

/* --- list --- */

static void print_row_json(const struct report *report, FILE *out)
{
    char created[32], seconds[32], fitness[32] = "null";
    wall_text(report->study.created_wall_ms, created);
    report_number(report->study.seconds, seconds);
    if (report->best != NULL)
        report_number(report->best->fitness, fitness);
    fputs("{\"study\":", out);
    report_json_text(report->study.name, out);
    fprintf(out,
            ",\"state\":\"%s\",\"asked\":%" PRIu64 ",\"distinct\":%" PRIu64
            ",\"best_fitness\":%s,\"seconds\":%s,\"created\":\"%s\"}",
            store_study_state_name(report->study.state), report->asked, report->distinct, fitness, seconds, created);
}

static void print_row(const struct report *report, enum cli_format format, bool first, FILE *out)
{
    char created[32], fitness[32] = "";
    wall_text(report->study.created_wall_ms, created);
    if (report->best != NULL)
        report_number(report->best->fitness, fitness);
    if (format == CLI_JSON) {
        fputs(first ? "" : ",", out);
        print_row_json(report, out);
    } else if (format == CLI_CSV) {
        report_csv_field(report->study.name, out);
        fprintf(out, ",%s,%" PRIu64 ",%" PRIu64 ",%s,%.3f,%s\n", store_study_state_name(report->study.state), report->asked,
                report->distinct, fitness, report->study.seconds, created);
    } else {
        fprintf(out, "%-24s  %-8s  %9" PRIu64 "  %9" PRIu64 "  %10.10s  %9.1f  %s\n", report->study.name,
                store_study_state_name(report->study.state), report->asked, report->distinct, *fitness != '\0' ? fitness : "none",
                report->study.seconds, created);
    }
}

static enum status_code list(struct store *store, const struct study_options *options, struct status *status)
{
    struct store_study *studies = NULL;
    size_t count = 0;
    enum status_code code = store_study_list(store, &studies, &count, status);
    if (code != STATUS_OK)
        return code;
    if (options->format == CLI_JSON)
        fputs("{\"studies\":[", stdout);
    else if (options->format == CLI_CSV)
        puts("study,state,asked,distinct,best_fitness,seconds,created");
    else
        printf("%-24s  %-8s  %9s  %9s  %10s  %9s  %s\n", "study", "state", "asked", "distinct", "best", "seconds", "created");
    for (size_t i = 0; i < count; i++) {
        struct report report;
        if (code == STATUS_OK && (code = report_load(store, studies[i].name, &report, status)) == STATUS_OK) {
            print_row(&report, options->format, i == 0, stdout);
            report_free(&report);
        }
        store_study_free(&studies[i]);
    }
    free(studies);
    if (options->format == CLI_JSON)
        puts("]}");
    return code;
}

/* --- show --- */

static void print_study(const struct report *report, enum cli_format format, FILE *out)
{
    char created[32];
    wall_text(report->study.created_wall_ms, created);
    if (format == CLI_JSON) {
        fputs("{\"summary\":", out);
        print_row_json(report, out);
        fputs(",\"settings\":", out);
        report_json_text(report->study.settings, out);
        fprintf(out, ",\"files\":%s,\"result\":", report->study.files != NULL ? report->study.files : "null");
        report_print_json(report, out);
        fputs("}\n", out);
        return;
    }
    if (format == CLI_CSV) {
        report_print(report, CLI_CSV, out);
        return;
    }
    fprintf(out, "created %s\n\nsettings\n%s\n", created, report->study.settings);
    report_print(report, CLI_TABLE, out);
}

static enum status_code show(struct store *store, const struct study_options *options, struct status *status)
{
    struct report report;
    enum status_code code = report_load(store, options->study, &report, status);
    if (code == STATUS_OK) {
        print_study(&report, options->format, stdout);
        report_free(&report);
    }
    return code;
}

/* --- the command line of list and show --- */

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct study_options *options = state->input;
    switch (key) {
    case KEY_DB: options->db = text; return 0;
    case 'f': options->format = cli_option_format(text, state); return 0;
    case ARGP_KEY_ARG:
        if (!options->wants_study || options->study != NULL)
            argp_error(state, "'%s' is one argument too many", text);
        options->study = text;
        return 0;
    case ARGP_KEY_END:
        if (options->db == NULL)
            argp_error(state, "--db FILE is needed");
        if (options->wants_study && options->study == NULL)
            argp_error(state, "which study? `hwnas study list --db FILE` names them");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option option_table[] = {
    {"db", KEY_DB, "FILE", 0, "the database (needed)", 0}, {"format", 'f', "FORMAT", 0, "table (default), csv or json", 0}, {0}};

static int read_verb(int argc, char **argv, const struct argp *argp, bool wants_study,
                     enum status_code (*print)(struct store *, const struct study_options *, struct status *))
{
    struct study_options options = {.format = CLI_TABLE, .wants_study = wants_study};
    struct status status = {0};
    struct store *store = NULL;
    argp_parse(argp, argc, argv, 0, NULL, &options);
    enum status_code code = store_open(options.db, STORE_READ, &store, &status);
    if (code == STATUS_OK)
        code = print(store, &options, &status);
    store_close(store);
    return code == STATUS_OK ? cli_flush("study") : cli_fail("study", &status);
}

static int list_verb(int argc, char **argv)
{
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .doc = "Lists the studies of a database with their state and best fitness."};
    return read_verb(argc, argv, &argp, false, list);
}

static int show_verb(int argc, char **argv)
{
    static const struct argp argp = {.options = option_table,
                                     .parser = parse_option,
                                     .args_doc = "STUDY",
                                     .doc =
                                         "Shows a study's complete settings (defaults included), state, counts, best and front."};
    return read_verb(argc, argv, &argp, true, show);
}

/* --- resume --- */

static error_t parse_resume(int key, char *text, struct argp_state *state)
{
    struct cli_run *run = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = run; return 0;
    case ARGP_KEY_ARG:
        if (run->resume != NULL)
            argp_error(state, "one study at a time; '%s' is a second", text);
        run->resume = text;
        return 0;
    case ARGP_KEY_END:
        if (run->db == NULL || run->resume == NULL)
            argp_error(state, "a study and --db FILE are needed");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int resume_verb(int argc, char **argv)
{
    static const struct argp argp = {
        .parser = parse_resume,
        .args_doc = "STUDY",
        .doc = "Goes on with a study from the settings in its database, as `hwnas run` would with the file they "
               "came from.",
        .children = cli_run_children};
    struct cli_run run = {.verb = "study", .workers = CLI_RUN_WORKERS_AUTO, .log_level = "info"};
    argp_parse(&argp, argc, argv, 0, NULL, &run);
    return cli_run_study(&run);
}

/* --- the verb --- */

static int run_verb(int argc, char **argv)
{
    static const struct cli_verb commands[] = {{"list", "list the studies of a database", list_verb},
                                               {"show", "settings, state and result of one", show_verb},
                                               {"resume", "go on with one from its stored settings", resume_verb}};
    return cli_run_command("study", "The studies of a database.", commands, sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_study_verb = {"study", "list, show or resume the studies of a database", run_verb};
