/* plan_backward: appends the backward steps to a plan, walking the nodes from last to first.
 *
 * The gradient of a node is the sum of what its readers contribute. A node sum contributes its own gradient unchanged, so that is
 * only remembered (pending) and copied nowhere: a single pending gradient simply IS the node's gradient, and a convolution's
 * backward adds one to what it writes anyway. A MIX contributes its gradient times a coefficient: that is remembered in the same
 * way, and a norm behind it takes the coefficient into the numbers that it applies, for nothing. Two things happen inside a
 * convolution's backward instead of in passes of their own: the backward of a ReLU that only convolutions read (a mask while
 * writing), and of the norm that alone reads the convolution (while reading).
 *
 * A norm's backward begins with sums over its gradient and its input. They are taken by the step that writes the last part of that
 * gradient, for all norms at once that share it. */
#include <stdlib.h>

#include "worker/engine/plan.h"

enum { PENDING_MAX = 8 };

struct node_gradient {
    int buffer;                             /* written so far, or PLAN_NONE */
    int written;                            /* buffer holds a partial sum that later writers must add to */
    struct plan_value pending[PENDING_MAX]; /* plain buffers, or times a coefficient */
    int pending_count;
    int readers; /* live nodes that read this one */
    int last_reader;
    char needed;     /* a parameter lies upstream */
    char through;    /* RELU: its readers' backward goes straight to its input */
    char fused;      /* CONV: its only reader is a norm, whose backward it takes over */
    char only_convs; /* every reader is a convolution */
    char output;
};

struct backward {
    struct plan *plan;
    const struct plan_value *values, *seconds;
    const char *live;
    struct node_gradient *nodes;
    int *feeders; /* per buffer: the last step that wrote it, or reads it to feed norms, and can feed; or PLAN_NONE */
};

static void survey_readers(struct backward *b)
{
    struct plan *plan = b->plan;
    for (int i = 0; i < plan->node_count; i++) {
        b->nodes[i].buffer = PLAN_NONE;
        b->nodes[i].only_convs = 1;
    }
    for (int i = 0; i < plan->node_count; i++) {
        const struct net_node *n = &plan->nodes[i];
        b->nodes[i].needed =
            n->op == NET_CONV || n->op == NET_BATCH_NORM || n->op == NET_DENSE || (n->op == NET_MIX && plan->mix_gradient);
        for (int k = 0; k < n->input_count; k++) {
            struct node_gradient *in = &b->nodes[n->inputs[k]];
            b->nodes[i].needed |= in->needed;
            if (!b->live[i])
                continue;
            in->readers++;
            in->last_reader = i;
            in->only_convs &= n->op == NET_CONV;
        }
    }
}

static void survey_outputs(struct backward *b)
{
    struct plan *plan = b->plan;
    for (int i = 0; i < plan->output_count; i++) {
        struct node_gradient *g = &b->nodes[plan->outputs[i]];
        if (!g->output)
            g->buffer = plan_add_buffer(plan, plan_node_elements(plan, plan->outputs[i]));
        g->written = 1;
        g->output = 1;
        plan->output_gradients[i] = g->buffer;
    }
    for (int i = 0; i < plan->node_count; i++) {
        struct node_gradient *g = &b->nodes[i];
        g->through = plan->nodes[i].op == NET_RELU && g->only_convs && !g->output;
        g->fused =
            plan->nodes[i].op == NET_CONV && g->readers == 1 && !g->output && plan->nodes[g->last_reader].op == NET_BATCH_NORM;
    }
}

/* Remembers that the step was the last one to write its buffer. */
static void note_writer(struct backward *b, const struct plan_step *step)
{
    const int can_feed = step->op == PLAN_CONV_BACK || step->op == PLAN_POOL_BACK || step->op == PLAN_SUM;
    b->feeders[step->out] = can_feed ? (int)(step - b->plan->steps) : PLAN_NONE;
}

/* Has the norm fed from the finished gradient in a buffer: by the step that wrote it, or in a pass over it that serves all norms
 * that come. */
