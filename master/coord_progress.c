/* coord_progress: the progress line: one JSON object on standard output, for whoever started the master. Part of coord. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "master/coord_parts.h"

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *best_json(const struct coord *coord)
{
    const struct study_candidate *best = study_best(search_study(coord->search));
    const struct config_study *config = search_config(coord->search);
    if (best == NULL)
        return json_null();
    json_t *costs = json_object();
    for (uint32_t i = 0; i < config->cost_count; i++)
        json_object_set_new(costs, config->costs[i].name, number(best->result.costs[i]));
    return json_pack("{s:s,s:o,s:o}", "arch", best->arch_text, "fitness", number(best->result.fitness), "costs", costs);
}

/* Seconds to go at the mean speed since the start; negative when that cannot be said. A table alone is so fast that nobody asks. */
static double eta_seconds(const struct coord *coord, const struct study_counts *counts, int64_t now_ms)
{
    double spent = (double)(now_ms - coord->opened_ms) / 1000;
    uint64_t told = counts->told - coord->told_at_start;
    if (search_finished(coord->search))
        return 0;
    if (counts->total == 0 || told == 0 || counts->told > counts->total)
        return -1;
    double share = (double)(counts->total - counts->told) / (double)told;
    uint32_t budget = search_config(coord->search)->budget.evaluations;
    if (budget > 0 && counts->distinct > 0 && counts->distinct <= budget) {
        /* Whichever ends it first. */
        double by_budget = (double)(budget - counts->distinct) / (double)counts->distinct * (double)counts->told / (double)told;
        share = by_budget < share ? by_budget : share;
    }
    return share * spent;
}

void coord_print_progress(const struct coord *coord, int64_t now_ms)
{
    if (!coord->options->progress)
        return;
    const struct config_study *config = search_config(coord->search);
    struct study_counts counts;
    struct dispatch_counts work = {0};
    char waiting_for[256] = "";
    study_count(search_study(coord->search), &counts);
    if (coord->stalled) {
        snprintf(waiting_for, sizeof waiting_for, "the database: %.200s", coord->stall_reason);
    } else if (coord->dispatch != NULL) {
        dispatch_count(coord->dispatch, &work);
        dispatch_waiting_for(coord->dispatch, waiting_for, sizeof waiting_for);
    }
    double eta = eta_seconds(coord, &counts, now_ms);
    json_t *line = json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:f,s:o,s:s}", "study", config->name, "state",
        search_finished(coord->search) ? "finished" : "running", "generation", (json_int_t)counts.generation, "generations",
        (json_int_t)config->strategy.generations, "asked", (json_int_t)counts.asked, "total", (json_int_t)counts.total, "distinct",
        (json_int_t)counts.distinct, "cached", (json_int_t)counts.cached, "running", (json_int_t)work.leased_rmi, "queued",
        (json_int_t)(work.waiting_rmi + work.waiting_measure), "measuring", (json_int_t)work.leased_measure, "workers",
        (json_int_t)work.workers, "agents", (json_int_t)work.agents, "best", best_json(coord), "seconds",
        search_seconds(coord->search, now_ms), "eta_seconds", eta < 0 ? json_null() : json_real(eta), "waiting_for", waiting_for);
    if (line == NULL)
        return;
    json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(line);
}
