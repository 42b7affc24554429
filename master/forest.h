/* forest: a random forest that tells two classes apart, on columns of small integers (Breiman, Random Forests, 2001). Pure: all
 * chance comes from the generator passed in.
 *
 * A row is (columns) values; column j holds 0 .. choices[j]-1. The forest sees it one-hot: feature (j,v) is 1 where column j holds
 * v, which for nb201 are the 30 features of RMI-NAS. Settings are those that scikit-learn's RandomForestClassifier has by default,
 * which RMI-NAS uses: bootstrap samples of n rows, Gini impurity, floor(sqrt(features)) features drawn for each split (more until
 * one of them divides the rows at all), trees grown until their leaves are pure or cannot be divided, votes averaged as
 * probabilities. */
#ifndef HWNAS_MASTER_FOREST_H
#define HWNAS_MASTER_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/rng.h"

struct forest;

struct forest_rows {
    const uint8_t *values; /* (count, columns) */
    const bool *positive;  /* (count) the class of each row */
    size_t count, columns;
    const uint8_t *choices; /* (columns) */
};

/* Grows `trees` trees; count, columns and trees >= 1. The generator draws, tree by tree, the bootstrap sample, then depth first
 * (rows that hold the value before those that do not) the features of each node whose rows differ in class. NULL without memory.
 * Free with forest_free. */
struct forest *forest_grow(const struct forest_rows *rows, uint32_t trees, struct rng *rng);
void forest_free(struct forest *forest);

/* The mean over the trees of the share of positives in the leaf that the row (columns) falls into: 0 .. 1. */
double forest_probability(const struct forest *forest, const uint8_t *row);

#endif
