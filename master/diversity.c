/* diversity: see diversity.h. Called by strategy_mohdnas.c and by what reports on populations. */
#include "master/diversity.h"

#include <math.h>
#include <stdbool.h>

struct moments {
    size_t count;
    double mean, variance;
};

static bool inside(const double *row, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (isnan(row[k]))
            return false;
    return true;
}

/* Of column k, over the members inside. */
static struct moments moments(const double *costs, size_t n, size_t m, size_t k)
{
    struct moments found = {0};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        if (inside(costs + i * m, m)) {
            sum += costs[i * m + k];
            found.count++;
        }
    if (found.count == 0)
        return found;
    found.mean = sum / (double)found.count;
    for (size_t i = 0; i < n; i++)
        if (inside(costs + i * m, m))
            squares += (costs[i * m + k] - found.mean) * (costs[i * m + k] - found.mean);
    found.variance = squares / (double)found.count;
    return found;
}

/* Adds to chi that of column k, divided by `unit`. */
static void add_column(const double *costs, size_t n, size_t m, size_t k, struct moments of, double unit, double *chi)
{
    for (size_t i = 0; i < n; i++) {
        double distance = costs[i * m + k] - of.mean;
        if (inside(costs + i * m, m))
            chi[i] += (double)of.count * (distance * distance + of.variance) / unit;
    }
}

void diversity_joint(const double *costs, size_t n, size_t m, double *chi)
{
    for (size_t i = 0; i < n; i++)
        chi[i] = 0;
    for (size_t k = 0; k < m; k++) {
        struct moments of = moments(costs, n, m, k);
        if (of.variance > 0)
            add_column(costs, n, m, k, of, m == 1 ? 1 : of.variance, chi);
    }
}

void diversity_chi(const double *costs, size_t n, double *chi)
{
    diversity_joint(costs, n, 1, chi);
}

double diversity_mean(const double *costs, size_t n)
{
    struct moments of = moments(costs, n, 1, 0);
    return 2 * (double)of.count * of.variance;
}
