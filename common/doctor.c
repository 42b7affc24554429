/* doctor: the list of findings. Called by every examination, whichever side it belongs to. */
#include "common/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/line.h"

static const char *const level_names[DOCTOR_LEVELS] = {
    [DOCTOR_FINE] = "fine", [DOCTOR_UNKNOWN] = "unknown", [DOCTOR_DOUBTFUL] = "doubtful", [DOCTOR_WRONG] = "wrong"};

const char *doctor_level_name(enum doctor_level level)
{
    return level_names[level];
}

void doctor_say(struct doctor_report *report, enum doctor_level level, const char *area, const char *advice, const char *format,
                ...)
{
    char sentence[DOCTOR_SENTENCE_BYTES];
    va_list arguments;
    /* It counts even where there is no room for it: a report that lost something wrong must not say that all is fine. */
    report->counts[level]++;
    if (report->count == report->capacity) {
        size_t capacity = report->capacity == 0 ? 32 : 2 * report->capacity;
        struct doctor_finding *grown = realloc(report->findings, capacity * sizeof *grown);
        if (grown == NULL) {
            report->lost = true;
            return;
        }
        report->findings = grown;
        report->capacity = capacity;
    }
    struct doctor_finding *finding = &report->findings[report->count++];
    finding->level = level;
    finding->area = area;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    line_of(sentence, finding->sentence, sizeof finding->sentence);
    line_of(advice != NULL ? advice : "", finding->advice, sizeof finding->advice);
}

enum doctor_level doctor_worst(const struct doctor_report *report)
{
    enum doctor_level worst = DOCTOR_WRONG;
    while (worst > DOCTOR_FINE && report->counts[worst] == 0)
        worst--;
    return worst;
}

void doctor_free(struct doctor_report *report)
{
    free(report->findings);
    *report = (struct doctor_report){0};
}
