/* bench_clock: virtual workers and boards. Called by bench_run, which asks it what is complete next.
 *
 * The rule it keeps: the order of completion depends on what was started when, and on nothing else; equal moments go by ask. */
#include "master/bench_clock.h"

#include <math.h>
#include <stdlib.h>

struct under_way {
    uint64_t ask;
    double complete_s;
};

struct bench_clock {
    struct bench_clock_settings settings;
    double now_s;
    double *worker_free_s, *board_free_s; /* when each will be idle */
    double worker_busy_s, board_busy_s;   /* sums over all of them */
    double serial_s;
    struct under_way *under_way; /* in no order: there are about as many as workers */
    size_t count, capacity;
};

struct bench_clock *bench_clock_new(const struct bench_clock_settings *settings)
{
    struct bench_clock *clock = calloc(1, sizeof *clock);
    if (clock == NULL)
        return NULL;
    clock->settings = *settings;
    clock->worker_free_s = calloc(settings->workers, sizeof *clock->worker_free_s);
    clock->board_free_s = calloc((size_t)settings->boards + 1, sizeof *clock->board_free_s);
    if (clock->worker_free_s != NULL && clock->board_free_s != NULL)
        return clock;
    bench_clock_free(clock);
    return NULL;
}

void bench_clock_free(struct bench_clock *clock)
{
    if (clock == NULL)
        return;
    free(clock->worker_free_s);
    free(clock->board_free_s);
    free(clock->under_way);
    free(clock);
}

static uint32_t free_first(const double *free_s, uint32_t count, double now_s)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < count; i++)
        if (fmax(free_s[i], now_s) < fmax(free_s[first], now_s))
            first = i;
    return first;
}

/* Books the time on that worker or board; returns when it will be over. */
static double book(double *free_s, double now_s, double seconds, double *busy_s)
{
    *free_s = fmax(*free_s, now_s) + seconds;
    *busy_s += seconds;
    return *free_s;
}

bool bench_clock_start(struct bench_clock *clock, uint64_t ask, double worker_s, double board_s)
{
    const struct bench_clock_settings *settings = &clock->settings;
    struct under_way new = {ask, clock->now_s};
    if (clock->count == clock->capacity) {
        size_t capacity = 2 * clock->capacity + 16;
        struct under_way *grown = realloc(clock->under_way, capacity * sizeof *grown);
        if (grown == NULL)
            return false;
        clock->under_way = grown;
        clock->capacity = capacity;
    }
    if (worker_s > 0) {
        uint32_t worker = free_first(clock->worker_free_s, settings->workers, clock->now_s);
        new.complete_s = book(&clock->worker_free_s[worker], clock->now_s, worker_s, &clock->worker_busy_s);
        clock->serial_s += worker_s;
    }
    if (board_s > 0 && settings->boards > 0) {
        uint32_t board = free_first(clock->board_free_s, settings->boards, clock->now_s);
        double factor = board + 1 == settings->boards ? settings->slow_board : 1;
        double over_s = book(&clock->board_free_s[board], clock->now_s, board_s * factor, &clock->board_busy_s);
        new.complete_s = fmax(new.complete_s, over_s);
        clock->serial_s += board_s;
    }
    clock->under_way[clock->count++] = new;
    return true;
}

bool bench_clock_next(struct bench_clock *clock, uint64_t *ask)
{
    size_t next = 0;
    if (clock->count == 0)
        return false;
    for (size_t i = 1; i < clock->count; i++) {
        const struct under_way *a = &clock->under_way[i], *b = &clock->under_way[next];
        if (a->complete_s < b->complete_s || (a->complete_s == b->complete_s && a->ask < b->ask))
            next = i;
    }
    clock->now_s = clock->under_way[next].complete_s;
    *ask = clock->under_way[next].ask;
    clock->under_way[next] = clock->under_way[--clock->count];
    return true;
}

double bench_clock_now(const struct bench_clock *clock)
{
    return clock->now_s;
}

static double busy(const struct bench_clock *clock, double busy_s, uint32_t count)
{
    return count > 0 && clock->now_s > 0 ? busy_s / (count * clock->now_s) : NAN;
}

double bench_clock_workers_busy(const struct bench_clock *clock)
{
    return busy(clock, clock->worker_busy_s, clock->settings.workers);
}

double bench_clock_boards_busy(const struct bench_clock *clock)
{
    return busy(clock, clock->board_busy_s, clock->settings.boards);
}

double bench_clock_speedup(const struct bench_clock *clock)
{
    return clock->now_s > 0 ? clock->serial_s / clock->now_s : NAN;
}
