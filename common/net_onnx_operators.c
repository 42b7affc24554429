/* net_onnx_operators: the nodes of an ONNX graph become nodes of a net.
 *
 * Every operator that is not constant arithmetic has one function here that checks all its attributes and inputs and refuses, by
 * name, what the net cannot express. Nothing is guessed: an attribute that is not understood would change the results. */
#include "common/net_onnx_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum status_code (*read_function)(struct onnx_reader *reader);

/* --- inputs and parameters ------------------------------------------------------------------------------- */

static bool all_finite(const struct onnx_constant *constant)
{
    for (size_t i = 0; i < constant->count; i++)
        if (!isfinite(constant->floats[i]))
            return false;
    return true;
}

/* A constant float tensor of the given rank at input `index`, whose size is charged to the model; NULL with status filled. */
static const struct onnx_constant *weight_input(struct onnx_reader *reader, size_t index, int rank)
{
    const struct onnx_constant *constant = onnx_constant_input(reader, index);
    if (constant == NULL)
        return NULL;
    if (!constant->is_float || constant->rank != rank || constant->count == 0) {
        onnx_fail(reader, STATUS_BAD_INPUT, "its parameter at input %zu must be a float tensor with %d dimensions", index, rank);
        return NULL;
    }
    for (int i = 0; i < rank; i++) {
        if (constant->dims[i] > NET_DIMENSION_MAX) {
            onnx_fail(reader, STATUS_UNSUPPORTED, "its parameter at input %zu is larger than %d in a dimension", index,
                      NET_DIMENSION_MAX);
            return NULL;
        }
    }
    if (!all_finite(constant)) {
        onnx_fail(reader, STATUS_BAD_INPUT, "its parameter at input %zu holds an infinity or something that is no number", index);
        return NULL;
    }
    if (constant->count > reader->weight_elements_left) {
        onnx_fail(reader, STATUS_UNSUPPORTED,
                  "the parameters of the net are far larger than the file: they are used over and over");
        return NULL;
    }
    reader->weight_elements_left -= constant->count;
    return constant;
}

/* Copies a parameter into place. The builder has made the tensor; its dims must agree with what the file says. */
static enum status_code set_param(struct onnx_reader *reader, int node, int param, size_t index, const struct onnx_constant *from)
{
    int place = reader->net->nodes[node].params[param];
    struct net_tensor *tensor = &reader->net->tensors[place];
    if (tensor->count != from->count)
        return onnx_fail(reader, STATUS_BAD_INPUT, "its parameter at input %zu has %zu elements; its other shapes ask for %zu",
                         index, from->count, tensor->count);
    memcpy(tensor->data, from->floats, from->count * sizeof *from->floats);
    return onnx_name_tensor(reader, place, index);
}

/* --- attributes of windows ------------------------------------------------------------------------------- */

struct window {
    int kernel, stride, pad, dilation;
};

/* All `count` numbers of the attribute, each between low and high and all equal, as one; `absent` when it is not given. */
static enum status_code one_of_equal(struct onnx_reader *reader, const char *name, size_t count, int low, int absent, int *out)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, name);
    *out = absent;
    if (attribute == NULL)
        return STATUS_OK;
    if (attribute->n_ints != count)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its %s must be %zu numbers", name, count);
    for (size_t i = 0; i < count; i++) {
        if (attribute->ints[i] < low || attribute->ints[i] > NET_DIMENSION_MAX)
            return onnx_fail(reader, STATUS_BAD_INPUT, "its %s %" PRId64 " is out of range", name, attribute->ints[i]);
        if (attribute->ints[i] != attribute->ints[0])
            return onnx_fail(reader, STATUS_UNSUPPORTED, "its %s must be equal on all sides", name);
        *out = (int)attribute->ints[i];
    }
    return STATUS_OK;
}

static enum status_code read_window(struct onnx_reader *reader, int absent_kernel, struct window *out)
{
    enum status_code code = one_of_equal(reader, "kernel_shape", 2, 1, absent_kernel, &out->kernel);
    if (code == STATUS_OK)
        code = one_of_equal(reader, "strides", 2, 1, 1, &out->stride);
    if (code == STATUS_OK)
        code = one_of_equal(reader, "pads", 4, 0, 0, &out->pad);
    if (code == STATUS_OK)
        code = one_of_equal(reader, "dilations", 2, 1, 1, &out->dilation);
    if (code != STATUS_OK)
        return code;
    if (!onnx_attribute_is_text(reader, "auto_pad", "NOTSET") && !onnx_attribute_is_text(reader, "auto_pad", "VALID"))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "auto_pad is not supported; export explicit pads");
    if (out->kernel < 1)
        return onnx_fail(reader, STATUS_BAD_INPUT, "its kernel_shape is missing");
    return STATUS_OK;
}

