/* naive: definitions turned into loops. A disagreement with the engine is the engine's fault unless naive_check_gradient says no.
 */
#include "tests/support/naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double *numbers(size_t count)
{
    double *p = calloc(count ? count : 1, sizeof *p);
    if (!p)
        abort();
    return p;
}

size_t naive_elements(const struct naive *v, int node)
{
    const struct net_shape s = v->net->nodes[node].shape;
    return (size_t)v->batch * (size_t)s.c * (size_t)s.h * (size_t)s.w;
}

struct naive *naive_make(const struct net *net, int batch, int infer)
{
    struct naive *v = calloc(1, sizeof *v);
    if (!v)
        abort();
    *v = (struct naive){.net = net, .batch = batch, .infer = infer};
    for (int i = 0; i < net->mix_count; i++)
        v->mix[i] = 1;
    v->values = calloc((size_t)net->node_count, sizeof *v->values);
    v->gradients = calloc((size_t)net->node_count, sizeof *v->gradients);
    v->weights = calloc((size_t)net->tensor_count + 1, sizeof *v->weights);
    v->weight_gradients = calloc((size_t)net->tensor_count + 1, sizeof *v->weight_gradients);
    for (int i = 0; i < net->node_count; i++) {
        v->values[i] = numbers(naive_elements(v, i));
        v->gradients[i] = numbers(naive_elements(v, i));
    }
    for (int t = 0; t < net->tensor_count; t++) {
        v->weights[t] = numbers(net->tensors[t].count);
        v->weight_gradients[t] = numbers(net->tensors[t].count);
        for (size_t k = 0; k < net->tensors[t].count; k++)
            v->weights[t][k] = (double)net->tensors[t].data[k];
    }
    return v;
}

void naive_free(struct naive *v)
{
    if (!v)
        return;
    for (int i = 0; i < v->net->node_count; i++) {
        free(v->values[i]);
        free(v->gradients[i]);
    }
    for (int t = 0; t < v->net->tensor_count; t++) {
        free(v->weights[t]);
        free(v->weight_gradients[t]);
    }
    free(v->values);
    free(v->gradients);
    free(v->weights);
    free(v->weight_gradients);
    free(v);
}

/* Index of (n,c,y,x) in (N,C,H,W) of shape s. */
static size_t at(struct net_shape s, int n, int c, int y, int x)
{
    return (((size_t)n * (size_t)s.c + (size_t)c) * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x;
}

#define EACH_PIXEL(s)                                                                                                              \
    for (int n = 0; n < v->batch; n++)                                                                                             \
        for (int c = 0; c < (s).c; c++)                                                                                            \
            for (int y = 0; y < (s).h; y++)                                                                                        \
                for (int x = 0; x < (s).w; x++)

/* Convolution forward, or both its transposes when backward. */
static void conv(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    const int from = k->inputs[0];
    const struct net_shape in = v->net->nodes[from].shape, out = k->shape;
    const int width = in.c / k->groups; /* input channels that an output channel reads */
    const double *w = v->weights[k->params[0]];
    double *dw = v->weight_gradients[k->params[0]];
    EACH_PIXEL(out)
    {
        const size_t o = at(out, n, c, y, x);
        const double d = v->gradients[node][o];
        double sum = k->params[1] >= 0 ? v->weights[k->params[1]][c] : 0;
        for (int i = 0; i < width; i++)
            for (int ky = 0; ky < k->kernel_h; ky++)
                for (int kx = 0; kx < k->kernel_w; kx++) {
                    const int iy = y * k->stride - k->pad + ky * k->dilation, ix = x * k->stride - k->pad + kx * k->dilation;
                    if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w)
                        continue;
                    const size_t p = at(in, n, c / (out.c / k->groups) * width + i, iy, ix),
                                 q = (size_t)(((c * width + i) * k->kernel_h + ky) * k->kernel_w + kx);
                    sum += w[q] * v->values[from][p];
                    if (backward) {
                        dw[q] += d * v->values[from][p];
                        v->gradients[from][p] += d * w[q];
                    }
                }
        if (!backward)
            v->values[node][o] = sum;
        else if (k->params[1] >= 0)
            v->weight_gradients[k->params[1]][c] += d;
    }
}

static void channel_statistics(const struct naive *v, int node, int c, double *mean, double *variance)
{
    const struct net_shape s = v->net->nodes[node].shape;
    const double count = (double)v->batch * s.h * s.w;
    *mean = *variance = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int n = 0; n < v->batch; n++)
            for (int y = 0; y < s.h; y++)
                for (int x = 0; x < s.w; x++) {
                    const double value = v->values[node][at(s, n, c, y, x)];
                    if (pass == 0)
                        *mean += value / count;
                    else
                        *variance += (value - *mean) * (value - *mean) / count;
                }
}

