/* space_net: what the spaces share when they build a network: names below a prefix, and one failure that makes every later step
 * refuse. Included by space_<name>_net.c alone. */
#ifndef HWNAS_COMMON_SPACE_NET_H
#define HWNAS_COMMON_SPACE_NET_H

#include "common/net.h"
#include "common/space.h"

/* What is being built and where failures go. Each step takes the index of the node it reads, refuses a negative one, names its
 * node PREFIX.REST and returns the new node's index, or -1. */
struct space_net {
    struct net *net;
    struct status *status;
    bool fixed; /* batch norms are made with a scale and shift that are not trained */
};

int space_net_conv(const struct space_net *b, const char *prefix, const char *rest, int input, const struct net_conv *conv);
int space_net_batch_norm(const struct space_net *b, const char *prefix, const char *rest, int input); /* PyTorch's epsilon, 1e-5 */
int space_net_relu(const struct space_net *b, const char *prefix, const char *rest, int input);
int space_net_shuffle(const struct space_net *b, const char *prefix, const char *rest, int input, int groups);
int space_net_pool(const struct space_net *b, enum net_op average_or_max, const char *prefix, const char *rest, int input,
                   int kernel, int stride, int pad);
int space_net_add(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, int input_count);
int space_net_mix(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, const int *coefficients,
                  int input_count);
int space_net_concat(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, int input_count);

/* A square convolution without bias, padded to keep the size at stride 1, and the batch norm behind it. */
int space_net_conv_bn(const struct space_net *b, const char *prefix, const char *conv, const char *bn, int input, int channels,
                      int kernel, int stride);

/* Declares the outputs, logits first. Where something failed the net is freed and *status tells why (`reason` is what the steps
 * were given). */
enum status_code space_net_finish(struct net *net, int logits, const int *taps, int tap_count, const struct status *reason,
                                  struct status *status);

/* The sizes every space asks for: channels, cells, classes within limits, height and width multiples of `multiple`.
 * STATUS_BAD_INPUT names what does not fit. `cells` says what is counted: "cells per stage". */
enum status_code space_net_check_sizes(const char *space, const struct space_build *build, int cells_least, const char *cells,
                                       int multiple, struct status *status);

#endif
