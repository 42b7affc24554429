/* cli_reference: `hwnas reference`: hands over to build, import or train, and holds what they share. */
#include "worker/cli_reference.h"

#include <stdlib.h>
#include <string.h>

#include "common/net_onnx.h"
#include "common/net_weights.h"
#include "worker/cli_options.h"
#include "worker/cli_reference_parts.h"
#include "worker/reference.h"

/* --- models --- */

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* A ResNet-20 for 32x32 colour with as many classes as the file's last layer has rows. */
static enum status_code load_state_dict(const char *path, struct net *out, struct status *status)
{
    struct tensorfile file = {0};
    enum status_code code = tensorfile_load(path, &file, status);
    if (code != STATUS_OK)
        return code;
    const struct tensorfile_entry *last = tensorfile_find(&file, "linear.weight");
    if (last == NULL || last->rank != 2 || last->dims[0] < 2 || last->dims[0] > NET_DIMENSION_MAX)
        code = status_set(status, STATUS_BAD_INPUT, "\"linear.weight\" (classes,64) is absent: not the state dict of a ResNet-20");
    else
        code = reference_resnet20((struct net_shape){3, 32, 32}, (int)last->dims[0], out, status);
    if (code == STATUS_OK)
        code = net_weights_load(&file, out, status);
    if (code != STATUS_OK) {
        status_prefix(status, "%s", path);
        net_free(out);
    }
    tensorfile_free(&file);
    return code;
}

enum status_code cli_model_load(const struct cli_model *model, struct net *out, struct status *status)
{
    if (!ends_with(model->path, ".safetensors"))
        return net_onnx_load(model->path, model->tap_count > 0 ? (const char *const *)model->taps : NULL, (size_t)model->tap_count,
                             out, status);
    if (model->tap_count > 0)
        return status_set(status, STATUS_BAD_INPUT, "%s: --taps belongs to ONNX; a ResNet-20's taps are its three stages",
                          model->path);
    return load_state_dict(model->path, out, status);
}

enum { KEY_TAPS = 256, KEY_LABELS, KEY_FORMAT, KEY_MEAN, KEY_STD };

static error_t parse_model_option(int key, char *text, struct argp_state *state)
{
    struct cli_model *model = state->input;
    if (key == 'm')
        model->path = text;
    else if (key == KEY_TAPS)
        model->tap_count = cli_option_list("taps", text, model->taps, NET_OUTPUTS_MAX - 1, state);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_option model_options[] = {
    {"model", 'm', "FILE", 0, "the reference: an ONNX file, or a ResNet-20 state dict in .safetensors (needed)", 0},
    {"taps", KEY_TAPS, "A,B,C", 0, "ONNX values to tap; default: every output after the first", 0},
    {0}};

const struct argp cli_model_argp = {model_options, parse_model_option, NULL, NULL, NULL, NULL, NULL};

/* --- images --- */

static int read_channels(const char *option, char *text, float out[4], double low, double high, struct argp_state *state)
{
    char *parts[4];
    int count = cli_option_list(option, text, parts, 4, state);
    for (int i = 0; i < count; i++)
        out[i] = (float)cli_option_number(option, parts[i], low, high, state);
    return count;
}

static error_t parse_images_option(int key, char *text, struct argp_state *state)
{
    struct cli_images *images = state->input;
    if (key == 'i')
        images->path = text;
    else if (key == KEY_LABELS)
        images->labels = text;
    else if (key == KEY_FORMAT)
        images->format = text;
    else if (key == KEY_MEAN)
        images->mean_count = read_channels("mean", text, images->mean, -1000, 1000, state);
    else if (key == KEY_STD)
        images->std_count = read_channels("std", text, images->std, 1e-6, 1e6, state);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static const struct argp_option images_options[] = {
    {"images", 'i', "FILE", 0, "labelled images: CIFAR-10 or CIFAR-100 binary, or IDX; plain or .gz", 0},
    {"labels", KEY_LABELS, "FILE", 0, "labels of IDX images; default: the file beside them", 0},
    {"format", KEY_FORMAT, "NAME", 0, "cifar10, cifar100 or idx; default: recognised by contents", 0},
    {"mean", KEY_MEAN, "A,B,C", 0, "normalisation of values in 0..1, one number a channel; default: the set's own", 0},
    {"std", KEY_STD, "A,B,C", 0, "deviation, the same", 0},
    {0}};

const struct argp cli_images_argp = {images_options, parse_images_option, NULL, NULL, NULL, NULL, NULL};

enum status_code cli_images_load(const struct cli_images *images, size_t max_count, struct data_set *out, struct status *status)
{
    enum status_code code = data_load(images->path, images->labels, images->format, max_count, out, status);
    if (code != STATUS_OK)
        return code;
    if ((images->mean_count != 0 && images->mean_count != out->shape.c) ||
        (images->std_count != 0 && images->std_count != out->shape.c)) {
        int channels = out->shape.c;
        data_free(out);
        return status_set(status, STATUS_BAD_INPUT, "--mean and --std need one number for each of the %d channels", channels);
    }
    if (images->mean_count > 0)
        memcpy(out->mean, images->mean, sizeof out->mean);
    if (images->std_count > 0)
        memcpy(out->std, images->std, sizeof out->std);
    return STATUS_OK;
}

/* --- the verb --- */

static const struct cli_verb commands[] = {
    {"build", "choose the frozen batch with a reference model and write the bundle", cli_reference_build},
    {"import", "check an ONNX or safetensors model and write it as ONNX with its taps", cli_reference_import},
    {"train", "train a ResNet-20 on your own images", cli_reference_train},
};

static int reference_run(int argc, char **argv)
{
    return cli_run_command("reference", "Reference models and bundles (docs/REFERENCE.md).", commands,
                           sizeof commands / sizeof commands[0], argc, argv);
}

const struct cli_verb cli_reference_verb = {"reference", "train, import or build the reference that candidates are compared with",
                                            reference_run};