static void norm(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    const int from = k->inputs[0];
    const struct net_shape s = k->shape;
    const double count = (double)v->batch * s.h * s.w;
    for (int c = 0; c < s.c; c++) {
        double mean, variance, sum = 0, along = 0;
        channel_statistics(v, from, c, &mean, &variance);
        if (v->infer) {
            mean = v->weights[k->params[2]][c];
            variance = v->weights[k->params[3]][c];
        }
        const double deviation = sqrt(variance + 1e-5), gamma = v->weights[k->params[0]][c], beta = v->weights[k->params[1]][c];
        for (int pass = 0; pass < 2; pass++)
            for (int n = 0; n < v->batch; n++)
                for (int y = 0; y < s.h; y++)
                    for (int x = 0; x < s.w; x++) {
                        const size_t p = at(s, n, c, y, x);
                        const double normal = (v->values[from][p] - mean) / deviation, d = v->gradients[node][p];
                        if (!backward)
                            v->values[node][p] = gamma * normal + beta;
                        else if (pass == 0) {
                            sum += d;
                            along += d * normal;
                        } else
                            v->gradients[from][p] += gamma / deviation * (d - sum / count - normal * along / count);
                    }
        if (backward) {
            v->weight_gradients[k->params[0]][c] += along;
            v->weight_gradients[k->params[1]][c] += sum;
        }
    }
}

static void pool(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    const int from = k->inputs[0];
    const struct net_shape in = v->net->nodes[from].shape;
    EACH_PIXEL(k->shape)
    {
        double sum = 0;
        int count = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int ky = 0; ky < k->kernel_h; ky++)
                for (int kx = 0; kx < k->kernel_w; kx++) {
                    const int iy = y * k->stride - k->pad + ky, ix = x * k->stride - k->pad + kx;
                    if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w)
                        continue;
                    if (pass == 0) {
                        sum += v->values[from][at(in, n, c, iy, ix)];
                        count++;
                    } else if (backward)
                        v->gradients[from][at(in, n, c, iy, ix)] += v->gradients[node][at(k->shape, n, c, y, x)] / count;
                }
        if (!backward)
            v->values[node][at(k->shape, n, c, y, x)] = sum / count;
    }
}

/* The first largest value of each window, row by row; its gradient is the window's. */
static void max_pool(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    const int from = k->inputs[0];
    const struct net_shape in = v->net->nodes[from].shape;
    EACH_PIXEL(k->shape)
    {
        size_t best = SIZE_MAX;
        for (int ky = 0; ky < k->kernel_h; ky++)
            for (int kx = 0; kx < k->kernel_w; kx++) {
                const int iy = y * k->stride - k->pad + ky, ix = x * k->stride - k->pad + kx;
                if (iy < 0 || ix < 0 || iy >= in.h || ix >= in.w)
                    continue;
                const size_t p = at(in, n, c, iy, ix);
                if (best == SIZE_MAX || v->values[from][p] > v->values[from][best])
                    best = p;
            }
        const size_t q = at(k->shape, n, c, y, x);
        if (backward)
            v->gradients[from][best] += v->gradients[node][q];
        else
            v->values[node][q] = v->values[from][best];
    }
}

static void dense(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    const int from = k->inputs[0], inputs = v->net->nodes[from].shape.c;
    for (int n = 0; n < v->batch; n++)
        for (int o = 0; o < k->shape.c; o++) {
            double sum = k->params[1] >= 0 ? v->weights[k->params[1]][o] : 0;
            const double d = v->gradients[node][n * k->shape.c + o];
            for (int i = 0; i < inputs; i++) {
                sum += v->weights[k->params[0]][o * inputs + i] * v->values[from][n * inputs + i];
                if (backward) {
                    v->weight_gradients[k->params[0]][o * inputs + i] += d * v->values[from][n * inputs + i];
                    v->gradients[from][n * inputs + i] += d * v->weights[k->params[0]][o * inputs + i];
                }
            }
            if (!backward)
                v->values[node][n * k->shape.c + o] = sum;
            else if (k->params[1] >= 0)
                v->weight_gradients[k->params[1]][o] += d;
        }
}

/* Operators that move numbers one to one (or all to one): each pair of places, and what one counts for the other. */
static void link(struct naive *v, int from, size_t p, int node, size_t q, double share, int backward)
{
    if (backward)
        v->gradients[from][p] += share * v->gradients[node][q];
    else
        v->values[node][q] += share * v->values[from][p];
}

