/* study_oneshot: by which weights of a one-shot net each candidate is scored. Part of study.
 *
 * fitness.train before: a stage's weights are trained through all epochs on random mixtures, and then all candidates of the stage
 * are scored by the last (CMANAS, pEvoNAS). population: each generation is what the net is trained on for an epoch before it is
 * scored (EvNAS, NEvoNAS); a generation is what was asked until the strategy waits. bilevel: in study_bilevel.c. */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "master/study_key.h"
#include "master/study_parts.h"

/* What is asked from now on is scored by these; before it was by those. */
static void score_by(struct study *study, int point, int before)
{
    if (point != before)
        archive_renew(study->strategy.archive);
    study->oneshot.point = point;
}

static void assign(struct study *study, struct pending *pending)
{
    const struct study_oneshot_course *oneshot = &study->oneshot;
    pending->point = oneshot->point;
    study_key_score(course_key(oneshot->course, oneshot->point), pending->candidate.arch_text, &oneshot->validation,
                    pending->candidate.fitness_key);
}

/* --- before --- */

/* All epochs of a stage, each with random mixtures of the operations that are left. */
static bool plan_stage(struct study *study, uint32_t stage, const struct space_mask *mask)
{
    struct study_oneshot_course *oneshot = &study->oneshot;
    uint32_t epochs = study->config->fitness.oneshot.epochs;
    int previous = study->config->fitness.oneshot.inherit ? oneshot->point : COURSE_NONE;
    for (uint32_t epoch = 0; epoch < epochs && previous != COURSE_NO_MEMORY; epoch++)
        previous = course_append(
            oneshot->course, &(struct course_point){
                                 .previous = previous, .stage = stage, .epoch = epoch, .mask = *mask, .kept = epoch + 1 == epochs});
    if (previous == COURSE_NO_MEMORY)
        return false;
    score_by(study, previous, oneshot->point);
    oneshot->stage = stage;
    return true;
}

bool study_oneshot_asked(struct study *study, struct pending *pending)
{
    struct study_oneshot_course *oneshot = &study->oneshot;
    const uint64_t ask = pending->candidate.ask;
    struct space_mask mask;
    if (oneshot->course == NULL)
        return true;
    if (oneshot->population) {
        oneshot->unassigned++;
        return true;
    }
    if (oneshot->bilevel)
        score_by(study, oneshot->ends[ask], ask > 0 ? oneshot->ends[ask - 1] : COURSE_NONE);
    uint32_t stage = strategy_stage(&study->strategy, &mask);
    if ((oneshot->point == COURSE_NONE || stage != oneshot->stage) && !plan_stage(study, stage, &mask))
        return false;
    assign(study, pending);
    return true;
}

/* --- population --- */

/* What the generation has asked; with single paths only what is a path. */
static size_t collect_schedule(const struct study *study, struct arch *out)
{
    size_t count = 0;
    for (const struct pending *pending = study->pending; pending != NULL; pending = pending->next)
        if (pending->point == COURSE_NONE && count < ONESHOT_SCHEDULE_MAX &&
            (pending->candidate.connected || study->config->fitness.oneshot.paths == CONFIG_PATHS_MIXTURE))
            out[count++] = pending->candidate.arch;
    return count;
}

bool study_oneshot_closed(struct study *study)
{
    struct study_oneshot_course *oneshot = &study->oneshot;
    struct course_point point = {.previous = oneshot->point};
    if (oneshot->unassigned == 0)
        return true;
    struct arch *schedule = calloc(oneshot->unassigned, sizeof *schedule);
    if (schedule == NULL)
        return false;
    point.epoch = oneshot->point == COURSE_NONE ? 0 : course_epoch(oneshot->course, oneshot->point) + 1;
    space_mask_all(study->space, &point.mask);
    point.schedule = schedule;
    point.schedule_count = collect_schedule(study, schedule);
    int made = course_append(oneshot->course, &point);
    free(schedule);
    if (made == COURSE_NO_MEMORY)
        return false;
    oneshot->point = made;
    for (struct pending *pending = study->pending; pending != NULL; pending = pending->next)
        if (pending->point == COURSE_NONE)
            assign(study, pending);
    oneshot->unassigned = 0;
    archive_renew(study->strategy.archive); /* what is asked next belongs to another generation, and to later weights */
    return true;
}

