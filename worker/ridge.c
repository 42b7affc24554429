/* ridge: coordinate descent, which with few rows costs rows * columns a sweep and keeps the constraint by clipping. Called by
 * calibrate_*.c. */
#include "worker/ridge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/measure.h"

enum { FOLDS = 5, SWEEPS_MAX = 3000 };

static const double settled = 1e-9; /* of the mean value: no weight moves by more in a sweep */

/* The problem with rows in units of their tolerated error and columns of at most 1, and what descent needs beside. */
struct scaled {
    size_t rows, columns;
    double *matrix;       /* (columns,rows): a column's entries lie side by side */
    double *values;       /* (rows) */
    double *column_scale; /* (columns) */
    double *residual;     /* (rows) */
    double *weights;      /* (columns) of the scaled problem */
    const uint8_t *groups;
};

/* Strengths to choose from: for RIDGE_SHARED, and how many times as strong RIDGE_RARE is (0: left out). */
static const double strengths[] = {1e-7, 1e-4, 1e-2, 0.1};
static const double factors[] = {1, 10, 100, 0};

static void free_scaled(struct scaled *scaled)
{
    free(scaled->matrix);
    free(scaled->values);
    free(scaled->column_scale);
    free(scaled->residual);
    free(scaled->weights);
}

static void scale_rows(struct scaled *scaled, const struct ridge_problem *problem)
{
    size_t rows = problem->rows;
    memcpy(scaled->residual, problem->values, rows * sizeof(double));
    double least = measure_median(scaled->residual, (int)rows);
    for (size_t i = 0; i < rows; i++) {
        double unit = problem->values[i] > least ? problem->values[i] : least;
        unit = unit > 0 ? unit : 1;
        scaled->values[i] = problem->values[i] / unit;
        for (size_t j = 0; j < problem->columns; j++)
            scaled->matrix[j * rows + i] = problem->matrix[i * problem->columns + j] / unit;
    }
}

/* A column that is zero everywhere keeps the scale 1 and, being drawn to zero by nothing but its strength, the weight 0. */
static void scale_columns(struct scaled *scaled)
{
    for (size_t j = 0; j < scaled->columns; j++) {
        double *column = scaled->matrix + j * scaled->rows, most = 0;
        for (size_t i = 0; i < scaled->rows; i++)
            most = fmax(most, column[i]);
        scaled->column_scale[j] = most > 0 ? most : 1;
        for (size_t i = 0; i < scaled->rows; i++)
            column[i] /= scaled->column_scale[j];
    }
}

static enum status_code scale(const struct ridge_problem *problem, struct scaled *out, struct status *status)
{
    size_t rows = problem->rows, columns = problem->columns;
    *out = (struct scaled){.rows = rows, .columns = columns, .groups = problem->groups};
    out->matrix = calloc(rows * columns, sizeof(double));
    out->values = calloc(rows, sizeof(double));
    out->column_scale = calloc(columns, sizeof(double));
    out->residual = calloc(rows, sizeof(double));
    out->weights = calloc(columns, sizeof(double));
    if (out->matrix == NULL || out->values == NULL || out->column_scale == NULL || out->residual == NULL || out->weights == NULL) {
        free_scaled(out);
        return status_set(status, STATUS_NO_MEMORY, "no memory for a fit of %zu values by %zu terms", rows, columns);
    }
    scale_rows(out, problem);
    scale_columns(out);
    return STATUS_OK;
}

/* Rows with i % FOLDS == left_out do not count; -1: all count. */
static bool counts(size_t row, int left_out)
{
    return (int)(row % FOLDS) != left_out;
}

/* Moves one weight to where it serves best; returns how far it moved. */
static double descend(struct scaled *scaled, size_t j, double lambda, int left_out)
{
    const double *column = scaled->matrix + j * scaled->rows;
    double square = lambda, product = 0;
    for (size_t i = 0; i < scaled->rows; i++) {
        if (!counts(i, left_out))
            continue;
        square += column[i] * column[i];
        product += column[i] * scaled->residual[i];
    }
    if (square <= 0)
        return 0;
    double before = scaled->weights[j];
    double after = fmax(0, before + (product - lambda * before) / square);
    for (size_t i = 0; i < scaled->rows; i++)
        scaled->residual[i] -= (after - before) * column[i];
    scaled->weights[j] = after;
    return fabs(after - before);
}

static void solve(struct scaled *scaled, double strength, double factor, int left_out)
{
    const double lambda[] = {[RIDGE_FREE] = 1e-9, [RIDGE_SHARED] = strength, [RIDGE_RARE] = strength * factor};
    memset(scaled->weights, 0, scaled->columns * sizeof(double));
    memcpy(scaled->residual, scaled->values, scaled->rows * sizeof(double));
    for (int sweep = 0; sweep < SWEEPS_MAX; sweep++) {
        double moved = 0;
        for (size_t j = 0; j < scaled->columns; j++)
            if (scaled->groups[j] != RIDGE_RARE || factor > 0)
                moved = fmax(moved, descend(scaled, j, lambda[scaled->groups[j]], left_out));
        if (moved < settled)
            return;
    }
}

/* The squared errors of rows that were not fitted. */
static double left_out_error(struct scaled *scaled, double strength, double factor)
{
    double sum = 0;
    for (int fold = 0; fold < FOLDS; fold++) {
        solve(scaled, strength, factor, fold);
        for (size_t i = (size_t)fold; i < scaled->rows; i += FOLDS)
            sum += scaled->residual[i] * scaled->residual[i];
    }
    return sum;
}

enum status_code ridge_fit(const struct ridge_problem *problem, double *weights, struct status *status)
{
    struct scaled scaled;
    double best = INFINITY, best_strength = 0, best_factor = 0;
    enum status_code code = scale(problem, &scaled, status);
    if (code != STATUS_OK)
        return code;
    for (size_t s = 0; s < sizeof strengths / sizeof strengths[0]; s++)
        for (size_t f = 0; f < sizeof factors / sizeof factors[0]; f++) {
            double error = left_out_error(&scaled, strengths[s], factors[f]);
            if (error >= best)
                continue;
            best = error;
            best_strength = strengths[s];
            best_factor = factors[f];
        }
    solve(&scaled, best_strength, best_factor, -1);
    for (size_t j = 0; j < problem->columns; j++)
        weights[j] = scaled.weights[j] / scaled.column_scale[j];
    free_scaled(&scaled);
    return STATUS_OK;
}