static void move(struct naive *v, int node, int backward)
{
    const struct net_node *k = &v->net->nodes[node];
    if (!backward)
        memset(v->values[node], 0, naive_elements(v, node) * sizeof(double));
    for (int i = 0, before = 0; i < k->input_count; before += v->net->nodes[k->inputs[i++]].shape.c) {
        const int from = k->inputs[i];
        const struct net_shape in = v->net->nodes[from].shape;
        EACH_PIXEL(in)
        {
            const size_t p = at(in, n, c, y, x);
            if (k->op == NET_ADD)
                link(v, from, p, node, p, 1, backward);
            else if (k->op == NET_MIX) {
                link(v, from, p, node, p, v->mix[k->mix[i]], backward);
                v->mix_gradient[k->mix[i]] += backward ? v->gradients[node][p] * v->values[from][p] : 0;
            } else if (k->op == NET_RELU)
                link(v, from, p, node, p, v->values[from][p] > 0, backward);
            else if (k->op == NET_CHANNEL_PAD)
                link(v, from, p, node, at(k->shape, n, c + k->pad_before, y, x), 1, backward);
            else if (k->op == NET_GLOBAL_AVG_POOL)
                link(v, from, p, node, at(k->shape, n, c, 0, 0), 1.0 / (in.h * in.w), backward);
            else if (k->op == NET_CONCAT)
                link(v, from, p, node, at(k->shape, n, before + c, y, x), 1, backward);
            else if (k->op == NET_CHANNEL_SHUFFLE)
                link(v, from, p, node, at(k->shape, n, c % (in.c / k->groups) * k->groups + c / (in.c / k->groups), y, x), 1,
                     backward);
            else if (y >= k->offset && x >= k->offset && (y - k->offset) % k->stride == 0 && (x - k->offset) % k->stride == 0)
                /* NET_SUBSAMPLE */
                link(v, from, p, node, at(k->shape, n, c, (y - k->offset) / k->stride, (x - k->offset) / k->stride), 1, backward);
        }
    }
}

static void run_node(struct naive *v, int node, int backward)
{
    switch (v->net->nodes[node].op) {
    case NET_INPUT: break;
    case NET_CONV: conv(v, node, backward); break;
    case NET_BATCH_NORM: norm(v, node, backward); break;
    case NET_MAX_POOL: max_pool(v, node, backward); break;
    case NET_AVG_POOL: pool(v, node, backward); break;
    case NET_DENSE: dense(v, node, backward); break;
    default: move(v, node, backward); break;
    }
}

void naive_forward(struct naive *v, const double *images)
{
    memcpy(v->values[0], images, naive_elements(v, 0) * sizeof *images);
    for (int i = 0; i < v->net->node_count; i++)
        run_node(v, i, 0);
}

void naive_backward(struct naive *v, double *const *seeds)
{
    for (int i = 0; i < v->net->node_count; i++)
        memset(v->gradients[i], 0, naive_elements(v, i) * sizeof(double));
    for (int t = 0; t < v->net->tensor_count; t++)
        memset(v->weight_gradients[t], 0, v->net->tensors[t].count * sizeof(double));
    memset(v->mix_gradient, 0, sizeof v->mix_gradient);
    for (int i = 0; i < v->net->output_count; i++)
        for (size_t k = 0; k < naive_elements(v, v->net->outputs[i]); k++)
            v->gradients[v->net->outputs[i]][k] += seeds[i][k];
    for (int i = v->net->node_count - 1; i >= 0; i--)
        run_node(v, i, 1);
}

static double seeded_loss(struct naive *v, const double *images, double *const *seeds)
{
    double loss = 0;
    naive_forward(v, images);
    for (int i = 0; i < v->net->output_count; i++)
        for (size_t k = 0; k < naive_elements(v, v->net->outputs[i]); k++)
            loss += seeds[i][k] * v->values[v->net->outputs[i]][k];
    return loss;
}

int naive_check_gradient(struct naive *v, const double *images, double *const *seeds, int t, const double *gradient, int probes,
                         double tolerance, double *worst)
{
    const size_t count = v->net->tensors[t].count;
    const double step = 1e-6;
    double largest = 0, difference = 0;
    for (int i = 0; i < probes; i++) {
        const size_t k = (size_t)i * 7919 % count;
        const double kept = v->weights[t][k];
        v->weights[t][k] = kept + step;
        const double above = seeded_loss(v, images, seeds);
        v->weights[t][k] = kept - step;
        const double quotient = (above - seeded_loss(v, images, seeds)) / (2 * step);
        v->weights[t][k] = kept;
        largest = fmax(largest, fabs(quotient));
        difference = fmax(difference, fabs(quotient - gradient[k]));
    }
    *worst = difference / (1 + largest);
    return *worst <= tolerance;
}

int naive_check_mix_gradient(struct naive *v, const double *images, double *const *seeds, int c, double tolerance)
{
    const double step = 1e-6, kept = v->mix[c];
    v->mix[c] = kept + step;
    const double above = seeded_loss(v, images, seeds);
    v->mix[c] = kept - step;
    const double quotient = (above - seeded_loss(v, images, seeds)) / (2 * step);
    v->mix[c] = kept;
    return fabs(quotient - v->mix_gradient[c]) <= tolerance * (1 + fabs(quotient));
}
