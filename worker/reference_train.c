/* reference_train: trains a reference with our own engine, and counts what it gets right.
 *
 * Used by `hwnas reference train` and the demo, where a usable reference is wanted in under a minute: the schedule follows
 * whichever of steps and time is further on, so it always ends at learning rate 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/engine/engine.h"
#include "worker/reference.h"

static size_t image_floats(const struct data_set *set)
{
    return (size_t)set->shape.c * (size_t)set->shape.h * (size_t)set->shape.w;
}

/* --- accuracy --- */

enum { ACCURACY_BATCH = 50 };

/* How many of images first..first+ACCURACY_BATCH-1 are right; the last batch is filled up with image 0, which is not counted. */
static size_t count_right(struct engine *engine, const struct data_set *set, size_t first, int classes, float *images)
{
    uint32_t indices[ACCURACY_BATCH] = {0};
    size_t right = 0;
    for (size_t i = 0; i < ACCURACY_BATCH && first + i < set->count; i++)
        indices[i] = (uint32_t)(first + i);
    data_batch(set, indices, ACCURACY_BATCH, images);
    engine_forward(engine, images);
    struct engine_rows logits = engine_output(engine, 0);
    for (size_t i = 0; i < ACCURACY_BATCH && first + i < set->count; i++)
        right += engine_best_class(logits, (int)i, classes) == set->labels[first + i];
    return right;
}

enum status_code reference_accuracy(const struct net *net, const struct data_set *set, double *fraction, struct status *status)
{
    const struct engine_options options = {.mode = ENGINE_INFER, .batch = ACCURACY_BATCH};
    struct net folded;
    struct engine *engine = NULL;
    float *images = NULL;
    net_init_empty(&folded);
    enum status_code code = net_fold(net, &folded, status);
    if (code == STATUS_OK)
        code = engine_create(&folded, &options, &engine, status);
    if (code == STATUS_OK && (images = malloc(ACCURACY_BATCH * image_floats(set) * sizeof *images)) == NULL)
        code = status_set(status, STATUS_NO_MEMORY, "reference: no memory for %d images", ACCURACY_BATCH);
    if (code == STATUS_OK) {
        size_t right = 0;
        for (size_t first = 0; first < set->count; first += ACCURACY_BATCH)
            right += count_right(engine, set, first, net->classes, images);
        *fraction = (double)right / (double)set->count;
    }
    free(images);
    engine_free(engine);
    net_free(&folded);
    return code;
}

/* --- training --- */

struct training {
    const struct data_set *set;
    const struct reference_training *options;
    struct engine *engine;
    struct rng rng;
    uint32_t *order; /* (set->count) this epoch's order of images */
    float *images;   /* (batch,C,H,W) */
    int *labels;     /* (batch) */
    int classes;
    long steps_per_epoch, steps_planned, step;
    int64_t started_ns;
    double running_loss;
};

static void shuffle(struct training *training)
{
    for (size_t i = training->set->count; i > 1; i--) {
        size_t j = (size_t)rng_below(&training->rng, i);
        uint32_t swap = training->order[i - 1];
        training->order[i - 1] = training->order[j];
        training->order[j] = swap;
    }
}

/* The next batch of the epoch; images that do not fill a batch at its end wait for the next shuffle. The first epoch is not
 * augmented: nothing has been seen twice yet, and a training of a minute may never get beyond it. */
static void load_batch(struct training *training)
{
    const struct data_set *set = training->set;
    long at = training->step % training->steps_per_epoch;
    size_t batch = (size_t)training->options->batch;
    if (at == 0)
        shuffle(training);
    const uint32_t *indices = training->order + (size_t)at * batch;
    if (training->options->augment && training->step >= training->steps_per_epoch)
        data_batch_augmented(set, indices, batch, &training->rng, training->images);
    else
        data_batch(set, indices, batch, training->images);
    for (size_t i = 0; i < batch; i++)
        training->labels[i] = set->labels[indices[i]];
}

/* One forward, backward and update; returns the batch's mean cross-entropy. */
static double train_step(struct training *training, double learning_rate)
{
    const struct reference_training *options = training->options;
    const struct engine_sgd sgd = {learning_rate, options->momentum, options->weight_decay};
    load_batch(training);
    engine_forward(training->engine, training->images);
    struct engine_rows logits = engine_output(training->engine, 0), gradient = engine_output_gradient(training->engine, 0);
    double loss = engine_cross_entropy(logits, training->labels, training->classes, 1, &gradient, NULL);
    engine_backward(training->engine);
    engine_step(training->engine, &sgd);
    return loss;
}

static double seconds_since(int64_t started_ns)
{
    return (double)(clock_monotonic_ns() - started_ns) * 1e-9;
}

