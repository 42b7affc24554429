/* conditions: what this host looks like to a latency measurement: which processor, how its clock is governed, who else computes.
 * Reads /proc and /sys; what a machine does not tell stays unknown. */
#ifndef HWNAS_WORKER_CONDITIONS_H
#define HWNAS_WORKER_CONDITIONS_H

#include <stdbool.h>
#include <stddef.h>

enum { CONDITIONS_PROCESSOR_BYTES = 64, CONDITIONS_WORD_BYTES = 32 };

struct conditions {
    char processor[CONDITIONS_PROCESSOR_BYTES]; /* [a-z0-9_]+, e.g. "intel_xeon_6_167": brand, family and model. Two machines with
                                                   different chips must not share a device key, and virtual machines hide the brand
                                                 */
    char governor[CONDITIONS_WORD_BYTES];       /* "performance", "powersave", ...; empty: unknown */
    double frequency_mhz, frequency_max_mhz;    /* now, and the most the governor may choose; 0: unknown */
    double temperature_c;                       /* the hottest thermal zone; NaN: unknown */
    double load;                                /* runnable tasks, mean of the last minute; NaN: unknown */
    int cpu, cpus;                              /* the CPU looked at, and how many there are on line */
    int boost;    /* 1: the clock may exceed its nominal value for a while; 0: it may not; -1: unknown */
    bool virtual; /* runs under a hypervisor, whose other guests nobody here can see */
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
