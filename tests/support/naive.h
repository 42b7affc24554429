/* naive: nets run the obvious way, in double, on plain (N,C,H,W) arrays: the oracle the engine is compared with. Every operator is
 * a few loops written from its definition; nothing is shared with the engine. Memory failures end the program: this is a test. */
#ifndef HWNAS_TESTS_SUPPORT_NAIVE_H
#define HWNAS_TESTS_SUPPORT_NAIVE_H

#include "common/net.h"

struct naive {
    const struct net *net;                              /* borrowed */
    int batch, infer;                                   /* infer: norms use running statistics */
    double **values, **gradients;                       /* per node (N,C,H,W) */
    double **weights, **weight_gradients;               /* per tensor */
    double mix[NET_MIX_MAX], mix_gradient[NET_MIX_MAX]; /* coefficients, 1 each, and their gradients */
};

/* Copies the net's tensors. Free with naive_free. */
struct naive *naive_make(const struct net *net, int batch, int infer);
void naive_free(struct naive *naive);

/* Elements of a node's value for the whole batch. */
size_t naive_elements(const struct naive *naive, int node);

/* Fills values from images (N,C,H,W). */
void naive_forward(struct naive *naive, const double *images);

/* Fills gradients and weight_gradients. seeds[i] is d loss / d output i, (N,C,H,W) of that node. */
void naive_backward(struct naive *naive, double *const *seeds);

/* Does `gradient` of tensor t agree with central differences of loss = sum over outputs of <seed, output>? Probes `probes` elements
 * spread over the tensor; *worst gets the largest difference relative to 1 + the largest difference quotient. Returns 1 when every
 * probe agrees within `tolerance`. The weights are as before afterwards. */
int naive_check_gradient(struct naive *naive, const double *images, double *const *seeds, int t, const double *gradient, int probes,
                         double tolerance, double *worst);

/* The same of coefficient c of the net, whose gradient is in the naive run. */
int naive_check_mix_gradient(struct naive *naive, const double *images, double *const *seeds, int c, double tolerance);

#endif
