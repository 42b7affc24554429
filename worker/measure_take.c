/* measure_take: the protocol: when to wait, to warm up, to stop, to discard and to begin again.
 *
 * Called by measure_runner. No clock is read and nothing is slept through here: runs say how long they took and waiting is a
 * callback, so tests drive it with boards that do not exist. Rule kept: what counts is one attempt, whole: samples of two attempts
 * are never mixed. */
#include "worker/measure.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARMUP_KEPT_MAX = 512 };
/* How often a board that is too hot is looked at, in seconds. */
static const double COOLING_LOOK_S = 2.0;
/* Clocks that fall by more than this are not noise of their reading. */
static const double CLOCK_FLOOR = 0.05;
/* What a Raspberry Pi's firmware says: under-voltage, clock capped, throttled, soft temperature limit; now, and since boot. */
static const unsigned THROTTLED_NOW = 0xf, THROTTLED_SINCE_BOOT = 0xf0000;

/* Samples as they come. When there is no room every other one kept so far goes, and from then on only every other one is kept: what
 * stays is spread evenly over the whole time, whatever the values are. */
struct kept {
    double *values; /* borrowed */
    int room, count, every;
    long long taken;
};

static void keep(struct kept *kept, double ms)
{
    if (kept->taken++ % kept->every != 0)
        return;
    if (kept->count == kept->room) {
        kept->count = (kept->room + 1) / 2;
        for (int i = 0; i < kept->count; i++)
            kept->values[i] = kept->values[2 * i];
        kept->every *= 2;
        if ((kept->taken - 1) % kept->every != 0)
            return;
    }
    kept->values[kept->count++] = ms;
}

/* One call of measure_take. */
struct taking {
    const struct measure_board *board;
    const struct measure_options *options;
    struct status *status;
    struct measure_view before;
    int attempts, discarded_count, runs;
    char throttled_why[sizeof((struct measure_result *)0)->throttled_why];
    double total_seconds;
    /* Of the attempt: */
    double seconds, energy; /* energy: sum of millijoules an inference times power samples */
    int power_samples;
    bool throttled, measures_power;
};

static struct measure_view look(const struct taking *taking)
{
    struct measure_view view = measure_view_unknown();
    if (taking->board->look != NULL)
        taking->board->look(taking->board->context, &view);
    return view;
}

static enum status_code wait_for(const struct taking *taking, double seconds)
{
    const struct measure_board *board = taking->board;
    if (board->wait != NULL && !board->wait(board->context, seconds))
        return status_set(taking->status, STATUS_UNAVAILABLE, "the measurement was called off while it waited");
    return STATUS_OK;
}

/* --- before --- */

enum status_code measure_check_governor(const struct measure_options *options, const struct measure_view *view,
                                        struct status *status)
{
    const char *governor = view->governor;
    if (!options->strict || governor[0] == '\0' || strcmp(governor, "performance") == 0)
        return STATUS_OK;
    return status_set(status, STATUS_UNAVAILABLE,
                      "the clock is governed by '%s' and measuring is to be strict: cpupower frequency-set -g performance",
                      governor);
}

static enum status_code cool_down(struct taking *taking, bool *hot)
{
    const struct measure_options *options = taking->options;
    enum status_code code = STATUS_OK;
    double waited_s = 0;
    /* A temperature that is not known is no reason to wait. */
    *hot = options->start_temperature_c > 0 && taking->before.temperature_c > options->start_temperature_c;
    while (code == STATUS_OK && *hot && waited_s < options->start_wait_s && taking->board->wait != NULL) {
        code = wait_for(taking, COOLING_LOOK_S);
        waited_s += COOLING_LOOK_S;
        taking->before = look(taking);
        *hot = taking->before.temperature_c > options->start_temperature_c;
    }
    if (code == STATUS_OK && *hot && options->strict)
        return status_set(taking->status, STATUS_UNAVAILABLE,
                          "the board is at %.1f degrees after %.0f s of waiting and measuring is to begin at %.1f at the most",
                          taking->before.temperature_c, waited_s, options->start_temperature_c);
    return code;
}

/* --- runs --- */

