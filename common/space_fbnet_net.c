/* space_fbnet_net: the network of FBNet around its 22 blocks, with parameters named as in HW-NAS-Bench's PyTorch models:
 * stem.conv, cells.0.conv1 .. cells.21.bn3, header.conv, fc. Layers that are identities are no nodes but other names for their
 * input. */
#include <stdio.h>

#include "common/space_fbnet_layers.h"
#include "common/space_net.h"

/* What is built in one form: CIFAR-100 as HW-NAS-Bench has it, ImageNet as the paper. */
struct form {
    int stem_stride, strides[FBNET_STAGES]; /* of each stage's first layer */
    int head_channels;
    int shrink; /* product of the strides: height and width must be multiples of it */
};

static const struct form small_form = {1, {1, 1, 2, 2, 1, 2, 1}, 1504, 8}, large_form = {2, {1, 2, 2, 2, 1, 2, 1}, 1984, 32};

/* With a stem of CHANNELS_PUBLISHED channels; others scale with the stem's. */
static const int stage_channels[FBNET_STAGES] = {16, 24, 32, 64, 112, 184, 352};
enum { CHANNELS_PUBLISHED = 16, CHANNELS_MULTIPLE = 4 };

/* Stages whose ends are taps; the third tap is the head. */
enum { TAP_STAGES = 2, TAPS = TAP_STAGES + 1 };
static const int tap_stage[TAP_STAGES] = {1, 2};

static const struct {
    int kernel, expansion, groups;
} blocks[FBNET_SKIP] = {
    [FBNET_K3_E1] = {3, 1, 1}, [FBNET_K3_E1_G2] = {3, 1, 2}, [FBNET_K3_E3] = {3, 3, 1}, [FBNET_K3_E6] = {3, 6, 1},
    [FBNET_K5_E1] = {5, 1, 1}, [FBNET_K5_E1_G2] = {5, 1, 2}, [FBNET_K5_E3] = {5, 3, 1}, [FBNET_K5_E6] = {5, 6, 1},
};

/* One layer's place in the network. */
struct layer {
    char name[32]; /* "cells.7" */
    int in_channels, out_channels, stride;
};

static const struct form *form_of(const struct space_build *build)
{
    return build->input.h >= FBNET_LARGE_IMAGE || build->input.w >= FBNET_LARGE_IMAGE ? &large_form : &small_form;
}

static int scaled(const struct space_build *build, int published)
{
    return published / CHANNELS_MULTIPLE * build->channels / (CHANNELS_PUBLISHED / CHANNELS_MULTIPLE);
}

/* A convolution without bias and the batch norm behind it, both named by a number or by none ("conv1", "bn1"; "conv", "bn"). */
static int conv_bn(const struct space_net *b, const char *prefix, const char *number, int input, const struct net_conv *conv)
{
    char conv_name[16], bn_name[16];
    snprintf(conv_name, sizeof conv_name, "conv%s", number);
    snprintf(bn_name, sizeof bn_name, "bn%s", number);
    return space_net_batch_norm(b, prefix, bn_name, space_net_conv(b, prefix, conv_name, input, conv));
}

static int add_skip(const struct space_net *b, const struct layer *layer, int input)
{
    const struct net_conv conv = {.out_channels = layer->out_channels, .kernel = 1, .stride = layer->stride};
    if (layer->stride == 1 && layer->in_channels == layer->out_channels)
        return input;
    return space_net_relu(b, layer->name, "relu", conv_bn(b, layer->name, "", input, &conv));
}

static int add_block(const struct space_net *b, const struct layer *layer, enum fbnet_block block, int input)
{
    int kernel = blocks[block].kernel, groups = blocks[block].groups, inner = layer->in_channels * blocks[block].expansion;
    const struct net_conv expand = {.out_channels = inner, .kernel = 1, .stride = 1, .groups = groups},
                          depthwise = {.out_channels = inner,
                                       .kernel = kernel,
                                       .stride = layer->stride,
                                       .pad = kernel / 2,
                                       .groups = inner},
                          project = {.out_channels = layer->out_channels, .kernel = 1, .stride = 1, .groups = groups};
    int node = space_net_relu(b, layer->name, "relu1", conv_bn(b, layer->name, "1", input, &expand));
    if (groups > 1)
        node = space_net_shuffle(b, layer->name, "shuffle", node, groups);
    node = space_net_relu(b, layer->name, "relu2", conv_bn(b, layer->name, "2", node, &depthwise));
    node = conv_bn(b, layer->name, "3", node, &project);
    if (layer->stride != 1 || layer->in_channels != layer->out_channels)
        return node;
    return space_net_add(b, layer->name, "sum", (const int[]){node, input}, 2);
}