/* How far on training is, 0 to 1: by steps or by time, whichever is further. */
static double fraction_done(const struct training *training)
{
    double by_steps = (double)training->step / (double)training->steps_planned;
    if (!(training->options->max_seconds > 0))
        return fmin(by_steps, 1);
    return fmin(fmax(by_steps, seconds_since(training->started_ns) / training->options->max_seconds), 1);
}

/* One cycle (L. Smith 2018): linear warm-up over the first fifth, then half a cosine down to 0. */
static double scheduled_rate(double peak, double fraction)
{
    const double warm_up = 0.2;
    if (fraction < warm_up)
        return peak * (0.04 + 0.96 * fraction / warm_up);
    return peak * 0.5 * (1 + cos(M_PI * (fraction - warm_up) / (1 - warm_up)));
}

static enum status_code train_loop(struct training *training, struct status *status)
{
    const struct reference_training *options = training->options;
    int reported = -1;
    double done = 0;
    while (done < 1) {
        double loss = train_step(training, scheduled_rate(options->learning_rate, done));
        if (!isfinite(loss))
            return status_set(status, STATUS_BAD_INPUT, "training diverged at step %ld (loss %g): lower the learning rate",
                              training->step, loss);
        double keep = fmin(0.98, (double)training->step / ((double)training->step + 1));
        training->running_loss = keep * training->running_loss + (1 - keep) * loss;
        training->step++;
        done = fraction_done(training);
        if (options->progress != NULL && (int)(done * 100) > reported) {
            reported = (int)(done * 100);
            options->progress(options->context, done, training->running_loss,
                              seconds_since(training->started_ns) * (1 - done) / done);
        }
    }
    return STATUS_OK;
}

static enum status_code check_options(const struct net *net, const struct data_set *set, const struct reference_training *options,
                                      struct status *status)
{
    struct net_shape in = net->nodes[0].shape;
    if (in.c != set->shape.c || in.h != set->shape.h || in.w != set->shape.w || net->classes < set->classes)
        return status_set(status, STATUS_BAD_INPUT,
                          "the network takes %dx%dx%d and knows %d classes, the images are %dx%dx%d of %d", in.c, in.h, in.w,
                          net->classes, set->shape.c, set->shape.h, set->shape.w, set->classes);
    if (options->batch < 2 || (size_t)options->batch > set->count)
        return status_set(status, STATUS_BAD_INPUT, "a training batch of %d; it must be 2 to the %zu images there are",
                          options->batch, set->count);
    if (options->epochs < 1)
        return status_set(status, STATUS_BAD_INPUT, "%d epochs; at least 1 is needed", options->epochs);
    return STATUS_OK;
}

static enum status_code prepare(struct training *training, const struct net *net, struct status *status)
{
    const struct reference_training *options = training->options;
    const struct engine_options engine = {.mode = ENGINE_TRAIN, .batch = options->batch, .track_running_stats = 1};
    size_t batch = (size_t)options->batch, count = training->set->count;
    training->order = malloc(count * sizeof *training->order);
    training->images = malloc(batch * image_floats(training->set) * sizeof *training->images);
    training->labels = malloc(batch * sizeof *training->labels);
    if (training->order == NULL || training->images == NULL || training->labels == NULL)
        return status_set(status, STATUS_NO_MEMORY, "reference: no memory to train on %zu images", count);
    for (size_t i = 0; i < count; i++)
        training->order[i] = (uint32_t)i;
    rng_seed(&training->rng, options->seed);
    training->classes = net->classes;
    training->steps_per_epoch = (long)(count / batch);
    training->steps_planned = training->steps_per_epoch * options->epochs;
    return engine_create(net, &engine, &training->engine, status);
}

enum status_code reference_train(struct net *net, const struct data_set *train, const struct data_set *test,
                                 const struct reference_training *options, struct reference_report *report, struct status *status)
{
    struct training training = {.set = train, .options = options, .started_ns = clock_monotonic_ns()};
    enum status_code code = check_options(net, train, options, status);
    if (code == STATUS_OK)
        code = prepare(&training, net, status);
    if (code == STATUS_OK)
        code = train_loop(&training, status);
    if (code == STATUS_OK) {
        engine_store_weights(training.engine, net);
        *report = (struct reference_report){.train_loss = training.running_loss,
                                            .test_accuracy = NAN,
                                            .seconds = seconds_since(training.started_ns),
                                            .steps = training.step};
    }
    engine_free(training.engine);
    free(training.order);
    free(training.images);
    free(training.labels);
    if (code == STATUS_OK && test != NULL)
        code = reference_accuracy(net, test, &report->test_accuracy, status);
    return code;
}
