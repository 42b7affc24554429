/* nearest: which known word a mistyped one was meant to be: for keys, columns and verbs. Pure. */
#ifndef HWNAS_COMMON_NEAREST_H
#define HWNAS_COMMON_NEAREST_H

#include <stddef.h>

/* Edit distance with insertion, deletion, substitution and exchange of neighbours each costing 1 (optimal string alignment);
 * letters' case costs nothing. Only the first 63 bytes of each word count. */
size_t nearest_distance(const char *a, const char *b);

/* Index of the word with the smallest distance, the first of equals; count must not be 0. */
size_t nearest_word(const char *word, const char *const *words, size_t count);

#endif
