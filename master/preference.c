/* preference: see preference.h. The order is total, so that sorting is the same everywhere. */
#include "master/preference.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    return fmin(sum, DBL_MAX); /* a number, which can be compared and saved */
}

struct preference_member preference_member(const struct config_study *study, uint64_t ask, const struct arch *arch,
                                           const struct strategy_result *result)
{
    struct preference_member member = {.arch = *arch, .ask = ask, .feasible = result->feasible, .cost_count = study->cost_count};
    memcpy(member.costs, result->costs, study->cost_count * sizeof member.costs[0]);
    if (result->feasible) {
        member.fitness = result->fitness;
        member.violation = violation(study, result);
    }
    return member;
}

/* Fitness less what the violation costs: never NaN, however large either is. */
static double penalised(double penalty, const struct preference_member *member)
{
    return member->violation > 0 ? member->fitness - penalty * member->violation : member->fitness;
}

int preference_compare(double penalty, const struct preference_member *a, const struct preference_member *b)
{
    if (a->feasible != b->feasible)
        return a->feasible ? -1 : 1;
    double fa = penalised(penalty, a), fb = penalised(penalty, b);
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

size_t preference_values(const struct preference_member *members, size_t count, double *values)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (members[i].feasible)
            values[n++] = members[i].fitness;
    qsort(values, n, sizeof *values, by_value);
    return n;
}

double preference_spread(const struct preference_member *members, size_t count, double *values)
{
    size_t n = preference_values(members, count, values);
    double spread = n < 2 ? 0 : values[3 * (n - 1) / 4] - values[(n - 1) / 4];
    return spread > 0 ? fmin(spread, DBL_MAX) : 1;
}

bool preference_add(struct preference_list *list, const struct preference_member *member)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        struct preference_member *members = realloc(list->members, room * sizeof *members);
        if (members == NULL)
            return false;
        list->members = members;
        list->room = room;
    }
    list->members[list->count++] = *member;
    return true;
}

void preference_free(struct preference_list *list)
{
    free(list->members);
    *list = (struct preference_list){0};
}

/* --- saving --- */

struct json_t *preference_save_costs(const double *costs, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, isnan(costs[i]) ? json_null() : json_real(costs[i]));
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

struct json_t *preference_save(const struct preference_member *members, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        char genes[STRATEGY_GENES_BYTES];
        strategy_genes_print(&members[i].arch, genes);
        json_array_append_new(list, json_pack("{s:s, s:I, s:b, s:f, s:f, s:o}", "genes", genes, "ask", (json_int_t)members[i].ask,
                                              "feasible", (int)members[i].feasible, "fitness", members[i].fitness, "violation",
                                              members[i].violation, "costs",
                                              preference_save_costs(members[i].costs, members[i].cost_count)));
    }
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

static bool load_costs(const json_t *costs, struct preference_member *member)
{
    if (!json_is_array(costs) || json_array_size(costs) > CONFIG_COSTS_MAX)
        return false;
    member->cost_count = (uint32_t)json_array_size(costs);
    for (uint32_t i = 0; i < member->cost_count; i++) {
        const json_t *cost = json_array_get(costs, i);
        if (!json_is_null(cost) && !json_is_number(cost))
            return false;
        member->costs[i] = json_is_null(cost) ? NAN : json_number_value(cost);
    }
    return true;
}

static bool load_member(const struct space *space, const struct json_t *saved, struct preference_member *out)
{
    const char *genes;
    json_int_t ask;
    json_t *costs;
    int feasible;
    struct preference_member member = {0};
    if (json_unpack((json_t *)(uintptr_t)saved, "{s:s, s:I, s:b, s:F, s:F, s:o}", "genes", &genes, "ask", &ask, "feasible",
                    &feasible, "fitness", &member.fitness, "violation", &member.violation, "costs", &costs) != 0)
        return false;
    if (ask < 0 || !(member.violation >= 0) || !strategy_genes_parse(space, genes, &member.arch) || !load_costs(costs, &member))
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

bool preference_load_list(const struct space *space, const struct json_t *list, struct preference_list *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct preference_member member;
        if (!load_member(space, json_array_get(list, i), &member) || !preference_add(out, &member))
            return false;
    }
    return json_is_array(list);
}