/* --- operators ------------------------------------------------------------------------------------------- */

static enum status_code read_conv(struct onnx_reader *reader)
{
    struct window window;
    char name[NET_NAME_BYTES];
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    const struct onnx_constant *weight = input != NULL ? weight_input(reader, 1, 4) : NULL, *bias = NULL;
    bool with_bias = onnx_has_input(reader, 2);
    if (weight == NULL || (with_bias && (bias = weight_input(reader, 2, 1)) == NULL))
        return reader->status->code;
    if (weight->dims[2] != weight->dims[3])
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only square kernels are supported, not %" PRId64 " by %" PRId64,
                         weight->dims[2], weight->dims[3]);
    if (read_window(reader, (int)weight->dims[2], &window) != STATUS_OK || onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int channels = reader->net->nodes[input->node].shape.c;
    int64_t groups = onnx_attribute_int(reader, "group", 1);
    if (window.kernel != weight->dims[2])
        return onnx_fail(reader, STATUS_BAD_INPUT, "its kernel_shape is not that of its weight");
    if (groups < 1 || groups > channels || weight->dims[1] * groups != channels)
        return onnx_fail(reader, STATUS_BAD_INPUT,
                         "its weight is for %" PRId64 " channels in each of %" PRId64 " groups but its input has %d",
                         weight->dims[1], groups, channels);
    const struct net_conv conv = {.out_channels = (int)weight->dims[0],
                                  .kernel = window.kernel,
                                  .stride = window.stride,
                                  .pad = window.pad,
                                  .dilation = window.dilation,
                                  .groups = (int)groups,
                                  .with_bias = with_bias};
    int node = net_add_conv_with(reader->net, name, input->node, &conv, reader->status);
    if (node < 0)
        return onnx_builder_failed(reader);
    enum status_code code = set_param(reader, node, 0, 1, weight);
    if (code == STATUS_OK && with_bias)
        code = set_param(reader, node, 1, 2, bias);
    return code == STATUS_OK ? onnx_set_map(reader, node, 4) : code;
}

static enum status_code read_batch_norm(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    const struct onnx_constant *params[NET_PARAMS_MAX];
    const struct onnx_value *input = onnx_map_input(reader, 0, 0);
    if (input == NULL)
        return reader->status->code;
    for (size_t i = 0; i < NET_PARAMS_MAX; i++)
        if ((params[i] = weight_input(reader, i + 1, 1)) == NULL)
            return reader->status->code;
    if (onnx_attribute_int(reader, "training_mode", 0) != 0 || onnx_attribute_int(reader, "spatial", 1) != 1)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "export the model in inference mode");
    for (size_t i = 0; i < params[3]->count; i++)
        if (params[3]->floats[i] < 0.0F)
            return onnx_fail(reader, STATUS_BAD_INPUT, "the running variance of channel %zu is negative", i);
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_batch_norm(reader->net, name, input->node, onnx_attribute_float(reader, "epsilon", 1e-5F), reader->status);
    if (node < 0)
        return onnx_builder_failed(reader);
    for (int i = 0; i < NET_PARAMS_MAX; i++)
        if (set_param(reader, node, i, (size_t)i + 1, params[i]) != STATUS_OK)
            return reader->status->code;
    return onnx_set_map(reader, node, input->rank);
}

static enum status_code read_relu(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    const struct onnx_value *input = onnx_map_input(reader, 0, 0);
    if (input == NULL || onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_relu(reader->net, name, input->node, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, input->rank) : onnx_builder_failed(reader);
}

/* Whether windows of one axis end exactly with it, so that rounding up or down is the same. */
static bool divides(int length, const struct window *window)
{
    return (length + 2 * window->pad - window->kernel) % window->stride == 0;
}

/* What both poolings share: a window that is not dilated and ends with the map. */
static enum status_code read_pool_window(struct onnx_reader *reader, const struct onnx_value *input, struct window *out)
{
    if (read_window(reader, 0, out) != STATUS_OK)
        return reader->status->code;
    if (out->dilation != 1)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "dilated windows of a pooling are not supported");
    struct net_shape shape = reader->net->nodes[input->node].shape;
    if (onnx_attribute_int(reader, "ceil_mode", 0) != 0 && !(divides(shape.h, out) && divides(shape.w, out)))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "ceil_mode with windows that reach beyond the map is not supported");
    return STATUS_OK;
}

static enum status_code read_average_pool(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    struct window window;
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    if (input == NULL || read_pool_window(reader, input, &window) != STATUS_OK)
        return reader->status->code;
    if (onnx_attribute_int(reader, "count_include_pad", 0) != 0 && window.pad > 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "padding that is counted is not supported; export count_include_pad=False");
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_avg_pool(reader->net, name, input->node, window.kernel, window.stride, window.pad, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, 4) : onnx_builder_failed(reader);
}

