/* look_study: the studies of a database: the list, one of them, its front. Part of look. A study's candidates are read a thousand
 * at a time, so that a master that answers has other turns in between. */
#include <inttypes.h>
#include <stdlib.h>

#include "master/look_parts.h"
#include "master/look_text.h"

enum { CANDIDATES_A_STEP = 1000 };

/* Reads on in the study's report; *ready: it is whole, and look->reading says that it must be freed. */
static enum status_code read_report(struct look *look, const char *name, bool *ready, struct status *status)
{
    bool more = true;
    enum status_code code = STATUS_OK;
    *ready = false;
    if (!look->reading)
        code = report_begin(look->store, name, &look->report, status);
    look->reading = code == STATUS_OK;
    if (code == STATUS_OK)
        code = report_go_on(look->store, &look->report, CANDIDATES_A_STEP, &more, status);
    look->reading = code == STATUS_OK;
    *ready = !more;
    return code;
}

static void done_with_report(struct look *look)
{
    report_free(&look->report);
    look->reading = false;
}

/* --- list --- */

static void print_row_json(const struct report *report, FILE *out)
{
    char created[LOOK_TEXT_TIME_BYTES], seconds[32], fitness[32] = "null";
    look_text_time(report->study.created_wall_ms, created);
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
    char created[LOOK_TEXT_TIME_BYTES], fitness[32] = "";
    look_text_time(report->study.created_wall_ms, created);
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

static void print_head(enum cli_format format, FILE *out)
{
    if (format == CLI_JSON)
        fputs("{\"studies\":[", out);
    else if (format == CLI_CSV)
        fputs("study,state,asked,distinct,best_fitness,seconds,created\n", out);
    else
        fprintf(out, "%-24s  %-8s  %9s  %9s  %10s  %9s  %s\n", "study", "state", "asked", "distinct", "best", "seconds", "created");
}

static enum status_code begin_list(struct look *look, struct status *status)
{
    look->begun = true;
    print_head(look->format, look->out);
    return store_study_list(look->store, &look->studies, &look->count, status);
}

enum status_code look_study_list(struct look *look, bool *more, struct status *status)
{
    bool ready = false;
    enum status_code code = look->begun ? STATUS_OK : begin_list(look, status);
    if (code == STATUS_OK && look->at < look->count) {
        code = read_report(look, look->studies[look->at].name, &ready, status);
        if (code == STATUS_OK && ready) {
            print_row(&look->report, look->format, look->at == 0, look->out);
            done_with_report(look);
            store_study_free(&look->studies[look->at++]);
        }
    }
    *more = code == STATUS_OK && look->at < look->count;
    if (code == STATUS_OK && !*more && look->format == CLI_JSON)
        fputs("]}\n", look->out);
    return code;
}

/* --- show --- */

static void print_study(const struct report *report, enum cli_format format, FILE *out)
{
    char created[LOOK_TEXT_TIME_BYTES];
    look_text_time(report->study.created_wall_ms, created);
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

enum status_code look_study_show(struct look *look, bool *more, struct status *status)
{
    bool ready;
    enum status_code code = read_report(look, look->question->study, &ready, status);
    *more = code == STATUS_OK && !ready;
    if (code == STATUS_OK && ready)
        print_study(&look->report, look->format, look->out);
    return code;
}

/* --- front --- */

enum status_code look_front(struct look *look, bool *more, struct status *status)
{
    bool ready;
    enum status_code code = read_report(look, look->question->study, &ready, status);
    *more = code == STATUS_OK && !ready;
    if (code != STATUS_OK || !ready)
        return code;
    report_print_front(&look->report, look->format, look->out);
    if (look->report.front_count == 0)
        snprintf(look->note, sizeof look->note, "no candidate of %s satisfies its constraints", look->question->study);
    return code;
}
