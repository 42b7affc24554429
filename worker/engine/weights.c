/* weights: moves parameters between a net's plain tensors and the engine's blocked ones. Used by engine.c. */
#include "worker/engine/weights.h"

#include <string.h>

/* Where element `flat` of the plain tensor stands among the parameter's own elements. */
static size_t place(const struct plan *plan, const struct plan_param *p, size_t flat)
{
    if (p->layout != PLAN_KERNEL)
        return flat;
    const size_t lanes = (size_t)plan->lanes, inputs = (size_t)p->dims[1], area = (size_t)p->dims[2] * (size_t)p->dims[3];
    const size_t blocks = (inputs + lanes - 1) / lanes;
    const size_t k = flat % area, i = flat / area % inputs, o = flat / area / inputs;
    return (((o / lanes * blocks + i / lanes) * area + k) * lanes + i % lanes) * lanes + o % lanes;
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
        for (size_t k = 0; k < t->count; k++)
            to[place(&e->plan, p, k)] = (engine_real)t->data[k];
    }
    memset(e->velocity, 0, e->plan.trainable_elements * sizeof *e->velocity);
}

void weights_store(const struct engine *e, struct net *net)
{
    for (int i = 0; i < e->plan.param_count; i++) {
        const struct plan_param *p = &e->plan.params[i];
        struct net_tensor *t = &net->tensors[p->tensor];
        const engine_real *from = home(e, p);
        for (size_t k = 0; k < t->count; k++)
            t->data[k] = (float)from[place(&e->plan, p, k)];
    }
}

void weights_gradient(const struct engine *e, int tensor, engine_real *out)
{
    const int param = e->plan.param_of_tensor[tensor];
    const struct plan_param *p = param == PLAN_NONE ? NULL : &e->plan.params[param];
    for (size_t k = 0; k < e->plan.tensor_elements[tensor]; k++)
        out[k] = p && p->trainable ? e->gradients[p->offset + place(&e->plan, p, k)] : 0;
}