/* Runs once and keeps what came out. */
static enum status_code run_once(struct taking *taking, struct kept *kept)
{
    double samples[MEASURE_SAMPLES_MAX];
    struct measure_run said = {.energy_mj = NAN};
    const struct measure_board *board = taking->board;
    int room = board->whole ? MEASURE_SAMPLES_MAX : 1;
    status_set(taking->status, STATUS_OK, "%s", "");
    int count = board->run(board->context, samples, room, &said, taking->status);
    bool good = count >= 1 && count <= room;
    taking->runs++;
    for (int i = 0; good && i < count; i++)
        good = samples[i] >= 0 && isfinite(samples[i]);
    if (!good && taking->status->code != STATUS_OK)
        return taking->status->code;
    if (!good)
        return status_set(taking->status, STATUS_UNAVAILABLE, "run %d of the network on the board failed", taking->runs);
    for (int i = 0; i < count; i++)
        keep(kept, samples[i]);
    taking->seconds += said.seconds;
    taking->total_seconds += said.seconds;
    taking->throttled |= said.throttled;
    taking->measures_power |= isfinite(said.energy_mj);
    if (said.power_samples > 0 && isfinite(said.energy_mj)) {
        taking->energy += said.energy_mj * said.power_samples;
        taking->power_samples += said.power_samples;
    }
    return STATUS_OK;
}

/* Runs windows until two in a row agree. Neither many slow runs nor a board that never settles may hold the search up. */
static enum status_code warm_up(struct taking *taking, struct measure_result *result)
{
    const struct measure_options *options = taking->options;
    double window[WARMUP_KEPT_MAX], before = NAN;
    result->steady_start = false;
    for (int i = 0; i < options->warmup_windows_max && taking->seconds < 0.5 * options->seconds_max; i++) {
        struct kept kept = {.values = window, .room = WARMUP_KEPT_MAX, .every = 1};
        double began = taking->seconds;
        while (kept.taken < options->warmup_runs || taking->seconds - began < options->warmup_seconds) {
            enum status_code code = run_once(taking, &kept);
            result->warmup_count++;
            if (code != STATUS_OK)
                return code;
        }
        double median = measure_median(window, kept.count);
        if (fabs(median - before) <= options->warmup_agree * median) {
            result->steady_start = true;
            break;
        }
        before = median;
    }
    return STATUS_OK;
}

/* Whether the attempt may end, `measured` seconds after its warm-up. */
static bool enough(const struct taking *taking, const struct kept *kept, double measured)
{
    const struct measure_options *options = taking->options;
    bool late = taking->seconds >= options->seconds_max;
    bool power = !taking->measures_power || taking->power_samples >= options->power_samples_min || late;
    if (kept->count < 1)
        return false;
    if (taking->board->deterministic)
        return true;
    if (taking->board->whole) /* how many samples a series has is the tool's business */
        return power && (options->mode == MEASURE_QUICK || measured >= options->seconds_min || late);
    if (kept->taken >= options->samples_min && measured >= options->seconds_min)
        return power;
    return kept->taken >= options->samples_least && late;
}

static void tell_energy(const struct taking *taking, struct measure_result *result)
{
    bool told =
        taking->power_samples >= taking->options->power_samples_min || (taking->power_samples > 0 && taking->board->deterministic);
    result->power_samples = taking->power_samples;
    result->energy_mj = told ? taking->energy / taking->power_samples : NAN;
}

static enum status_code attempt(struct taking *taking, struct measure_result *result)
{
    const struct measure_options *options = taking->options;
    const struct measure_board *board = taking->board;
    struct kept kept = {.values = result->samples_ms, .room = MEASURE_SAMPLES_MAX, .every = 1};
    enum status_code code = STATUS_OK;
    taking->attempts++;
    taking->seconds = 0;
    taking->throttled = false;
    result->warmup_count = 0;
    result->steady_start = true;
    if (!board->whole && !board->deterministic && options->warmup_windows_max > 0)
        code = warm_up(taking, result);
    double began = taking->seconds;
    taking->energy = 0;
    taking->power_samples = 0;
    while (code == STATUS_OK && !enough(taking, &kept, taking->seconds - began))
        code = run_once(taking, &kept);
    if (code != STATUS_OK)
        return code;
    measure_statistics(result->samples_ms, kept.count, options, result);
    result->mode = options->mode;
    result->sample_every = kept.every;
    result->taken_count = kept.taken;
    result->summary_only = !board->deterministic && kept.taken < options->samples_least;
    tell_energy(taking, result);
    return STATUS_OK;
}

/* --- after --- */

