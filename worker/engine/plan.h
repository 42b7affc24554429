/* plan: a net compiled for a batch size and a mode: the list of steps (forward, then backward), what each reads and writes, and
 * where every buffer lies in the arena. Pure data; forward.c and backward.c carry it out.
 *
 * Three kinds of memory, in this order: parameters (weights, gradients, velocity, running statistics), per-norm numbers and scratch
 * that live as long as the engine, then the buffers, which share space when their lifetimes do not meet. All sizes and offsets are
 * in elements of engine_real. */
#ifndef HWNAS_WORKER_ENGINE_PLAN_H
#define HWNAS_WORKER_ENGINE_PLAN_H

#include "common/net.h"
#include "common/status.h"
#include "worker/engine/kernels.h"

enum { PLAN_NONE = -1, PLAN_TERMS_MAX = KERNELS_TERMS_MAX };

enum plan_op {
    PLAN_IMAGES,     /* the caller's images into out */
    PLAN_CONV,       /* in[0], or in[0] + in[1] under the relu of the first -> out, sums for norm `norm` */
    PLAN_STATISTICS, /* sums of in[0] for norm `norm` */
    PLAN_NORM,       /* sums or running statistics of `norm` -> its scale and shift */
    PLAN_SUM,        /* all in, each times its coefficient if it has one -> out, sums for `norm` */
    PLAN_POOL,
    PLAN_MEAN,
    PLAN_DENSE,
    PLAN_SUBSAMPLE,
    PLAN_WIDEN,
    PLAN_CONCAT, /* in[0], in[1], ... -> out */
    PLAN_MAX_POOL,
    PLAN_SHUFFLE,
    PLAN_CONV_BACK,   /* gradient (through `norm` if set), input as CONV read it -> weight gradients, out if set */
    PLAN_REDUCE,      /* gradient -> what its feeds want of it */
    PLAN_NORM_SLOPES, /* what `norm` was fed -> gradients of its weight and bias, its slope, pull and offset */
    PLAN_NORM_BACK,   /* slope*gradient + pull*in[0] + offset -> out */
    PLAN_RELU_BACK,
    PLAN_POOL_BACK,
    PLAN_MEAN_BACK,
    PLAN_DENSE_BACK,
    PLAN_SUBSAMPLE_BACK,
    PLAN_WIDEN_BACK,
    PLAN_CONCAT_BACK,   /* the channels of gradient that came from the node's input number `input` -> out */
    PLAN_MAX_POOL_BACK, /* gradient, in[0] as it was read -> out */
    PLAN_SHUFFLE_BACK,
    PLAN_MIX_SLOPES /* gradient and all in, as a SUM reads them -> gradients of their coefficients */
};

/* A node's value as its readers see it: a buffer, then norm's scale and shift if set, then max(x,0) if relu; as a term of a SUM
 * also times a coefficient of the net. */
struct plan_value {
    int buffer, norm, relu;
    int times; /* 1 + the coefficient's number; 0: none */
};

struct plan_step {
    enum plan_op op;
    int node; /* whose geometry and parameters the step uses */
    struct plan_value in[PLAN_TERMS_MAX];
    int in_count;
    int gradient; /* buffer with the node's output gradient (backward steps) */
    int addend;   /* buffer added to out, may be out itself */
    int out;      /* buffer */
    int norm;
    int times; /* NORM_SLOPES: the gradient is what `norm` was fed times this coefficient, as in plan_value */
    int mask;  /* CONV_BACK: the input was read through a ReLU whose backward happens here */
    int input; /* CONCAT_BACK */
    /* Norms that are fed from out (REDUCE: from gradient), CONV_BACK, POOL_BACK and SUM. */
    int feeds[KERNELS_FEEDS_MAX], feed_count;
};

struct plan_buffer {
    size_t elements, offset;
    int first, last; /* steps between which it holds something */
};

enum plan_layout { PLAN_PLAIN, PLAN_CHANNELS, PLAN_KERNEL }; /* as in the net; padded to whole blocks; kernels.h */

