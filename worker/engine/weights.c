/* weights: moves parameters between a net's plain tensors and the engine's blocked ones. Used by engine.c. */
#include "worker/engine/weights.h"

#include <string.h>

/* Elements that follow one another in the plain tensor, and where they stand among the parameter's own, `step` apart. */
struct stretch {
    size_t plain, place, count, step;
};

/* A walk over a parameter, stretch by stretch: its whole where the orders agree, else one kernel after the other, or where a kernel
 * is one weight, those of the input channels of a block. */
struct walk {
    const struct plan *plan;
    const struct plan_param *param;
    size_t count;               /* of the plain tensor */
    struct kernels_geometry at; /* PLAN_KERNEL, as the rest */
    struct kernels_run run;
    int o, i; /* output channel and input channel of its group, next */
};

static struct walk walk_start(const struct plan *plan, const struct plan_param *p)
{
    struct walk w = {.plan = plan, .param = p, .count = plan->tensor_elements[p->tensor]};
    if (p->layout == PLAN_KERNEL)
        w.at = plan_geometry(plan, p->node);
    return w;
}

/* The next stretch; 0 when there is none. */
static int walk_next(struct walk *w, struct stretch *s)
{
    const int lanes = w->plan->lanes, inputs = w->param->dims[1];
    if (w->param->layout != PLAN_KERNEL) {
        *s = (struct stretch){0, 0, w->count, 1};
        return w->o++ == 0;
    }
    if (w->o == w->param->dims[0])
        return 0;
    const int area = w->param->dims[2] * w->param->dims[3], in = w->o / (w->at.c_out / w->at.groups) * inputs + w->i;
    const int left = inputs - w->i < lanes - in % lanes ? inputs - w->i : lanes - in % lanes, channels = area == 1 ? left : 1;
    s->count = (size_t)(area == 1 ? channels : area);
    s->plain = ((size_t)w->o * (size_t)inputs + (size_t)w->i) * (size_t)area;
    s->place = kernels_weight_place(&w->at, lanes, &w->run, w->o, w->i, 0);
    s->step = (size_t)(area == 1 || kernels_is_depthwise(&w->at) ? lanes : lanes * lanes);
    w->i += channels;
    if (w->i == inputs) {
        w->i = 0;
        w->o++;
    }
    return 1;
}

void weights_load(struct engine *e, const struct net *net)
{
    for (int i = 0; i < e->plan.param_count; i++) {
        const struct plan_param *p = &e->plan.params[i];
        const struct net_tensor *t = &net->tensors[p->tensor];
        engine_real *to = engine_home(e, i);
        struct walk w = walk_start(&e->plan, p);
        struct stretch s;
        while (walk_next(&w, &s))
            for (size_t k = 0; k < s.count; k++)
                to[s.place + k * s.step] = (engine_real)t->data[s.plain + k];
    }
    memset(e->velocity, 0, e->plan.trainable_elements * sizeof *e->velocity);
}

void weights_store(const struct engine *e, struct net *net)
{
    for (int i = 0; i < e->plan.param_count; i++) {
        const struct plan_param *p = &e->plan.params[i];
        struct net_tensor *t = &net->tensors[p->tensor];
        const engine_real *from = engine_home(e, i);
        struct walk w = walk_start(&e->plan, p);
        struct stretch s;
        while (walk_next(&w, &s))
            for (size_t k = 0; k < s.count; k++)
                t->data[s.plain + k] = (float)from[s.place + k * s.step];
    }
}

void weights_gradient(const struct engine *e, int tensor, engine_real *out)
{
    const int param = e->plan.param_of_tensor[tensor];
    if (param == PLAN_NONE || !e->plan.params[param].trainable) {
        memset(out, 0, e->plan.tensor_elements[tensor] * sizeof *out);
        return;
    }
    const struct plan_param *p = &e->plan.params[param];
    struct walk w = walk_start(&e->plan, p);
    struct stretch s;
    while (walk_next(&w, &s))
        for (size_t k = 0; k < s.count; k++)
            out[s.plain + k] = e->gradients[p->offset + s.place + k * s.step];
}

size_t weights_places(const struct engine *e, int tensor, const unsigned char *kept, size_t *places)
{
    const struct plan_param *p = &e->plan.params[e->plan.param_of_tensor[tensor]];
    struct walk w = walk_start(&e->plan, p);
    struct stretch s;
    size_t count = 0;
    while (walk_next(&w, &s))
        for (size_t k = 0; k < s.count; k++)
            if (!kept[s.plain + k])
                places[count++] = p->offset + s.place + k * s.step;
    return count;
}
