/* calibrate_model: the two models: what the columns of their fits mean, and how the weights become predictions.
 *
 * Both have a base, multiply-accumulates and moved bytes as columns that all networks share, so that what was never or seldom
 * measured is guessed from its work; a column of its own for each figure says where that guess is wrong. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "worker/calibrate.h"
#include "worker/ridge.h"

/* Columns that every fit begins with. */
enum { BASE, MACS, BYTES, COMMON_COLUMNS };

/* What distinguishes one kind of node from another. */
struct kernel {
    enum net_op op;
    int kernel, stride, dilation, groups, channels_in;
    struct net_shape shape;
};

struct calibrate_model {
    enum calibrate_kind kind;
    const struct space *space; /* borrowed */
    struct space_build build;
    double *weights; /* of all columns */
    /* A look-up table's columns: so many for the values of all genes together, then one for each value of each gene. */
    size_t values, genes, first[ARCH_GENES_MAX + 1]; /* first[gene] + value: from 0 to first[genes] */
    double *work;                                    /* (2, first[genes]) MACs and bytes of each value of each gene */
    /* A kernel model's columns: one for each kind of node that the examples have. */
    struct kernel *kernels;
    size_t kernel_count, kernel_room;
};

/* --- a network's work ---------------------------------------------------------------------------------------- */

static double elements(struct net_shape shape)
{
    return (double)shape.c * shape.h * shape.w;
}

/* float32 that a node reads and writes when nothing is kept in between. */
static double node_bytes(const struct net *net, const struct net_node *node)
{
    double count = elements(node->shape);
    for (int i = 0; i < node->input_count; i++)
        count += elements(net->nodes[node->inputs[i]].shape);
    for (int i = 0; i < NET_PARAMS_MAX; i++)
        if (node->params[i] >= 0)
            count += (double)net->tensors[node->params[i]].count;
    return 4 * count;
}

static void work_of_net(const struct net *net, double *macs, double *bytes)
{
    struct cost cost;
    cost_of_net(net, &cost);
    *macs = (double)cost.macs;
    *bytes = 0;
    for (int i = 1; i < net->node_count; i++)
        *bytes += node_bytes(net, &net->nodes[i]);
}

/* --- a look-up table's columns ------------------------------------------------------------------------------- */

static enum status_code work_of_arch(const struct calibrate_model *model, const struct arch *arch, double *macs, double *bytes,
                                     struct status *status)
{
    struct net net;
    net_init_empty(&net);
    enum status_code code = space_build_net(model->space, arch, &model->build, &net, status);
    if (code == STATUS_OK)
        work_of_net(&net, macs, bytes);
    net_free(&net);
    return code;
}

/* What each value of a gene adds to the work, beside the one that works least, all other genes being 1. */
static enum status_code work_of_gene(struct calibrate_model *model, size_t gene, struct status *status)
{
    size_t first = model->first[gene], end = model->first[gene + 1];
    double *macs = model->work, *bytes = model->work + model->first[model->genes];
    enum status_code code = STATUS_OK;
    for (size_t at = first; at < end && code == STATUS_OK; at++) {
        struct arch arch = {.length = (uint8_t)model->genes};
        for (size_t i = 0; i < model->genes; i++)
            arch.genes[i] = space_choices(model->space, i) > 1 ? 1 : 0;
        arch.genes[gene] = (uint8_t)(at - first);
        code = work_of_arch(model, &arch, &macs[at], &bytes[at], status);
    }
    double least_macs = macs[first], least_bytes = bytes[first];
    for (size_t at = first; at < end; at++) {
        least_macs = macs[at] < least_macs ? macs[at] : least_macs;
        least_bytes = bytes[at] < least_bytes ? bytes[at] : least_bytes;
    }
    for (size_t at = first; at < end; at++) {
        macs[at] -= least_macs;
        bytes[at] -= least_bytes;
    }
    return code;
}

