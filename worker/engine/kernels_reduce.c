/* kernels_reduce: the sums over a gradient that the backward of batch norms begins with. Whichever kernel writes the gradient takes
 * them for all norms that feed on it while what it wrote is in the cache; `reduce` is a pass of its own for gradients that come
 * from elsewhere. */
#include "worker/engine/kernels_inner.h"

void KERNEL(feeds_clear)(const struct kernels_feeds *feeds, int channels)
{
    const size_t bytes = (size_t)blocks_of(channels) * LANES * sizeof(double);
    for (int i = 0; i < feeds->count; i++) {
        memset(feeds->to[i].sums, 0, bytes);
        memset(feeds->to[i].products, 0, bytes);
    }
}

/* At most SPAN vectors, for COUNT norms from `feed` on. */
INLINE void add_span(const int COUNT, const struct kernels_feed *feed, size_t at, int channel, const engine_real *dy, size_t count)
{
    vec s0 = {0}, s1 = {0}, q0[COUNT], q1[COUNT], mean[COUNT];
    UNROLL for (int k = 0; k < COUNT; k++)
    {
        q0[k] = q1[k] = (vec){0};
        mean[k] = load(feed[k].mean + channel);
    }
    size_t i = 0;
    for (; i + 2 <= count; i += 2) {
        const vec a = load(dy + i * LANES), b = load(dy + (i + 1) * LANES);
        s0 += a;
        s1 += b;
        UNROLL for (int k = 0; k < COUNT; k++)
        {
            q0[k] += a * (load(feed[k].x + at + i * LANES) - mean[k]);
            q1[k] += b * (load(feed[k].x + at + (i + 1) * LANES) - mean[k]);
        }
    }
    if (i < count) {
        const vec a = load(dy + i * LANES);
        s0 += a;
        UNROLL for (int k = 0; k < COUNT; k++) q0[k] += a * (load(feed[k].x + at + i * LANES) - mean[k]);
    }
    UNROLL for (int k = 0; k < COUNT; k++)
    {
        add_lanes(feed[k].sums + channel, s0 + s1);
        add_lanes(feed[k].products + channel, q0[k] + q1[k]);
    }
}

void KERNEL(feeds_add)(const struct kernels_feeds *feeds, size_t at, int channel, const engine_real *dy, size_t count)
{
    for (int k = 0; k < feeds->count;) {
        const int together = feeds->count - k >= 3 ? 3 : feeds->count - k;
        for (size_t start = 0; start < count; start += SPAN) {
            const size_t span = start + SPAN < count ? SPAN : count - start, from = at + start * LANES;
            if (together == 3)
                add_span(3, feeds->to + k, from, channel, dy + start * LANES, span);
            else if (together == 2)
                add_span(2, feeds->to + k, from, channel, dy + start * LANES, span);
            else
                add_span(1, feeds->to + k, from, channel, dy + start * LANES, span);
        }
        k += together;
    }
}

void KERNEL(reduce)(int n, int channels, size_t plane, const engine_real *gradient, const struct kernels_feeds *feeds);
void KERNEL(reduce)(int n, int channels, size_t plane, const engine_real *gradient, const struct kernels_feeds *feeds)
{
    const int blocks = blocks_of(channels);
    KERNEL(feeds_clear)(feeds, channels);
    for (int p = 0; p < n * blocks; p++) {
        const size_t at = (size_t)p * plane * LANES;
        KERNEL(feeds_add)(feeds, at, p % blocks * LANES, gradient + at, plane);
    }
}
