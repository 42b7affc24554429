/* decimal: printing doubles. Called by the configuration and by the verbs' results. */
#include "common/decimal.h"

#include <stdio.h>
#include <stdlib.h>

void decimal_print(double value, char out[DECIMAL_BYTES])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, DECIMAL_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value)
            return;
    }
}