static int add_layer(const struct space_net *b, const struct layer *layer, uint8_t block, int input)
{
    return block == FBNET_SKIP ? add_skip(b, layer, input) : add_block(b, layer, (enum fbnet_block)block, input);
}

static int add_head(const struct space_net *b, const struct space_build *build, int input, int *tap)
{
    const struct net_conv conv = {.out_channels = scaled(build, form_of(build)->head_channels), .kernel = 1, .stride = 1};
    int node = *tap = space_net_relu(b, "header", "relu", conv_bn(b, "header", "", input, &conv));
    if (node >= 0)
        node = net_add_global_avg_pool(b->net, "avgpool", node, b->status);
    return node < 0 ? -1 : net_add_dense(b->net, "fc", node, build->classes, b->status);
}

/* Fills taps with nodes and returns the logits' node, or -1. */
static int add_network(const struct space_net *b, const struct arch *arch, const struct space_build *build, int taps[TAPS])
{
    const struct form *form = form_of(build);
    const struct net_conv stem = {.out_channels = build->channels, .kernel = 3, .stride = form->stem_stride, .pad = 1};
    int node = net_add_input(b->net, build->input, b->status), index = 0, channels = build->channels;
    node = space_net_relu(b, "stem", "relu", conv_bn(b, "stem", "", node, &stem));
    for (int stage = 0; stage < FBNET_STAGES; stage++) {
        for (int i = 0; i < fbnet_stage_layers[stage]; i++, index++) {
            struct layer layer = {.in_channels = channels,
                                  .out_channels = scaled(build, stage_channels[stage]),
                                  .stride = i == 0 ? form->strides[stage] : 1};
            snprintf(layer.name, sizeof layer.name, "cells.%d", index);
            node = add_layer(b, &layer, arch->genes[index], node);
            channels = layer.out_channels;
        }
        for (int tap = 0; tap < TAP_STAGES; tap++)
            if (tap_stage[tap] == stage)
                taps[tap] = node;
    }
    return add_head(b, build, node, &taps[TAP_STAGES]);
}

static enum status_code check_build(const struct space *space, const struct arch *arch, const struct space_build *build,
                                    struct status *status)
{
    if (!space_valid(space, arch))
        return status_set(status, STATUS_BAD_INPUT, "the architecture is not one of fbnet: %d genes of 0 to %d", FBNET_LAYERS,
                          FBNET_BLOCKS - 1);
    if (build->cells != FBNET_LAYERS)
        return status_set(status, STATUS_BAD_INPUT, "a net of fbnet has %d layers, one for each gene: cells must be %d, not %d",
                          FBNET_LAYERS, FBNET_LAYERS, build->cells);
    if (build->channels % CHANNELS_MULTIPLE != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "a net of fbnet needs a multiple of %d channels (of the stem; all others grow with them), not %d",
                          CHANNELS_MULTIPLE, build->channels);
    return space_net_check_sizes("fbnet", build, FBNET_LAYERS, "layers", form_of(build)->shrink, status);
}

enum status_code fbnet_build_net(const struct space *space, const struct arch *arch, const struct space_build *build,
                                 struct net *out, struct status *status)
{
    enum status_code code = check_build(space, arch, build, status);
    if (code != STATUS_OK)
        return code;
    struct status reason = {.code = STATUS_OK};
    struct space_net builder = {.net = out, .status = &reason};
    int taps[TAPS] = {-1, -1, -1};
    int logits = add_network(&builder, arch, build, taps);
    return space_net_finish(out, logits, taps, TAPS, &reason, status);
}
