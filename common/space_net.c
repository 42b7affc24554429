/* space_net: the steps that the builders of all spaces take. Pure but for the net that grows. */
#include "common/space_net.h"

#include <stdio.h>

/* PREFIX.REST; 0 when it is too long for a node. */
static int name_node(char out[NET_NAME_BYTES], const char *prefix, const char *rest)
{
    return snprintf(out, NET_NAME_BYTES, "%s.%s", prefix, rest) < NET_NAME_BYTES;
}

int space_net_conv(const struct space_net *b, const char *prefix, const char *rest, int input, const struct net_conv *conv)
{
    char name[NET_NAME_BYTES];
    return input < 0 || !name_node(name, prefix, rest) ? -1 : net_add_conv_with(b->net, name, input, conv, b->status);
}

int space_net_batch_norm(const struct space_net *b, const char *prefix, const char *rest, int input)
{
    char name[NET_NAME_BYTES];
    if (input < 0 || !name_node(name, prefix, rest))
        return -1;
    return b->fixed ? net_add_batch_norm_fixed(b->net, name, input, 1e-5F, b->status)
                    : net_add_batch_norm(b->net, name, input, 1e-5F, b->status);
}

int space_net_relu(const struct space_net *b, const char *prefix, const char *rest, int input)
{
    char name[NET_NAME_BYTES];
    return input < 0 || !name_node(name, prefix, rest) ? -1 : net_add_relu(b->net, name, input, b->status);
}

int space_net_shuffle(const struct space_net *b, const char *prefix, const char *rest, int input, int groups)
{
    char name[NET_NAME_BYTES];
    return input < 0 || !name_node(name, prefix, rest) ? -1 : net_add_channel_shuffle(b->net, name, input, groups, b->status);
}

int space_net_pool(const struct space_net *b, enum net_op average_or_max, const char *prefix, const char *rest, int input,
                   int kernel, int stride, int pad)
{
    char name[NET_NAME_BYTES];
    if (input < 0 || !name_node(name, prefix, rest))
        return -1;
    if (average_or_max == NET_MAX_POOL)
        return net_add_max_pool(b->net, name, input, kernel, stride, pad, b->status);
    return net_add_avg_pool(b->net, name, input, kernel, stride, pad, b->status);
}

/* A name for a node of several inputs; 0 when it is too long or one of them is missing. */
static int name_joint(char out[NET_NAME_BYTES], const char *prefix, const char *rest, const int *inputs, int input_count)
{
    for (int i = 0; i < input_count; i++)
        if (inputs[i] < 0)
            return 0;
    return name_node(out, prefix, rest);
}

int space_net_add(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, int input_count)
{
    char name[NET_NAME_BYTES];
    if (!name_joint(name, prefix, rest, inputs, input_count))
        return -1;
    return net_add_add(b->net, name, inputs, input_count, b->status);
}

int space_net_mix(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, const int *coefficients,
                  int input_count)
{
    char name[NET_NAME_BYTES];
    if (!name_joint(name, prefix, rest, inputs, input_count))
        return -1;
    return net_add_mix(b->net, name, inputs, coefficients, input_count, b->status);
}

int space_net_concat(const struct space_net *b, const char *prefix, const char *rest, const int *inputs, int input_count)
{
    char name[NET_NAME_BYTES];
    if (!name_joint(name, prefix, rest, inputs, input_count))
        return -1;
    return net_add_concat(b->net, name, inputs, input_count, b->status);
}

int space_net_conv_bn(const struct space_net *b, const char *prefix, const char *conv, const char *bn, int input, int channels,
                      int kernel, int stride)
{
    const struct net_conv shape = {.out_channels = channels, .kernel = kernel, .stride = stride, .pad = kernel / 2};
    return space_net_batch_norm(b, prefix, bn, space_net_conv(b, prefix, conv, input, &shape));
}

enum status_code space_net_finish(struct net *net, int logits, const int *taps, int tap_count, const struct status *reason,
                                  struct status *status)
{
    struct status last = *reason;
    enum status_code code = logits >= 0 ? net_add_output(net, logits, &last) : STATUS_INTERNAL;
    for (int i = 0; i < tap_count && code == STATUS_OK; i++)
        code = net_add_output(net, taps[i], &last);
    if (code == STATUS_OK)
        return STATUS_OK;
    net_free(net);
    return status_set(status, last.code == STATUS_OK ? STATUS_INTERNAL : last.code, "%s", last.message);
}

enum status_code space_net_check_sizes(const char *space, const struct space_build *build, int cells_least, const char *cells,
                                       int multiple, struct status *status)
{
    const struct net_shape in = build->input;
    if (build->channels < 1 || build->channels > NET_DIMENSION_MAX / 16 || build->cells < cells_least || build->cells > 1000 ||
        build->classes < 2 || build->classes > NET_DIMENSION_MAX)
        return status_set(status, STATUS_BAD_INPUT,
                          "a net of %s needs 1 to %d channels, %d to 1000 %s and 2 to %d classes, not "
                          "%d, %d and %d",
                          space, NET_DIMENSION_MAX / 16, cells_least, cells, NET_DIMENSION_MAX, build->channels, build->cells,
                          build->classes);
    if (in.c < 1 || in.h < multiple || in.w < multiple || in.h % multiple != 0 || in.w % multiple != 0)
        return status_set(status, STATUS_BAD_INPUT,
                          "images of (%d,%d,%d) do not fit %s: height and width must be multiples of %d (they are halved on the "
                          "way)",
                          in.c, in.h, in.w, space, multiple);
    return STATUS_OK;
}
