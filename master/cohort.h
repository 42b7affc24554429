/* cohort: a generation of matrices (alpha.h), each of which stands for an architecture, for the strategies that search in matrices.
 * Pure.
 *
 * Many matrices are one architecture. It is asked once in a search: a member whose architecture was asked before, by another member
 * or in another generation, has that result. Results come from the study, whatever its source of fitness. So ask k of such a
 * strategy is always its k-th different architecture, and result k of `told` the one of place k in the strategy's archive.
 *
 * Where candidates are scored by weights that change (a one-shot net's), results from before a change are worth nothing: then an
 * architecture is asked again in each generation (fitness.train population), or in each stage (cohort_renew), once.
 *
 * The rule kept for all of them: a generation is made when the one before has all its results, with chance that belongs to its
 * number. So neither workers nor arrival order can change what is proposed. */
#ifndef HWNAS_MASTER_COHORT_H
#define HWNAS_MASTER_COHORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"
#include "common/status.h"
#include "master/alpha.h"
#include "master/preference.h"
#include "master/strategy.h"

struct cohort {
    struct alpha_shape shape;
    double *alpha;     /* (room, size), owned: the members */
    double *next;      /* (room, size), owned: where the next generation is made */
    struct arch *arch; /* (room), owned: what the members stand for */
    size_t *result;    /* (room), owned: which of `told` is theirs, once the generation has all of them */
    const bool *mask;  /* (size), borrowed: what may be chosen; NULL: everything */
    uint32_t room, count;
    uint32_t looked_at;          /* members that are asked or known */
    uint32_t generation;         /* completed */
    bool fresh;                  /* nothing of the generation was asked yet */
    bool done;                   /* the search is over */
    bool renewed;                /* results before `since` do not count; set by the first cohort_renew */
    size_t since;                /* of `told` */
    double spread;               /* of the fitness in the first generation: what one unit of lambda weighs */
    struct preference_list told; /* everything told, in the order of the asks */
};

/* Room for so many members, none yet. STATUS_NO_MEMORY. Free with cohort_close, also after a failure. */
enum status_code cohort_open(const struct strategy *strategy, uint32_t room, struct cohort *out, struct status *status);
void cohort_close(struct cohort *cohort);

double *cohort_alpha(const struct cohort *cohort, uint32_t member);
double *cohort_next(const struct cohort *cohort, uint32_t member);

/* Does each generation of the study train the weights that it is scored by? */
bool cohort_trains(const struct config_study *study);

/* The chance of the generation that is made now. */
void cohort_rng(const struct strategy *strategy, const struct cohort *cohort, struct rng *out);

/* The first `count` of `next` become the members. */
void cohort_begin(const struct strategy *strategy, struct cohort *cohort, uint32_t count);

/* Weights have changed: nothing told so far is the result of a member of the generations that follow. Before cohort_begin. */
void cohort_renew(struct cohort *cohort);

/* A generation of random members. */
void cohort_begin_random(const struct strategy *strategy, struct cohort *cohort, uint32_t count);

/* What a strategy's ask and tell do. `turn` is called when a generation has all its results: it makes the next one and begins it,
 * or sets `done`; as often as the generations that it makes have nothing to ask. */
enum strategy_answer cohort_ask(const struct strategy *strategy, struct cohort *cohort, struct arch *out);
void cohort_tell(struct strategy *strategy, struct cohort *cohort, uint64_t ask, const struct arch *arch,
                 const struct strategy_result *result, void (*turn)(struct strategy *strategy));

/* Of a generation that has all its results. */
const struct preference_member *cohort_result(const struct cohort *cohort, uint32_t member);

/* What one whole violation costs in fitness (preference.h). */
double cohort_penalty(const struct strategy *strategy, const struct cohort *cohort);

/* Members from `first` on in the order of preference, the best first: order[0 .. count - first). */
void cohort_sort(const struct strategy *strategy, const struct cohort *cohort, uint32_t first, uint32_t *order);

/* True when now is a good moment for a snapshot. */
bool cohort_boundary(const struct cohort *cohort);

/* As a JSON object (a new reference; NULL without memory) and back into one that was just opened, with its mask set.
 * STATUS_BAD_INPUT for what is no state of such a search. */
struct json_t *cohort_save(const struct cohort *cohort);
enum status_code cohort_load(const struct strategy *strategy, struct cohort *cohort, const struct json_t *saved,
                             struct status *status);

#endif
