/* coord_task: what a peer is told of a task. Part of coord. */
#include <stdlib.h>
#include <string.h>

#include "master/coord_parts.h"

static void describe_measurement(const struct config_study *config, struct wire_task *task)
{
    task->network = (struct wire_network){.channels = (uint32_t)config->network.channels,
                                          .cells = (uint32_t)config->network.cells,
                                          .classes = (uint32_t)config->network.classes,
                                          .input_channels = (uint32_t)config->network.input_channels,
                                          .input_size = (uint32_t)config->network.input_size};
}

/* The schedule as texts, one behind the other; NULL without memory. */
static char *schedule_text(const struct space *space, const struct study_oneshot *oneshot)
{
    char *texts = malloc(oneshot->schedule_count * ARCH_TEXT_BYTES), *at = texts;
    for (size_t i = 0; texts != NULL && i < oneshot->schedule_count; i++) {
        space_print(space, &oneshot->schedule[i], at);
        at += strlen(at) + 1;
    }
    return texts;
}

/* *schedule is for the caller to free once the task was encoded. False without memory. */
static bool describe_oneshot(const struct coord *coord, const struct study_want *want, struct wire_task *task, char **schedule)
{
    const struct study_oneshot *from = &want->oneshot;
    const struct space *space = search_space(coord->search);
    struct wire_oneshot *out = &task->oneshot;
    task->bundle_digest = from->images;
    task->seed = want->seed;
    out->has_weights = from->has_weights;
    if (from->has_weights)
        out->weights = from->weights;
    out->protocol = *from->protocol;
    out->mask_rows = (uint32_t)space_rows(space);
    memcpy(out->mask.rows, from->mask->rows, out->mask_rows * sizeof out->mask.rows[0]);
    out->stage = from->stage;
    if (want->kind == STUDY_WANT_ONESHOT_SCORE)
        return true;
    task->arch[0] = '\0';
    out->epoch = from->epoch;
    out->shard = from->shard;
    out->pull_count = (uint32_t)from->pull_count;
    if (from->pull_count > 0) {
        out->pull = from->pull;
        out->validation = from->validation;
    }
    if (from->schedule_count == 0)
        return true;
    out->schedule = *schedule = schedule_text(space, from);
    out->schedule_count = (uint32_t)from->schedule_count;
    return *schedule != NULL;
}

/* What the kind needs. False without memory. */
static bool describe(const struct coord *coord, const struct study_want *want, struct wire_task *task, char **schedule)
{
    const struct config_study *config = search_config(coord->search);
    task->kind = search_wire_kind(want->kind);
    strncpy(task->space, config->space, sizeof task->space - 1);
    memcpy(task->arch, want->arch_text, sizeof task->arch);
    if (want->kind == STUDY_WANT_MEASURE) {
        describe_measurement(config, task);
        return true;
    }
    if (want->kind != STUDY_WANT_RMI)
        return describe_oneshot(coord, want, task, schedule);
    task->bundle_digest = *search_bundle(coord->search);
    task->protocol = want->protocol;
    task->seed = want->seed;
    return true;
}

void coord_post_task(struct coord *coord, const struct dispatch_action *grant, uint64_t lease_id)
{
    const struct study_want *want = grant->canary ? NULL : search_wanted(coord->search, grant->key);
    char *schedule = NULL;
    if (want == NULL && !grant->canary) {
        struct status status = {0};
        status_set(&status, STATUS_INTERNAL, "a task was granted for a key that nobody wants");
        coord_fail(coord, &status);
        return;
    }
    struct wire_task *task = &coord->answer.task;
    memset(task, 0, sizeof *task);
    coord->answer.type = WIRE_TASK;
    task->lease_id = lease_id;
    task->epoch = (uint64_t)coord->epoch;
    task->attempt = grant->attempt;
    task->lease_ms = coord->options->lease_ms;
    task->sequence = grant->sequence;
    memcpy(task->key, grant->key, sizeof task->key);
    if (want == NULL)
        coord_describe_canary(task);
    if (want == NULL || describe(coord, want, task, &schedule))
        coord_post(coord, grant->link, &coord->answer, lease_id);
    else /* as if the network had lost it: the lease ends without having been confirmed */
        log_event(coord->logger, LOG_ERROR, "a task could not be sent", log_text("reason", "no memory for its schedule"));
    free(schedule);
}
