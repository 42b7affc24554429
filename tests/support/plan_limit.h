/* plan_limit: how long a planned net takes at the least: every step at the peak of multiply-adds or at the rate of the memory that
 * its arrays fit into, whichever is longer. A limit for this plan of the net and for convolutions as defined; a plan that passes
 * over memory less often, or a Winograd convolution, may go below it. What a step reads to feed norms (kernels_feeds) is not
 * counted: most of it the step reads anyway. */
#ifndef HWNAS_TESTS_SUPPORT_PLAN_LIMIT_H
#define HWNAS_TESTS_SUPPORT_PLAN_LIMIT_H

#include "common/net.h"
#include "worker/engine/engine.h"

/* This core at this moment. */
struct plan_machine {
    double peak_gflops;
    double near_gbs, far_gbs; /* of a plain loop that reads two arrays and writes one, within the second-level cache and beyond */
    size_t near_bytes;        /* of that cache */
};

/* Measures, some 50 ms of processor time. */
void plan_limit_measure(enum engine_isa isa, struct plan_machine *machine);

/* Seconds and FLOPs of one forward, and in ENGINE_TRAIN of one backward. */
struct plan_limit {
    double forward_seconds, backward_seconds;
    double forward_gflop, backward_gflop;
};

/* Exits where the net cannot be planned. */
struct plan_limit plan_limit_of(const struct net *net, const struct engine_options *options, const struct plan_machine *machine);

#endif
