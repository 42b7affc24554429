/* decimal: numbers as text for files and results. Pure. */
#ifndef HWNAS_COMMON_DECIMAL_H
#define HWNAS_COMMON_DECIMAL_H

enum { DECIMAL_BYTES = 32 };

/* The shortest of the decimal texts with 15 to 17 digits that reads back as the same double: 0.1, not 0.10000000000000001. "nan",
 * "inf" and "-inf" for what is not finite. */
void decimal_print(double value, char out[DECIMAL_BYTES]);

#endif
