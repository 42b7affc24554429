/* protocol: how a candidate is scored by RMI: every number that the result depends on besides the architecture, the bundle and the
 * seed. Named presets; a protocol's digest is part of the evaluation key. Pure. */
#ifndef HWNAS_COMMON_PROTOCOL_H
#define HWNAS_COMMON_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/digest.h"
#include "common/status.h"

enum { PROTOCOL_NAME_BYTES = 32, PROTOCOL_STEPS_MAX = 10000, PROTOCOL_VERSION = 1 };

struct protocol {
    char name[PROTOCOL_NAME_BYTES]; /* of the preset, for people; not part of the digest */
    int32_t steps;                  /* forward passes recorded; steps-1 updates */
    int32_t channels;               /* of the first stage */
    int32_t cells;                  /* as struct space_build counts them in that space */
    double learning_rate, momentum, weight_decay;
    double beta; /* loss = beta*(taps - sum RMI) + (1-beta)*cross-entropy */
};

/* The preset of that name for candidates of that space.
 * nb201 (methods 1.5): "rmi-full" (151 passes, 16 channels, 5 cells a stage, lr 0.1, momentum 0.9, weight decay 5e-4, beta 0.8) or
 * "rmi-fast" (21 passes, 1 cell a stage, else the same) with "rmi-deep" (16 passes, 8 channels, 5 cells a stage) as its second
 * network: ours, the knee of docs/PROXY.md. "rmi-final" (41 passes, else as "rmi-full"): of finalists, ours.
 * darts (methods 1.5): "rmi-full" (251 passes, 16 channels, 8 cells in all, lr 0.025, momentum 0.9, weight decay 3e-4, beta 0.8) or
 * "rmi-fast" (51 passes, 5 cells: the fewest that leave a normal cell in each stage; else the same).
 * fbnet (ours; nothing is published): as nb201's, with 22 layers; "rmi-fast" has 51 passes. Layers cannot be left out.
 * STATUS_NOT_FOUND with the known names, or because the space has none. */
enum status_code protocol_preset(const char *space, const char *name, struct protocol *out, struct status *status);

/* The name under which a study keeps the preset that was asked for by `name`. "rmi-fast" may come to mean other numbers, and a
 * study goes on with those that it began with: where it has changed, a study that begins keeps "rmi-fast-2", the numbers of today,
 * and in settings stored without such a number (`stored`) it is "rmi-fast-1", those of then. Every other name is its own. Both are
 * also taken by protocol_preset. Static, or `name` itself. */
const char *protocol_kept_name(const char *space, const char *name, bool stored);

/* Ranges: what the wire and the configuration check. */
enum status_code protocol_check(const struct protocol *protocol, struct status *status);

/* Digest over PROTOCOL_VERSION and every number above. */
void protocol_digest(const struct protocol *protocol, struct digest *out);

/* The seed of a candidate's initial weights: digest of (study seed, canonical architecture's text, protocol cells and channels).
 * Never of arrival order, worker or time. */
void protocol_weight_seed(const struct protocol *protocol, uint64_t study_seed, const char *canonical_arch, struct rng *out);

#endif
