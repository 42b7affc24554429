/* cli_reference_train: `hwnas reference train`: a ResNet-20 on the person's own images, by our own engine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fileio.h"
#include "common/net_onnx.h"
#include "worker/cli_options.h"
#include "worker/cli_reference_parts.h"
#include "worker/reference.h"

struct train_options {
    struct cli_images images, test; /* test.path NULL: none */
    struct reference_training training;
    const char *out;
    enum cli_format format;
};

enum { KEY_TEST_IMAGES = 256, KEY_TEST_LABELS, KEY_EPOCHS, KEY_MAX_SECONDS, KEY_SEED, KEY_BATCH, KEY_RATE, KEY_NO_AUGMENT };

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "the ONNX file to write (needed)", 1},
    {"test-images", KEY_TEST_IMAGES, "FILE", 0, "images to measure the accuracy on, in the same format", 1},
    {"test-labels", KEY_TEST_LABELS, "FILE", 0, "labels of the test images; default: the file beside them", 1},
    {"epochs", KEY_EPOCHS, "N", 0, "passes over the images; default 30", 1},
    {"max-seconds", KEY_MAX_SECONDS, "S", 0, "end by then, with the schedule fitted to it; default: no limit", 1},
    {"seed", KEY_SEED, "S", 0, "seed of weights and batches; default 1", 1},
    {"batch", KEY_BATCH, "N", 0, "images a step; default 16", 1},
    {"learning-rate", KEY_RATE, "R", 0, "peak of the one-cycle schedule; default 0.05", 1},
    {"no-augment", KEY_NO_AUGMENT, NULL, 0, "neither crop nor flip the images", 1},
    {NULL, 'f', "FORMAT", 0, "print the outcome as table (default), csv or json", 1},
    {0}};

static void require_files(const struct train_options *options, struct argp_state *state)
{
    if (options->images.path == NULL || options->out == NULL)
        argp_error(state, "--images and -o are needed");
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct train_options *options = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &options->images; break;
    case 'i': options->images.path = text; break;
    case 'o': options->out = text; break;
    case 'f': options->format = cli_option_format(text, state); break;
    case KEY_TEST_IMAGES: options->test.path = text; break;
    case KEY_TEST_LABELS: options->test.labels = text; break;
    case KEY_EPOCHS: options->training.epochs = cli_option_int("epochs", text, 1, 100000, state); break;
    case KEY_MAX_SECONDS: options->training.max_seconds = cli_option_number("max-seconds", text, 0.1, 1e7, state); break;
    case KEY_SEED: options->training.seed = cli_option_seed("seed", text, state); break;
    case KEY_BATCH: options->training.batch = cli_option_int("batch", text, 2, 4096, state); break;
    case KEY_RATE: options->training.learning_rate = cli_option_number("learning-rate", text, 1e-6, 10, state); break;
    case KEY_NO_AUGMENT: options->training.augment = false; break;
    case ARGP_KEY_ARG: argp_error(state, "'%s' belongs to no option", text); break;
    case ARGP_KEY_END: require_files(options, state); break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static void show_progress(void *context, double fraction, double loss, double seconds_left)
{
    char detail[48];
    snprintf(detail, sizeof detail, "loss %.3f", loss);
    cli_progress_show(context, fraction, seconds_left, detail);
}

static enum status_code print_report(const struct train_options *options, const struct reference_report *report,
                                     struct status *status)
{
    if (options->format == CLI_JSON)
        return cli_json_print(json_pack("{s:s,s:f,s:o,s:f,s:I}", "model", options->out, "train_loss", report->train_loss,
                                        "test_accuracy", cli_json_number(report->test_accuracy), "seconds", report->seconds,
                                        "steps", (json_int_t)report->steps),
                              status);
    if (options->format == CLI_CSV) {
        printf("train_loss,test_accuracy,seconds,steps\n%.17g,", report->train_loss);
        if (isfinite(report->test_accuracy))
            printf("%.17g", report->test_accuracy);
        printf(",%.3f,%ld\n", report->seconds, report->steps);
        return STATUS_OK;
    }
    printf("%ld steps in %.1f s, training loss %.4f\n", report->steps, report->seconds, report->train_loss);
    if (isfinite(report->test_accuracy))
        printf("test accuracy %.2f %%\n", report->test_accuracy * 100);
    printf("written to %s\n", options->out);
    return STATUS_OK;
}

static enum status_code train(struct train_options *options, struct status *status)
{
    struct data_set images = {0}, test = {0};
    struct reference_report report;
    struct cli_progress progress = {.what = "training", .last_tenth = -1};
    struct rng rng;
    struct net net;
    net_init_empty(&net);
    enum status_code code = fileio_check_target(options->out, status);
    if (code == STATUS_OK)
        code = cli_images_load_pair(&options->images, 0, &options->test, 0, &images, &test, status);
    if (code == STATUS_OK)
        code = reference_resnet20(images.shape, images.classes, &net, status);
    if (code == STATUS_OK) {
        rng_seed(&rng, options->training.seed);
        net_init(&net, &rng);
        options->training.progress = show_progress;
        options->training.context = &progress;
        code = reference_train(&net, &images, options->test.path != NULL ? &test : NULL, &options->training, &report, status);
        cli_progress_end();
    }
    if (code == STATUS_OK)
        code = net_onnx_save(&net, options->out, status);
    if (code == STATUS_OK)
        code = print_report(options, &report, status);
    net_free(&net);
    data_free(&test);
    data_free(&images);
    return code;
}

int cli_reference_train(int argc, char **argv)
{
    static const struct argp_child children[] = {{&cli_images_argp, 0, "The training images:", 2}, {0}};
    static const struct argp argp = {option_table,
                                     parse_option,
                                     NULL,
                                     "Trains a ResNet-20 on labelled images and writes it as ONNX with its three stages as taps: a "
                                     "reference for `hwnas reference "
                                     "build`.\vProgress goes to standard error: a bar on a terminal, plain lines otherwise.",
                                     children,
                                     NULL,
                                     NULL};
    struct train_options options = {
        .training = {
            .epochs = 30, .batch = 16, .learning_rate = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .augment = true, .seed = 1}};
    struct status status = {0};
    engine_blas_settle();
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    cli_warn_of_blas("reference train");
    return train(&options, &status) == STATUS_OK ? cli_flush("reference train") : cli_fail("reference train", &status);
}