/* Whether the board slowed its clock between the two looks, and how one can tell. */
static bool slowed(const struct taking *taking, const struct measure_view *after, char *why, size_t size)
{
    const struct measure_view *before = &taking->before;
    unsigned bits = (after->throttled & THROTTLED_NOW) | (after->throttled & ~before->throttled & THROTTLED_SINCE_BOOT);
    /* A governor that follows the load changes the clock by itself, and so does turbo. */
    bool fixed = strcmp(after->governor, "performance") == 0 && !after->boost;
    if (taking->throttled)
        snprintf(why, size, "it says so itself");
    else if (bits != 0)
        snprintf(why, size, "its firmware says 0x%x (%s)", after->throttled, (bits & 0x10001) != 0 ? "under-voltage" : "too hot");
    else if (after->throttle_count > before->throttle_count)
        snprintf(why, size, "its processor counted %.0f times", after->throttle_count - before->throttle_count);
    else if (after->frequency_max_mhz < (1 - CLOCK_FLOOR) * before->frequency_max_mhz && after->frequency_max_mhz > 0)
        snprintf(why, size, "its highest clock fell from %.0f to %.0f MHz", before->frequency_max_mhz, after->frequency_max_mhz);
    else if (after->gpu_mhz < (1 - CLOCK_FLOOR) * before->gpu_mhz && after->gpu_mhz > 0)
        snprintf(why, size, "its graphics clock fell from %.0f to %.0f MHz", before->gpu_mhz, after->gpu_mhz);
    else if (fixed && after->frequency_mhz < (1 - CLOCK_FLOOR) * before->frequency_mhz && after->frequency_mhz > 0)
        snprintf(why, size, "its clock fell from %.0f to %.0f MHz", before->frequency_mhz, after->frequency_mhz);
    else
        return false;
    return true;
}

static enum status_code after_throttling(struct taking *taking, struct measure_result *result, double *wait_s)
{
    taking->discarded_count++;
    if (taking->discarded_count >= taking->options->throttled_max) {
        result->throttled = true;
        return status_set(taking->status, STATUS_UNAVAILABLE,
                          "the board slowed its clock in each of %d attempts (%s): cool it, or look at its power supply",
                          taking->discarded_count, taking->throttled_why);
    }
    enum status_code code = wait_for(taking, *wait_s);
    *wait_s *= 2;
    return code;
}

/* One attempt that counts. */
static enum status_code take_once(struct taking *taking, struct measure_result *result)
{
    double wait_s = taking->options->throttled_wait_s;
    enum status_code code = STATUS_OK;
    while (code == STATUS_OK) {
        taking->before = look(taking);
        code = measure_check_governor(taking->options, &taking->before, taking->status);
        if (code == STATUS_OK)
            code = cool_down(taking, &result->hot_start);
        if (code == STATUS_OK)
            code = attempt(taking, result);
        if (code != STATUS_OK)
            break;
        result->before = taking->before;
        result->after = look(taking);
        result->throttled = slowed(taking, &result->after, taking->throttled_why, sizeof taking->throttled_why);
        if (!result->throttled || taking->options->mode == MEASURE_SUSTAINED)
            break;
        code = after_throttling(taking, result, &wait_s);
    }
    return code;
}

static int doubts(const struct measure_result *result)
{
    return result->unstable + result->drifting + !result->steady_start;
}

/* Fewer doubts first, then the smaller relative spread. */
static bool steadier(const struct measure_result *a, const struct measure_result *b)
{
    if (doubts(a) != doubts(b))
        return doubts(a) < doubts(b);
    return a->mad_ms * b->latency_ms < b->mad_ms * a->latency_ms;
}

/* The second measurement of what was doubtful. That the board then slows its clock is no reason to lose the first. */
static enum status_code take_again(struct taking *taking, struct measure_result *result)
{
    struct measure_result *again = calloc(1, sizeof *again);
    if (again == NULL)
        return status_set(taking->status, STATUS_NO_MEMORY, "no memory for the %zu bytes of a second measurement", sizeof *again);
    enum status_code code = wait_for(taking, fmin(taking->seconds, taking->options->cooldown_s));
    if (code == STATUS_OK)
        code = take_once(taking, again);
    if (code == STATUS_OK && steadier(again, result))
        memcpy(result, again, sizeof *again);
    else if (again->throttled)
        code = status_set(taking->status, STATUS_OK, "%s", "");
    free(again);
    return code;
}

enum status_code measure_take(const struct measure_board *board, const struct measure_options *options,
                              struct measure_result *result, struct status *status)
{
    assert(options->warmup_runs >= 1 && options->samples_least >= 1 && options->throttled_max >= 1);
    struct status unwanted;
    struct taking taking = {.board = board, .options = options, .status = status != NULL ? status : &unwanted};
    memset(result, 0, sizeof *result);
    enum status_code code = take_once(&taking, result);
    if (code == STATUS_OK && doubts(result) > 0 && options->repeat && !board->deterministic && !result->summary_only &&
        taking.total_seconds < options->seconds_max)
        code = take_again(&taking, result);
    result->attempts = taking.attempts;
    result->seconds = taking.total_seconds;
    result->discarded_count = taking.discarded_count;
    memcpy(result->throttled_why, taking.throttled_why, sizeof result->throttled_why);
    return code;
}
