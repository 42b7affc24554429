/* coord_progress: the progress line: one JSON object on standard output, for whoever started the master. Part of coord. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "master/coord_parts.h"
#include "master/progress.h"

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

/* How much of what was asked is done, in candidates: of one that needs an evaluation and a measurement, the evaluation alone is
 * half. In the finals all is, and what is pending is theirs. */
static double done_count(const struct coord *coord, const struct study_counts *counts, const struct dispatch_counts *work)
{
    const struct config_study *config = search_config(coord->search);
    size_t parts = config->fitness.source != CONFIG_FITNESS_TABLE, pending;
    for (uint32_t i = 0; i < config->cost_count; i++)
        parts += config->costs[i].source == CONFIG_COST_AGENT;
    pending = work->leased_rmi + work->waiting_rmi + work->leased_measure + work->waiting_measure;
    if (parts == 0 || counts->finals || (double)pending > (double)(parts * counts->asked))
        return (double)counts->told;
    return fmax((double)counts->told, (double)counts->asked - (double)pending / (double)parts);
}

/* How far the search is. A finalist counts as so many candidates as its trainings are. */
static struct progress_work work_of(const struct coord *coord, const struct study_counts *counts,
                                    const struct dispatch_counts *work, int64_t now_ms)
{
    const struct study *study = search_study(coord->search);
    double trainings = study_trainings(study), finalist = trainings > 0 ? study_final_trainings(study) / trainings : 0;
    return (struct progress_work){.done = done_count(coord, counts, work),
                                  .done_at_start = (double)coord->told_at_start,
                                  .finals = finalist * (double)counts->finalists,
                                  .finals_done = finalist * (double)counts->finals_scored,
                                  .total = (double)(counts->finals ? counts->asked : counts->total),
                                  .asked = (double)counts->asked,
                                  .distinct = (double)counts->distinct,
                                  .budget = counts->finals ? 0 : search_config(coord->search)->budget.evaluations,
                                  .seconds = (double)(now_ms - coord->opened_ms) / 1000};
}

/* Candidates that have their fitness: of what is asked, all but those whose trainings wait or are under way. With a one-shot net,
 * which candidates wait for without a task of theirs, those that were told. */
static uint64_t scored_count(const struct coord *coord, const struct study_counts *counts, const struct dispatch_counts *work)
{
    if (counts->epochs_in_all > 0)
        return counts->told < counts->distinct ? counts->told : counts->distinct;
    uint64_t trainings = study_trainings(search_study(coord->search)), tasks = work->leased_rmi + work->waiting_rmi;
    uint64_t unscored = trainings > 0 && !counts->finals ? (tasks + trainings - 1) / trainings : 0;
    return counts->distinct > unscored ? counts->distinct - unscored : 0;
}

/* What the search waits for; empty when it waits for nobody. Fills in what dispatch has. */
static void look_at_work(const struct coord *coord, struct dispatch_counts *work, char *waiting_for, size_t size)
{
    *work = (struct dispatch_counts){0};
    waiting_for[0] = '\0';
    if (coord->stalled) {
        snprintf(waiting_for, size, "the database: %.200s", coord->stall_reason);
    } else if (coord->dispatch != NULL) {
        dispatch_count(coord->dispatch, work);
        dispatch_waiting_for(coord->dispatch, waiting_for, size);
    }
}

void coord_describe_progress(const struct coord *coord, char *out, size_t size)
{
    struct study_counts counts;
    struct dispatch_counts work;
    char waiting_for[256];
    study_count(search_study(coord->search), &counts);
    look_at_work(coord, &work, waiting_for, sizeof waiting_for);
    char finals[64] = "";
    if (counts.finals && counts.finalists > 0)
        snprintf(finals, sizeof finals, ", %llu of %llu finalists scored", (unsigned long long)counts.finals_scored,
                 (unsigned long long)counts.finalists);
    snprintf(out, size, "%.60s: %llu of %llu candidates%s, %u worker(s), %u agent(s)%s%.120s", search_config(coord->search)->name,
             (unsigned long long)counts.told, (unsigned long long)counts.total, finals, (unsigned)work.workers,
             (unsigned)work.agents, waiting_for[0] != '\0' ? "; waits for " : "", waiting_for);
}

void coord_print_progress(const struct coord *coord, int64_t now_ms)
{
    if (!coord->options->progress)
        return;
    const struct config_study *config = search_config(coord->search);
    struct study_counts counts;
    struct dispatch_counts work;
    char waiting_for[256];
    study_count(search_study(coord->search), &counts);
    look_at_work(coord, &work, waiting_for, sizeof waiting_for);
    bool finished = search_finished(coord->search);
    const struct progress_work far = work_of(coord, &counts, &work, now_ms);
    double eta = finished ? 0 : progress_eta(&far);
    json_t *line = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:f,s:o,s:s}", "study",
                             config->name, "state", finished ? "finished" : "running", "generation", (json_int_t)counts.generation,
                             "generations", (json_int_t)strategy_generations(study_strategy(search_study(coord->search))), "asked",
                             (json_int_t)counts.asked, "total", (json_int_t)counts.total, "done", far.done, "fraction",
                             finished ? 1.0 : progress_fraction(&far), "scored", (json_int_t)scored_count(coord, &counts, &work),
                             "distinct", (json_int_t)counts.distinct, "cached", (json_int_t)counts.cached, "running",
                             (json_int_t)work.leased_rmi, "queued", (json_int_t)(work.waiting_rmi + work.waiting_measure),
                             "measuring", (json_int_t)work.leased_measure, "workers", (json_int_t)work.workers, "agents",
                             (json_int_t)work.agents, "best", best_json(coord), "seconds", search_seconds(coord->search, now_ms),
                             "eta_seconds", eta < 0 ? json_null() : json_real(eta), "waiting_for", waiting_for);
    if (line == NULL)
        return;
    if (counts.finals && counts.finalists > 0) {
        json_object_set_new(line, "finalists", json_integer((json_int_t)counts.finalists));
        json_object_set_new(line, "finals_scored", json_integer((json_int_t)counts.finals_scored));
    }
    struct patience_counts strangers;
    patience_count(coord->patience, &strangers);
    if (counts.epochs_in_all > 0) {
        json_object_set_new(line, "epoch", json_integer((json_int_t)counts.epochs));
        json_object_set_new(line, "epochs", json_integer((json_int_t)counts.epochs_in_all));
    }
    json_object_set_new(line, "refused", json_integer((json_int_t)strangers.refused));
    json_object_set_new(line, "unheard", json_integer((json_int_t)strangers.unheard));
    json_dumpf(line, stdout, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
    fputc('\n', stdout);
    fflush(stdout);
    json_decref(line);
}
