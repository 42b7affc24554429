/* combine: phi, multiply-accumulates, and phi of a second network as one fitness (ours; docs/PROXY.md). Pure.
 *
 *   nearness = -ln(1 - phi / taps)
 *   "macs":      fitness = z(nearness) + z(ln MACs)
 *   "macs+deep": fitness = z(2 z(nearness) + z(nearness of the deep network)) + z(ln MACs)
 *
 * z is a standard score, (value - mean) / spread: 0 is what a random architecture of the space has, and good ones have 2 or 3. phi
 * saturates at the number of taps, so that good candidates differ in what is missing: the logarithm takes them apart. The means
 * move every fitness alike and change no order; the spreads weigh the parts. They are constants of space and protocol, found on
 * random architectures without their accuracies, so a candidate's fitness depends on nothing but the candidate. The deep network
 * counts half: its nearness has a long upper tail, in which a search would find what is lucky. */
#ifndef HWNAS_COMMON_COMBINE_H
#define HWNAS_COMMON_COMBINE_H

#include <stddef.h>

/* Of random connected architectures. */
struct combine_part {
    double mean, spread;
};

struct combine_scale {
    int taps; /* of the space's networks */
    struct combine_part nearness;
    struct combine_part log_macs;      /* the natural logarithm of MACs in the space's own network */
    const char *deep;                  /* the protocol of the second network: deeper and narrower */
    struct combine_part deep_nearness; /* of that network */
    double both_spread;                /* of the weighted sum of both networks' standard scores */
};

/* The scale of that space and protocol (a name that protocol_kept_name gives); NULL where none was measured. Static. */
const struct combine_scale *combine_scale(const char *space, const char *protocol);

/* Each phi is the sum of `taps` RMIs, macs is above 0. A phi within a millionth of its maximum counts as that. */
double combine_macs(const struct combine_scale *scale, double phi, double macs);
double combine_macs_deep(const struct combine_scale *scale, double phi, double deep_phi, double macs);

/* --- finals --- */

enum { COMBINE_FINAL_DRAWS_MAX = 8 };

/* How the best of a search are scored once more: by a network of the papers' size, trained several times from different initial
 * weights. */
struct combine_finals {
    const char *name, *protocol;
    unsigned draws; /* trainings */
    int taps;
    struct combine_part nearness; /* of one training */
    struct combine_part log_macs;
};

/* The name under which a study keeps the finals that were asked for by `name`, as protocol_kept_name: "final" is "final-1" today.
 * Static, or `name` itself. */
const char *combine_finals_kept_name(const char *name);

/* The finals of that name for a search in that space with that protocol; NULL where there are none. Static. */
const struct combine_finals *combine_finals(const char *space, const char *protocol, const char *name);

/* final score = z(mean of the draws' nearness) + z(ln MACs); phi: one a draw. MACs are the exact architecture's (docs/PROXY.md). */
double combine_final(const struct combine_finals *finals, const double *phi, double macs);

#endif
