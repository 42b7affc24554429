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

/* The options that fill it, as an argp child: --images, --labels, --format, --mean and --std. */
extern const struct argp cli_images_argp;

#endif
