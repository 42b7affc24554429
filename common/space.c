/* space: the list of spaces, and what is the same in all of them: sampling, crossover, mutation, validity. Everything that knows
 * what a gene means is in space_<name>.c. */
#include "common/space.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/space_darts.h"
#include "common/space_fbnet.h"
#include "common/space_nb201.h"

static const struct space_ops *const known_spaces[] = {&space_nb201, &space_darts, &space_fbnet};

enum { KNOWN_SPACES = sizeof known_spaces / sizeof known_spaces[0] };

static enum status_code unknown_space(const char *name, struct status *status)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < KNOWN_SPACES && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", known_spaces[i]->name);
    return status_set(status, STATUS_NOT_FOUND, "no search space is called \"%s\"; known: %s", name, names);
}

enum status_code space_find(const char *name, const struct space_ops **out, struct status *status)
{
    for (size_t i = 0; i < KNOWN_SPACES; i++) {
        if (strcmp(known_spaces[i]->name, name) == 0) {
            *out = known_spaces[i];
            return STATUS_OK;
        }
    }
    return unknown_space(name, status);
}

enum status_code space_open(const char *name, struct space *out, struct status *status)
{
    struct space space = {.ops = NULL, .tables = NULL};
    enum status_code code = space_find(name, &space.ops, status);
    if (code == STATUS_OK && space.ops->open != NULL)
        code = space.ops->open(&space, status);
    if (code == STATUS_OK)
        *out = space;
    return code;
}

void space_close(struct space *space)
{
    if (space == NULL || space->ops == NULL)
        return;
    if (space->ops->close != NULL)
        space->ops->close(space);
    memset(space, 0, sizeof *space);
}

static void complete(int *size, int other)
{
    if (*size == 0)
        *size = other;
}

void space_build_complete(struct space_build *build, const struct space_build *other)
{
    complete(&build->channels, other->channels);
    complete(&build->cells, other->cells);
    complete(&build->classes, other->classes);
    complete(&build->input.c, other->input.c);
    complete(&build->input.h, other->input.h);
    complete(&build->input.w, other->input.w);
}

size_t space_gene_count(const struct space *space)
{
    return space->ops->gene_count;
}

int space_choices(const struct space *space, size_t gene)
{
    return space->ops->choices(space, gene);
}

enum status_code space_parse(const struct space *space, const char *text, struct arch *out, struct status *status)
{
    return space->ops->parse(space, text, out, status);
}

void space_print(const struct space *space, const struct arch *arch, char out[ARCH_TEXT_BYTES])
{
    assert(space_valid(space, arch));
    space->ops->print(space, arch, out);
}

bool space_valid(const struct space *space, const struct arch *arch)
{
    if (arch->length != space->ops->gene_count)
        return false;
    for (size_t i = 0; i < arch->length; i++)
        if (arch->genes[i] >= space->ops->choices(space, i))
            return false;
    return true;
}

bool space_connected(const struct space *space, const struct arch *arch)
{
    assert(space_valid(space, arch));
    return space->ops->connected(space, arch);
}

size_t space_trait_count(const struct space *space)
{
    return space->ops->trait_count;
}

int space_trait_choices(const struct space *space, size_t trait)
{
    return space->ops->trait_choices[trait];
}

void space_traits(const struct space *space, const struct arch *arch, uint8_t out[SPACE_TRAITS_MAX])
{
    assert(space_valid(space, arch));
    if (space->ops->traits != NULL)
        space->ops->traits(arch, out);
}

void space_canonical(const struct space *space, const struct arch *arch, struct arch *out)
{
    assert(space_valid(space, arch));
    space->ops->canonical(space, arch, out);
}

static uint8_t draw_gene(const struct space *space, size_t gene, struct rng *rng)
{
    return (uint8_t)rng_below(rng, (uint64_t)space->ops->choices(space, gene));
}

void space_sample(const struct space *space, struct rng *rng, struct arch *out)
{
    memset(out, 0, sizeof *out);
    out->length = (uint8_t)space->ops->gene_count;
    for (size_t i = 0; i < out->length; i++)
        out->genes[i] = draw_gene(space, i, rng);
}

void space_crossover(const struct space *space, struct rng *rng, const struct arch *a, const struct arch *b, struct arch *out)
{
    struct arch child = {.length = (uint8_t)space->ops->gene_count};
    for (size_t i = 0; i < child.length; i++)
        child.genes[i] = rng_below(rng, 2) == 0 ? a->genes[i] : b->genes[i];
    *out = child;
}

void space_mutate(const struct space *space, struct rng *rng, double probability, struct arch *arch)
{
    for (size_t i = 0; i < arch->length; i++)
        if (rng_uniform(rng) < probability)
            arch->genes[i] = draw_gene(space, i, rng);
}

/* --- the matrix form --- */

size_t space_rows(const struct space *space)
{
    return space->ops->matrix != NULL ? space->ops->matrix->rows : space->ops->gene_count;
}

size_t space_columns(const struct space *space, size_t row)
{
    return space->ops->matrix != NULL ? space->ops->matrix->columns : (size_t)space->ops->choices(space, row);
}

size_t space_matrix_size(const struct space *space)
{
    size_t size = 0;
    for (size_t row = 0; row < space_rows(space); row++)
        size += space_columns(space, row);
    return size;
}

void space_decode(const struct space *space, const double *values, struct arch *out)
{
    if (space->ops->matrix != NULL) {
        space->ops->matrix->decode(space, values, out);
        return;
    }
    memset(out, 0, sizeof *out);
    out->length = (uint8_t)space->ops->gene_count;
    for (size_t row = 0; row < out->length; row++) {
        int columns = space->ops->choices(space, row);
        for (int column = 1; column < columns; column++)
            if (values[column] > values[out->genes[row]])
                out->genes[row] = (uint8_t)column;
        values += columns;
    }
}

size_t space_parts(const struct space *space)
{
    return space->ops->matrix != NULL ? space->ops->matrix->parts : space->ops->gene_count;
}

size_t space_parts_alike(const struct space *space, const struct arch *a, const struct arch *b)
{
    if (space->ops->matrix != NULL)
        return space->ops->matrix->alike(space, a, b);
    size_t alike = 0;
    for (size_t i = 0; i < a->length; i++)
        alike += a->genes[i] == b->genes[i];
    return alike;
}

enum status_code space_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status)
{
    return space->ops->build(space, arch, build, out, status);
}
