/* gaussian: see gaussian.h. Called by strategy_surrogate.c and predictor.c.
 *
 * The Cholesky factor grows by one row for each architecture and is never computed anew: the covariance of those known does not
 * depend on what they are worth. */
#include "master/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 64, WORD_COLUMNS = 8, WORDS_MAX = COLUMNS_MAX / WORD_COLUMNS };

struct gaussian {
    size_t columns, words, outputs, count, room;
    double reach, noise;
    double *noises;                     /* (room) of each row; owned */
    double covariance[COLUMNS_MAX + 1]; /* by differing columns */
    uint64_t *rows;                     /* (room, words): eight columns a word; owned */
    double *factor;                     /* lower triangle row by row: row i begins at i * (i + 1) / 2; owned */
    double *weights;                    /* (room, outputs); owned */
    double *mean;                       /* (outputs); owned */
};

struct gaussian *gaussian_new(size_t columns, size_t outputs, double reach, double noise)
{
    struct gaussian *gaussian = calloc(1, sizeof *gaussian);
    if (gaussian == NULL)
        return NULL;
    gaussian->columns = columns;
    gaussian->words = (columns + WORD_COLUMNS - 1) / WORD_COLUMNS;
    gaussian->outputs = outputs;
    gaussian->reach = reach;
    gaussian->noise = noise;
    for (size_t differing = 0; differing <= columns; differing++)
        gaussian->covariance[differing] =
            reach > 0 ? exp(-reach * (double)differing / (double)columns) : 1 - (double)differing / (double)columns;
    gaussian->mean = calloc(outputs, sizeof *gaussian->mean);
    if (gaussian->mean != NULL)
        return gaussian;
    free(gaussian);
    return NULL;
}

void gaussian_free(struct gaussian *gaussian)
{
    if (gaussian == NULL)
        return;
    free(gaussian->rows);
    free(gaussian->noises);
    free(gaussian->factor);
    free(gaussian->weights);
    free(gaussian->mean);
    free(gaussian);
}

size_t gaussian_count(const struct gaussian *gaussian)
{
    return gaussian->count;
}

/* --- covariance --- */

static void pack(const struct gaussian *gaussian, const uint8_t *row, uint64_t *words)
{
    memset(words, 0, gaussian->words * sizeof *words);
    memcpy(words, row, gaussian->columns);
}

/* How many of eight bytes differ: the top bit of each byte of the sum is set when its low seven bits are not all zero. */
static size_t differing_bytes(uint64_t a, uint64_t b)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
    uint64_t x = a ^ b;
    return (size_t)__builtin_popcountll((((x & low) + low) | x) & ~low);
}

static double covariance(const struct gaussian *gaussian, const uint64_t *a, const uint64_t *b)
{
    size_t differing = 0;
    for (size_t i = 0; i < gaussian->words; i++)
        differing += differing_bytes(a[i], b[i]);
    return gaussian->covariance[differing];
}

/* --- taking in --- */

static bool grow(void **array, size_t count, size_t size)
{
    void *grown = realloc(*array, count * size);
    if (grown != NULL)
        *array = grown;
    return grown != NULL;
}

static bool make_room(struct gaussian *gaussian)
{
    if (gaussian->count < gaussian->room)
        return true;
    size_t room = gaussian->room == 0 ? 128 : 2 * gaussian->room;
    if (!grow((void **)&gaussian->rows, room * gaussian->words, sizeof *gaussian->rows) ||
        !grow((void **)&gaussian->noises, room, sizeof *gaussian->noises) ||
        !grow((void **)&gaussian->factor, room * (room + 1) / 2, sizeof *gaussian->factor) ||
        !grow((void **)&gaussian->weights, room * gaussian->outputs, sizeof *gaussian->weights))
        return false;
    gaussian->room = room;
    return true;
}

static double *factor_row(const struct gaussian *gaussian, size_t i)
{
    return gaussian->factor + i * (i + 1) / 2;
}

