/* progress: what a person sees while a study runs: the master's JSON lines as a struct, and that struct as text. Pure: strings in,
 * strings out.
 *
 * The line, one JSON object: study, state ("running" or "finished"), generation (steady: told / population), generations (0: they
 * do not end it), epoch and epochs (of a one-shot net's training; absent without one), asked, total (0: unknown), distinct, cached,
 * running, queued, measuring, workers, agents, best (null, or arch, fitness, costs {name: value}), seconds, eta_seconds (null:
 * unknown), waiting_for (""); and for tests refused and unheard: messages (master/patience.h). */
#ifndef HWNAS_MASTER_PROGRESS_H
#define HWNAS_MASTER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/arch.h"
#include "common/config.h"
#include "common/status.h"

enum { PROGRESS_TEXT_BYTES = 2048, PROGRESS_LINES = 2 };

struct progress {
    char study[CONFIG_NAME_BYTES];
    bool finished;
    uint64_t generation, generations;
    uint64_t epoch, epochs; /* of a one-shot net's training; epochs 0: there is none */
    uint64_t asked, total, scored, distinct, cached;
    double done, fraction;
    uint64_t running, queued, measuring, workers, agents;
    uint64_t finalists, finals_scored; /* finalists 0: the search has not ended yet, or there are no finals */
    bool has_best;
    char best_arch[ARCH_TEXT_BYTES];
    double best_fitness;
    size_t best_cost_count;
    char best_cost_names[CONFIG_COSTS_MAX][CONFIG_NAME_BYTES];
    double best_costs[CONFIG_COSTS_MAX];
    double seconds;
    double eta_seconds; /* negative: unknown */
    char waiting_for[256];
};

/* Reads one line; absent members are 0, unknown ones are ignored, control characters in texts become '?'. STATUS_BAD_INPUT when it
 * is not such an object; *out is then untouched. */
enum status_code progress_parse(const char *line, struct progress *out, struct status *status);

/* Evaluations per second of late, by the master's own clock: over about 10 s, or over about eight evaluations where that is longer.
 * Between two results it stays, until even the running ones, were they done now, would no longer make it as much. Zero-initialise.
 */
struct progress_rate {
    bool started;
    double seconds;        /* of the latest result */
    double count, counted; /* evaluations, and the seconds they took; older ones weigh less */
    uint64_t scored;
};
double progress_rate_update(struct progress_rate *rate, const struct progress *progress);

/* How far a search is, in candidates. */
struct progress_work {
    double done, done_at_start; /* told, or under way for a part of their values; of them before this master began */
    double finals, finals_done; /* what scoring the finalists takes, in candidates; of it done */
    double total;               /* asks in all; 0: unknown */
    double asked, distinct;     /* proposals, and those of them that cost an evaluation, done or not */
    double budget;              /* of the latter; 0: none */
    double seconds;             /* since this master began */
};
/* Done of what there will be, 0 to 1, by total or budget, whichever ends the search first. */
double progress_fraction(const struct progress_work *work);
/* Seconds to go at the mean speed since the start; negative when that cannot be said, as where the total is unknown. */
double progress_eta(const struct progress_work *work);

/* Another best architecture than before: worth a line of its own. */
bool progress_best_differs(const struct progress *a, const struct progress *b);

/* The display that is redrawn on a terminal: PROGRESS_LINES lines joined by "\n", none wider than `width` columns, without a final
 * newline; bold and colour only when `colour`. */
void progress_screen(const struct progress *progress, double per_second, size_t width, bool colour, char out[PROGRESS_TEXT_BYTES]);

/* The same as one line for logs and pipes, without a newline. */
void progress_line(const struct progress *progress, double per_second, char out[PROGRESS_TEXT_BYTES]);

/* "0:07", "12:05", "3:04:05". */
void progress_clock(double seconds, char out[24]);

#endif
