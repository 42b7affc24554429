/* novelty: see novelty.h. Called by strategy_nevonas.c. */
#include "master/novelty.h"

#include <string.h>

double novelty_distance(const struct space *space, const struct arch *a, const struct arch *b)
{
    double parts = (double)space_parts(space), alike = (double)space_parts_alike(space, a, b);
    return 1 - alike / (2 * parts - alike);
}

uint32_t novelty_take(double *nearest, uint32_t count, uint32_t most, double distance)
{
    if (count == most && !(distance < nearest[count - 1]))
        return count;
    uint32_t at = count < most ? count : count - 1;
    for (; at > 0 && nearest[at - 1] > distance; at--)
        nearest[at] = nearest[at - 1];
    nearest[at] = distance;
    return count < most ? count + 1 : count;
}

double novelty_mean(const double *nearest, uint32_t count)
{
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += nearest[i];
    return count > 0 ? sum / count : 0;
}
