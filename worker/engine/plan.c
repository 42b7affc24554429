/* plan: compiles a net into forward steps. Called by engine.c when an engine is made.
 *
 * The fusion rule: a BATCH_NORM or RELU makes no buffer; it only changes how its input's buffer is read (struct plan_value),
 * because convolutions, sums and pools apply scale, shift and ReLU while they read. A value is put into a buffer of its own only
 * where somebody needs plain numbers: outputs of the net, the input of a norm, the input of a dense layer. Nor does an ADD of two
 * that only one convolution reads: that adds them up while it reads. A MIX is one pass over all that it weighs. */
#include "worker/engine/plan.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The most steps and buffers per node: its input and itself put into a buffer, statistics, norm, the node; as many backward, and
 * one for each of its inputs. */
enum { STEPS_PER_NODE = 12 + NET_INPUTS_MAX, KERNEL_AREA_MAX = 1024, KERNEL_EXTENT_MAX = 1024 };

struct plan_step *plan_add_step(struct plan *plan, enum plan_op op, int node)
{
    assert(plan->step_count < plan->step_capacity);
    struct plan_step *step = &plan->steps[plan->step_count++];
    memset(step, 0, sizeof *step);
    step->op = op;
    step->node = node;
    step->gradient = step->addend = step->out = step->norm = PLAN_NONE;
    return step;
}

int plan_add_buffer(struct plan *plan, size_t elements)
{
    assert(plan->buffer_count < plan->buffer_capacity);
    struct plan_buffer *buffer = &plan->buffers[plan->buffer_count];
    const size_t grain = KERNELS_ALIGN;
    *buffer = (struct plan_buffer){.elements = (elements + grain - 1) / grain * grain, .first = -1, .last = -1};
    return plan->buffer_count++;
}

static size_t padded_channels(const struct plan *plan, int channels)
{
    const size_t lanes = (size_t)plan->lanes;
    return ((size_t)channels + lanes - 1) / lanes * lanes;
}

size_t plan_node_elements(const struct plan *plan, int node)
{
    const struct net_shape *s = &plan->nodes[node].shape;
    return (size_t)plan->batch * padded_channels(plan, s->c) * (size_t)s->h * (size_t)s->w;
}

struct kernels_geometry plan_geometry(const struct plan *plan, int node)
{
    const struct net_node *n = &plan->nodes[node];
    const struct net_shape in = plan->nodes[n->inputs[0]].shape;
    struct kernels_geometry at = {.n = plan->batch,
                                  .c_in = in.c,
                                  .c_out = n->shape.c,
                                  .h = in.h,
                                  .w = in.w,
                                  .oh = n->shape.h,
                                  .ow = n->shape.w,
                                  .kh = n->kernel_h,
                                  .kw = n->kernel_w,
                                  .stride = n->stride,
                                  .pad = n->pad,
                                  .dilation = n->dilation,
                                  .groups = n->groups,
                                  .method = plan->convolutions};
    if (n->kernel_h == 1 && n->kernel_w == 1 && n->stride == 1 && n->pad == 0) {
        const int pixels = in.h * in.w, row = pixels % 64 == 0 ? 64 : pixels % 16 == 0 ? 16 : in.w;
        at.w = at.ow = row;
        at.h = at.oh = pixels / row;
    }
    return at;
}

struct kernels_pool plan_pool(const struct plan *plan, int node)
{
    const struct net_node *n = &plan->nodes[node];
    const struct net_shape in = plan->nodes[n->inputs[0]].shape;
    return (struct kernels_pool){.n = plan->batch,
                                 .channels = in.c,
                                 .h = in.h,
                                 .w = in.w,
                                 .oh = n->shape.h,
                                 .ow = n->shape.w,
                                 .kh = n->kernel_h,
                                 .kw = n->kernel_w,
                                 .stride = n->stride,
                                 .pad = n->pad,
                                 .offset = n->offset};
}

