/* reference_train: trains a reference with our own engine.
 *
 * Used by `hwnas reference train` and the demo, where a usable reference is wanted in under a minute: the schedule follows
 * whichever of steps and time is further on, so it always ends at learning rate 0. */
#include <math.h>

#include "common/clock.h"
#include "worker/engine/engine.h"
#include "worker/infer.h"
#include "worker/passes.h"
#include "worker/reference.h"

struct training {
    const struct reference_training *options;
    struct engine *engine;
    struct passes passes;
    int classes;
    long steps_planned, step;
    int64_t started_ns;
    double running_loss;
};

/* One forward, backward and update; returns the batch's mean cross-entropy. */
static double train_step(struct training *training, double learning_rate)
{
    const struct reference_training *options = training->options;
    const struct engine_sgd sgd = {learning_rate, options->momentum, options->weight_decay};
    passes_next(&training->passes);
    engine_forward(training->engine, training->passes.images);
    struct engine_rows logits = engine_output(training->engine, 0), gradient = engine_output_gradient(training->engine, 0);
    double loss = engine_cross_entropy(logits, training->passes.labels, training->classes, 1, &gradient, NULL);
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

static enum status_code train_loop(struct training *training, struct status *status)
{
    const struct reference_training *options = training->options;
    int reported = -1;
    double done = 0;
    while (done < 1) {
        double loss = train_step(training, passes_rate(options->learning_rate, done));
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
    if (options->epochs < 1)
        return status_set(status, STATUS_BAD_INPUT, "%d epochs; at least 1 is needed", options->epochs);
    return STATUS_OK;
}

static enum status_code prepare(struct training *training, const struct net *net, const struct data_set *set, struct status *status)
{
    const struct reference_training *options = training->options;
    const struct engine_options engine = {.mode = ENGINE_TRAIN, .batch = options->batch, .track_running_stats = 1};
    enum status_code code = passes_open(set, options->batch, options->augment, options->seed, &training->passes, status);
    training->classes = net->classes;
    training->steps_planned = training->passes.steps_per_pass * options->epochs;
    return code == STATUS_OK ? engine_create(net, &engine, &training->engine, status) : code;
}

enum status_code reference_train(struct net *net, const struct data_set *train, const struct data_set *test,
                                 const struct reference_training *options, struct reference_report *report, struct status *status)
{
    struct training training = {.options = options, .started_ns = clock_monotonic_ns()};
    enum status_code code = check_options(net, train, options, status);
    if (code == STATUS_OK)
        code = prepare(&training, net, train, status);
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
    passes_free(&training.passes);
    if (code == STATUS_OK && test != NULL)
        code = infer_accuracy(net, test, &report->test_accuracy, status);
    return code;
}
