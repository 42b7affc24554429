/* weights: moves parameters between a net's plain tensors and the engine's blocked ones. Used by engine.c. */
#include "worker/engine/weights.h"

#include <string.h>

/* A walk over the elements of a parameter in plain order. */
struct walk {
    const struct plan *plan;
    const struct plan_param *param;
    struct kernels_geometry at; /* PLAN_KERNEL */
    struct kernels_run run;
};

static struct walk walk_start(const struct plan *plan, const struct plan_param *p)
{
    struct walk w = {.plan = plan, .param = p};
    if (p->layout == PLAN_KERNEL)
        w.at = plan_geometry(plan, p->node);
    return w;
}

/* Where element `flat` of the plain tensor stands among the parameter's own elements; `flat` rises from call to call. */
static size_t walk_place(struct walk *w, size_t flat)
{
    const struct plan_param *p = w->param;
    if (p->layout != PLAN_KERNEL)
        return flat;
    const size_t inputs = (size_t)p->dims[1], area = (size_t)p->dims[2] * (size_t)p->dims[3];
    return kernels_weight_place(&w->at, w->plan->lanes, &w->run, (int)(flat / area / inputs), (int)(flat / area % inputs),
                                (int)(flat % area));
}

static engine_real *home(const struct engine *e, const struct plan_param *p)
{
    return (p->trainable ? e->weights : e->running) + p->offset;
}

void weights_load(struct engine *e, const struct net *net)
{
    for (int i = 0; i < e->plan.param_count; i++) {
        const struct plan_param *p = &e->plan.params[i];
        const struct net_tensor *t = &net->tensors[p->tensor];
        engine_real *to = home(e, p);
        struct walk w = walk_start(&e->plan, p);
        for (size_t k = 0; k < t->count; k++)
            to[walk_place(&w, k)] = (engine_real)t->data[k];
    }
    memset(e->velocity, 0, e->plan.trainable_elements * sizeof *e->velocity);
}

void weights_store(const struct engine *e, struct net *net)
{
    for (int i = 0; i < e->plan.param_count; i++) {
        const struct plan_param *p = &e->plan.params[i];
        struct net_tensor *t = &net->tensors[p->tensor];
        const engine_real *from = home(e, p);
        struct walk w = walk_start(&e->plan, p);
        for (size_t k = 0; k < t->count; k++)
            t->data[k] = (float)from[walk_place(&w, k)];
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
    for (size_t k = 0; k < e->plan.tensor_elements[tensor]; k++)
        out[k] = e->gradients[p->offset + walk_place(&w, k)];
}
