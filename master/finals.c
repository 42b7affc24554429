/* finals: keeping the best, the keys of their draws, their scores. Called by the study and by the report. */
#include "master/finals.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "master/study_key.h"

enum status_code finals_open(struct finals *finals, const struct config_study *config, const struct space *space,
                             const struct digest *bundle, struct status *status)
{
    const struct config_fitness *fitness = &config->fitness;
    *finals = (struct finals){.config = config, .space = space};
    if (fitness->source != CONFIG_FITNESS_RMI || fitness->finalists == 0)
        return STATUS_OK;
    finals->bundle = *bundle;
    finals->recipe = combine_finals(config->space, fitness->protocol, fitness->finals);
    if (finals->recipe == NULL)
        return status_set(status, STATUS_BAD_INPUT, "study %s: there are no finals %s for %s of the space %s", config->name,
                          fitness->finals, fitness->protocol, config->space);
    finals->list = calloc(fitness->finalists, sizeof *finals->list);
    if (finals->list == NULL)
        return status_set(status, STATUS_NO_MEMORY, "study %s: no memory for %u finalists", config->name, fitness->finalists);
    enum status_code code = protocol_preset(config->space, finals->recipe->protocol, &finals->protocol, status);
    if (code == STATUS_OK)
        protocol_digest(&finals->protocol, &finals->protocol_digest);
    return code;
}

void finals_close(struct finals *finals)
{
    free(finals->list);
    free(finals->macs);
    finals->list = NULL;
    finals->macs = NULL;
    finals->count = 0;
}

/* Takes the place out of the list. */
static void drop(struct finals *finals, size_t place)
{
    finals->count--;
    memmove(finals->list + place, finals->list + place + 1, (finals->count - place) * sizeof *finals->list);
}

/* Makes room at the place; the list is not full. */
static void insert(struct finals *finals, size_t place, const struct study_candidate *candidate)
{
    memmove(finals->list + place + 1, finals->list + place, (finals->count - place) * sizeof *finals->list);
    finals->list[place] = *candidate;
    finals->count++;
}

void finals_offer(struct finals *finals, const struct study_candidate *candidate)
{
    size_t place = 0, same = 0;
    if (finals->recipe == NULL || !candidate->satisfies)
        return;
    while (place < finals->count && !study_better(finals->config, candidate, &finals->list[place]))
        place++;
    while (same < finals->count && strcmp(finals->list[same].fitness_key, candidate->fitness_key) != 0)
        same++;
    if (same < place || place == finals->config->fitness.finalists)
        return;
    if (same < finals->count)
        drop(finals, same);
    else if (finals->count == finals->config->fitness.finalists)
        drop(finals, finals->count - 1);
    insert(finals, place, candidate);
}

bool finals_settle(struct finals *finals)
{
    assert(finals->macs == NULL);
    finals->macs = calloc(finals->count + 1, sizeof *finals->macs);
    if (finals->macs == NULL)
        return false;
    for (size_t i = 0; i < finals->count; i++)
        if (study_exact_macs(finals->space, &finals->list[i].arch, &finals->macs[i], NULL) != STATUS_OK)
            return false;
    return true;
}

uint64_t finals_seed(const struct finals *finals, unsigned draw)
{
    return study_key_draw_seed(finals->config->seed, draw + 1);
}

void finals_key(const struct finals *finals, size_t finalist, unsigned draw, char out[DIGEST_HEX_BYTES])
{
    study_key_rmi(finals->config, finals->list[finalist].canonical_text, &finals->bundle, &finals->protocol_digest,
                  finals_seed(finals, draw), out);
}

double finals_score(const struct finals *finals, size_t finalist, const double *phi)
{
    return combine_final(finals->recipe, phi, finals->macs[finalist]);
}

bool finals_better(double score, double other)
{
    return !isnan(score) && (isnan(other) || score > other);
}