static enum status_code read_max_pool(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    struct window window;
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    if (input == NULL || read_pool_window(reader, input, &window) != STATUS_OK || onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_max_pool(reader->net, name, input->node, window.kernel, window.stride, window.pad, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, 4) : onnx_builder_failed(reader);
}

/* An Add of a constant to the product of a MatMul is the bias of a dense layer. */
static enum status_code read_dense_bias(struct onnx_reader *reader, size_t product_index, size_t bias_index)
{
    const struct onnx_value *product = onnx_input(reader, product_index);
    const struct onnx_constant *bias = onnx_constant_input(reader, bias_index);
    if (product == NULL || bias == NULL)
        return reader->status->code;
    const struct net_node *dense = &reader->net->nodes[product->node];
    if (!product->bias_is_open || onnx_use_count(reader, product->name) != 1)
        return onnx_fail(reader, STATUS_UNSUPPORTED,
                         "a constant may only be added as the bias of a MatMul that nothing else reads");
    bool is_row = bias->rank >= 1 && bias->rank <= 2 && bias->dims[bias->rank - 1] == dense->shape.c;
    if (!bias->is_float || !is_row || bias->count != (size_t)dense->shape.c)
        return onnx_fail(reader, STATUS_BAD_INPUT, "the bias must be %d floats", dense->shape.c);
    enum status_code code = set_param(reader, product->node, 1, bias_index, bias);
    return code == STATUS_OK ? onnx_set_map(reader, product->node, 2) : code;
}

static bool is_constant_input(const struct onnx_reader *reader, size_t index)
{
    const struct onnx_value *value = NULL;
    if (onnx_has_input(reader, index))
        HASH_FIND_STR(reader->values, reader->node->input[index], value);
    return value != NULL && value->is_constant;
}

static enum status_code read_add(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    int inputs[NET_INPUTS_MAX], rank = 0;
    size_t count = reader->node->n_input;
    if (count < 2 || count > NET_INPUTS_MAX)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "sums of 2 to %d inputs are supported, not of %zu", NET_INPUTS_MAX, count);
    if (count == 2 && is_constant_input(reader, 1))
        return read_dense_bias(reader, 0, 1);
    if (count == 2 && is_constant_input(reader, 0))
        return read_dense_bias(reader, 1, 0);
    for (size_t i = 0; i < count; i++) {
        const struct onnx_value *value = onnx_map_input(reader, i, rank);
        if (value == NULL)
            return reader->status->code;
        inputs[i] = value->node;
        rank = value->rank;
    }
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_add(reader->net, name, inputs, (int)count, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, rank) : onnx_builder_failed(reader);
}

static enum status_code add_global_pool(struct onnx_reader *reader, int input, int rank)
{
    char name[NET_NAME_BYTES];
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_global_avg_pool(reader->net, name, input, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, rank) : onnx_builder_failed(reader);
}

static enum status_code read_global_average_pool(struct onnx_reader *reader)
{
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    return input == NULL ? reader->status->code : add_global_pool(reader, input->node, 4);
}

/* Whether the axes are height and width, in either order, counted from either end. */
static bool are_spatial(const int64_t *axes, size_t count)
{
    unsigned seen = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
        seen |= axis >= 0 && axis < 4 ? 1U << axis : 0;
    }
    return count == 2 && seen == 12U;
}

static enum status_code read_reduce_mean(struct onnx_reader *reader)
{
    const int64_t *axes = NULL;
    size_t count = 0;
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    if (input == NULL || onnx_numbers(reader, "axes", 1, &axes, &count) != STATUS_OK)
        return reader->status->code;
    if (!are_spatial(axes, count))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only means over height and width (axes 2 and 3) are supported");
    return add_global_pool(reader, input->node, onnx_attribute_int(reader, "keepdims", 1) != 0 ? 4 : 2);
}

static enum status_code read_flatten(struct onnx_reader *reader)
{
    const struct onnx_value *input = onnx_map_input(reader, 0, 0);
    if (input == NULL)
        return reader->status->code;
    if (onnx_attribute_int(reader, "axis", 1) != 1)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only axis 1 is supported");
    return onnx_set_vector(reader, input);
}

static enum status_code read_squeeze(struct onnx_reader *reader)
{
    const int64_t *axes = NULL;
    size_t count = 0;
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    if (input == NULL || onnx_numbers(reader, "axes", 1, &axes, &count) != STATUS_OK)
        return reader->status->code;
    if (!are_spatial(axes, count))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only height and width (axes 2 and 3) can be squeezed");
    return onnx_set_vector(reader, input);
}

