/* reference: the reference model: building ResNet-20, training it with our own engine, choosing the frozen batch and making the
 * bundle (methods 1.3 and 1.4). */
#ifndef HWNAS_WORKER_REFERENCE_H
#define HWNAS_WORKER_REFERENCE_H

#include <stdbool.h>

#include "common/bundle.h"
#include "common/net.h"
#include "worker/data.h"

/* ResNet-20 for CIFAR-sized images (He et al. 2016, section 4.2; option-A shortcuts), outputs: logits, stage 1, stage 2, stage 3
 * (post-ReLU). Parameter names are those of the public PyTorch checkpoint (conv1.weight, layer1.0.conv1.weight, ...,
 * linear.weight). */
enum status_code reference_resnet20(struct net_shape input, int classes, struct net *out, struct status *status);

struct reference_training {
    int epochs;           /* may end earlier by max_seconds */
    int batch;            /* images a step */
    double learning_rate; /* peak of a one-cycle schedule: linear warm-up over the first fifth of all steps, cosine to 0 */
    double momentum, weight_decay;
    bool augment;       /* crop and flip from the second epoch on */
    double max_seconds; /* 0: no limit. The schedule follows the steps or the time, whichever is further on, so it always ends at 0;
                           with a limit the outcome depends on the machine's speed */
    uint64_t seed;
    /* Called about a hundred times: fraction done in [0,1], running loss, seconds left. NULL: silent. */
    void (*progress)(void *context, double fraction, double loss, double seconds_left);
    void *context;
};

struct reference_report {
    double train_loss;    /* running mean at the end */
    double test_accuracy; /* fraction in [0,1] on the test set, running statistics; NaN without a test set */
    double seconds;
    long steps;
};

/* Trains `net` (initialised by the caller) in place. test may be NULL. */
enum status_code reference_train(struct net *net, const struct data_set *train, const struct data_set *test,
                                 const struct reference_training *options, struct reference_report *report, struct status *status);

/* Scores images 0..pool-1 of the set with the reference in ONE batch with batch statistics, keeps the `batch` images of lowest
 * cross-entropy in that order, runs the reference on those (again batch statistics) and takes its taps' centred Grams. *out is
 * freed with bundle_free. Images of equal cross-entropy keep the pool's order. STATUS_BAD_INPUT when the set has fewer images than
 * pool, pool < batch, or the net has no taps. */
enum status_code reference_bundle(const struct net *net, const char *reference_name, const struct data_set *set, int pool,
                                  int batch, struct bundle *out, struct status *status);

#endif
