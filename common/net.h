/* net: the network graph. The ONE representation that spaces and ONNX import produce and that the engine, the cost counter, the
 * ONNX export and the runners read.
 *
 * Nodes stand in topological order: a node's inputs have smaller indices. Shapes are per image; the batch size N is the reader's.
 * Parameters are named like the PyTorch state dict of the same model, so that weights move between files and nets by name. */
#ifndef HWNAS_COMMON_NET_H
#define HWNAS_COMMON_NET_H

#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"
#include "common/status.h"

enum net_op {
    NET_INPUT,      /* the images (N,C,H,W); exactly one, node 0 */
    NET_CONV,       /* 2-D convolution; params: weight (O,I/groups,KH,KW), optional bias (O) */
    NET_BATCH_NORM, /* params: weight (C), bias (C), running_mean (C), running_var (C) */
    NET_RELU,
    NET_AVG_POOL,        /* padding is not counted in the mean */
    NET_ADD,             /* two or more inputs of one shape; one node may stand among them twice */
    NET_SUBSAMPLE,       /* every stride-th row and column from `offset` on (option-A shortcut, factorised reduction) */
    NET_CHANNEL_PAD,     /* zero channels before and after (option-A shortcut) */
    NET_GLOBAL_AVG_POOL, /* (C,H,W) -> (C,1,1) */
    NET_DENSE,           /* (C,1,1) -> (O,1,1); params: weight (O,C), bias (O) */
    NET_MAX_POOL,        /* padding never wins */
    NET_CONCAT,          /* channels of two or more inputs of one height and width, in order; one node may stand among them twice */
    NET_CHANNEL_SHUFFLE, /* channel g*(C/groups) + k becomes channel k*groups + g (ShuffleNet, Zhang et al. 2018, section 3.1) */
    NET_MIX, /* one or more inputs of one shape, each times a coefficient of the net that is set at run time, added up */
    NET_OP_COUNT
};

enum { NET_INPUTS_MAX = 12, NET_PARAMS_MAX = 4, NET_OUTPUTS_MAX = 8, NET_NAME_BYTES = 96, NET_RANK_MAX = 4 };

/* Limits on hostile files: no dimension, channel count, kernel or node count beyond these is accepted anywhere. */
enum { NET_DIMENSION_MAX = 65536, NET_NODES_MAX = 16384, NET_ELEMENTS_MAX = 1 << 28, NET_MIX_MAX = 1024 };

/* One image's (C,H,W). Vectors are (C,1,1). */
struct net_shape {
    int c, h, w;
};

/* A named parameter or running statistic, float32, row-major. */
struct net_tensor {
    char name[NET_NAME_BYTES]; /* unique within the net, e.g. "cells.3.layers.0.op.1.weight" */
    int rank;
    int dims[NET_RANK_MAX];
    size_t count;  /* product of dims */
    float *data;   /* owned; never NULL */
    int trainable; /* 0 for running_mean and running_var, and for the weight and bias of a BATCH_NORM that is fixed */
};

struct net_node {
    enum net_op op;
    char name[NET_NAME_BYTES]; /* for messages and for ONNX; unique */
    int input_count;
    int inputs[NET_INPUTS_MAX]; /* node indices */
    int params[NET_PARAMS_MAX]; /* tensor indices, -1 where absent; the order is given beside each op above */
    int kernel_h, kernel_w;     /* CONV, AVG_POOL, MAX_POOL; equal: only square windows are built */
    int stride;                 /* CONV, AVG_POOL, MAX_POOL, SUBSAMPLE */
    int pad;                    /* CONV (below the kernel's extent), pools (at most half of it): the same on all four sides */
    int dilation;               /* CONV: pixels from one row or column of the kernel to the next; its extent is (k-1)*dilation+1 */
    int groups;                 /* CONV, CHANNEL_SHUFFLE */
    int offset;                 /* SUBSAMPLE: the first row and column taken */
    int pad_before, pad_after;  /* CHANNEL_PAD */
    float epsilon;              /* BATCH_NORM */
    int mix[NET_INPUTS_MAX];    /* MIX: the coefficient of each input, below mix_count */
    struct net_shape shape;     /* of the output */
};

