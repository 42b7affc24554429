/* trust: canaries against a board's past, strikes, quarantine. Called by coord_boards; see trust.h for the rules. Everything is
 * calculated with logarithms of latencies: what is off is a ratio, and up and down weigh the same. */
#include "master/trust.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/median.h"
#include "common/rank.h"

static const double OFF_FLOOR = 0.05;
static const double OFF_SIGMAS = 3.5;
static const double LEVEL_FLOOR = 0.04;
static const double LEVEL_ERRORS = 4.25;
/* Scatter estimated from n values is taken to be larger by this / n^2: 30 % at 8, 5 % at 20. */
static const double FEW_FACTOR = 20.0;
static const double LIFT_FLOOR = 0.025;
static const double LIFT_ERRORS = 2.0;
static const double RANK_MIN = -0.3;
static const double RANK_SPREAD = 3.0;
/* A normal distribution's standard deviation from its median and its mean absolute deviation. */
static const double MEDIAN_TO_SIGMA = 1.4826, MEAN_TO_SIGMA = 1.2533;

/* --- history --- */

static void ring_add(struct trust_ring *ring, double value)
{
    ring->values[ring->count++ % TRUST_HISTORY] = value;
}

static int ring_size(const struct trust_ring *ring)
{
    return ring->count < TRUST_HISTORY ? ring->count : TRUST_HISTORY;
}

static double median_copy(const double *values, int n)
{
    double copy[2 * TRUST_HISTORY];
    assert(n >= 1 && n <= 2 * TRUST_HISTORY);
    memcpy(copy, values, (size_t)n * sizeof *values);
    return median_sort(copy, n);
}

static double ring_median(const struct trust_ring *ring)
{
    return median_copy(ring->values, ring_size(ring));
}

/* Mean of the middle half: nearer to the truth than the median. */
static double middle_mean(const double *values, int n)
{
    double copy[TRUST_HISTORY], sum = 0;
    int cut = n < 3 ? 0 : n < 8 ? 1 : n / 4;
    memcpy(copy, values, (size_t)n * sizeof *values);
    median_sort(copy, n);
    for (int i = cut; i < n - cut; i++)
        sum += copy[i];
    return sum / (n - 2 * cut);
}

static void add_good(struct trust_board *board, double value)
{
    ring_add(&board->last, value);
    if (board->first.count < TRUST_HISTORY)
        ring_add(&board->first, value);
}

static int add_deviations(const struct trust_ring *ring, double *out)
{
    double middle = ring_median(ring);
    for (int i = 0; i < ring_size(ring); i++)
        out[i] = fabs(ring->values[i] - middle);
    return ring_size(ring);
}

/* The larger of two estimates: too small a scatter accuses an honest board. */
static double sigma_of(double *deviations, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += deviations[i];
    double sigma = fmax(MEDIAN_TO_SIGMA * median_sort(deviations, n), MEAN_TO_SIGMA * sum / n);
    return sigma * (1 + FEW_FACTOR / (n * n));
}

static double sigma(const struct trust_board *board)
{
    double deviations[2 * TRUST_HISTORY];
    int n = add_deviations(&board->last, deviations);
    if (board->last.count > TRUST_HISTORY)
        n += add_deviations(&board->first, deviations + n);
    return sigma_of(deviations, n);
}

/* The variance of middle_mean of n values, in units of that of one. */
static double middle_variance(int n)
{
    return (n < 3 ? 1.0 : 1.2) / n;
}

double trust_level_ms(const struct trust_board *board)
{
    return board->last.count == 0 ? NAN : exp(ring_median(&board->last));
}

double trust_scatter(const struct trust_board *board)
{
    return board->last.count < TRUST_FEW ? NAN : sigma(board);
}

/* --- quarantine --- */

void trust_quarantine(struct trust_board *board, const char *reason, int64_t wall_ms)
{
    board->quarantined = true;
    board->since_wall_ms = wall_ms;
    board->wait_ms = TRUST_WAIT_MS;
    board->suspect_count = 0;
    board->again = false;
    snprintf(board->reason, sizeof board->reason, "%s", reason);
}

bool trust_strike(struct trust_board *board, const char *why, int64_t wall_ms)
{
    char reason[TRUST_SENTENCE_BYTES];
    board->strikes++;
    if (board->quarantined || board->strikes < TRUST_STRIKES)
        return false;
    snprintf(reason, sizeof reason, "%d results in a row could not be believed, the last: %.180s", board->strikes, why);
    trust_quarantine(board, reason, wall_ms);
    return true;
}

void trust_release(struct trust_board *board)
{
    board->quarantined = board->held = board->again = false;
    board->reason[0] = '\0';
    board->wait_ms = 0;
    board->suspect_count = board->recent_count = 0;
    memset(board->off, 0, sizeof board->off);
    memset(board->unmeasured, 0, sizeof board->unmeasured);
    board->early_count = board->early_doubt = 0;
    for (int i = 0; i < board->last.count && i < TRUST_FEW; i++)
        board->early[board->early_count++] = board->last.values[i];
}

