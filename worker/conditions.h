/* conditions: what this host looks like to a latency measurement: which processor, how its clock is governed, who else computes.
 * Reads /proc and /sys; what a machine does not tell stays unknown. */
#ifndef HWNAS_WORKER_CONDITIONS_H
#define HWNAS_WORKER_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { CONDITIONS_PROCESSOR_BYTES = 64, CONDITIONS_WORD_BYTES = 32, CONDITIONS_MODEL_BYTES = 64 };

/* Bits of `throttled` (the Raspberry Pi firmware's): now; 16 places higher: at some time since boot. */
enum { CONDITIONS_UNDER_VOLTAGE = 1, CONDITIONS_CLOCK_CAPPED = 2, CONDITIONS_THROTTLED = 4, CONDITIONS_SOFT_LIMIT = 8 };

struct conditions {
    char processor[CONDITIONS_PROCESSOR_BYTES]; /* [a-z0-9_]+, e.g. "intel_xeon_6_167": brand, family and model. Two machines with
                                                   different chips must not share a device key, and virtual machines hide the brand
                                                 */
    char governor[CONDITIONS_WORD_BYTES];       /* "performance", "powersave", ...; empty: unknown */
    double frequency_mhz, frequency_max_mhz;    /* now, and the most the governor may choose; 0: unknown */
    double temperature_c;                       /* the hottest thermal zone; NaN: unknown */
    double load;                                /* runnable tasks, mean of the last minute; NaN: unknown */
    int cpu, cpus;                              /* the CPU looked at, and how many there are on line */
    int boost;                            /* 1: the clock may exceed its nominal value for a while; 0: it may not; -1: unknown */
    char model[CONDITIONS_MODEL_BYTES];   /* of the board, [a-z0-9_.]*; empty: unknown */
    char affinity[CONDITIONS_WORD_BYTES]; /* the CPUs this process may use, such as "0-2"; empty: unknown */
    double memory_mb;                     /* available; NaN: unknown */
    unsigned throttled;                   /* the bits above; 0: none, or unknown */
    double throttle_count;                /* how often this CPU has slowed down because of heat since boot; NaN: unknown */
    double gpu_mhz;                       /* of a Jetson's graphics processor; 0: none */
    bool gpu_fixed;                       /* its clock does not follow the load (jetson_clocks) */
    int power_mode;                       /* a Jetson's (nvpmodel); -1: unknown */
    bool virtual;                         /* runs under a hypervisor, whose other guests nobody here can see */
};

/* Looks at one CPU of the machine whose files lie under root ("" on a real one; tests bring their own tree). Blocks on reading
 * small files; never fails. */
void conditions_read(const char *root, int cpu, struct conditions *out);

/* One line of key=value pairs without spaces in the values; unknown ones are left out. */
void conditions_print(const struct conditions *conditions, char *out, size_t size);

/* The i-th sentence (from 0) about what would disturb a measurement and what to do about it, into out. Returns false when there are
 * no more than i. */
bool conditions_warning(const struct conditions *conditions, int i, char *out, size_t size);

#endif
