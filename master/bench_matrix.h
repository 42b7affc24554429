/* bench_matrix: which searches a bench runs: the product of its axes. Pure.
 *
 * An axis is written KEY[+KEY...]=CHOICE[,CHOICE...], a choice [LABEL:]VALUE[+VALUE...]: one value a key, in their order; an empty
 * value leaves its key as the study file has it. `costs.0.device=fpga,pixel3`;
 * `strategy.name+strategy.diversity=three:mohdnas+true, two:mohdnas+false,random+`.
 *
 * An axis whose first key begins with "strategy." is one of methods, which are compared with each other; every other is one of
 * settings, under which they are compared. So a search stands at (setting, method); the settings, and the methods, are counted with
 * the last axis running fastest. */
#ifndef HWNAS_MASTER_BENCH_MATRIX_H
#define HWNAS_MASTER_BENCH_MATRIX_H

#include <stdbool.h>
#include <stddef.h>

#include "common/status.h"

enum { BENCH_AXES_MAX = 8, BENCH_KEYS_MAX = 8, BENCH_CHOICES_MAX = 256, BENCH_SEARCHES_MAX = 4096, BENCH_LABEL_BYTES = 128 };

struct bench_choice {
    char *label; /* as given, or the values joined by "+" */
    char *values[BENCH_KEYS_MAX];
};

struct bench_axis {
    char *text;          /* owned; all that follows points into it, but the labels made here */
    const char *heading; /* the last word of the first key; "strategy" for strategy.name, "fitness" for fitness.column */
    char *keys[BENCH_KEYS_MAX];
    size_t key_count;
    struct bench_choice *choices; /* owned */
    size_t choice_count;
    bool methods;
};

struct bench_matrix {
    struct bench_axis axes[BENCH_AXES_MAX];
    size_t axis_count;
};

/* Adds an axis. STATUS_BAD_INPUT with what is wrong about the text; the axis is then not there. */
enum status_code bench_matrix_add(struct bench_matrix *matrix, const char *text, struct status *status);
void bench_matrix_free(struct bench_matrix *matrix);

/* How many settings, or methods; 1 without such an axis. */
size_t bench_matrix_count(const struct bench_matrix *matrix, bool methods);

/* The choice of every axis at (setting, method). */
void bench_matrix_at(const struct bench_matrix *matrix, size_t setting, size_t method, size_t choice[BENCH_AXES_MAX]);

/* The labels of a setting, or of a method, joined by a blank; empty without such an axis. */
void bench_matrix_label(const struct bench_matrix *matrix, bool methods, size_t index, char out[BENCH_LABEL_BYTES]);

/* A value such as "2%" for a key such as "costs.0.max": the limit that so many per cent of the feasible architectures stay within.
 * True, with the cost's number and the share in (0,1]. */
bool bench_matrix_is_quantile(const char *key, const char *value, size_t *cost, double *share);

#endif