static void feed_norm(struct backward *b, int node, int norm, int gradient)
{
    int *feeder = &b->feeders[gradient];
    if (*feeder == PLAN_NONE || b->plan->steps[*feeder].feed_count == KERNELS_FEEDS_MAX) {
        struct plan_step *pass = plan_add_step(b->plan, PLAN_REDUCE, node);
        pass->gradient = gradient;
        *feeder = (int)(pass - b->plan->steps);
    }
    struct plan_step *step = &b->plan->steps[*feeder];
    step->feeds[step->feed_count++] = norm;
}

/* Where a step that computes part of the node's gradient writes it, and what it adds: of what is pending one that has no
 * coefficient, for it can only add. */
static void direct_output(struct backward *b, struct plan_step *step, int target)
{
    struct node_gradient *g = &b->nodes[target];
    if (g->written) {
        step->addend = g->buffer;
    } else {
        g->buffer = plan_add_buffer(b->plan, plan_node_elements(b->plan, target));
        g->written = 1;
        for (int i = g->pending_count; i-- > 0 && step->addend == PLAN_NONE;)
            if (g->pending[i].times == 0) {
                step->addend = g->pending[i].buffer;
                g->pending[i] = g->pending[--g->pending_count];
            }
    }
    step->out = g->buffer;
    note_writer(b, step);
}

/* Adds all pending gradients up into the node's own buffer. */
static void sum_pending(struct backward *b, int node)
{
    struct node_gradient *g = &b->nodes[node];
    struct plan_step *step = plan_add_step(b->plan, PLAN_SUM, node);
    if (g->written)
        step->in[step->in_count++] = (struct plan_value){g->buffer, PLAN_NONE, 0, 0};
    for (; g->pending_count > 0; g->pending_count--)
        step->in[step->in_count++] = g->pending[g->pending_count - 1];
    if (!g->written)
        g->buffer = plan_add_buffer(b->plan, plan_node_elements(b->plan, node));
    g->written = 1;
    step->out = g->buffer;
    note_writer(b, step);
}

static void contribute(struct backward *b, int node, int buffer, int times)
{
    struct node_gradient *g = &b->nodes[node];
    if (!g->needed)
        return;
    if (g->pending_count == PENDING_MAX)
        sum_pending(b, node);
    g->pending[g->pending_count++] = (struct plan_value){buffer, PLAN_NONE, 0, times};
}

/* The buffer with the node's whole gradient: all its readers have been walked. Of a norm it may be times a coefficient. */
static int settle(struct backward *b, int node, int *times)
{
    struct node_gradient *g = &b->nodes[node];
    *times = 0;
    if (!g->written && g->pending_count == 1 && (g->pending[0].times == 0 || b->plan->nodes[node].op == NET_BATCH_NORM)) {
        *times = g->pending[0].times;
        return g->pending[0].buffer;
    }
    if (g->pending_count > 0)
        sum_pending(b, node);
    return g->buffer;
}

static void conv_back(struct backward *b, int node, int gradient, int norm)
{
    const int input = b->plan->nodes[node].inputs[0];
    const int through = b->nodes[input].through, target = through ? b->plan->nodes[input].inputs[0] : input;
    struct plan_step *step = plan_add_step(b->plan, PLAN_CONV_BACK, node);
    step->in[step->in_count++] = b->values[input];
    if (b->seconds[input].buffer != PLAN_NONE)
        step->in[step->in_count++] = b->seconds[input];
    step->gradient = gradient;
    step->norm = norm;
    step->mask = through;
    if (b->nodes[target].needed)
        direct_output(b, step, target);
}

static void norm_back(struct backward *b, int node, int gradient, int times)
{
    struct plan *plan = b->plan;
    const int input = plan->nodes[node].inputs[0], norm = plan->node_norm[node];
    feed_norm(b, node, norm, gradient);
    struct plan_step *step = plan_add_step(plan, PLAN_NORM_SLOPES, node);
    step->norm = norm;
    step->times = times;
    if (b->nodes[input].fused)
        conv_back(b, input, gradient, norm);
    else if (b->nodes[input].needed) {
        step = plan_add_step(plan, PLAN_NORM_BACK, node);
        step->in[step->in_count++] = (struct plan_value){plan->norms[norm].source, PLAN_NONE, 0, 0};
        step->gradient = gradient;
        step->norm = norm;
        direct_output(b, step, input);
    }
}

