/* pareto: which of two points is better. Called by multi-objective strategies and by all else here that compares points. */
#include "master/pareto.h"

#include <math.h>

bool pareto_dominates(const double *a, const double *b, size_t m)
{
    bool better = false;
    for (size_t k = 0; k < m; k++) {
        if (!(a[k] <= b[k]))
            return false;
        better |= a[k] < b[k];
    }
    return better;
}

static bool comparable(const double *point, size_t m)
{
    for (size_t k = 0; k < m; k++)
        if (isnan(point[k]))
            return false;
    return true;
}

double pareto_violation(const double *point, double violation, size_t m)
{
    if (isnan(violation) || !comparable(point, m))
        return INFINITY;
    return violation > 0 ? violation : 0;
}

int pareto_compare(const double *a, double violation_a, const double *b, double violation_b, size_t m)
{
    violation_a = pareto_violation(a, violation_a, m);
    violation_b = pareto_violation(b, violation_b, m);
    if (violation_a != violation_b)
        return violation_a < violation_b ? -1 : 1;
    if (violation_a > 0)
        return 0;
    return pareto_dominates(a, b, m) ? -1 : pareto_dominates(b, a, m);
}