struct kernels_widen plan_widen(const struct plan *plan, int node)
{
    const struct net_node *n = &plan->nodes[node];
    return (struct kernels_widen){.n = plan->batch,
                                  .c_in = plan->nodes[n->inputs[0]].shape.c,
                                  .c_out = n->shape.c,
                                  .before = n->pad_before,
                                  .plane = (size_t)n->shape.h * (size_t)n->shape.w};
}

struct kernels_widen plan_concat(const struct plan *plan, int node, int input)
{
    const struct net_node *n = &plan->nodes[node];
    struct kernels_widen at = plan_widen(plan, node);
    at.join = 1;
    at.before = 0;
    for (int i = 0; i < input; i++)
        at.before += plan->nodes[n->inputs[i]].shape.c;
    at.c_in = plan->nodes[n->inputs[input]].shape.c;
    return at;
}

/* --- parameters --- */

static size_t param_elements(const struct plan *plan, int node, const struct net_tensor *t, enum plan_layout layout)
{
    size_t elements = t->count;
    if (layout == PLAN_CHANNELS)
        elements = padded_channels(plan, t->dims[0]);
    if (layout == PLAN_KERNEL) {
        const struct kernels_geometry at = plan_geometry(plan, node);
        elements = kernels_weight_elements(&at, plan->lanes);
    }
    return (elements + KERNELS_ALIGN - 1) / KERNELS_ALIGN * KERNELS_ALIGN;
}

/* Gives tensor `t` of the net its place; PLAN_NONE stays PLAN_NONE. */
static int add_param(struct plan *plan, const struct net *net, int node, int t, enum plan_layout layout)
{
    if (t < 0)
        return PLAN_NONE;
    const struct net_tensor *tensor = &net->tensors[t];
    const int running = !tensor->trainable;
    size_t *total = running ? &plan->running_elements : &plan->trainable_elements;
    struct plan_param *p = &plan->params[plan->param_count];
    *p = (struct plan_param){.tensor = t,
                             .node = node,
                             .layout = layout,
                             .offset = *total,
                             .elements = param_elements(plan, node, tensor, layout),
                             .trainable = !running,
                             .rank = tensor->rank};
    memcpy(p->dims, tensor->dims, sizeof p->dims);
    *total += p->elements;
    plan->param_of_tensor[t] = plan->param_count;
    return plan->param_count++;
}

static void add_node_params(struct plan *plan, const struct net *net, int node)
{
    const struct net_node *n = &plan->nodes[node];
    if (n->op == NET_CONV) {
        add_param(plan, net, node, n->params[0], PLAN_KERNEL);
        add_param(plan, net, node, n->params[1], PLAN_CHANNELS);
    } else if (n->op == NET_DENSE) {
        add_param(plan, net, node, n->params[0], PLAN_PLAIN);
        add_param(plan, net, node, n->params[1], PLAN_CHANNELS);
    } else if (n->op == NET_BATCH_NORM) {
        struct plan_norm *norm = &plan->norms[plan->norm_count];
        plan->node_norm[node] = plan->norm_count++;
        norm->node = node;
        norm->channels = n->shape.c;
        norm->plane = (size_t)n->shape.h * (size_t)n->shape.w;
        norm->padded = padded_channels(plan, n->shape.c);
        norm->epsilon = round((double)n->epsilon * 1e12) / 1e12; /* the decimal that somebody wrote, not its float32 */
        norm->weight = add_param(plan, net, node, n->params[0], PLAN_CHANNELS);
        norm->bias = add_param(plan, net, node, n->params[1], PLAN_CHANNELS);
        norm->running_mean = add_param(plan, net, node, n->params[2], PLAN_CHANNELS);
        norm->running_var = add_param(plan, net, node, n->params[3], PLAN_CHANNELS);
        norm->offset = plan->norm_elements;
        plan->norm_elements += norm->padded;
    }
}

/* --- forward steps --- */

