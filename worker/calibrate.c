/* calibrate: the choice of networks and the judgement of predictions. The models are in calibrate_model.c. Called by
 * cli_device_calibrate.c. */
#include "worker/calibrate.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/rank.h"
#include "worker/measure.h"

enum { POOL_LEAST = 1000, TRIES = 200, VALUES_MAX = 256 };

/* --- which networks ----------------------------------------------------------------------------------------- */

/* Random candidates and what the chosen ones say about them. */
struct pool {
    struct arch *archs;
    double *variance;  /* (count) what is left of it */
    double *explained; /* (chosen so far, count) the columns of the Cholesky factor */
    size_t count;
};

static bool contains(const struct arch *archs, size_t count, const struct arch *arch)
{
    for (size_t i = 0; i < count; i++)
        if (arch_equal(&archs[i], arch))
            return true;
    return false;
}

/* A connected architecture that is not among those before; false when none turns up. */
static bool draw(const struct space *space, struct rng *rng, const struct arch *before, size_t count, struct arch *out)
{
    for (int i = 0; i < TRIES; i++) {
        space_sample(space, rng, out);
        if (space_connected(space, out) && !contains(before, count, out))
            return true;
    }
    return false;
}

/* Like genes weigh as much as like counts of operations over all genes. */
static double covariance(const struct arch *a, const struct arch *b)
{
    uint8_t of_a[VALUES_MAX] = {0}, of_b[VALUES_MAX] = {0};
    double same = 0, counted = 0, genes = a->length;
    for (size_t i = 0; i < a->length; i++) {
        same += a->genes[i] == b->genes[i];
        of_a[a->genes[i]]++;
        of_b[b->genes[i]]++;
    }
    for (size_t i = 0; i < VALUES_MAX; i++)
        counted += of_a[i] * of_b[i];
    return 1 + same / genes + counted / (genes * genes);
}

/* Takes the candidate out and its part out of the others' variances. */
static void choose(struct pool *pool, size_t chosen, size_t step)
{
    double *column = pool->explained + step * pool->count, root = sqrt(pool->variance[chosen]);
    for (size_t i = 0; i < pool->count; i++) {
        double rest = covariance(&pool->archs[i], &pool->archs[chosen]);
        for (size_t k = 0; k < step; k++)
            rest -= pool->explained[k * pool->count + i] * pool->explained[k * pool->count + chosen];
        column[i] = rest / root;
    }
    for (size_t i = 0; i < pool->count; i++)
        pool->variance[i] -= column[i] * column[i];
    pool->variance[chosen] = -INFINITY;
}

static size_t least_known(const struct pool *pool)
{
    size_t best = 0;
    for (size_t i = 1; i < pool->count; i++)
        if (pool->variance[i] > pool->variance[best])
            best = i;
    return best;
}

static bool fill_pool(const struct space *space, struct rng *rng, struct pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        if (!draw(space, rng, pool->archs, i, &pool->archs[i])) {
            pool->count = i;
            return false;
        }
        /* The noise of a measurement: without it nothing would be left to choose by once every figure is shown. */
        pool->variance[i] = covariance(&pool->archs[i], &pool->archs[i]) + 0.01;
    }
    return true;
}

enum status_code calibrate_choose(const struct space *space, struct rng *rng, size_t fitted, size_t held_out, struct arch *out,
                                  struct status *status)
{
    struct pool pool = {.count = fitted + held_out + POOL_LEAST};
    pool.archs = calloc(pool.count, sizeof *pool.archs);
    pool.variance = calloc(pool.count, sizeof *pool.variance);
    pool.explained = calloc(pool.count * (fitted + 1), sizeof *pool.explained);
    enum status_code code = STATUS_OK;
    if (pool.archs == NULL || pool.variance == NULL || pool.explained == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "no memory to choose among %zu networks", pool.count);
    else if (!fill_pool(space, rng, &pool) && pool.count < fitted + held_out)
        code = status_set(status, STATUS_BAD_INPUT, "%s has too few networks to measure %zu different ones", space->ops->name,
                          fitted + held_out);
    for (size_t i = 0; i < held_out && code == STATUS_OK; i++) {
        out[fitted + i] = pool.archs[i];
        pool.variance[i] = -INFINITY;
    }
    for (size_t i = 0; i < fitted && code == STATUS_OK; i++) {
        size_t chosen = least_known(&pool);
        out[i] = pool.archs[chosen];
        choose(&pool, chosen, i);
    }
    free(pool.archs);
    free(pool.variance);
    free(pool.explained);
    return code;
}

size_t calibrate_space_size(const struct space *space)
{
    size_t size = 1;
    for (size_t gene = 0; gene < space_gene_count(space); gene++) {
        size *= (size_t)space_choices(space, gene);
        if (size > CALIBRATE_TABLE_MOST)
            return 0;
    }
    return size;
}

/* --- how good ------------------------------------------------------------------------------------------------ */

static int by_number(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

enum status_code calibrate_judge(const double *measured, const double *predicted, size_t n, struct calibrate_error *out,
                                 struct status *status)
{
    double *errors = calloc(n, sizeof *errors);
    *out = (struct calibrate_error){.count = n};
    if (errors == NULL || !rank_correlation(measured, predicted, n, &out->rank)) {
        free(errors);
        return status_set(status, STATUS_NO_MEMORY, "no memory to compare %zu predictions", n);
    }
    for (size_t i = 0; i < n; i++)
        errors[i] = (predicted[i] - measured[i]) / measured[i];
    out->bias = measure_median(errors, (int)n);
    for (size_t i = 0; i < n; i++)
        errors[i] = fabs(errors[i]);
    qsort(errors, n, sizeof *errors, by_number);
    out->median = (errors[(n - 1) / 2] + errors[n / 2]) / 2;
    out->p90 = errors[(size_t)ceil(0.9 * (double)n) - 1];
    free(errors);
    return STATUS_OK;
}

bool calibrate_holds(const struct calibrate_error *error, char *why, size_t size)
{
    if (!(error->p90 <= 0.10)) {
        snprintf(why, size, "a tenth of the networks that were not fitted are off by %.0f %% and more", 100 * error->p90);
        return false;
    }
    if (!(fabs(error->bias) <= 0.05)) {
        snprintf(why, size, "networks that were not fitted come out %.0f %% too %s on the whole", 100 * fabs(error->bias),
                 error->bias > 0 ? "slow" : "fast");
        return false;
    }
    return true;
}