static enum status_code open_lut(struct calibrate_model *model, struct status *status)
{
    model->genes = space_gene_count(model->space);
    for (size_t gene = 0; gene < model->genes; gene++) {
        size_t values = (size_t)space_choices(model->space, gene);
        model->first[gene + 1] = model->first[gene] + values;
        model->values = values > model->values ? values : model->values;
    }
    model->work = calloc(2 * model->first[model->genes], sizeof *model->work);
    if (model->work == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a look-up table");
    enum status_code code = STATUS_OK;
    for (size_t gene = 0; gene < model->genes && code == STATUS_OK; gene++)
        code = work_of_gene(model, gene, status);
    return code;
}

static void lut_row(const struct calibrate_model *model, const struct arch *arch, double *row)
{
    size_t figures = model->first[model->genes];
    row[BASE] = 1;
    for (size_t gene = 0; gene < model->genes; gene++) {
        size_t value = arch->genes[gene], at = model->first[gene] + value;
        row[MACS] += model->work[at];
        row[BYTES] += model->work[figures + at];
        row[COMMON_COLUMNS + value] += 1;
        row[COMMON_COLUMNS + model->values + at] = 1;
    }
}

/* --- a kernel model's columns -------------------------------------------------------------------------------- */

static struct kernel kernel_of(const struct net *net, const struct net_node *node)
{
    struct kernel kernel;
    memset(&kernel, 0, sizeof kernel); /* compared as bytes */
    kernel.op = node->op;
    kernel.kernel = node->kernel_h;
    kernel.stride = node->stride;
    kernel.dilation = node->dilation;
    kernel.groups = node->groups;
    kernel.channels_in = net->nodes[node->inputs[0]].shape.c;
    kernel.shape = node->shape;
    return kernel;
}

static size_t find_kernel(const struct calibrate_model *model, const struct kernel *kernel)
{
    size_t i = 0;
    while (i < model->kernel_count && memcmp(&model->kernels[i], kernel, sizeof *kernel) != 0)
        i++;
    return i;
}

static bool learn_kernels(struct calibrate_model *model, const struct net *net)
{
    for (int i = 1; i < net->node_count; i++) {
        struct kernel kernel = kernel_of(net, &net->nodes[i]);
        if (find_kernel(model, &kernel) < model->kernel_count)
            continue;
        if (model->kernel_count == model->kernel_room) {
            size_t room = 2 * model->kernel_room + 32;
            struct kernel *grown = realloc(model->kernels, room * sizeof *grown);
            if (grown == NULL)
                return false;
            model->kernels = grown;
            model->kernel_room = room;
        }
        model->kernels[model->kernel_count++] = kernel;
    }
    return true;
}

/* A sum of n maps counts as n - 1; a kind of node that no example has counts as its work alone. */
static void kernel_row(const struct calibrate_model *model, const struct net *net, double *row)
{
    row[BASE] = 1;
    work_of_net(net, &row[MACS], &row[BYTES]);
    for (int i = 1; i < net->node_count; i++) {
        const struct net_node *node = &net->nodes[i];
        struct kernel kernel = kernel_of(net, node);
        size_t at = find_kernel(model, &kernel);
        if (at < model->kernel_count)
            row[COMMON_COLUMNS + at] += node->op == NET_ADD ? node->input_count - 1 : 1;
    }
}

static enum status_code open_kernels(struct calibrate_model *model, const struct calibrate_examples *examples,
                                     struct status *status)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < examples->count && code == STATUS_OK; i++) {
        struct net net;
        net_init_empty(&net);
        code = space_build_net(model->space, &examples->archs[i], &model->build, &net, status);
        if (code == STATUS_OK && !learn_kernels(model, &net))
            code = status_set(status, STATUS_NO_MEMORY, "no memory for the kinds of nodes");
        net_free(&net);
    }
    return code;
}

/* --- both ---------------------------------------------------------------------------------------------------- */

static size_t columns_of(const struct calibrate_model *model)
{
    return COMMON_COLUMNS + (model->kind == CALIBRATE_LUT ? model->values + model->first[model->genes] : model->kernel_count);
}