/* What is known while the forward steps are laid out. */
struct layout {
    struct plan *plan;
    struct plan_value *values;  /* per node */
    struct plan_value *seconds; /* per node: added to its value before the relu; buffer PLAN_NONE: nothing */
    int *producers;             /* per buffer: the step that fills it */
    char *live;                 /* per node */
};

static int fill_buffer(struct layout *l, struct plan_step *step, int node)
{
    step->out = plan_add_buffer(l->plan, plan_node_elements(l->plan, node));
    l->producers[step->out] = (int)(step - l->plan->steps);
    return step->out;
}

/* Makes sure the node's value stands in a buffer as plain numbers. */
static void make_plain(struct layout *l, int node)
{
    struct plan_value *value = &l->values[node];
    if (value->norm == PLAN_NONE && !value->relu)
        return;
    struct plan_step *step = plan_add_step(l->plan, PLAN_SUM, node);
    step->in[step->in_count++] = *value;
    *value = (struct plan_value){fill_buffer(l, step, node), PLAN_NONE, 0, 0};
}

/* A norm's statistics ride on the step that wrote its input where that step can carry them. */
static void add_norm(struct layout *l, int node, int input)
{
    struct plan *plan = l->plan;
    const int norm = plan->node_norm[node];
    make_plain(l, input);
    const int source = l->values[input].buffer;
    plan->norms[norm].source = source;
    if (plan->mode != ENGINE_INFER) {
        struct plan_step *producer = &plan->steps[l->producers[source]];
        if ((producer->op == PLAN_CONV || producer->op == PLAN_SUM) && producer->norm == PLAN_NONE)
            producer->norm = norm;
        else {
            struct plan_step *step = plan_add_step(plan, PLAN_STATISTICS, node);
            step->in[step->in_count++] = l->values[input];
            step->norm = norm;
        }
    }
    plan_add_step(plan, PLAN_NORM, node)->norm = norm;
    l->values[node] = (struct plan_value){source, norm, 0, 0};
}

static enum plan_op step_of(enum net_op op)
{
    switch (op) {
    case NET_INPUT: return PLAN_IMAGES;
    case NET_CONV: return PLAN_CONV;
    case NET_ADD:
    case NET_MIX: return PLAN_SUM;
    case NET_CONCAT: return PLAN_CONCAT;
    case NET_MAX_POOL: return PLAN_MAX_POOL;
    case NET_CHANNEL_SHUFFLE: return PLAN_SHUFFLE;
    case NET_AVG_POOL: return PLAN_POOL;
    case NET_SUBSAMPLE: return PLAN_SUBSAMPLE;
    case NET_CHANNEL_PAD: return PLAN_WIDEN;
    case NET_GLOBAL_AVG_POOL: return PLAN_MEAN;
    default: return PLAN_DENSE;
    }
}

static int is_output(const struct plan *plan, int node)
{
    for (int i = 0; i < plan->output_count; i++)
        if (plan->outputs[i] == node)
            return 1;
    return 0;
}

/* The only live node that reads `node`, or PLAN_NONE where it is read otherwise or is an output of the net. */
static int only_reader(const struct layout *l, int node)
{
    int reader = PLAN_NONE, reads = 0;
    for (int i = node + 1; i < l->plan->node_count; i++)
        for (int k = 0; l->live[i] && k < l->plan->nodes[i].input_count; k++)
            if (l->plan->nodes[i].inputs[k] == node) {
                reader = i;
                reads++;
            }
    return reads == 1 && !is_output(l->plan, node) ? reader : PLAN_NONE;
}

/* Whether an ADD is one of two values that the convolution behind it (and behind its ReLU) adds up by itself. */
static int is_left_open(const struct layout *l, int node)
{
    const struct net_node *nodes = l->plan->nodes, *n = &nodes[node];
    if (n->op != NET_ADD || n->input_count != 2 || l->values[n->inputs[0]].relu || l->values[n->inputs[1]].relu)
        return 0;
    int reader = only_reader(l, node);
    if (reader != PLAN_NONE && nodes[reader].op == NET_RELU)
        reader = only_reader(l, reader);
    return reader != PLAN_NONE && nodes[reader].op == NET_CONV && nodes[reader].groups == 1;
}

