/* cli_reference_parts: what the three commands of `hwnas reference` share. Private to worker/cli_reference*.c. */
#ifndef HWNAS_WORKER_CLI_REFERENCE_PARTS_H
#define HWNAS_WORKER_CLI_REFERENCE_PARTS_H

#include <argp.h>

#include "common/net.h"
#include "worker/data.h"

int cli_reference_build(int argc, char **argv);
int cli_reference_import(int argc, char **argv);
int cli_reference_train(int argc, char **argv);

/* A reference model: ONNX, or (by a name that ends in .safetensors) the state dict of a ResNet-20. */
struct cli_model {
    const char *path;
    char *taps[NET_OUTPUTS_MAX - 1]; /* value names from --taps; none: the model's own */
    int tap_count;
};

/* Loads it with its taps into *out (empty before; net_free). */
enum status_code cli_model_load(const struct cli_model *model, struct net *out, struct status *status);

/* A set of images as the options name it. */
struct cli_images {
    const char *path, *labels, *format;
    float mean[4], std[4];
    int mean_count, std_count; /* channels given by --mean and --std; 0: the set's own */
};

/* Loads at most max_count images (0: all) and applies --mean and --std. */
enum status_code cli_images_load(const struct cli_images *images, size_t max_count, struct data_set *out, struct status *status);

/* The options that fill them, as argp children: --model and --taps into a struct cli_model; --images, --labels, --format, --mean
 * and
 * --std into a struct cli_images. */
extern const struct argp cli_model_argp, cli_images_argp;

#endif
