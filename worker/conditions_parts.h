/* conditions_parts: what conditions*.c share: the small files of /proc and /sys, each of which may be missing or hold nonsense. */
#ifndef HWNAS_WORKER_CONDITIONS_PARTS_H
#define HWNAS_WORKER_CONDITIONS_PARTS_H

#include <stdio.h>

#include "worker/conditions.h"

/* Opens root followed by the formatted path; NULL when it is not there. */
FILE *conditions_open(const char *root, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The first word of a file (out is empty when there is none), and the number it begins with (or `unknown`). Both close the file,
 * which may be NULL. */
bool conditions_word(FILE *file, char out[CONDITIONS_WORD_BYTES]);
double conditions_number(FILE *file, double unknown);

/* Calls each(context, name) for every entry of the folder below root whose name does not begin with a dot. */
void conditions_each(const char *root, const char *folder, void (*each)(void *context, const char *name), void *context);

/* Words that name an ARM processor: board and core, as far as they are known. implementer and part as /proc/cpuinfo writes them
 * ("0x41", "0xd08"). */
void conditions_arm_processor(const char *root, const char *implementer, const char *part, char *out, size_t size);

/* What small boards tell: throttle bits and counts, the clock of a graphics processor, the power mode, the model. */
void conditions_read_board(const char *root, int cpu, struct conditions *out);

#endif
