/* finals: the best candidates of a search, and what they are scored by once more when it has ended (docs/PROXY.md, "Finals"). The
 * score that a search has climbed is high for what is good and for what was lucky in its one draw of initial weights; fresh draws,
 * and a dearer network, tell the two apart. Pure: whoever has the values brings them (study_finals.c, report_finals.c).
 *
 * What is told is offered in the order of the tells; the finalists are then the best so many of what satisfies the constraints, one
 * of each fitness evaluation (isomorphic cells are one finalist: their scores are the same). */
#ifndef HWNAS_MASTER_FINALS_H
#define HWNAS_MASTER_FINALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/combine.h"
#include "common/config.h"
#include "common/digest.h"
#include "common/protocol.h"
#include "common/space.h"
#include "common/status.h"
#include "master/study.h"

struct finals {
    const struct config_study *config;   /* borrowed */
    const struct space *space;           /* borrowed */
    const struct combine_finals *recipe; /* NULL: the study has no finals */
    struct digest bundle, protocol_digest;
    struct protocol protocol;     /* of a draw */
    struct study_candidate *list; /* best first, at most fitness.finalists; owned */
    size_t count;
    double *macs; /* by finalist, once they are settled; owned */
};

/* Empty; without finals where the study has none. config and space must outlive it. STATUS_NO_MEMORY, STATUS_BAD_INPUT. */
enum status_code finals_open(struct finals *finals, const struct config_study *config, const struct space *space,
                             const struct digest *bundle, struct status *status);
void finals_close(struct finals *finals);

/* The next candidate that was told. */
void finals_offer(struct finals *finals, const struct study_candidate *candidate);

/* Nothing more will be offered: counts the finalists' MACs. Once. False without memory. */
bool finals_settle(struct finals *finals);

/* The seed of a draw's initial weights: never the study's own, by which the finalists were chosen. draw: from 0. */
uint64_t finals_seed(const struct finals *finals, unsigned draw);

/* The evaluation key of a draw of a finalist. */
void finals_key(const struct finals *finals, size_t finalist, unsigned draw, char out[DIGEST_HEX_BYTES]);

/* The final score of a finalist, of phi by draw. They are settled. */
double finals_score(const struct finals *finals, size_t finalist, const double *phi);

/* Whether a finalist with that final score comes before another, which the search found better: NAN, what could not be scored,
 * comes last. */
bool finals_better(double score, double other);

#endif
