/* loss: the mean cross-entropy of logits and its gradient (log-sum-exp with the maximum taken out). Called between an engine's
 * forward and backward. */
#include <math.h>

#include "worker/engine/engine.h"

/* -log softmax(row)[label]; *normaliser becomes log sum exp(row). */
static double row_entropy(const engine_real *row, int classes, int label, double *normaliser)
{
    double highest = (double)row[0], sum = 0;
    for (int c = 1; c < classes; c++)
        highest = (double)row[c] > highest ? (double)row[c] : highest;
    for (int c = 0; c < classes; c++)
        sum += exp((double)row[c] - highest);
    *normaliser = highest + log(sum);
    return *normaliser - (double)row[label];
}

double engine_cross_entropy(struct engine_rows logits, const int *labels, int classes, double weight, struct engine_rows *gradient,
                            double *per_image)
{
    double total = 0;
    for (int n = 0; n < logits.rows; n++) {
        const engine_real *row = logits.data + (size_t)n * logits.stride;
        double normaliser;
        const double entropy = row_entropy(row, classes, labels[n], &normaliser);
        total += entropy;
        if (per_image)
            per_image[n] = entropy;
        for (int c = 0; gradient && c < classes; c++) {
            const double share = exp((double)row[c] - normaliser) - (c == labels[n]);
            gradient->data[(size_t)n * gradient->stride + (size_t)c] += (engine_real)(weight * share / logits.rows);
        }
    }
    return total / logits.rows;
}

int engine_best_class(struct engine_rows logits, int image, int classes)
{
    const engine_real *row = logits.data + (size_t)image * logits.stride;
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}