/* The columns that stand behind the common ones and are no network's own. */
static size_t shared_columns(const struct calibrate_model *model)
{
    return COMMON_COLUMNS + (model->kind == CALIBRATE_LUT ? model->values : 0);
}

/* Fills a row of zeros. */
static enum status_code fill_row(const struct calibrate_model *model, const struct arch *arch, double *row, struct status *status)
{
    if (model->kind == CALIBRATE_LUT) {
        lut_row(model, arch, row);
        return STATUS_OK;
    }
    struct net net;
    net_init_empty(&net);
    enum status_code code = space_build_net(model->space, arch, &model->build, &net, status);
    if (code == STATUS_OK)
        kernel_row(model, &net, row);
    net_free(&net);
    return code;
}

static enum status_code fit(struct calibrate_model *model, const struct calibrate_examples *examples, struct status *status)
{
    size_t columns = columns_of(model);
    double *matrix = calloc(examples->count * columns, sizeof *matrix);
    uint8_t *groups = calloc(columns, sizeof *groups);
    model->weights = calloc(columns, sizeof *model->weights);
    enum status_code code = matrix != NULL && groups != NULL && model->weights != NULL
                                ? STATUS_OK
                                : status_set(status, STATUS_NO_MEMORY, "no memory for a fit with %zu columns", columns);
    for (size_t i = 0; i < examples->count && code == STATUS_OK; i++)
        code = fill_row(model, &examples->archs[i], matrix + i * columns, status);
    for (size_t j = 0; j < columns && code == STATUS_OK; j++)
        groups[j] = (uint8_t)(j == BASE ? RIDGE_FREE : j < shared_columns(model) ? RIDGE_SHARED : RIDGE_RARE);
    if (code == STATUS_OK)
        code = ridge_fit(&(struct ridge_problem){examples->count, columns, matrix, examples->latency_ms, groups}, model->weights,
                         status);
    free(groups);
    free(matrix);
    return code;
}

enum status_code calibrate_fit(enum calibrate_kind kind, const struct calibrate_examples *examples, struct calibrate_model **out,
                               struct status *status)
{
    assert(examples->count >= CALIBRATE_NETS_LEAST);
    struct calibrate_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return status_set(status, STATUS_NO_MEMORY, "no memory for a model of latencies");
    model->kind = kind;
    model->space = examples->space;
    model->build = *examples->build;
    enum status_code code = kind == CALIBRATE_LUT ? open_lut(model, status) : open_kernels(model, examples, status);
    if (code == STATUS_OK)
        code = fit(model, examples, status);
    if (code == STATUS_OK)
        *out = model;
    else
        calibrate_free(model);
    return code;
}

void calibrate_free(struct calibrate_model *model)
{
    if (model == NULL)
        return;
    free(model->weights);
    free(model->work);
    free(model->kernels);
    free(model);
}

enum status_code calibrate_predict(const struct calibrate_model *model, const struct arch *arch, double *latency_ms,
                                   struct status *status)
{
    size_t columns = columns_of(model);
    double *row = calloc(columns, sizeof *row), sum = 0;
    enum status_code code =
        row != NULL ? fill_row(model, arch, row, status) : status_set(status, STATUS_NO_MEMORY, "no memory for a prediction");
    for (size_t j = 0; j < columns && code == STATUS_OK; j++)
        sum += row[j] * model->weights[j];
    free(row);
    if (code == STATUS_OK)
        *latency_ms = sum;
    return code;
}

double calibrate_lut_base(const struct calibrate_model *model)
{
    return model->weights[BASE];
}

double calibrate_lut_figure(const struct calibrate_model *model, size_t gene, int value)
{
    size_t at = model->first[gene] + (size_t)value;
    return model->weights[MACS] * model->work[at] + model->weights[BYTES] * model->work[model->first[model->genes] + at] +
           model->weights[COMMON_COLUMNS + value] + model->weights[COMMON_COLUMNS + model->values + at];
}
