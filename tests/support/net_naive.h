/* net_naive: the slow, obvious way to run a net for inference, in double precision: the oracle for folding, ONNX and the engine. */
#ifndef HWNAS_TESTS_SUPPORT_NET_NAIVE_H
#define HWNAS_TESTS_SUPPORT_NET_NAIVE_H

#include "common/net.h"

/* Output `output` of the net for one image (C,H,W), plain order; BN uses its running statistics, and coefficient c of a MIX is
 * 1/(c + 1). The caller frees. Aborts without memory. */
double *net_naive_run(const struct net *net, const float *image, int output);

/* Elements of that output. */
size_t net_naive_count(const struct net *net, int output);

#endif
