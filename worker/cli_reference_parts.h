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
struct reference_model {
    const char *path;
    char *taps[NET_OUTPUTS_MAX - 1]; /* value names from --taps; none: the model's own */
    int tap_count;
};

/* Loads it with its taps into *out (empty before; net_free). */
enum status_code reference_model_load(const struct reference_model *model, struct net *out, struct status *status);

/* A set of images as the options name it. */
struct reference_images {
    const char *path, *labels, *format;
    float mean[4], std[4];
    int mean_count, std_count; /* channels given by --mean and --std; 0: the set's own */
};

/* Loads at most max_count images (0: all) and applies --mean and --std. */
enum status_code reference_images_load(const struct reference_images *images, size_t max_count, struct data_set *out,
                                       struct status *status);

/* Option keys of the shared options below; a command's own keys begin at REFERENCE_KEY_OWN. */
enum {
    REFERENCE_KEY_LABELS = 256,
    REFERENCE_KEY_FORMAT,
    REFERENCE_KEY_MEAN,
    REFERENCE_KEY_STD,
    REFERENCE_KEY_TAPS,
    REFERENCE_KEY_OWN
};

#define REFERENCE_MODEL_OPTIONS                                                                                                    \
    {"model", 'm', "FILE", 0, "the reference: an ONNX file, or a ResNet-20 state dict in .safetensors (needed)", 1},               \
    {                                                                                                                              \
        "taps", REFERENCE_KEY_TAPS, "A,B,C", 0, "ONNX values to tap; default: every output after the first", 2                     \
    }
#define REFERENCE_IMAGE_OPTIONS                                                                                                    \
    {"labels", REFERENCE_KEY_LABELS, "FILE", 0, "labels of IDX images; default: the file beside them", 2},                         \
        {"format", REFERENCE_KEY_FORMAT, "NAME", 0, "cifar10, cifar100 or idx; default: recognised by contents", 2},               \
        {"mean", REFERENCE_KEY_MEAN, "A,B,C", 0, "normalisation of values in 0..1; default: the set's own", 2},                    \
    {                                                                                                                              \
        "std", REFERENCE_KEY_STD, "A,B,C", 0, "the same: deviation", 2                                                             \
    }

/* Takes one of the shared options; false when key is none of them. */
bool reference_model_option(struct reference_model *model, int key, char *text, struct argp_state *state);
bool reference_image_option(struct reference_images *images, int key, char *text, struct argp_state *state);

#endif
