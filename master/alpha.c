/* alpha: see alpha.h. Called by cohort.c, rowwise.c and the strategies on matrices. */
#include "master/alpha.h"

#include <assert.h>
#include <math.h>
#include <string.h>

void alpha_shape(const struct space *space, struct alpha_shape *out)
{
    out->rows = space_rows(space);
    out->first[0] = 0;
    assert(out->rows <= SPACE_ROWS_MAX);
    for (size_t row = 0; row < out->rows; row++)
        out->first[row + 1] = out->first[row] + space_columns(space, row);
    out->size = out->first[out->rows];
    assert(out->size <= SPACE_MATRIX_MAX);
}

static void sample_row(const struct alpha_shape *shape, size_t row, struct rng *rng, double *out)
{
    for (size_t i = shape->first[row]; i < shape->first[row + 1]; i++)
        out[i] = rng_uniform(rng);
}

void alpha_sample(const struct alpha_shape *shape, struct rng *rng, double *out)
{
    for (size_t row = 0; row < shape->rows; row++)
        sample_row(shape, row, rng, out);
}

void alpha_cross(const struct alpha_shape *shape, struct rng *rng, const double *a, const double *b, double *out)
{
    for (size_t row = 0; row < shape->rows; row++) {
        size_t first = shape->first[row];
        const double *parent = rng_below(rng, 2) == 0 ? a : b;
        memcpy(out + first, parent + first, (shape->first[row + 1] - first) * sizeof *out);
    }
}

void alpha_reset(const struct alpha_shape *shape, struct rng *rng, double probability, double *alpha)
{
    for (size_t row = 0; row < shape->rows; row++)
        if (rng_uniform(rng) < probability)
            sample_row(shape, row, rng, alpha);
}

void alpha_decode(const struct space *space, const struct alpha_shape *shape, const double *alpha, const bool *mask,
                  struct arch *out)
{
    double values[SPACE_MATRIX_MAX];
    for (size_t i = 0; i < shape->size; i++)
        values[i] = mask == NULL || mask[i] ? alpha[i] : -INFINITY;
    space_decode(space, values, out);
}

/* How many operations of the row stand before this one. */
static size_t better(const double *alpha, const bool *mask, size_t first, size_t end, size_t this)
{
    size_t count = 0;
    for (size_t i = first; i < end; i++)
        count += mask[i] && (alpha[i] > alpha[this] || (alpha[i] == alpha[this] && i < this));
    return count;
}

void alpha_shrink(const struct alpha_shape *shape, const double *alpha, size_t keep, bool *mask)
{
    bool kept[SPACE_MATRIX_MAX];
    for (size_t row = 0; row < shape->rows; row++)
        for (size_t i = shape->first[row]; i < shape->first[row + 1]; i++)
            kept[i] = mask[i] && better(alpha, mask, shape->first[row], shape->first[row + 1], i) < keep;
    memcpy(mask, kept, shape->size * sizeof *mask);
}
