/* clock: the two clocks, read only by the programs' effects (mains, loops, runners); pure modules take times as arguments. */
#ifndef HWNAS_COMMON_CLOCK_H
#define HWNAS_COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds and nanoseconds of a clock that never jumps; the origin means nothing. For deadlines and durations. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/* Milliseconds since 1970 UTC. For display and records only; it may jump. */
int64_t clock_wall_ms(void);

/* Where a part that is also played in a simulation has its time from. */
struct clock {
    int64_t (*monotonic_ms)(void *context);
    int64_t (*wall_ms)(void *context);
    void *context;
};

/* The two clocks above. */
extern const struct clock clock_system;

#endif
