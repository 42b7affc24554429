/* power: readings of a board's power meter while a program runs. Single-threaded: somebody calls power_look often enough. */
#ifndef HWNAS_WORKER_POWER_H
#define HWNAS_WORKER_POWER_H

#include <stdint.h>

enum { POWER_READINGS_MAX = 65536 };

/* Zero-initialise but for the first three. */
struct power {
    const char *file;  /* one whole number, such as /sys/class/hwmon/hwmon0/power1_input; NULL: there is no meter */
    double milliwatts; /* that a 1 in the file stands for */
    int64_t every_ms;
    int64_t next_ms;  /* when the next reading is due */
    double *readings; /* mW, POWER_READINGS_MAX of them; NULL before the first */
    int count;
};

/* Takes a reading when one is due at now_ms. A file that cannot be read, or holds no number, gives none. Blocks on a small file. */
void power_look(struct power *power, int64_t now_ms);

/* The median reading in mW, NaN when there are none; reorders them. The median, because a tool also loads and prints: as long as
 * most of its time goes into inferences, it is their power. */
double power_median_mw(struct power *power);

void power_free(struct power *power);

#endif
