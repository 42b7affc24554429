/* report: the result of a study, read out of the store: best, front, counts; printed as a table, as CSV or as JSON. Used by the
 * verbs of `hwnas`.
 *
 * Fitness and the costs that are not limit_only are the objectives. The front holds the candidates that satisfy every constraint
 * and that no other such candidate dominates in the objectives, one architecture once, and of architectures with equal objectives
 * (isomorphic ones) the one told first; sorted by the first cost that is an objective, then by fitness. */
#ifndef HWNAS_MASTER_REPORT_H
#define HWNAS_MASTER_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/arch.h"
#include "common/cli.h"
#include "common/config.h"
#include "common/decimal.h"
#include "common/status.h"
#include "master/store.h"

struct report_point {
    char arch[ARCH_TEXT_BYTES]; /* exact */
    double fitness;
    double costs[CONFIG_COSTS_MAX]; /* in the study's order */
};

/* One of the best candidates, which were scored once more when the search had ended (master/finals.h). */
struct report_finalist {
    struct report_point point;
    size_t place; /* by the search's score, from 1 */
    double score; /* the final one; NAN: a draw is missing, or could not be scored */
};

struct report_finals {
    struct report_finalist *list;      /* by the final score, best first, those without one behind, by place; owned */
    size_t count, scored;              /* scored: all draws are there */
    struct report_finals_parts *parts; /* report_finals.c */
};

struct report_seen; /* report.c */

struct report {
    struct store_study study;
    struct config_study *settings;       /* owned */
    struct report_point *best;           /* owned; NULL when no candidate satisfies */
    struct report_point *answer;         /* owned; the method's own, within the constraints or not; NULL when it has none */
    struct report_finals *finals;        /* owned; NULL: the study has none */
    const struct report_finalist *final; /* of them: what they chose when the study was finished; NULL: not yet, or nobody */
    struct report_point *front;          /* owned, front_count */
    size_t front_count;
    uint64_t asked;
    uint64_t distinct, cached, skipped; /* of asked; they add up to it */
    uint64_t satisfying, valued;        /* of asked; valued: with a fitness and all costs */
    /* while candidates are read: */
    struct report_seen *seen; /* owned */
    uint64_t next_told;
};

/* As it was told. */
struct report_point report_point_of(const struct config_study *settings, const struct study_candidate *candidate);

/* Reads everything of the study of that name. STATUS_NOT_FOUND names the studies that are there. Free with report_free. */
enum status_code report_load(struct store *store, const char *name, struct report *out, struct status *status);
/* The same in pieces, for who has other things to do meanwhile: report_begin, then report_go_on, which reads at most `limit`
 * candidates a call, until *more is false. After a failure the report is free. */
enum status_code report_begin(struct store *store, const char *name, struct report *out, struct status *status);
enum status_code report_go_on(struct store *store, struct report *report, size_t limit, bool *more, struct status *status);
/* The same from a database that no master holds now. */
enum status_code report_read(const char *db, const char *name, struct report *out, struct status *status);
void report_free(struct report *report);

/* JSON: the one object that scripts read, on one line:
 * {"study":…,"best":…|null,"front":[…],"evaluations":{"asked":…,"distinct":…,"cached":…},"seconds":…}, with "answer":… after
 * "best" where the method has one of its own, and "final":…|null, "finalists":{"in_all":…,"scored":…,"list":[…]} where the study
 * has finals. CSV: the front. */
void report_print(const struct report *report, enum cli_format format, FILE *out);

/* That object without the line's end. */
void report_print_json(const struct report *report, FILE *out);

/* The front alone; JSON: {"study":…,"front":[…]}. */
void report_print_front(const struct report *report, enum cli_format format, FILE *out);

/* The shortest decimal text that reads back as the same double; "null" for what is not finite. */
void report_number(double value, char out[DECIMAL_BYTES]);

/* The text as a JSON string with its quotes. */
void report_json_text(const char *text, FILE *out);

/* One field as RFC 4180 wants it: quoted when it holds a comma, a quote or a line break. */
void report_csv_field(const char *text, FILE *out);

#endif