struct net {
    struct net_node *nodes; /* owned */
    int node_count, node_capacity;
    struct net_tensor *tensors; /* owned */
    int tensor_count, tensor_capacity;
    int outputs[NET_OUTPUTS_MAX]; /* node indices: the logits first, then the taps */
    int output_count;
    int classes;   /* length of the logits */
    int mix_count; /* coefficients of the MIX nodes; several may name one; 0: there are none */
};

/* The empty net; net_free releases all and leaves it empty again. net_free on an empty net is fine. */
void net_init_empty(struct net *net);
void net_free(struct net *net);

/* Deep copy into *out (which must be empty). */
enum status_code net_copy(const struct net *net, struct net *out, struct status *status);

/* A convolution's attributes; 0 for dilation or groups means 1. */
struct net_conv {
    int out_channels, kernel, stride, pad, dilation, groups, with_bias;
};

/* Builders. Each appends one node, infers and checks its shape, makes its parameters (zero-filled, BN: weight 1, running_var 1)
 * and returns its index, or -1 with status filled (the sentence names the node). `name` is the node's name; parameters are
 * called NAME.weight and so on. */
int net_add_input(struct net *net, struct net_shape shape, struct status *status);
int net_add_conv(struct net *net, const char *name, int input, int out_channels, int kernel, int stride, int pad, int groups,
                 int with_bias, struct status *status);
int net_add_conv_with(struct net *net, const char *name, int input, const struct net_conv *conv, struct status *status);
int net_add_batch_norm(struct net *net, const char *name, int input, float epsilon, struct status *status);

/* The same with a scale of 1 and a shift of 0 that no training changes (PyTorch: affine=False; here they are there to be read). */
int net_add_batch_norm_fixed(struct net *net, const char *name, int input, float epsilon, struct status *status);
int net_add_relu(struct net *net, const char *name, int input, struct status *status);
int net_add_avg_pool(struct net *net, const char *name, int input, int kernel, int stride, int pad, struct status *status);
int net_add_max_pool(struct net *net, const char *name, int input, int kernel, int stride, int pad, struct status *status);
int net_add_add(struct net *net, const char *name, const int *inputs, int input_count, struct status *status);

/* coefficients (input_count): which of the net's coefficients each input is multiplied with. net->mix_count grows to hold them. */
int net_add_mix(struct net *net, const char *name, const int *inputs, const int *coefficients, int input_count,
                struct status *status);
int net_add_concat(struct net *net, const char *name, const int *inputs, int input_count, struct status *status);
int net_add_channel_shuffle(struct net *net, const char *name, int input, int groups, struct status *status);
int net_add_subsample(struct net *net, const char *name, int input, int stride, struct status *status);
int net_add_subsample_from(struct net *net, const char *name, int input, int stride, int offset, struct status *status);
int net_add_channel_pad(struct net *net, const char *name, int input, int before, int after, struct status *status);
int net_add_global_avg_pool(struct net *net, const char *name, int input, struct status *status);
int net_add_dense(struct net *net, const char *name, int input, int out_features, struct status *status);

/* Declares node as the next output (logits first). */
enum status_code net_add_output(struct net *net, int node, struct status *status);

/* Renames the parameters of a node to PREFIX.weight, ... where the state-dict name differs from the node's name. */
void net_name_params(struct net *net, int node, const char *prefix);

/* Index of the tensor of that name, or -1. */
int net_find_tensor(const struct net *net, const char *name);

/* Index of the node of that name, or -1. */
int net_find_node(const struct net *net, const char *name);

/* PyTorch's default initialisation: conv and dense weights and biases U(-1/sqrt(fan_in), 1/sqrt(fan_in)), BN 1/0, running 0/1.
 * Tensors are drawn in index order from one generator, so the same rng state gives the same weights on every machine. */
void net_init(struct net *net, struct rng *rng);

/* The same for the parameters of one node alone. */
void net_init_node(struct net *net, int node, struct rng *rng);

/* Checks every invariant stated in this file (topological order, shapes, params present, limits). For what came from outside. */
enum status_code net_check(const struct net *net, struct status *status);

/* A new net for inference: each BATCH_NORM that directly follows a CONV nobody else reads is folded into the conv's weight and
 * bias with its running statistics; other BNs stay. Taps are dropped: the only output is the logits. *out must be empty. */
enum status_code net_fold(const struct net *net, struct net *out, struct status *status);

/* Static name of an op: "conv", "batch_norm", ... */
const char *net_op_name(enum net_op op);

#endif
