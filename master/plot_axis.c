/* plot_axis: ranges and ticks of plot's axes. Pure arithmetic. */
#include <math.h>

#include "master/plot.h"

void plot_ticks(double low, double high, int wanted, double *first, double *distance)
{
    double rough = (high - low) / (wanted > 1 ? wanted : 1), power = pow(10, floor(log10(rough))), digit = rough / power;
    *distance = power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
    *first = ceil(low / *distance - 1e-9) * *distance;
}

struct plot_range plot_range_none(void)
{
    return (struct plot_range){INFINITY, -INFINITY};
}

void plot_range_add(struct plot_range *range, double value)
{
    if (!isfinite(value))
        return;
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

void plot_range_pad(struct plot_range *range, double share)
{
    double extent = range->high - range->low;
    if (!isfinite(extent))
        return;
    range->low -= share * extent;
    range->high += share * extent;
}
