/* arch: an architecture as a value: one small integer (a gene) per decision of its search space. Pure.
 *
 * What the genes mean is known to the space alone (common/space.h); strategies only count, copy and vary them. */
#ifndef HWNAS_COMMON_ARCH_H
#define HWNAS_COMMON_ARCH_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ARCH_GENES_MAX = 64,
    ARCH_TEXT_BYTES = 512 /* room for any space's printed architecture with its NUL */
};

struct arch {
    uint8_t length; /* genes in use, at most ARCH_GENES_MAX */
    uint8_t genes[ARCH_GENES_MAX];
};

/* Same length and same genes. */
bool arch_equal(const struct arch *a, const struct arch *b);

#endif
