/* trust: whether a board can be believed. Pure: time and values come as arguments.
 *
 * A canary is one fixed network, measured on every board after it has connected and then between its measurements. Its latency is
 * held against that board's own past, so boards of one class need not be equal. What is decided:
 *   - A canary is off when it is more than 5 % from the median of the last 20 good ones AND beyond 3.5 of their robust standard
 *     deviations. Two of three off, or two of three that could not be measured: quarantine. (Two of three beyond 3.5 are rarer than
 *     one beyond 5, and one canary that something else disturbed is no accusation.)
 *   - Creeping: the last five and the last ten canaries against the FIRST 20 good ones, which never move along. Their levels (means
 *     of the middle half) more than 4 % apart, and beyond 4.25 standard errors: quarantine.
 *   - As long as a board has fewer than 8 canaries, nobody knows how far its figures scatter. One more than 5 % off is then
 *     doubtful: nothing is measured until there are 8, and then the board either scatters that much (all 8 are its history) or has
 *     changed its level on the way (quarantine).
 *   - A refused result (master/trust_result.h) is a strike, latency that does not rise with MACs too; three without a good canary
 *     between: quarantine.
 *   - In quarantine: a canary after a minute, twice as long after each that is off, at most 15 minutes. Three good ones in a row
 *     whose median is at the level of the first ones lift it. A person may lift it at any time, which begins a new history.
 *
 * Basis: docs/MEASURING.md, Trust; how often each rule errs is measured in tests/sim/test_trust_sim.c. */
#ifndef HWNAS_MASTER_TRUST_H
#define HWNAS_MASTER_TRUST_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TRUST_HISTORY = 20, /* canaries compared with */
    TRUST_FEW = 8,      /* below, a board's scatter is not known */
    TRUST_RECENT = 10,
    TRUST_STRIKES = 3,
    TRUST_RANKED = 20, /* results whose order is compared with that of their MACs */
    TRUST_WAIT_MS = 60000,
    TRUST_WAIT_MAX_MS = 900000,
    TRUST_CONFIRM_MS = 10000, /* after a good canary in quarantine */
    TRUST_SENTENCE_BYTES = 256
};

enum trust_verdict { TRUST_GOOD, TRUST_DOUBTFUL, TRUST_BAD };

struct trust_ring {
    double values[TRUST_HISTORY]; /* logarithms of milliseconds */
    int count;                    /* ever added */
};

/* A board of one device key. Zero-initialise; no memory is owned. */
struct trust_board {
    bool quarantined;
    bool held;                          /* by a person: no canary lifts it */
    char reason[TRUST_SENTENCE_BYTES];  /* why it is quarantined; empty when it is not */
    int64_t since_wall_ms;              /* of the quarantine */
    int strikes;                        /* since the last good canary */
    struct trust_ring first, last;      /* good canaries; first takes 20 and no more */
    double recent[TRUST_RECENT];        /* canaries measured since the first ones, off or not; a ring */
    bool recent_is_first[TRUST_RECENT]; /* it is among the first 20 good ones, too */
    int recent_count;
    bool off[3]; /* the last three canaries, newest first */
    bool unmeasured[3];
    double early[TRUST_FEW];      /* while there are few: all of them */
    int early_count, early_doubt; /* early_doubt: how many came before the first doubtful one; 0: none was */
    double suspects[3];           /* the last three in quarantine */
    int suspect_count;
    bool again;       /* the last canary left doubts: another one before anything else */
    uint32_t wait_ms; /* quarantined: from the last canary (or the quarantine's begin) to the next */
    double ranked_macs[TRUST_RANKED], ranked_ms[TRUST_RANKED];
    int ranked_count;
};

struct trust_opinion {
    enum trust_verdict verdict;
    double expected_ms;       /* NaN: nothing to compare with */
    double allowed;           /* how far off it might have been, as a fraction of what was expected */
    bool quarantined, lifted; /* by this canary */
    bool settled;             /* doubts about a young board have ended with this one */
    char sentence[TRUST_SENTENCE_BYTES];
};

/* A canary has been measured (latency_ms > 0), or could not be (NaN). */
void trust_canary(struct trust_board *board, double latency_ms, int64_t wall_ms, struct trust_opinion *out);

/* Something was wrong with a result. Returns whether this was the one too many: quarantined now. why is part of the reason. */
bool trust_strike(struct trust_board *board, const char *why, int64_t wall_ms);

/* Notes an accepted result. Returns true when latency did not rise with MACs over the last 20 (rank correlation below -0.3 although
 * the MACs differ by more than three times): call trust_strike. Then 20 new ones are looked at. */
bool trust_rank(struct trust_board *board, double macs, double latency_ms);

/* Quarantined because of `reason`. */
void trust_quarantine(struct trust_board *board, const char *reason, int64_t wall_ms);

/* Trusted again, whatever its canaries said; its history stays. */
void trust_release(struct trust_board *board);

/* The median of the last good canaries in ms, and their scatter (robust standard deviation as a fraction); NaN without any, or with
 * fewer than 8. */
double trust_level_ms(const struct trust_board *board);
double trust_scatter(const struct trust_board *board);

#endif
