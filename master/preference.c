/* preference: see preference.h. The order is total, so that sorting is the same everywhere. */
#include "master/preference.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum status_code preference_check(const struct config_study *study, struct status *status)
{
    if (!(study->strategy.lambda >= 0) || isinf(study->strategy.lambda))
        return status_set(status, STATUS_BAD_INPUT, "strategy %s: lambda must not be negative, and not %g", study->strategy.name,
                          study->strategy.lambda);
    for (uint32_t i = 0; i < study->cost_count; i++) {
        const struct config_cost *cost = &study->costs[i];
        if (cost->has_max && !(cost->max > 0))
            return status_set(status, STATUS_BAD_INPUT, "cost %s: max must be above 0, not %g", cost->name, cost->max);
    }
    return STATUS_OK;
}

static double violation(const struct config_study *study, const struct strategy_result *result)
{
    double sum = 0;
    for (uint32_t i = 0; i < study->cost_count; i++) {
        const struct config_cost *cost = &study->costs[i];
        if (cost->has_max && result->costs[i] > cost->max)
            sum += (result->costs[i] - cost->max) / cost->max;
    }
    return sum;
}

struct preference_member preference_member(const struct config_study *study, uint64_t ask, const struct arch *arch,
                                           const struct strategy_result *result)
{
    struct preference_member member = {.arch = *arch, .ask = ask, .feasible = result->feasible};
    if (result->feasible) {
        member.fitness = result->fitness;
        member.violation = violation(study, result);
    }
    return member;
}

int preference_compare(double penalty, const struct preference_member *a, const struct preference_member *b)
{
    if (a->feasible != b->feasible)
        return a->feasible ? -1 : 1;
    double fa = a->fitness - penalty * a->violation, fb = b->fitness - penalty * b->violation;
    if (a->feasible && fa != fb)
        return fa > fb ? -1 : 1;
    if (a->violation != b->violation)
        return a->violation < b->violation ? -1 : 1;
    return a->ask < b->ask ? -1 : a->ask > b->ask;
}

static int by_preference(const void *a, const void *b, void *penalty)
{
    return preference_compare(*(const double *)penalty, a, b);
}

void preference_sort(double penalty, struct preference_member *members, size_t count)
{
    qsort_r(members, count, sizeof *members, by_preference, &penalty);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double preference_spread(const struct preference_member *members, size_t count, double *values)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (members[i].feasible)
            values[n++] = members[i].fitness;
    qsort(values, n, sizeof *values, by_value);
    double spread = n < 2 ? 0 : values[3 * (n - 1) / 4] - values[(n - 1) / 4];
    return spread > 0 ? spread : 1;
}

/* --- saving --- */

struct json_t *preference_save(const struct preference_member *members, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&members[i].arch, genes);
        json_array_append_new(list, json_pack("{s:s, s:I, s:b, s:f, s:f}", "genes", genes, "ask", (json_int_t)members[i].ask,
                                              "feasible", (int)members[i].feasible, "fitness", members[i].fitness, "violation",
                                              members[i].violation));
    }
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

static bool load_member(const struct space *space, json_t *saved, struct preference_member *out)
{
    const char *genes;
    json_int_t ask;
    int feasible;
    struct preference_member member = {0};
    if (json_unpack(saved, "{s:s, s:I, s:b, s:F, s:F}", "genes", &genes, "ask", &ask, "feasible", &feasible, "fitness",
                    &member.fitness, "violation", &member.violation) != 0)
        return false;
    if (ask < 0 || !(member.violation >= 0) || !strategy_genes_parse(space, genes, &member.arch))
        return false;
    member.ask = (uint64_t)ask;
    member.feasible = feasible;
    *out = member;
    return true;
}

size_t preference_load(const struct space *space, const struct json_t *list, struct preference_member *out, size_t room)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > room)
        return SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (!load_member(space, json_array_get(list, i), &out[i]))
            return SIZE_MAX;
    return count;
}
