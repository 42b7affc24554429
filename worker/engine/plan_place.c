/* plan_place: gives every buffer of a plan its place. Buffers are taken in the order of the steps from a list of free stretches,
 * best fit, and given back after their last use. Forward buffers of a training plan are freed in reverse order, so little is lost.
 */
#include <assert.h>
#include <stdlib.h>

#include "worker/engine/plan.h"

/* Free stretches below `top`, sorted by offset, never touching each other. */
struct space {
    struct stretch {
        size_t offset, elements;
    } * free;
    int count;
    size_t top, highest;
};

static void remove_stretch(struct space *s, int at)
{
    for (int i = at; i + 1 < s->count; i++)
        s->free[i] = s->free[i + 1];
    s->count--;
}

static size_t take(struct space *s, size_t elements)
{
    int best = -1;
    for (int i = 0; i < s->count; i++)
        if (s->free[i].elements >= elements && (best < 0 || s->free[i].elements < s->free[best].elements))
            best = i;
    size_t offset = s->top;
    if (best >= 0) {
        offset = s->free[best].offset;
        s->free[best].offset += elements;
        s->free[best].elements -= elements;
        if (s->free[best].elements == 0)
            remove_stretch(s, best);
    } else
        s->top += elements;
    if (s->top > s->highest)
        s->highest = s->top;
    return offset;
}

static void give(struct space *s, size_t offset, size_t elements)
{
    int at = 0;
    while (at < s->count && s->free[at].offset < offset)
        at++;
    for (int i = s->count; i > at; i--)
        s->free[i] = s->free[i - 1];
    s->free[at] = (struct stretch){offset, elements};
    s->count++;
    if (at + 1 < s->count && s->free[at].offset + s->free[at].elements == s->free[at + 1].offset) {
        s->free[at].elements += s->free[at + 1].elements;
        remove_stretch(s, at + 1);
    }
    if (at > 0 && s->free[at - 1].offset + s->free[at - 1].elements == s->free[at].offset) {
        s->free[at - 1].elements += s->free[at].elements;
        remove_stretch(s, at);
        at--;
    }
    if (at == s->count - 1 && s->free[at].offset + s->free[at].elements == s->top) {
        s->top = s->free[at].offset;
        s->count--;
    }
}

static void touch(struct plan *plan, int buffer, int step)
{
    if (buffer == PLAN_NONE)
        return;
    struct plan_buffer *b = &plan->buffers[buffer];
    if (b->first < 0)
        b->first = step;
    b->last = step;
}

static void find_lifetimes(struct plan *plan)
{
    for (int i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        for (int k = 0; k < step->in_count; k++)
            touch(plan, step->in[k].buffer, i);
        touch(plan, step->gradient, i);
        touch(plan, step->addend, i);
        touch(plan, step->out, i);
        if (step->op == PLAN_CONV_BACK && step->norm != PLAN_NONE)
            touch(plan, plan->norms[step->norm].source, i);
    }
    for (int i = 0; i < plan->output_count; i++) {
        plan->buffers[plan->output_buffers[i]].last = plan->step_count;
        if (plan->mode == ENGINE_TRAIN) {
            struct plan_buffer *gradient = &plan->buffers[plan->output_gradients[i]];
            gradient->first = plan->forward_count - 1;
            gradient->last = plan->step_count;
        }
    }
}

/* Buffers in the order in which they start and in which they end: counting sort by step. */
static void by_step(const struct plan *plan, int of_last, int *start, int *order)
{
    for (int i = 0; i < plan->buffer_count; i++)
        start[(of_last ? plan->buffers[i].last : plan->buffers[i].first) + 1]++;
    for (int i = 1; i <= plan->step_count + 1; i++)
        start[i] += start[i - 1];
    for (int i = 0; i < plan->buffer_count; i++)
        order[start[of_last ? plan->buffers[i].last : plan->buffers[i].first]++] = i;
}

enum status_code plan_place(struct plan *plan, struct status *status)
{
    const size_t buffers = (size_t)plan->buffer_count + 1, steps = (size_t)plan->step_count + 3;
    struct space space = {.free = calloc(buffers + 1, sizeof *space.free)};
    int *starts = calloc(steps, sizeof *starts), *ends = calloc(steps, sizeof *ends);
    int *start_order = calloc(buffers, sizeof *start_order), *end_order = calloc(buffers, sizeof *end_order);
    enum status_code code = STATUS_OK;
    if (!space.free || !starts || !ends || !start_order || !end_order) {
        code = status_set(status, STATUS_NO_MEMORY, "no memory to place %d buffers", plan->buffer_count);
        goto done;
    }
    find_lifetimes(plan);
    by_step(plan, 0, starts, start_order);
    by_step(plan, 1, ends, end_order);
    for (int step = 0, s = 0, e = 0; step <= plan->step_count; step++) {
        for (; s < plan->buffer_count && plan->buffers[start_order[s]].first <= step; s++) {
            struct plan_buffer *b = &plan->buffers[start_order[s]];
            assert(b->first >= 0);
            b->offset = take(&space, b->elements);
        }
        for (; e < plan->buffer_count && plan->buffers[end_order[e]].last <= step; e++)
            give(&space, plan->buffers[end_order[e]].offset, plan->buffers[end_order[e]].elements);
    }
    plan->buffer_elements = space.highest;
done:
    free(space.free);
    free(starts);
    free(ends);
    free(start_order);
    free(end_order);
    return code;
}

size_t plan_elements(const struct plan *plan)
{
    const size_t doubles = 2 * plan->norm_elements * (sizeof(double) / sizeof(engine_real));
    /* The last tile of a row may read beyond the last buffer. */
    const size_t overhang = 64 * KERNELS_ALIGN;
    return 3 * plan->trainable_elements + plan->running_elements + PLAN_NORM_PARTS * plan->norm_elements + doubles +
           plan->scratch_elements + plan->buffer_elements + overhang;
}
