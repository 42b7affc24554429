/* mlp: see mlp.h. Called by predictor.c.
 *
 * Sums run in a fixed order, so equal examples and chance give equal weights. What a ReLU holds at zero is passed over: half the
 * work. Inner loops add a multiple of one row to another, which compilers know how to make wide without reordering sums. */
#include "master/mlp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 64, BATCH = 64 };

static const double RATE = 1e-3, DECAY1 = 0.9, DECAY2 = 0.999, TINY = 1e-8;

/* Standardised errors beyond count in proportion. */
static const double FAR = 0.1;

/* All parameters stand in one array, so that Adam need not know what they are. */
struct mlp {
    size_t columns, features, count; /* count: of parameters */
    size_t first[MLP_COLUMNS_MAX];   /* a column's first feature */
    double *weights;                 /* (count): first (features,HIDDEN), bias; second (HIDDEN,HIDDEN), bias; last (HIDDEN), bias */
    double *slopes, *mean, *square;  /* (count) of the step: gradient, and Adam's moments */
    double middle, scale;            /* of the values */
};

/* Where each layer's parameters are, in any of the arrays. */
struct layers {
    double *first, *first_bias, *second, *second_bias, *last, *last_bias;
};

/* What a forward pass leaves for the backward one. */
struct pass {
    double h1[HIDDEN], h2[HIDDEN], out;
};

static struct layers layers_of(const struct mlp *mlp, double *array)
{
    struct layers at = {.first = array};
    at.first_bias = at.first + mlp->features * HIDDEN;
    at.second = at.first_bias + HIDDEN;
    at.second_bias = at.second + HIDDEN * HIDDEN;
    at.last = at.second_bias + HIDDEN;
    at.last_bias = at.last + HIDDEN;
    return at;
}

struct mlp *mlp_new(size_t columns, const uint8_t *choices)
{
    struct mlp *mlp = calloc(1, sizeof *mlp);
    if (mlp == NULL)
        return NULL;
    mlp->columns = columns;
    for (size_t c = 0; c < columns; c++) {
        mlp->first[c] = mlp->features;
        mlp->features += choices[c];
    }
    mlp->count = (mlp->features + 1) * HIDDEN + (HIDDEN + 1) * HIDDEN + HIDDEN + 1;
    mlp->weights = calloc(4 * mlp->count, sizeof *mlp->weights);
    if (mlp->weights == NULL) {
        free(mlp);
        return NULL;
    }
    mlp->slopes = mlp->weights + mlp->count;
    mlp->mean = mlp->slopes + mlp->count;
    mlp->square = mlp->mean + mlp->count;
    return mlp;
}

void mlp_free(struct mlp *mlp)
{
    if (mlp == NULL)
        return;
    free(mlp->weights);
    free(mlp);
}

/* --- forward and backward -------------------------------------------------------------------------------- */

static void add_row(double *sum, const double *row, double times)
{
    for (size_t j = 0; j < HIDDEN; j++)
        sum[j] += times * row[j];
}

static double product(const double *a, const double *b)
{
    double sums[4] = {0};
    for (size_t j = 0; j < HIDDEN; j += 4)
        for (size_t k = 0; k < 4; k++)
            sums[k] += a[j + k] * b[j + k];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static void rectify(double *values)
{
    for (size_t j = 0; j < HIDDEN; j++)
        values[j] = values[j] > 0 ? values[j] : 0;
}

/* From the sums of the first layer, which are in pass->h1, on. */
static void go_on(const struct layers *at, struct pass *pass)
{
    rectify(pass->h1);
    memcpy(pass->h2, at->second_bias, sizeof pass->h2);
    for (size_t i = 0; i < HIDDEN; i++)
        if (pass->h1[i] > 0)
            add_row(pass->h2, at->second + i * HIDDEN, pass->h1[i]);
    rectify(pass->h2);
    pass->out = product(pass->h2, at->last) + *at->last_bias;
}

static void forward(const struct mlp *mlp, const struct layers *at, const uint8_t *row, struct pass *pass)
{
    memcpy(pass->h1, at->first_bias, sizeof pass->h1);
    for (size_t c = 0; c < mlp->columns; c++)
        add_row(pass->h1, at->first + (mlp->first[c] + row[c]) * HIDDEN, 1);
    go_on(at, pass);
}

/* d1 = the derivative of `slope` times the output by the sums of the first layer; with `to`, those of the later layers' parameters
 * are added there. */
static void backward(const struct layers *at, const struct pass *pass, double slope, const struct layers *to, double d1[HIDDEN])
{
    double d2[HIDDEN];
    for (size_t j = 0; j < HIDDEN; j++)
        d2[j] = pass->h2[j] > 0 ? slope * at->last[j] : 0;
    for (size_t i = 0; i < HIDDEN; i++) {
        d1[i] = pass->h1[i] > 0 ? product(at->second + i * HIDDEN, d2) : 0;
        if (to != NULL && pass->h1[i] > 0)
            add_row(to->second + i * HIDDEN, d2, pass->h1[i]);
    }
    if (to == NULL)
        return;
    add_row(to->second_bias, d2, 1);
    add_row(to->last, pass->h2, slope);
    *to->last_bias += slope;
}

/* --- learning -------------------------------------------------------------------------------------------- */

static void draw_layer(double *weights, size_t count, size_t inputs, struct rng *rng)
{
    double reach = 1 / sqrt((double)inputs);
    for (size_t i = 0; i < count; i++)
        weights[i] = reach * (2 * rng_uniform(rng) - 1);
}

/* Uniform within one over the root of a layer's inputs, biases too, as PyTorch has it by default. */
static void start(struct mlp *mlp, struct rng *rng)
{
    struct layers at = layers_of(mlp, mlp->weights);
    memset(mlp->mean, 0, 2 * mlp->count * sizeof *mlp->mean);
    draw_layer(at.first, (mlp->features + 1) * HIDDEN, mlp->features, rng);
    draw_layer(at.second, (HIDDEN + 1) * HIDDEN, HIDDEN, rng);
    draw_layer(at.last, HIDDEN + 1, HIDDEN, rng);
}

static void standardise(struct mlp *mlp, const double *values, size_t count)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    mlp->middle = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mlp->middle) * (values[i] - mlp->middle);
    mlp->scale = squares > 0 ? sqrt(squares / (double)count) : 1;
}

