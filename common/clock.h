/* clock: the two clocks, read only by the programs' effects (mains, loops, runners); pure modules take times as arguments. */
#ifndef HWNAS_COMMON_CLOCK_H
#define HWNAS_COMMON_CLOCK_H

#include <stdint.h>

/* Milliseconds and nanoseconds of a clock that never jumps; the origin means nothing. For deadlines and durations. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/* Milliseconds since 1970 UTC. For display and records only; it may jump. */
int64_t clock_wall_ms(void);

#endif
