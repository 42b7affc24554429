/* net_naive: one loop nest per operator, straight from its definition. */
#include "tests/support/net_naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t elements(struct net_shape shape)
{
    return (size_t)shape.c * (size_t)shape.h * (size_t)shape.w;
}

/* Pixel (c,y,x) of a map, 0 outside of it. */
static double pixel(const double *map, struct net_shape shape, int c, int y, int x)
{
    if (y < 0 || y >= shape.h || x < 0 || x >= shape.w)
        return 0.0;
    return map[((size_t)c * (size_t)shape.h + (size_t)y) * (size_t)shape.w + (size_t)x];
}

static double conv_at(const struct net *net, const struct net_node *node, const double *in, struct net_shape shape, int o, int y,
                      int x)
{
    const struct net_tensor *weight = &net->tensors[node->params[0]];
    int channels = weight->dims[1], group = o / (node->shape.c / node->groups);
    const float *w = weight->data + (size_t)o * (weight->count / (size_t)weight->dims[0]);
    double sum = node->params[1] >= 0 ? (double)net->tensors[node->params[1]].data[o] : 0.0;
    for (int c = 0; c < channels; c++)
        for (int ky = 0; ky < node->kernel_h; ky++)
            for (int kx = 0; kx < node->kernel_w; kx++)
                sum += (double)*w++ * pixel(in, shape, group * channels + c, y * node->stride - node->pad + ky * node->dilation,
                                            x * node->stride - node->pad + kx * node->dilation);
    return sum;
}

static double batch_norm_at(const struct net *net, const struct net_node *node, double in, int c)
{
    double p[NET_PARAMS_MAX];
    for (int i = 0; i < NET_PARAMS_MAX; i++)
        p[i] = (double)net->tensors[node->params[i]].data[c];
    return p[0] * (in - p[2]) / sqrt(p[3] + (double)node->epsilon) + p[1];
}

static double avg_pool_at(const struct net_node *node, const double *in, struct net_shape shape, int c, int y, int x)
{
    double sum = 0.0;
    int counted = 0;
    for (int ky = 0; ky < node->kernel_h; ky++) {
        for (int kx = 0; kx < node->kernel_w; kx++) {
            int iy = y * node->stride - node->pad + ky, ix = x * node->stride - node->pad + kx;
            sum += pixel(in, shape, c, iy, ix);
            counted += iy >= 0 && iy < shape.h && ix >= 0 && ix < shape.w;
        }
    }
    return sum / counted;
}

static double max_pool_at(const struct net_node *node, const double *in, struct net_shape shape, int c, int y, int x)
{
    double most = -INFINITY;
    for (int ky = 0; ky < node->kernel_h; ky++) {
        for (int kx = 0; kx < node->kernel_w; kx++) {
            int iy = y * node->stride - node->pad + ky, ix = x * node->stride - node->pad + kx;
            if (iy >= 0 && iy < shape.h && ix >= 0 && ix < shape.w)
                most = fmax(most, pixel(in, shape, c, iy, ix));
        }
    }
    return most;
}

static double mean_of(const double *in, struct net_shape shape, int c)
{
    double sum = 0.0;
    for (int y = 0; y < shape.h; y++)
        for (int x = 0; x < shape.w; x++)
            sum += pixel(in, shape, c, y, x);
    return sum / shape.h / shape.w;
}

static double dense_at(const struct net *net, const struct net_node *node, const double *in, int channels, int o)
{
    double sum = (double)net->tensors[node->params[1]].data[o];
    for (int c = 0; c < channels; c++)
        sum += (double)net->tensors[node->params[0]].data[(size_t)o * (size_t)channels + (size_t)c] * in[c];
    return sum;
}

static double sum_at(const struct net_node *node, double *const *maps, size_t place)
{
    double sum = 0.0;
    for (int i = 0; i < node->input_count; i++)
        sum += maps[node->inputs[i]][place] / (node->op == NET_MIX ? node->mix[i] + 1 : 1);
    return sum;
}

static double concat_at(const struct net *net, const struct net_node *node, double *const *maps, int c, int y, int x)
{
    int i = 0;
    for (; c >= net->nodes[node->inputs[i]].shape.c; i++)
        c -= net->nodes[node->inputs[i]].shape.c;
    return pixel(maps[node->inputs[i]], net->nodes[node->inputs[i]].shape, c, y, x);
}

static double node_at(const struct net *net, const struct net_node *node, double *const *maps, int c, int y, int x)
{
    const double *in = maps[node->inputs[0]];
    struct net_shape shape = net->nodes[node->inputs[0]].shape;
    switch (node->op) {
    case NET_CONV: return conv_at(net, node, in, shape, c, y, x);
    case NET_BATCH_NORM: return batch_norm_at(net, node, pixel(in, shape, c, y, x), c);
    case NET_RELU: return fmax(pixel(in, shape, c, y, x), 0.0);
    case NET_AVG_POOL: return avg_pool_at(node, in, shape, c, y, x);
    case NET_ADD:
    case NET_MIX: return sum_at(node, maps, ((size_t)c * (size_t)shape.h + (size_t)y) * (size_t)shape.w + (size_t)x);
    case NET_SUBSAMPLE: return pixel(in, shape, c, node->offset + y * node->stride, node->offset + x * node->stride);
    case NET_MAX_POOL: return max_pool_at(node, in, shape, c, y, x);
    case NET_CONCAT: return concat_at(net, node, maps, c, y, x);
    case NET_CHANNEL_SHUFFLE: return pixel(in, shape, c % node->groups * (shape.c / node->groups) + c / node->groups, y, x);
    case NET_CHANNEL_PAD:
        return c < node->pad_before || c >= node->pad_before + shape.c ? 0.0 : pixel(in, shape, c - node->pad_before, y, x);
    case NET_GLOBAL_AVG_POOL: return mean_of(in, shape, c);
    case NET_DENSE: return dense_at(net, node, in, shape.c, c);
    default: abort();
    }
}

static void run_node(const struct net *net, int index, double **maps, const float *image)
{
    const struct net_node *node = &net->nodes[index];
    size_t place = 0;
    for (int c = 0; c < node->shape.c; c++)
        for (int y = 0; y < node->shape.h; y++)
            for (int x = 0; x < node->shape.w; x++, place++)
                maps[index][place] = node->op == NET_INPUT ? (double)image[place] : node_at(net, node, maps, c, y, x);
}

double *net_naive_run(const struct net *net, const float *image, int output)
{
    double **maps = calloc((size_t)net->node_count, sizeof *maps);
    if (maps == NULL)
        abort();
    for (int i = 0; i < net->node_count; i++) {
        maps[i] = calloc(elements(net->nodes[i].shape), sizeof **maps);
        if (maps[i] == NULL)
            abort();
        run_node(net, i, maps, image);
    }
    double *result = maps[net->outputs[output]];
    maps[net->outputs[output]] = NULL;
    for (int i = 0; i < net->node_count; i++)
        free(maps[i]);
    free(maps);
    return result;
}

size_t net_naive_count(const struct net *net, int output)
{
    return elements(net->nodes[net->outputs[output]].shape);
}