static void lift(struct trust_board *board)
{
    for (int i = 0; i < 3; i++)
        add_good(board, board->suspects[i]);
    trust_release(board);
}

static const char *const accept_hint = "if it is as it should be, `hwnas device trust` accepts the new level";

static double percent_off(double value, double level)
{
    return 100 * (exp(value - level) - 1);
}

/* --- judging --- */

static double allowed_off(const struct trust_board *board)
{
    return board->last.count < TRUST_FEW ? OFF_FLOOR : fmax(OFF_FLOOR, OFF_SIGMAS * sigma(board));
}

static bool two_of_three(const bool flags[3])
{
    return flags[0] + flags[1] + flags[2] >= 2;
}

static void note_flags(struct trust_board *board, bool off, bool unmeasured)
{
    board->off[2] = board->off[1], board->off[1] = board->off[0], board->off[0] = off;
    board->unmeasured[2] = board->unmeasured[1], board->unmeasured[1] = board->unmeasured[0], board->unmeasured[0] = unmeasured;
}

/* The level of the newest `window` canaries against that of the first ones, as far as they came before. */
static bool has_crept(const struct trust_board *board, int window, double *level)
{
    double newest[TRUST_RECENT];
    int before = board->first.count;
    if (board->recent_count < window)
        return false;
    for (int i = 0; i < window; i++) {
        int at = (board->recent_count - 1 - i) % TRUST_RECENT;
        newest[i] = board->recent[at];
        before -= board->recent_is_first[at];
    }
    if (before < TRUST_FEW)
        return false;
    *level = middle_mean(newest, window);
    double base = middle_mean(board->first.values, before);
    double error = sigma(board) * sqrt(middle_variance(window) + middle_variance(before));
    /* The median too: two disturbed ones of five are not a level. */
    return fabs(*level - base) > fmax(LEVEL_FLOOR, LEVEL_ERRORS * error) && fabs(median_copy(newest, window) - base) > LEVEL_FLOOR;
}

/* Differences of neighbours do not see a single change of level. */
static double early_sigma(const struct trust_board *board)
{
    double differences[TRUST_FEW];
    int n = 0;
    for (int i = 1; i < board->early_count; i++) {
        if (i != board->early_doubt)
            differences[n++] = fabs(board->early[i] - board->early[i - 1]) / sqrt(2);
    }
    return sigma_of(differences, n);
}

/* Eight are there, and some were more than 5 % off: scatter, or another level? */
static bool early_levels_differ(const struct trust_board *board, double *level)
{
    int before = board->early_doubt, after = board->early_count - before;
    double gap = middle_mean(board->early + before, after) - middle_mean(board->early, before);
    double error = early_sigma(board) * sqrt(middle_variance(before) + middle_variance(after));
    *level = middle_mean(board->early + before, after);
    return fabs(gap) > fmax(OFF_FLOOR, LEVEL_ERRORS * error);
}

static void quarantine_for_level(struct trust_board *board, double level, double before, const char *what, int64_t wall_ms,
                                 struct trust_opinion *out)
{
    char reason[TRUST_SENTENCE_BYTES];
    snprintf(reason, sizeof reason, "%s: %.4g ms where it used to take %.4g ms (%+.1f %%); %s", what, exp(level), exp(before),
             percent_off(level, before), accept_hint);
    trust_quarantine(board, reason, wall_ms);
    out->quarantined = true;
}

static void judge_early(struct trust_board *board, double value, bool off, int64_t wall_ms, struct trust_opinion *out)
{
    double level;
    board->early[board->early_count++] = value;
    if (off && board->early_doubt == 0)
        board->early_doubt = board->early_count - 1;
    bool doubtful = board->early_doubt > 0;
    if (!doubtful) {
        add_good(board, value);
        return;
    }
    out->verdict = TRUST_DOUBTFUL;
    board->again = board->early_count < TRUST_FEW;
    if (board->again)
        return;
    if (early_levels_differ(board, &level)) {
        out->verdict = TRUST_BAD;
        quarantine_for_level(board, level, ring_median(&board->last), "its canaries have changed their level", wall_ms, out);
        return;
    }
    out->verdict = TRUST_GOOD;
    out->settled = true;
    for (int i = board->early_doubt; i < TRUST_FEW; i++)
        add_good(board, board->early[i]);
    memset(board->off, 0, sizeof board->off); /* it was scatter */
}

static void judge_in_quarantine(struct trust_board *board, double value, bool off, struct trust_opinion *out)
{
    /* A board that never measured its canary has no level; it is not asked for below. */
    double level = board->first.count > 0 ? ring_median(&board->first) : value;
    off = off || fabs(value - level) > allowed_off(board);
    out->verdict = off ? TRUST_BAD : TRUST_GOOD;
    if (off) {
        uint32_t twice = 2 * board->wait_ms < TRUST_WAIT_MS ? TRUST_WAIT_MS : 2 * board->wait_ms;
        board->suspect_count = 0;
        board->wait_ms = twice < TRUST_WAIT_MAX_MS ? twice : TRUST_WAIT_MAX_MS;
        return;
    }
    board->suspects[board->suspect_count++ % 3] = value;
    board->wait_ms = TRUST_CONFIRM_MS;
    if (board->suspect_count < 3 || board->held)
        return;
    double spread = board->last.count < TRUST_FEW ? 0 : sigma(board) * sqrt(middle_variance(3));
    if (fabs(median_copy(board->suspects, 3) - level) > fmax(LIFT_FLOOR, LIFT_ERRORS * spread))
        return;
    lift(board);
    out->lifted = true;
}

