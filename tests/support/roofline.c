/* roofline: a loop that does nothing but stream, for the limit beside a kernel's time. */
#include "tests/support/roofline.h"

typedef float block __attribute__((vector_size(64), may_alias));

#if defined(__x86_64__)
#define EVERY_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define EVERY_WIDTH
#endif

enum { CHAINS = 4, LANES = sizeof(block) / sizeof(float) };

/* `reads` is a constant at every call, so that each count has a loop of its own. Sums are kept in several chains: one would wait
 * for its own additions longer than for the first two caches. */
static inline __attribute__((always_inline)) float stream(const float *const *in, const int reads, float *out, size_t count)
{
    const float share = 1.F / (float)reads;
    block totals[CHAINS] = {{0}};
    for (size_t i = 0; i < count; i += CHAINS * LANES) {
#pragma GCC unroll 4
        for (int c = 0; c < CHAINS; c++) {
            const size_t at = i + (size_t)(c * LANES);
            block v = *(const block *)(in[0] + at);
            for (int k = 1; k < reads; k++)
                v += *(const block *)(in[k] + at);
            if (out)
                *(block *)(out + at) = v * share;
            else
                totals[c] += v;
        }
    }
    const block all = totals[0] + totals[1] + totals[2] + totals[3];
    float sum = 0;
    for (int l = 0; l < LANES; l++)
        sum += all[l];
    return sum;
}

EVERY_WIDTH float roofline_stream(const float *const *in, int reads, float *out, size_t count)
{
    switch (reads) {
    case 1: return stream(in, 1, out, count);
    case 2: return stream(in, 2, out, count);
    case 3: return stream(in, 3, out, count);
    default: return stream(in, 4, out, count);
    }
}
