/* isa: picks the kernel table at run time, so that one binary runs on every CPU of its architecture. Called when an engine is made.
 */
#include "worker/engine/isa.h"

enum engine_isa isa_best(void)
{
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return ENGINE_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return ENGINE_ISA_AVX2;
#endif
    return ENGINE_ISA_PORTABLE;
}

const struct kernels *isa_kernels(enum engine_isa isa)
{
    enum engine_isa best = isa_best();
    if (isa == ENGINE_ISA_AUTO)
        isa = best;
    if (isa > best)
        return NULL;
    switch (isa) {
    case ENGINE_ISA_PORTABLE: return &kernels_portable;
#ifdef __x86_64__
    case ENGINE_ISA_AVX2: return &kernels_avx2;
    case ENGINE_ISA_AVX512: return &kernels_avx512;
#endif
    default: return NULL;
    }
}

const char *isa_name(enum engine_isa isa)
{
    static const char *const names[] = {"auto", "portable", "avx2", "avx512"};
    return isa >= ENGINE_ISA_AUTO && isa <= ENGINE_ISA_AVX512 ? names[isa] : "unknown";
}