static void learn_one(struct mlp *mlp, const struct layers *at, const struct layers *to, const uint8_t *row, double value)
{
    struct pass pass;
    double d1[HIDDEN];
    forward(mlp, at, row, &pass);
    double error = pass.out - (value - mlp->middle) / mlp->scale;
    backward(at, &pass, fmax(-FAR, fmin(FAR, error)) / BATCH, to, d1);
    add_row(to->first_bias, d1, 1);
    for (size_t c = 0; c < mlp->columns; c++)
        add_row(to->first + (mlp->first[c] + row[c]) * HIDDEN, d1, 1);
}

static void step(struct mlp *mlp, uint32_t number, uint32_t steps)
{
    double rate = RATE * 0.5 * (1 + cos(M_PI * (double)number / (double)steps));
    double unbias1 = 1 / (1 - pow(DECAY1, number + 1.0)), unbias2 = 1 / (1 - pow(DECAY2, number + 1.0));
    for (size_t i = 0; i < mlp->count; i++) {
        double slope = mlp->slopes[i];
        mlp->mean[i] = DECAY1 * mlp->mean[i] + (1 - DECAY1) * slope;
        mlp->square[i] = DECAY2 * mlp->square[i] + (1 - DECAY2) * slope * slope;
        mlp->weights[i] -= rate * mlp->mean[i] * unbias1 / (sqrt(mlp->square[i] * unbias2) + TINY);
    }
}

void mlp_fit(struct mlp *mlp, const uint8_t *rows, const double *values, size_t count, uint32_t steps, struct rng *rng)
{
    struct layers at = layers_of(mlp, mlp->weights), to = layers_of(mlp, mlp->slopes);
    start(mlp, rng);
    standardise(mlp, values, count);
    for (uint32_t number = 0; number < steps; number++) {
        memset(mlp->slopes, 0, mlp->count * sizeof *mlp->slopes);
        for (int i = 0; i < BATCH; i++) {
            size_t drawn = rng_below(rng, count);
            learn_one(mlp, &at, &to, rows + drawn * mlp->columns, values[drawn]);
        }
        step(mlp, number, steps);
    }
}

/* --- foretelling ----------------------------------------------------------------------------------------- */

double mlp_predict(const struct mlp *mlp, const uint8_t *row)
{
    struct layers at = layers_of(mlp, mlp->weights);
    struct pass pass;
    forward(mlp, &at, row, &pass);
    return mlp->middle + mlp->scale * pass.out;
}

double mlp_relaxed(const struct mlp *mlp, const double *input, double *gradient)
{
    struct layers at = layers_of(mlp, mlp->weights);
    struct pass pass;
    double d1[HIDDEN];
    memcpy(pass.h1, at.first_bias, sizeof pass.h1);
    for (size_t j = 0; j < mlp->features; j++)
        add_row(pass.h1, at.first + j * HIDDEN, input[j]);
    go_on(&at, &pass);
    backward(&at, &pass, mlp->scale, NULL, d1);
    for (size_t j = 0; j < mlp->features; j++)
        gradient[j] = product(at.first + j * HIDDEN, d1);
    return mlp->middle + mlp->scale * pass.out;
}
