/* study_finals: the last part of a search with RMI fitness: when all is told, the best are wanted again by other evaluations, which
 * alone choose the answer. What the strategy asks and is told is over by then, so nothing of it changes. Part of study.
 *
 * The evaluations are wants like any other, each under its key: a restart finds those that are stored and wants the rest. */
#include <math.h>
#include <stdlib.h>

#include "master/study_parts.h"

/* Of every draw of every finalist: [finalist * draws + draw]. False without memory. */
static bool need_draws(struct study *study, struct value **out)
{
    const struct finals *finals = &study->finals;
    char key[DIGEST_HEX_BYTES];
    for (size_t i = 0; i < finals->count; i++) {
        for (unsigned draw = 0; draw < finals->recipe->draws; draw++) {
            finals_key(finals, i, draw, key);
            *out = study_need(study, &finals->list[i], key, NULL, &finals->protocol, finals_seed(finals, draw));
            if (*out++ == NULL)
                return false;
        }
    }
    return true;
}

bool study_finals_begin(struct study *study)
{
    struct finals *finals = &study->finals;
    if (finals->recipe == NULL || study->final_values != NULL)
        return true;
    struct value **values = calloc(finals->count * finals->recipe->draws + 1, sizeof *values);
    if (values == NULL || !finals_settle(finals) || !need_draws(study, values)) {
        free(values);
        return false;
    }
    study->final_values = values;
    return true;
}

static bool scored(const struct study *study, size_t finalist)
{
    unsigned draws = study->finals.recipe->draws;
    for (unsigned draw = 0; draw < draws; draw++)
        if (!study->final_values[finalist * draws + draw]->known)
            return false;
    return true;
}

static size_t count_scored(const struct study *study)
{
    size_t count = 0;
    for (size_t i = 0; study->final_values != NULL && i < study->finals.count; i++)
        count += scored(study, i);
    return count;
}

bool study_finals_over(const struct study *study)
{
    return study->finals.recipe == NULL || (study->final_values != NULL && count_scored(study) == study->finals.count);
}

void study_finals_count(const struct study *study, struct study_counts *counts)
{
    bool begun = study->final_values != NULL;
    counts->finals = begun;
    counts->finals_scored = count_scored(study);
    counts->finalists = study->finals.recipe == NULL ? 0 : begun ? study->finals.count : study->config->fitness.finalists;
}

unsigned study_final_trainings(const struct study *study)
{
    return study->finals.recipe != NULL ? study->finals.recipe->draws : 0;
}

/* NAN for one that could not be scored. */
static double score(const struct study *study, size_t finalist)
{
    double phi[COMBINE_FINAL_DRAWS_MAX];
    unsigned draws = study->finals.recipe->draws;
    for (unsigned draw = 0; draw < draws; draw++) {
        const struct study_value *got = &study->final_values[finalist * draws + draw]->got;
        if (!got->feasible)
            return NAN;
        phi[draw] = got->value;
    }
    return finals_score(&study->finals, finalist, phi);
}

const struct study_candidate *study_final(const struct study *study, double *out)
{
    const struct study_candidate *chosen = NULL;
    if (study->finals.recipe == NULL || !study_finished(study))
        return NULL;
    *out = NAN;
    for (size_t i = 0; i < study->finals.count; i++) {
        double now = score(study, i);
        if (finals_better(now, *out)) {
            *out = now;
            chosen = &study->finals.list[i];
        }
    }
    return chosen;
}
