/* cli_reference_parts: what the three commands of `hwnas reference` share. Private to worker/cli_reference*.c. */
#ifndef HWNAS_WORKER_CLI_REFERENCE_PARTS_H
#define HWNAS_WORKER_CLI_REFERENCE_PARTS_H

#include <argp.h>

#include "common/net.h"
#include "worker/cli_images.h"

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

/* The options that fill it, as an argp child: --model and --taps. */
extern const struct argp cli_model_argp;

#endif