_Static_assert((int)NET_INPUTS_MAX <= (int)PLAN_TERMS_MAX, "a step takes all inputs of a node");

static void add_forward(struct layout *l, int node)
{
    struct plan *plan = l->plan;
    const struct net_node *n = &plan->nodes[node];
    if (n->op == NET_BATCH_NORM) {
        add_norm(l, node, n->inputs[0]);
        return;
    }
    if (n->op == NET_RELU) {
        l->values[node] = l->values[n->inputs[0]];
        l->values[node].relu = 1;
        l->seconds[node] = l->seconds[n->inputs[0]];
        return;
    }
    if (is_left_open(l, node)) {
        l->values[node] = l->values[n->inputs[0]];
        l->seconds[node] = l->values[n->inputs[1]];
        return;
    }
    if (n->op == NET_DENSE)
        make_plain(l, n->inputs[0]);
    struct plan_step *step = plan_add_step(plan, step_of(n->op), node);
    for (int i = 0; i < n->input_count; i++) {
        struct plan_value *in = &step->in[step->in_count++];
        *in = l->values[n->inputs[i]];
        in->times = n->op == NET_MIX ? 1 + n->mix[i] : 0;
    }
    if (n->op == NET_CONV && l->seconds[n->inputs[0]].buffer != PLAN_NONE)
        step->in[step->in_count++] = l->seconds[n->inputs[0]];
    l->values[node] = (struct plan_value){fill_buffer(l, step, node), PLAN_NONE, 0, 0};
}

static void mark_live(struct layout *l)
{
    const struct plan *plan = l->plan;
    for (int i = 0; i < plan->output_count; i++)
        l->live[plan->outputs[i]] = 1;
    for (int node = plan->node_count - 1; node >= 0; node--)
        for (int i = 0; l->live[node] && i < plan->nodes[node].input_count; i++)
            l->live[plan->nodes[node].inputs[i]] = 1;
}

static void forward_steps(struct layout *l, const struct net *net)
{
    struct plan *plan = l->plan;
    mark_live(l);
    for (int node = 0; node < plan->node_count; node++) {
        if (!l->live[node])
            continue;
        add_node_params(plan, net, node);
        add_forward(l, node);
        if (is_output(plan, node))
            make_plain(l, node);
    }
    for (int i = 0; i < plan->output_count; i++)
        plan->output_buffers[i] = l->values[plan->outputs[i]].buffer;
    plan->forward_count = plan->step_count;
}

/* --- the whole --- */

static enum status_code check_supported(const struct net *net, struct status *status)
{
    for (int i = 0; i < net->node_count; i++) {
        const struct net_node *n = &net->nodes[i];
        if (n->op == NET_CONV && n->kernel_h * n->kernel_w > KERNEL_AREA_MAX)
            return status_set(status, STATUS_UNSUPPORTED,
                              "node %s: a %dx%d kernel is too large for the engine (at most %d weights)", n->name, n->kernel_h,
                              n->kernel_w, KERNEL_AREA_MAX);
        /* Planes are packed with as many zeros around them. */
        if (n->op == NET_CONV && (int64_t)(n->kernel_h - 1) * n->dilation >= KERNEL_EXTENT_MAX)
            return status_set(status, STATUS_UNSUPPORTED,
                              "node %s: a kernel dilated by %d is too large for the engine (at most %d pixels from end to end)",
                              n->name, n->dilation, KERNEL_EXTENT_MAX);
    }
    return STATUS_OK;
}

static void find_scratch(struct plan *plan, const struct kernels *kernels)
{
    for (int i = 0; i < plan->step_count; i++) {
        const struct plan_step *step = &plan->steps[i];
        if (step->op != PLAN_CONV && step->op != PLAN_CONV_BACK)
            continue;
        const struct kernels_geometry at = plan_geometry(plan, step->node);
        const size_t need = kernels->scratch_elements(&at, step->op == PLAN_CONV_BACK);
        if (need > plan->scratch_elements)
            plan->scratch_elements = (need + KERNELS_ALIGN - 1) / KERNELS_ALIGN * KERNELS_ALIGN;
    }
}

