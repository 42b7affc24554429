/* study_parts: what the files of study share. Included by study*.c alone. */
#ifndef HWNAS_MASTER_STUDY_PARTS_H
#define HWNAS_MASTER_STUDY_PARTS_H

#include <uthash.h>

#include "common/combine.h"
#include "common/cost.h"
#include "common/table.h"
#include "master/course.h"
#include "master/finals.h"
#include "master/lut.h"
#include "master/study.h"

enum { STUDY_FILES_MAX = CONFIG_COSTS_MAX + 2, STUDY_ROLE_BYTES = 32 };

/* One value that somebody outside supplies. */
struct value {
    char key[DIGEST_HEX_BYTES];
    struct study_want *want; /* until it is handed out; owned */
    struct value *next_want; /* queue of those not handed out */
    bool known;
    struct study_value got;
    UT_hash_handle hh;
};

/* A candidate asked and not yet told. */
struct pending {
    struct study_candidate candidate;
    struct value *fitness;                 /* NULL: not needed or resolved at once */
    struct value *deep;                    /* of the second network; NULL: there is none */
    double macs;                           /* of what is evaluated; set where they are combined with phi */
    struct value *costs[CONFIG_COSTS_MAX]; /* NULL likewise */
    bool split;                            /* its values were looked up or wanted */
    int point;                             /* of the course, whose weights score it; COURSE_NONE: not known yet, or there is none */
    bool held;                             /* until study_release, whatever values are there */
    struct pending *prev, *next;           /* utlist's */
};

struct study_file_entry {
    char role[STUDY_ROLE_BYTES]; /* the key in the study file */
    const char *path;            /* borrowed from the configuration */
    struct digest digest;
};

/* How one network is scored. */
struct study_scoring {
    struct protocol protocol;
    struct digest digest;
};

/* A fitness by the weights of a one-shot net (study_oneshot.c). */
struct study_oneshot_course {
    struct course *course; /* owned; NULL: the fitness is another */
    struct digest images, validation;
    bool population;     /* each generation trains the weights that it is scored by */
    bool bilevel;        /* each candidate is what a training of its own ends with */
    int *ends;           /* bilevel: (strategy.sweep), owned: the last point of each training; NULL until they are planned */
    double *pulls;       /* bilevel: (strategy.sweep, size of the matrix form), owned */
    int point;           /* that candidates are scored by now; COURSE_NONE at the beginning */
    uint32_t stage;      /* of the point */
    uint64_t unassigned; /* candidates asked whose point is not known yet */
};

struct study {
    const struct config_study *config; /* borrowed */
    const struct space *space;         /* borrowed */
    struct strategy strategy;
    struct digest bundle;
    struct study_scoring first, second; /* RMI; the second where has_second is set */
    bool has_second;
    const struct combine_scale *scale; /* NULL: the fitness is phi alone, or out of a table */
    struct study_oneshot_course oneshot;
    struct tables *own_tables; /* NULL when they are borrowed */
    const struct table *fitness_table, *cost_tables[CONFIG_COSTS_MAX];
    struct lut *luts[CONFIG_COSTS_MAX]; /* owned; NULL where the cost has another source */
    struct study_file_entry files[STUDY_FILES_MAX];
    size_t file_count;

    struct finals finals;
    struct value **final_values; /* [finalist * draws + draw]; NULL: the search has not ended; owned, not what it points at */

    struct value *values; /* by key; owned */
    struct value *first_want, *last_want;
    struct pending *pending;       /* utlist in ask order; owned */
    struct pending *next_to_split; /* the first whose parts were not looked up or wanted yet; NULL: none */
    struct pending *next_asked;    /* the first that study_asked has not handed out; NULL: none */
    struct pending *look_from;     /* steady: none before it is complete; NULL: none at all */
    bool hold;                     /* study_hold was called */

    uint64_t distinct, cached, skipped;
    bool closed; /* nothing more will be asked */
    bool out_of_memory;
    bool has_best;
    struct study_candidate best;
    bool snapshot_due;
    uint64_t snapshot_told; /* at the last snapshot that was due */
};

/* Texts, key and connectivity of an architecture; costs missing, nothing else known. */
void study_name_candidate(const struct study *study, const struct arch *arch, uint64_t ask, struct study_candidate *out);

/* The value of that key; wanted from outside when it is new: of an agent on that device, or of a worker (device NULL) that scores
 * with weights of that seed. NULL without memory. */
struct value *study_need(struct study *study, const struct study_candidate *candidate, const char *key, const char *device,
                         const struct protocol *protocol, uint64_t seed);

/* Fills in the costs that need nobody else. STATUS_NOT_FOUND when one of them cannot be had, STATUS_NO_MEMORY when that is not
 * known. */
enum status_code study_immediate_costs(const struct study *study, struct study_candidate *candidate);

/* A candidate to be told later, all but its values known; whether it is ruled out without an evaluation comes out of its costs, and
 * what was known before is the caller's to say. Asks come in order. NULL without memory. */
struct pending *study_expect(struct study *study, const struct arch *arch, uint64_t ask);

/* Asks the strategy once. False when there is nothing to ask now, or no memory. */
bool study_ask(struct study *study);

/* --- study_oneshot.c --- */

/* A candidate that was just asked: by which weights it is scored, unless that is decided when its generation was asked. Where the
 * weights are others than before, the archive is renewed. False without memory. */
bool study_oneshot_asked(struct study *study, struct pending *pending);

/* Nothing more is asked now: what was asked since the last time is a generation. False without memory. */
bool study_oneshot_closed(struct study *study);

/* --- study_bilevel.c --- */

/* Settings that it cannot work with. */
enum status_code study_bilevel_check(const struct study *study, struct status *status);

/* Plans and wants the trainings, and offers the strategy what the next one ended with, when that is known. False without memory. */
bool study_bilevel_offer(struct study *study);

/* Whether the weights that score it are there, or it needs none; wants them otherwise. *out: with them, all that a want needs. */
bool study_oneshot_ready(struct study *study, const struct pending *pending, struct study_oneshot *out);

/* Fills in the epochs. */
void study_oneshot_count(const struct study *study, struct study_counts *out);

/* Where the course stands, as a JSON object (NULL without memory), and back into a study just opened. */
struct json_t *study_oneshot_save(const struct study *study);
enum status_code study_oneshot_load(struct study *study, const struct json_t *saved, struct status *status);

/* --- study_finals.c --- */

/* When the search has ended: wants the values that the finalists are scored by. No more than that happens, however often it is
 * called. False without memory. */
bool study_finals_begin(struct study *study);

/* All of them have come, or there are no finals. Asked when the search has ended. */
bool study_finals_over(const struct study *study);

/* Its part of the counts. */
void study_finals_count(const struct study *study, struct study_counts *counts);

/* Takes it off the list; the caller frees it. */
void study_take(struct study *study, struct pending *pending);

/* Tells the strategy a result that is complete, and keeps the best. */
void study_tell(struct study *study, struct study_candidate *candidate);

#endif
