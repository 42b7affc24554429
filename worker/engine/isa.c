/* isa: picks the kernel table at run time, so that one binary runs on every CPU of its architecture. Called when an engine is made.
 */
#include "worker/engine/isa.h"

#ifdef __arm__
#include <sys/auxv.h>
/* The flavour that runs on every 32-bit ARM of Debian has neither; boards since the Cortex-A7 have both. */
static const unsigned long neon = HWCAP_ARM_NEON | HWCAP_ARM_VFPv4;
#endif

enum engine_isa isa_best(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return ENGINE_ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return ENGINE_ISA_AVX2;
#elif defined(__aarch64__)
    return ENGINE_ISA_NEON;
#elif defined(__arm__)
    if ((getauxval(AT_HWCAP) & neon) == neon)
        return ENGINE_ISA_NEON;
#endif
    return ENGINE_ISA_PORTABLE;
}

/* The table of this build, or NULL. */
static const struct kernels *built(enum engine_isa isa)
{
    switch (isa) {
#ifndef __aarch64__
    case ENGINE_ISA_PORTABLE: return &kernels_portable;
#endif
#if defined(__x86_64__)
    case ENGINE_ISA_AVX2: return &kernels_avx2;
    case ENGINE_ISA_AVX512: return &kernels_avx512;
#elif defined(__aarch64__) || defined(__arm__)
    case ENGINE_ISA_NEON: return &kernels_neon;
#endif
    default: return NULL;
    }
}

const struct kernels *isa_kernels(enum engine_isa isa)
{
    const enum engine_isa best = isa_best();
    return isa > best ? NULL : built(isa == ENGINE_ISA_AUTO ? best : isa);
}

enum engine_isa isa_next(enum engine_isa isa)
{
    do
        isa = isa < ENGINE_ISA_AVX512 ? isa + 1 : ENGINE_ISA_AUTO;
    while (isa != ENGINE_ISA_AUTO && isa_kernels(isa) == NULL);
    return isa;
}

const char *engine_isa_word(enum engine_isa isa)
{
    static const char *const names[] = {"auto", "portable", "neon", "avx2", "avx512"};
    return isa >= ENGINE_ISA_AUTO && isa <= ENGINE_ISA_AVX512 ? names[isa] : "unknown";
}