/* Adds a dense layer for a weight (O,C), or (C,O) where it is transposed; its node or -1 with status filled. */
static int add_dense(struct onnx_reader *reader, const struct onnx_value *input, const struct onnx_constant *weight,
                     bool transposed)
{
    char name[NET_NAME_BYTES];
    int channels = reader->net->nodes[input->node].shape.c;
    int64_t rows = weight->dims[transposed ? 1 : 0], columns = weight->dims[transposed ? 0 : 1];
    if (columns != channels) {
        onnx_fail(reader, STATUS_BAD_INPUT, "its weight is for %" PRId64 " features but its input has %d", columns, channels);
        return -1;
    }
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return -1;
    int node = net_add_dense(reader->net, name, input->node, (int)rows, reader->status);
    if (node < 0) {
        onnx_builder_failed(reader);
        return -1;
    }
    if (set_param(reader, node, 0, 1, weight) != STATUS_OK)
        return -1;
    float *data = reader->net->tensors[reader->net->nodes[node].params[0]].data;
    for (int64_t o = 0; transposed && o < rows; o++)
        for (int64_t c = 0; c < columns; c++)
            data[o * columns + c] = weight->floats[c * rows + o];
    return node;
}

static enum status_code read_gemm(struct onnx_reader *reader)
{
    const struct onnx_value *input = onnx_map_input(reader, 0, 2);
    const struct onnx_constant *weight = input != NULL ? weight_input(reader, 1, 2) : NULL, *bias = NULL;
    bool with_bias = onnx_has_input(reader, 2);
    if (weight == NULL || (with_bias && (bias = weight_input(reader, 2, 1)) == NULL))
        return reader->status->code;
    if (onnx_attribute_float(reader, "alpha", 1.0F) != 1.0F || onnx_attribute_float(reader, "beta", 1.0F) != 1.0F ||
        onnx_attribute_int(reader, "transA", 0) != 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "alpha and beta must be 1 and transA 0");
    int node = add_dense(reader, input, weight, onnx_attribute_int(reader, "transB", 0) == 0);
    if (node < 0)
        return reader->status->code;
    enum status_code code = with_bias ? set_param(reader, node, 1, 2, bias)
                                      : onnx_name_tensor(reader, reader->net->nodes[node].params[1], reader->node->n_input);
    return code == STATUS_OK ? onnx_set_map(reader, node, 2) : code;
}

static enum status_code read_matmul(struct onnx_reader *reader)
{
    struct onnx_value *product = NULL;
    const struct onnx_value *input = onnx_map_input(reader, 0, 2);
    const struct onnx_constant *weight = input != NULL ? weight_input(reader, 1, 2) : NULL;
    int node = weight != NULL ? add_dense(reader, input, weight, true) : -1;
    if (node < 0)
        return reader->status->code;
    enum status_code code = onnx_set_map(reader, node, 2);
    if (code != STATUS_OK)
        return code;
    HASH_FIND_STR(reader->values, reader->node->output[0], product);
    product->bias_is_open = true;
    return STATUS_OK;
}

static enum status_code read_identity(struct onnx_reader *reader)
{
    const struct onnx_value *input = onnx_input(reader, 0);
    if (input == NULL)
        return reader->status->code;
    if (input->is_constant)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its input is a constant; it must depend on the images");
    return onnx_set_alias(reader, input);
}

/* --- the table ------------------------------------------------------------------------------------------- */

static const struct {
    const char *operator;
    read_function read;
} operators[] = {
    {"Conv", read_conv},
    {"BatchNormalization", read_batch_norm},
    {"Relu", read_relu},
    {"AveragePool", read_average_pool},
    {"Add", read_add},
    {"Sum", read_add},
    {"GlobalAveragePool", read_global_average_pool},
    {"ReduceMean", read_reduce_mean},
    {"Flatten", read_flatten},
    {"Squeeze", read_squeeze},
    {"Reshape", onnx_read_reshape},
    {"Gemm", read_gemm},
    {"MatMul", read_matmul},
    {"Identity", read_identity},
    {"Dropout", read_identity},
    {"Slice", onnx_read_slice},
    {"Pad", onnx_read_pad},
    {"MaxPool", read_max_pool},
    {"Concat", onnx_read_concat},
    {"Transpose", onnx_read_transpose},
};

enum status_code onnx_read_node(struct onnx_reader *reader)
{
    const char *operator= onnx_text(reader->node->op_type), *domain = onnx_text(reader->node->domain);
    bool folded = false;
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "operators outside the ONNX standard are not supported");
    enum status_code code = onnx_fold(reader, &folded);
    if (folded)
        return code;
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (strcmp(operators[i].operator, operator) == 0)
            return operators[i].read(reader);
    return onnx_fail(reader, STATUS_UNSUPPORTED, "this operator is not supported");
}
