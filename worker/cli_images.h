/* cli_images: `hwnas images build` (docs/REFERENCE.md), and the options that name labelled images, which other verbs have too. */
#ifndef HWNAS_WORKER_CLI_IMAGES_H
#define HWNAS_WORKER_CLI_IMAGES_H

#include <argp.h>

#include "common/cli.h"
#include "worker/data.h"

extern const struct cli_verb cli_images_verb;

/* A set of images as the options name it. */
struct cli_images {
    const char *path, *labels, *format;
    float mean[4], std[4];
    int mean_count, std_count; /* channels given by --mean and --std; 0: the set's own */
};

/* Loads at most max_count images (0: all) and applies --mean and --std. */
enum status_code cli_images_load(const struct cli_images *images, size_t max_count, struct data_set *out, struct status *status);

/* A training set and a test set (path NULL: none, *test stays empty) of the same format, shape and classes, at most so many images
 * of each (0: all). The test images get the training images' normalisation, which is the one a network learns. Free both with
 * data_free, also after a failure. */
enum status_code cli_images_load_pair(const struct cli_images *images, size_t max_count, const struct cli_images *test_images,
                                      size_t test_max_count, struct data_set *train, struct data_set *test, struct status *status);

/* The options that fill it, as an argp child: --images, --labels, --format, --mean and --std. */
extern const struct argp cli_images_argp;

#endif
