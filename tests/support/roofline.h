/* roofline: what a kernel can reach at most on this core at this moment: the rate at which a plain loop streams the same arrays.
 * Its other half, the peak of fused multiply-adds, is a member of the kernel table (worker/engine/kernels.h, peak_gflops). Source
 * of the two limits: Williams, Waterman and Patterson, Roofline, CACM 52(4), 2009. */
#ifndef HWNAS_TESTS_SUPPORT_ROOFLINE_H
#define HWNAS_TESTS_SUPPORT_ROOFLINE_H

#include <stddef.h>

enum { ROOFLINE_READS_MAX = 4 };

/* One pass over arrays of `count` floats (a multiple of 64, aligned to 64 bytes) with the widest vectors of this CPU and hardly any
 * arithmetic: reads in[0 .. reads), 1 to ROOFLINE_READS_MAX of them, and writes their mean to out, which may be one of them, or
 * nowhere (NULL). Returns a sum of what it read without writing, so that the reading cannot be left out. */
float roofline_stream(const float *const *in, int reads, float *out, size_t count);

#endif