struct plan_param {
    int tensor; /* of the net */
    int node;
    enum plan_layout layout;
    size_t offset, elements; /* trainable: within each of weights, gradients, velocity; else within the running statistics */
    int trainable;
    int dims[NET_RANK_MAX], rank;
};

struct plan_norm {
    int node, channels;
    int source;                                  /* buffer with the raw values */
    int weight, bias, running_mean, running_var; /* params */
    size_t plane, padded;                        /* H*W; channels rounded up to lanes */
    size_t offset;                               /* of its numbers, in units of all parts together */
    double epsilon;
};

struct plan {
    enum engine_mode mode;
    int batch, lanes, track;
    int mix_count, mix_gradient; /* coefficients, and whether their gradient is wanted */
    enum engine_convolutions convolutions;
    struct net_node *nodes; /* copy of the net's, owned */
    int node_count, tensor_count, output_count, classes;
    int outputs[NET_OUTPUTS_MAX];                                           /* nodes */
    int output_buffers[NET_OUTPUTS_MAX], output_gradients[NET_OUTPUTS_MAX]; /* buffers */
    struct plan_step *steps;                                                /* owned */
    int step_count, step_capacity, forward_count;
    struct plan_buffer *buffers; /* owned */
    int buffer_count, buffer_capacity;
    struct plan_param *params; /* owned */
    int param_count;
    size_t *tensor_elements; /* owned, tensor_count: of the plain tensors */
    int *param_of_tensor;    /* owned, tensor_count, PLAN_NONE where the tensor reaches no output */
    struct plan_norm *norms; /* owned */
    int norm_count;
    int *node_norm; /* owned, node_count: norm of a BATCH_NORM node */
    size_t trainable_elements, running_elements, norm_elements, scratch_elements, buffer_elements;
};

/* Numbers each norm keeps, each `padded` elements long, one part after another from PLAN_NORM_PARTS * offset on: the batch's mean,
 * 1/sqrt(variance + epsilon), what its readers apply, what its backward applies (kernels_gradient), and zeros. Its double sums, 2 x
 * padded, stand at 2 * offset of the engine's sums. */
enum plan_norm_part {
    PLAN_CENTER,
    PLAN_INVERSE,
    PLAN_SCALE,
    PLAN_REST,
    PLAN_SHIFT,
    PLAN_SLOPE,
    PLAN_PULL,
    PLAN_OFFSET,
    PLAN_ZERO,
    PLAN_NORM_PARTS
};

/* Compiles the net. On failure *plan is empty. STATUS_UNSUPPORTED names the node. Free with plan_free. */
enum status_code plan_make(const struct net *net, const struct engine_options *options, const struct kernels *kernels,
                           struct plan *plan, struct status *status);
void plan_free(struct plan *plan);

/* Elements of engine_real the whole arena holds (the double sums counted in). */
size_t plan_elements(const struct plan *plan);

/* Elements of one node's activation for the batch, padding lanes included. */
size_t plan_node_elements(const struct plan *plan, int node);

/* Geometry of a CONV node and of a pooling or subsampling one, as the kernels want it. 1x1 convolutions are laid out as long rows.
 */
struct kernels_geometry plan_geometry(const struct plan *plan, int node);
struct kernels_pool plan_pool(const struct plan *plan, int node);
struct kernels_widen plan_widen(const struct plan *plan, int node);

/* How input number `input` of a CONCAT node lies in its output. */
struct kernels_widen plan_concat(const struct plan *plan, int node, int input);

/* Used by the files that build a plan (plan.c, plan_backward.c). Room for the most steps a net can need is set aside first. */
struct plan_step *plan_add_step(struct plan *plan, enum plan_op op, int node);
int plan_add_buffer(struct plan *plan, size_t elements);

/* Appends the backward steps. values, seconds: each node's value after the forward steps, and what is added to it before its relu
 * (buffer PLAN_NONE: nothing). live: which nodes reach an output. */
enum status_code plan_backward(struct plan *plan, const struct plan_value *values, const struct plan_value *seconds,
                               const char *live, struct status *status);

/* Finds each buffer's lifetime from the steps and gives it a place; sets buffer_elements. */
enum status_code plan_place(struct plan *plan, struct status *status);

#endif
