/* trust_result: whether a measurement can be true at all, from what the agent sent with it. Pure. docs/MEASURING.md, Trust. */
#ifndef HWNAS_MASTER_TRUST_RESULT_H
#define HWNAS_MASTER_TRUST_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/digest.h"
#include "common/status.h"

enum { TRUST_SAMPLES_MAX = 4096, TRUST_SPREAD_SAMPLES = 10 };

/* The detail of a measurement (docs/MEASURING.md, A result's detail) as far as it is checked. */
struct trust_evidence {
    int count; /* of samples */
    double samples_ms[TRUST_SAMPLES_MAX];
    double latency_ms, mean_ms, min_ms; /* as declared; NaN: not */
    double headline_ms;                 /* as it follows from the samples */
    double tail_mean_ms, tail_min_ms;   /* likewise, over the samples that the statistics are about */
    double total_ms;                    /* of all samples taken, as far as the detail tells */
    char digest[DIGEST_HEX_BYTES];      /* of the samples in order; empty when there are fewer than 10 */
};

/* Reads a detail. STATUS_BAD_INPUT with a sentence: no samples, more than 4,096, or some that are no positive numbers. */
enum status_code trust_evidence_read(const char *detail, size_t size, struct trust_evidence *out, struct status *status);

/* What is known about the network, the board and the task beside it. */
struct trust_limits {
    double macs, params;                      /* of the network; 0: unknown */
    double bytes_per_param;                   /* by the precision of the device key: trust_bytes_per_param */
    double peak_macs_per_s, peak_bytes_per_s; /* of the board; 0: unknown */
    bool deterministic;                       /* it calculates latency */
    bool simulated;     /* it plays a board: its samples took no time, and come again when it is started again */
    bool samples_known; /* an earlier result of the board has the same */
    double age_seconds; /* from lease to result; NaN: unknown */
    double seconds;     /* that the agent says it spent */
};

/* 4, 2 or 1, from the last part of a device key (f32, f16, bf16, ...): at least so many bytes of weights are read for a parameter.
 */
double trust_bytes_per_param(const char *device_key);

/* Whether the value can be true; else a sentence in why, which otherwise is not touched. Refused are: less time than the network's
 * MACs (a quarter of them: fast convolution algorithms do no fewer) or its weights take at the board's peak; equal samples, 10 or
 * more, unless deterministic; samples that an earlier result had (likewise); samples that together took longer than it was from
 * lease to result, or an agent that says so; and statistics that do not follow from the samples. */
bool trust_believable(double value_ms, const struct trust_evidence *evidence, const struct trust_limits *limits, char *why,
                      size_t size);

#endif