/* --- scoring --- */

bool study_oneshot_ready(struct study *study, const struct pending *pending, struct study_oneshot *out)
{
    const struct study_oneshot_course *oneshot = &study->oneshot;
    if (pending->point == COURSE_NONE)
        return false;
    if (pending->candidate.skipped)
        return true;
    course_need(oneshot->course, pending->point);
    if (!course_weights(oneshot->course, pending->point, out))
        return false;
    out->images = oneshot->validation;
    return true;
}

void study_weights_provide(struct study *study, const char *key, const struct digest *weights)
{
    if (study->oneshot.course != NULL)
        course_weights_provide(study->oneshot.course, key, weights);
    study->look_from = study->pending;
}

void study_alpha_provide(struct study *study, const char *key, const double *alpha)
{
    if (study->oneshot.course != NULL)
        course_alpha_provide(study->oneshot.course, key, alpha);
}

enum status_code study_failure(const struct study *study, struct status *status)
{
    return study->oneshot.course != NULL ? course_failure(study->oneshot.course, status) : STATUS_OK;
}

/* Of a population's training there are as many as generations, whether asked for yet or not. */
void study_oneshot_count(const struct study *study, struct study_counts *out)
{
    const struct study_oneshot_course *oneshot = &study->oneshot;
    if (oneshot->course == NULL)
        return;
    int last = course_last(oneshot->course, &out->epochs_in_all);
    out->epochs = (size_t)(last + 1);
    if (!oneshot->population)
        return;
    out->epochs = last == COURSE_NONE ? 0 : course_epoch(oneshot->course, last) + 1;
    out->epochs_in_all = study->config->strategy.generations;
}

/* --- saving --- */

struct json_t *study_oneshot_save(const struct study *study)
{
    const struct study_oneshot_course *oneshot = &study->oneshot;
    assert(oneshot->unassigned == 0);
    return json_pack("{s:s, s:I, s:I, s:s}", "point", oneshot->point >= 0 ? course_key(oneshot->course, oneshot->point) : "",
                     "stage", (json_int_t)oneshot->stage, "epoch",
                     (json_int_t)(oneshot->point >= 0 ? course_epoch(oneshot->course, oneshot->point) : 0), "best",
                     study->has_best ? study->best.fitness_key : "");
}

static bool is_key(const char *text)
{
    struct digest digest;
    return digest_parse(text, &digest) == 0;
}

enum status_code study_oneshot_load(struct study *study, const struct json_t *saved, struct status *status)
{
    struct study_oneshot_course *oneshot = &study->oneshot;
    const char *point, *best;
    json_int_t stage, epoch;
    json_error_t error;
    if (json_unpack_ex((json_t *)(uintptr_t)saved, &error, 0, "{s:s, s:I, s:I, s:s}", "point", &point, "stage", &stage, "epoch",
                       &epoch, "best", &best) != 0)
        return status_set(status, STATUS_BAD_INPUT, "saved search: one-shot net: %s", error.text);
    bool fits = stage >= 0 && stage <= UINT32_MAX && epoch >= 0 && epoch < UINT32_MAX && (*point == '\0' || is_key(point)) &&
                is_key(best) == study->has_best;
    if (!fits)
        return status_set(status, STATUS_BAD_INPUT, "saved search: epoch %lld of stage %lld of a one-shot net is none",
                          (long long)epoch, (long long)stage);
    if (study->has_best)
        memcpy(study->best.fitness_key, best, sizeof study->best.fitness_key);
    oneshot->stage = (uint32_t)stage;
    if (*point != '\0' && !oneshot->bilevel)
        oneshot->point = course_append_known(oneshot->course, point, oneshot->stage, (uint32_t)epoch, !oneshot->population);
    return oneshot->point != COURSE_NO_MEMORY ? STATUS_OK
                                              : status_set(status, STATUS_NO_MEMORY, "study %s: no memory", study->config->name);
}
