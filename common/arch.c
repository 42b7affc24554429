/* arch: comparison of architectures. */
#include "common/arch.h"

#include <string.h>

bool arch_equal(const struct arch *a, const struct arch *b)
{
    return a->length == b->length && memcmp(a->genes, b->genes, a->length) == 0;
}
