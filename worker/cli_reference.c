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

enum { KEY_TAPS = 256 };

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