static void judge_settled(struct trust_board *board, double value, bool off, int64_t wall_ms, struct trust_opinion *out)
{
    double level;
    out->verdict = off ? TRUST_BAD : TRUST_GOOD;
    board->again = off;
    board->recent_is_first[board->recent_count % TRUST_RECENT] = !off && board->first.count < TRUST_HISTORY;
    board->recent[board->recent_count++ % TRUST_RECENT] = value;
    if (!off)
        add_good(board, value);
    if (two_of_three(board->off)) {
        quarantine_for_level(board, value, ring_median(&board->last), "two of its last three canaries were off", wall_ms, out);
        return;
    }
    if (has_crept(board, 5, &level) || has_crept(board, TRUST_RECENT, &level)) {
        out->verdict = TRUST_BAD;
        quarantine_for_level(board, level, ring_median(&board->first), "its canaries have crept away", wall_ms, out);
    }
}

static void judge_unmeasured(struct trust_board *board, int64_t wall_ms, struct trust_opinion *out)
{
    out->verdict = TRUST_BAD;
    if (board->quarantined) {
        judge_in_quarantine(board, INFINITY, true, out);
        return;
    }
    board->again = true;
    if (!two_of_three(board->unmeasured))
        return;
    trust_quarantine(board, "two of its last three canaries could not be measured", wall_ms);
    out->quarantined = true;
}

static void describe(const struct trust_board *board, double latency_ms, struct trust_opinion *out)
{
    static const char *const words[] = {[TRUST_GOOD] = "good", [TRUST_DOUBTFUL] = "doubtful", [TRUST_BAD] = "off"};
    const char *end = out->lifted ? "; the quarantine is over" : "";
    if (isnan(latency_ms))
        snprintf(out->sentence, sizeof out->sentence, "could not be measured");
    else if (isnan(out->expected_ms))
        snprintf(out->sentence, sizeof out->sentence, "%.4g ms, the first one", latency_ms);
    else
        snprintf(out->sentence, sizeof out->sentence, "%.4g ms, %s: %+.1f %% from %.4g ms, up to %.1f %% may be%s", latency_ms,
                 words[out->verdict], 100 * (latency_ms / out->expected_ms - 1), out->expected_ms, 100 * out->allowed, end);
    if (out->settled)
        snprintf(out->sentence, sizeof out->sentence, "%.4g ms, good: the first %d scatter by %.1f %%, which is taken for its way",
                 latency_ms, TRUST_FEW, 100 * trust_scatter(board));
    if (out->quarantined)
        snprintf(out->sentence, sizeof out->sentence, "%s", board->reason);
}

void trust_canary(struct trust_board *board, double latency_ms, int64_t wall_ms, struct trust_opinion *out)
{
    bool measured = isfinite(latency_ms) && latency_ms > 0, known = board->last.count > 0;
    double value = measured ? log(latency_ms) : 0;
    *out = (struct trust_opinion){.expected_ms = trust_level_ms(board), .allowed = known ? allowed_off(board) : NAN};
    bool off = measured && known && fabs(value - ring_median(&board->last)) > out->allowed;
    board->again = false;
    note_flags(board, off, !measured);
    if (!measured)
        judge_unmeasured(board, wall_ms, out);
    else if (board->quarantined && known)
        judge_in_quarantine(board, value, off, out);
    else if (board->last.count < TRUST_FEW)
        judge_early(board, value, off, wall_ms, out);
    else
        judge_settled(board, value, off, wall_ms, out);
    if (out->verdict == TRUST_GOOD)
        board->strikes = 0;
    describe(board, measured ? latency_ms : NAN, out);
}

/* --- latency and MACs --- */

bool trust_rank(struct trust_board *board, double macs, double latency_ms)
{
    double sorted[TRUST_RANKED], correlation;
    board->ranked_macs[board->ranked_count] = macs;
    board->ranked_ms[board->ranked_count] = latency_ms;
    if (++board->ranked_count < TRUST_RANKED)
        return false;
    board->ranked_count = 0;
    memcpy(sorted, board->ranked_macs, sizeof sorted);
    median_sort(sorted, TRUST_RANKED);
    /* Without memory nobody is accused, nor where one of them does not vary. */
    return sorted[TRUST_RANKED - 3] > RANK_SPREAD * sorted[2] &&
           rank_correlation(board->ranked_macs, board->ranked_ms, TRUST_RANKED, &correlation) && correlation < RANK_MIN;
}