static int set_aside(struct plan *plan, const struct net *net, struct layout *l)
{
    const size_t nodes = (size_t)net->node_count, tensors = (size_t)net->tensor_count + 1;
    plan->step_capacity = plan->buffer_capacity = STEPS_PER_NODE * net->node_count + 2 * NET_OUTPUTS_MAX;
    plan->nodes = malloc(nodes * sizeof *plan->nodes);
    plan->steps = calloc((size_t)plan->step_capacity, sizeof *plan->steps);
    plan->buffers = calloc((size_t)plan->buffer_capacity, sizeof *plan->buffers);
    plan->params = calloc(tensors, sizeof *plan->params);
    plan->param_of_tensor = malloc(tensors * sizeof *plan->param_of_tensor);
    plan->tensor_elements = calloc(tensors, sizeof *plan->tensor_elements);
    plan->norms = calloc(nodes, sizeof *plan->norms);
    plan->node_norm = malloc(nodes * sizeof *plan->node_norm);
    l->values = calloc(nodes, sizeof *l->values);
    l->seconds = calloc(nodes, sizeof *l->seconds);
    l->producers = calloc((size_t)plan->buffer_capacity, sizeof *l->producers);
    l->live = calloc(nodes, 1);
    return plan->nodes && plan->steps && plan->buffers && plan->params && plan->tensor_elements && plan->param_of_tensor &&
           plan->norms && plan->node_norm && l->values && l->seconds && l->producers && l->live;
}

enum status_code plan_make(const struct net *net, const struct engine_options *options, const struct kernels *kernels,
                           struct plan *plan, struct status *status)
{
    struct layout l = {.plan = plan};
    enum status_code code = check_supported(net, status);
    *plan = (struct plan){.mode = options->mode,
                          .batch = options->batch,
                          .lanes = kernels->lanes,
                          .track = options->track_running_stats,
                          .convolutions = options->convolutions,
                          .mix_count = net->mix_count,
                          .mix_gradient = options->mode == ENGINE_TRAIN && options->mix_gradient,
                          .node_count = net->node_count,
                          .tensor_count = net->tensor_count,
                          .output_count = net->output_count,
                          .classes = net->classes};
    if (code != STATUS_OK)
        return code;
    if (!set_aside(plan, net, &l)) {
        code = status_set(status, STATUS_NO_MEMORY, "no memory for the plan of a net with %d nodes", net->node_count);
        goto done;
    }
    memcpy(plan->nodes, net->nodes, (size_t)net->node_count * sizeof *plan->nodes);
    memcpy(plan->outputs, net->outputs, sizeof plan->outputs);
    for (int i = 0; i < net->tensor_count; i++) {
        plan->param_of_tensor[i] = PLAN_NONE;
        plan->tensor_elements[i] = net->tensors[i].count;
    }
    for (int i = 0; i < net->node_count; i++)
        plan->node_norm[i] = l.seconds[i].buffer = PLAN_NONE;
    forward_steps(&l, net);
    if (plan->mode == ENGINE_TRAIN)
        code = plan_backward(plan, l.values, l.seconds, l.live, status);
    find_scratch(plan, kernels);
    if (code == STATUS_OK)
        code = plan_place(plan, status);
done:
    free(l.values);
    free(l.seconds);
    free(l.producers);
    free(l.live);
    if (code != STATUS_OK)
        plan_free(plan);
    return code;
}

void plan_free(struct plan *plan)
{
    free(plan->nodes);
    free(plan->steps);
    free(plan->buffers);
    free(plan->params);
    free(plan->tensor_elements);
    free(plan->param_of_tensor);
    free(plan->norms);
    free(plan->node_norm);
    *plan = (struct plan){0};
}
