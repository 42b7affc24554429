/* space_oneshot: which operations a one-shot net has (masks) and what they weigh (mixtures): the same for every space, on its
 * matrix form alone. The nets are built in space_<name>_net.c. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/space.h"

void space_chosen(const struct space *space, const struct arch *arch, int columns[SPACE_ROWS_MAX])
{
    assert(space_valid(space, arch));
    if (space->ops->matrix != NULL) {
        space->ops->matrix->chosen(arch, columns);
        return;
    }
    for (size_t row = 0; row < arch->length; row++)
        columns[row] = arch->genes[row];
}

/* All bits of that row. */
static uint32_t all_columns(const struct space *space, size_t row)
{
    return (uint32_t)(((uint64_t)1 << space_columns(space, row)) - 1);
}

void space_mask_all(const struct space *space, struct space_mask *out)
{
    memset(out, 0, sizeof *out);
    for (size_t row = 0; row < space_rows(space); row++)
        out->rows[row] = all_columns(space, row);
}

void space_mask_operations(const struct space *space, struct space_mask *out)
{
    space_mask_all(space, out);
    for (size_t row = 0; row < space_rows(space); row++)
        out->rows[row] &= ~1U;
}

bool space_mask_valid(const struct space *space, const struct space_mask *mask)
{
    const size_t rows = space_rows(space);
    for (size_t row = 0; row < SPACE_ROWS_MAX; row++)
        if (row < rows ? mask->rows[row] == 0 || (mask->rows[row] & ~all_columns(space, row)) != 0 : mask->rows[row] != 0)
            return false;
    return true;
}

void space_mask_values(const struct space *space, const struct space_mask *mask, double *values)
{
    for (size_t row = 0; row < space_rows(space); row++)
        for (size_t column = 0; column < space_columns(space, row); column++, values++)
            if ((mask->rows[row] >> column & 1U) == 0)
                *values = -INFINITY;
}

bool space_mask_allows(const struct space *space, const struct space_mask *mask, const struct arch *arch)
{
    int columns[SPACE_ROWS_MAX];
    space_chosen(space, arch, columns);
    for (size_t row = 0; row < space_rows(space); row++)
        if (columns[row] != SPACE_NOT_CHOSEN && (mask->rows[row] >> columns[row] & 1U) == 0)
            return false;
    return true;
}

void space_mask_of(const struct space *space, const struct arch *arch, struct space_mask *out)
{
    int columns[SPACE_ROWS_MAX];
    space_chosen(space, arch, columns);
    memset(out, 0, sizeof *out);
    for (size_t row = 0; row < space_rows(space); row++)
        out->rows[row] = columns[row] == SPACE_NOT_CHOSEN ? 1U : 1U << columns[row];
}

void space_soften(const struct space *space, const struct space_mask *mask, const double *values, double out[SPACE_MATRIX_MAX])
{
    for (size_t row = 0; row < space_rows(space); row++) {
        const size_t columns = space_columns(space, row);
        double largest = -INFINITY, sum = 0;
        for (size_t column = 0; column < columns; column++)
            if ((mask->rows[row] >> column & 1U) != 0 && values[column] > largest)
                largest = values[column];
        for (size_t column = 0; column < columns; column++) {
            out[column] = (mask->rows[row] >> column & 1U) != 0 ? exp(values[column] - largest) : 0;
            sum += out[column];
        }
        for (size_t column = 0; column < columns; column++)
            out[column] /= sum;
        values += columns;
        out += columns;
    }
}

void space_mixture(const struct space *space, const struct space_mask *mask, const struct arch *arch, double out[SPACE_MATRIX_MAX])
{
    double values[SPACE_MATRIX_MAX] = {0}, *at = values;
    int columns[SPACE_ROWS_MAX];
    space_chosen(space, arch, columns);
    for (size_t row = 0; row < space_rows(space); row++) {
        if (columns[row] != SPACE_NOT_CHOSEN)
            at[columns[row]] = 1;
        at += space_columns(space, row);
    }
    space_soften(space, mask, values, out);
}

enum status_code space_build_oneshot(const struct space *space, const struct space_build *build, const struct space_mask *mask,
                                     struct net *out, struct status *status)
{
    if (space->ops->build_oneshot == NULL)
        return status_set(status, STATUS_UNSUPPORTED, "there is no one-shot net of space %s: nb201 and darts have one",
                          space->ops->name);
    if (!space_mask_valid(space, mask))
        return status_set(
            status, STATUS_BAD_INPUT,
            "the mask is not one of %s: each of its %zu rows needs at least one operation, and none that the space does "
            "not have",
            space->ops->name, space_rows(space));
    enum status_code code = space->ops->build_oneshot(space, build, mask, out, status);
    if (code == STATUS_OK)
        out->mix_count = (int)space_matrix_size(space);
    return code;
}