static double product(const double *a, const double *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

bool gaussian_add(struct gaussian *gaussian, const uint8_t *row, double doubt)
{
    if (!make_room(gaussian))
        return false;
    size_t n = gaussian->count;
    uint64_t *packed = gaussian->rows + n * gaussian->words;
    double *mine = factor_row(gaussian, n), noise = gaussian->noises[n] = doubt * gaussian->noise;
    pack(gaussian, row, packed);
    for (size_t i = 0; i < n; i++) {
        const double *its = factor_row(gaussian, i);
        mine[i] = (covariance(gaussian, packed, gaussian->rows + i * gaussian->words) - product(mine, its, i)) / its[i];
    }
    /* At least the noise remains, in exact arithmetic. */
    mine[n] = sqrt(fmax(1 + noise - product(mine, mine, n), noise / 2));
    gaussian->count++;
    return true;
}

void gaussian_clear(struct gaussian *gaussian)
{
    gaussian->count = 0;
}

/* --- what they are worth --- */

void gaussian_fit(struct gaussian *gaussian, const double *values)
{
    size_t n = gaussian->count, m = gaussian->outputs;
    double *weights = gaussian->weights;
    for (size_t k = 0; k < m; k++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += values[i * m + k];
        gaussian->mean[k] = n > 0 ? sum / (double)n : 0;
    }
    for (size_t i = 0; i < n; i++) {
        const double *row = factor_row(gaussian, i);
        for (size_t k = 0; k < m; k++) {
            double rest = values[i * m + k] - gaussian->mean[k];
            for (size_t j = 0; j < i; j++)
                rest -= row[j] * weights[j * m + k];
            weights[i * m + k] = rest / row[i];
        }
    }
    for (size_t i = n; i-- > 0;) {
        const double *row = factor_row(gaussian, i);
        for (size_t k = 0; k < m; k++) {
            double weight = weights[i * m + k] /= row[i];
            for (size_t j = 0; j < i; j++)
                weights[j * m + k] -= row[j] * weight;
        }
    }
}

void gaussian_predict(const struct gaussian *gaussian, const uint8_t *row, double *values)
{
    uint64_t packed[WORDS_MAX];
    size_t m = gaussian->outputs;
    pack(gaussian, row, packed);
    memcpy(values, gaussian->mean, m * sizeof *values);
    for (size_t i = 0; i < gaussian->count; i++) {
        double like = covariance(gaussian, packed, gaussian->rows + i * gaussian->words);
        for (size_t k = 0; k < m; k++)
            values[k] += like * gaussian->weights[i * m + k];
    }
}

/* (K + N) w = y, and K w is what is predicted. */
double gaussian_residual(const struct gaussian *gaussian, size_t i)
{
    return -gaussian->noises[i] * gaussian->weights[i * gaussian->outputs];
}

/* --- rows that are not decided --- */

/* The derivatives of one row's part of the sum by the shares: `steep` a share that the row has. */
static void add_slope(const struct gaussian *gaussian, const uint8_t *row, const size_t *first, double steep, double *gradient)
{
    for (size_t c = 0; c < gaussian->columns; c++)
        gradient[first[c] + row[c]] += steep;
}

/* Shares in common. |input - row|^2 is the squares of all shares, less twice that, and one a column. */
static double common(const struct gaussian *gaussian, const uint8_t *row, const size_t *first, const double *input)
{
    double sum = 0;
    for (size_t c = 0; c < gaussian->columns; c++)
        sum += input[first[c] + row[c]];
    return sum;
}

double gaussian_relaxed(const struct gaussian *gaussian, const uint8_t *choices, const double *input, double *gradient)
{
    size_t length = 0, first[COLUMNS_MAX];
    double squares = (double)gaussian->columns, sum = gaussian->mean[0], pull = 0;
    double rate = (gaussian->reach > 0 ? gaussian->reach : 1) / (double)gaussian->columns;
    for (size_t c = 0; c < gaussian->columns; length += choices[c++])
        first[c] = length;
    for (size_t j = 0; j < length; j++)
        squares += input[j] * input[j];
    memset(gradient, 0, length * sizeof *gradient);
    for (size_t i = 0; i < gaussian->count; i++) {
        const uint8_t *row = (const uint8_t *)(gaussian->rows + i * gaussian->words);
        double shared = common(gaussian, row, first, input), weight = gaussian->weights[i * gaussian->outputs];
        bool curved = gaussian->reach > 0;
        double part = curved ? exp(-rate * (squares / 2 - shared)) * weight : rate * shared * weight;
        add_slope(gaussian, row, first, rate * (curved ? part : weight), gradient);
        pull += curved ? part : 0;
        sum += part;
    }
    for (size_t j = 0; j < length; j++)
        gradient[j] -= rate * pull * input[j];
    return sum;
}