static void plain_back(struct backward *b, enum plan_op op, int node, int gradient)
{
    const int input = b->plan->nodes[node].inputs[0];
    if (!b->nodes[input].needed && op != PLAN_DENSE_BACK)
        return;
    struct plan_step *step = plan_add_step(b->plan, op, node);
    step->in[step->in_count++] = b->values[input];
    step->gradient = gradient;
    if (b->nodes[input].needed)
        direct_output(b, step, input);
}

/* Every input takes its channels of the gradient. */
static void concat_back(struct backward *b, int node, int gradient)
{
    const struct net_node *n = &b->plan->nodes[node];
    for (int i = 0; i < n->input_count; i++) {
        if (!b->nodes[n->inputs[i]].needed)
            continue;
        struct plan_step *step = plan_add_step(b->plan, PLAN_CONCAT_BACK, node);
        step->gradient = gradient;
        step->input = i;
        direct_output(b, step, n->inputs[i]);
    }
}

static void mix_back(struct backward *b, int node, int gradient)
{
    const struct net_node *n = &b->plan->nodes[node];
    if (b->plan->mix_gradient) {
        struct plan_step *step = plan_add_step(b->plan, PLAN_MIX_SLOPES, node);
        step->gradient = gradient;
        for (int i = 0; i < n->input_count; i++) {
            step->in[step->in_count] = b->values[n->inputs[i]];
            step->in[step->in_count++].times = 1 + n->mix[i];
        }
    }
    for (int i = 0; i < n->input_count; i++)
        contribute(b, n->inputs[i], gradient, 1 + n->mix[i]);
}

static void node_back(struct backward *b, int node)
{
    const struct net_node *n = &b->plan->nodes[node];
    if (!b->nodes[node].needed || b->nodes[node].through || b->nodes[node].fused)
        return;
    int times;
    const int gradient = settle(b, node, &times);
    switch (n->op) {
    case NET_CONV: conv_back(b, node, gradient, PLAN_NONE); break;
    case NET_BATCH_NORM: norm_back(b, node, gradient, times); break;
    case NET_MIX: mix_back(b, node, gradient); break;
    case NET_ADD:
        for (int i = 0; i < n->input_count; i++)
            contribute(b, n->inputs[i], gradient, 0);
        break;
    case NET_RELU: plain_back(b, PLAN_RELU_BACK, node, gradient); break;
    case NET_AVG_POOL: plain_back(b, PLAN_POOL_BACK, node, gradient); break;
    case NET_CONCAT: concat_back(b, node, gradient); break;
    case NET_MAX_POOL: plain_back(b, PLAN_MAX_POOL_BACK, node, gradient); break;
    case NET_CHANNEL_SHUFFLE: plain_back(b, PLAN_SHUFFLE_BACK, node, gradient); break;
    case NET_SUBSAMPLE: plain_back(b, PLAN_SUBSAMPLE_BACK, node, gradient); break;
    case NET_CHANNEL_PAD: plain_back(b, PLAN_WIDEN_BACK, node, gradient); break;
    case NET_GLOBAL_AVG_POOL: plain_back(b, PLAN_MEAN_BACK, node, gradient); break;
    case NET_DENSE: plain_back(b, PLAN_DENSE_BACK, node, gradient); break;
    default: break;
    }
}

enum status_code plan_backward(struct plan *plan, const struct plan_value *values, const struct plan_value *seconds,
                               const char *live, struct status *status)
{
    struct backward b = {plan,
                         values,
                         seconds,
                         live,
                         calloc((size_t)plan->node_count, sizeof *b.nodes),
                         malloc((size_t)plan->buffer_capacity * sizeof *b.feeders)};
    if (!b.nodes || !b.feeders) {
        free(b.nodes);
        free(b.feeders);
        return status_set(status, STATUS_NO_MEMORY, "no memory for the backward plan of a net with %d nodes", plan->node_count);
    }
    for (int i = 0; i < plan->buffer_capacity; i++)
        b.feeders[i] = PLAN_NONE;
    survey_readers(&b);
    survey_outputs(&b);
    for (int node = plan->node_count - 1; node >= 0; node--)
        if (live[node])
            node_back(&b, node);
    free(b.nodes);
    free(b.feeders);
    return STATUS_OK;
}
