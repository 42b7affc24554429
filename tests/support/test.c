/* test: assertions that cmocka lacks, and how much of something is enough. */
#include "tests/support/test.h"

#include <math.h>

void test_near(double got, double want, double rel, double abs, const char *what, const char *file, int line)
{
    double error = fabs(got - want);
    if (isfinite(got) && (error <= abs || error <= rel * fabs(want)))
        return;
    print_error("%s = %.12g, wanted %.12g (error %.3g)\n", what, got, want, error);
    _fail(file, line);
}

long test_amount(long quick, long full)
{
    const char *word = getenv("HWNAS_FULL");
    return word != NULL && *word != '\0' ? full : quick;
}
