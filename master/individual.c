/* individual: see individual.h. Called by the strategies with several objectives. */
#include "master/individual.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

static const double POOR_SHARE = 0.2;

struct individual individual_of(const struct config_study *study, uint64_t ask, const struct arch *arch,
                                const struct strategy_result *result)
{
    struct individual made = {.told = preference_member(study, ask, arch, result)};
    for (uint32_t i = 0; i < study->cost_count; i++)
        made.costs[i] = result->feasible ? result->costs[i] : NAN;
    return made;
}

size_t individual_objectives(const struct config_study *study, const struct individual *individual,
                             double objectives[CONFIG_COSTS_MAX + 1])
{
    size_t m = 1;
    objectives[0] = individual->told.feasible ? -individual->told.fitness : NAN;
    for (uint32_t i = 0; i < study->cost_count; i++)
        if (!study->costs[i].limit_only)
            objectives[m++] = individual->costs[i];
    return m;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double individual_poor_fitness(const struct individual *individuals, size_t count, double *room)
{
    size_t feasible = 0;
    for (size_t i = 0; i < count; i++)
        if (individuals[i].told.feasible)
            room[feasible++] = individuals[i].told.fitness;
    qsort(room, feasible, sizeof *room, by_value);
    return feasible > 0 ? room[(size_t)(POOR_SHARE * (double)feasible)] : 0;
}

static bool make_room(struct individual_list *list, size_t count)
{
    if (count <= list->room)
        return true;
    size_t room = count < 256 ? 256 : count + count / 2;
    struct individual *grown = realloc(list->list, room * sizeof *grown);
    if (grown == NULL)
        return false;
    list->list = grown;
    list->room = room;
    return true;
}

bool individual_add(struct individual_list *list, const struct individual *individual)
{
    if (!make_room(list, list->count + 1))
        return false;
    list->list[list->count++] = *individual;
    return true;
}

void individual_free(struct individual_list *list)
{
    free(list->list);
    *list = (struct individual_list){0};
}

/* --- saving --- */

struct json_t *individual_save(const struct config_study *study, const struct individual *individuals, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "told", preference_save(&individuals[i].told, 1), "costs",
                                              preference_save_costs(individuals[i].costs, study->cost_count)));
    if (list != NULL && json_array_size(list) == count)
        return list;
    json_decref(list);
    return NULL;
}

static bool load_one(const struct config_study *study, const struct space *space, const json_t *saved, struct individual *out)
{
    const json_t *costs = json_object_get(saved, "costs");
    struct individual made = {0};
    if (preference_load(space, json_object_get(saved, "told"), &made.told, 1) != 1 || json_array_size(costs) != study->cost_count)
        return false;
    for (uint32_t i = 0; i < study->cost_count; i++) {
        const json_t *cost = json_array_get(costs, i);
        if (!json_is_number(cost) && made.told.feasible)
            return false;
        made.costs[i] = made.told.feasible ? json_number_value(cost) : NAN;
    }
    *out = made;
    return true;
}

size_t individual_load(const struct config_study *study, const struct space *space, const struct json_t *list,
                       struct individual *out, size_t room)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > room)
        return SIZE_MAX;
    for (size_t i = 0; i < count; i++)
        if (!load_one(study, space, json_array_get(list, i), &out[i]))
            return SIZE_MAX;
    return count;
}

enum status_code individual_load_list(const struct strategy *strategy, const json_t *saved, struct individual_list *out,
                                      struct status *status)
{
    size_t count = json_array_size(saved);
    if (!make_room(out, count))
        return status_set(status, STATUS_NO_MEMORY, "no memory for %zu results", count);
    if (count != strategy->told || individual_load(strategy->study, strategy->space, saved, out->list, count) != count)
        return status_set(status, STATUS_BAD_INPUT, "saved search: the list of %zu results cannot be read, or is not one of %llu",
                          count, (unsigned long long)strategy->told);
    out->count = count;
    return STATUS_OK;
}
