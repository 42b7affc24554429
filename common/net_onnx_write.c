/* net_onnx_write: a net as an ONNX model: IR 7, opset 13, one ONNX node per node of the net but for Flatten before a dense
 * layer and the three of a channel shuffle.
 *
 * All protobuf structs live in one arena that is freed after packing; weights are borrowed from the net. */
#include "common/net_onnx_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPSET = 13, VALUE_NAME_BYTES = NET_NAME_BYTES + 16, SLICE_LISTS = 4, NODES_PER_NODE = 3 };

static const size_t MODEL_BYTES_MAX = (size_t)1 << 30; /* what the reader takes */

/* --- arena ----------------------------------------------------------------------------------------------- */

struct block {
    struct block *next;
    max_align_t data[];
};

/* After the first failure every take gives NULL; only `failed` need be looked at, before anything is written through a pointer. */
struct arena {
    struct block *blocks;
    bool failed;
};

static void *take(struct arena *arena, size_t bytes)
{
    struct block *block = arena->failed ? NULL : calloc(1, sizeof *block + bytes);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    block->next = arena->blocks;
    arena->blocks = block;
    return block->data;
}

static void arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

static char *take_text(struct arena *arena, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = take(arena, bytes);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

/* --- writer ---------------------------------------------------------------------------------------------- */

struct writer {
    const struct net *net;
    struct status *status;
    struct arena arena;
    Onnx__GraphProto *graph;
    size_t node_capacity, initializer_capacity;
    char **values; /* per node of the net: the name of its ONNX value */
    int *ranks;    /* per node of the net: 4, or 2 after a dense layer */
};

static int no_memory(struct writer *writer)
{
    status_set(writer->status, STATUS_NO_MEMORY, "no memory for an ONNX model of %d nodes", writer->net->node_count);
    return -1;
}

/* Appends an ONNX node with room for its inputs and attributes. NULL without memory. */
static Onnx__NodeProto *add_node(struct writer *writer, const char *operator, const char * name, const char *output, size_t inputs,
                                 size_t attributes)
{
    Onnx__NodeProto *node = take(&writer->arena, sizeof *node);
    char **input = take(&writer->arena, inputs * sizeof *input), **out = take(&writer->arena, sizeof *out);
    Onnx__AttributeProto **attribute = take(&writer->arena, attributes * sizeof *attribute);
    char *own_name = take_text(&writer->arena, name), *own_operator = take_text(&writer->arena, operator);
    char *own_output = take_text(&writer->arena, output);
    if (writer->arena.failed || writer->graph->n_node >= writer->node_capacity)
        return NULL;
    onnx__node_proto__init(node);
    node->name = own_name;
    node->op_type = own_operator;
    node->input = input;
    node->output = out;
    node->output[0] = own_output;
    node->n_output = 1;
    node->attribute = attribute;
    writer->graph->node[writer->graph->n_node++] = node;
    return node;
}

static void add_input(struct writer *writer, Onnx__NodeProto *node, const char *value)
{
    if (node != NULL)
        node->input[node->n_input++] = take_text(&writer->arena, value);
}

static Onnx__AttributeProto *add_attribute(struct writer *writer, Onnx__NodeProto *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = take(&writer->arena, sizeof *attribute);
    char *own_name = take_text(&writer->arena, name);
    if (node == NULL || own_name == NULL)
        return NULL;
    onnx__attribute_proto__init(attribute);
    attribute->name = own_name;
    attribute->has_type = 1;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

static void add_int(struct writer *writer, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(writer, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute == NULL)
        return;
    attribute->has_i = 1;
    attribute->i = value;
}

static void add_float(struct writer *writer, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute = add_attribute(writer, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (attribute == NULL)
        return;
    attribute->has_f = 1;
    attribute->f = value;
}

static void add_ints(struct writer *writer, Onnx__NodeProto *node, const char *name, size_t count, const int64_t *values)
{
    Onnx__AttributeProto *attribute = add_attribute(writer, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *ints = take(&writer->arena, count * sizeof *ints);
    if (attribute == NULL || ints == NULL)
        return;
    attribute->ints = memcpy(ints, values, count * sizeof *ints);
    attribute->n_ints = count;
}

/* The number `count` times, at most 4: windows are square and padded alike on all sides. */
static void add_equal_ints(struct writer *writer, Onnx__NodeProto *node, const char *name, size_t count, int64_t value)
{
    add_ints(writer, node, name, count, (const int64_t[]){value, value, value, value});
}

/* An initializer whose bytes stay where they are until the model is packed. */
static void add_initializer(struct writer *writer, const char *name, int32_t type, int rank, const int *dims, const void *data,
                            size_t bytes)
{
    Onnx__TensorProto *tensor = take(&writer->arena, sizeof *tensor);
    int64_t *own_dims = take(&writer->arena, (size_t)rank * sizeof *own_dims);
    char *own_name = take_text(&writer->arena, name);
    if (writer->arena.failed || writer->graph->n_initializer >= writer->initializer_capacity) {
        writer->arena.failed = true;
        return;
    }
    onnx__tensor_proto__init(tensor);
    tensor->name = own_name;
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->dims = own_dims;
    tensor->n_dims = (size_t)rank;
    for (int i = 0; i < rank; i++)
        tensor->dims[i] = dims[i];
    tensor->has_raw_data = 1;
    tensor->raw_data.len = bytes;
    tensor->raw_data.data = (uint8_t *)(uintptr_t)data; /* packing only reads */
    writer->graph->initializer[writer->graph->n_initializer++] = tensor;
}

/* Adds the net's tensor as an initializer and as the node's next input. */
static void add_param(struct writer *writer, Onnx__NodeProto *node, int tensor)
{
    const struct net_tensor *from = &writer->net->tensors[tensor];
    add_initializer(writer, from->name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, from->rank, from->dims, from->data,
                    from->count * sizeof(float));
    add_input(writer, node, from->name);
}

/* Adds a list of whole numbers called NODE.SUFFIX as an initializer and as the node's next input. */
static void add_list(struct writer *writer, Onnx__NodeProto *node, const char *suffix, const int64_t *items, int count)
{
    char name[VALUE_NAME_BYTES];
    int64_t *own = take(&writer->arena, (size_t)count * sizeof *own);
    if (node == NULL || own == NULL)
        return;
    memcpy(own, items, (size_t)count * sizeof *own);
    snprintf(name, sizeof name, "%.95s.%s", node->name, suffix);
    add_initializer(writer, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &count, own, (size_t)count * sizeof *own);
    add_input(writer, node, name);
}

/* --- one function per operator that has more than inputs ------------------------------------------------- */

static void add_window(struct writer *writer, Onnx__NodeProto *node, const struct net_node *from)
{
    add_equal_ints(writer, node, "kernel_shape", 2, from->kernel_h);
    add_equal_ints(writer, node, "strides", 2, from->stride);
    add_equal_ints(writer, node, "pads", 4, from->pad);
}

static void write_conv(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "Conv", from->name, output, 3, 5);
    add_input(writer, node, input);
    add_param(writer, node, from->params[0]);
    if (from->params[1] >= 0)
        add_param(writer, node, from->params[1]);
    add_window(writer, node, from);
    add_equal_ints(writer, node, "dilations", 2, from->dilation);
    add_int(writer, node, "group", from->groups);
}

static void write_batch_norm(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "BatchNormalization", from->name, output, 1 + NET_PARAMS_MAX, 1);
    add_input(writer, node, input);
    for (int i = 0; i < NET_PARAMS_MAX; i++)
        add_param(writer, node, from->params[i]);
    add_float(writer, node, "epsilon", from->epsilon);
}

static void write_avg_pool(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "AveragePool", from->name, output, 1, 4);
    add_input(writer, node, input);
    add_window(writer, node, from);
    add_int(writer, node, "count_include_pad", 0);
}

static void write_max_pool(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "MaxPool", from->name, output, 1, 5);
    add_input(writer, node, input);
    add_window(writer, node, from);
    add_equal_ints(writer, node, "dilations", 2, 1);
    add_int(writer, node, "ceil_mode", 0);
}

static void write_add(struct writer *writer, const struct net_node *from, const char *output)
{
    size_t count = (size_t)from->input_count;
    Onnx__NodeProto *node = add_node(writer, count == 2 ? "Add" : "Sum", from->name, output, count, 0);
    for (size_t i = 0; i < count; i++)
        add_input(writer, node, writer->values[from->inputs[i]]);
}

static void write_concat(struct writer *writer, const struct net_node *from, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "Concat", from->name, output, (size_t)from->input_count, 1);
    for (int i = 0; i < from->input_count; i++)
        add_input(writer, node, writer->values[from->inputs[i]]);
    add_int(writer, node, "axis", 1);
}

/* (N,C,H,W) -> (N,groups,C/groups,H,W) -> (N,C/groups,groups,H,W) -> (N,C,H,W). */
static void write_channel_shuffle(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    static const int64_t order[] = {0, 2, 1, 3, 4};
    const struct net_shape s = from->shape;
    const int64_t apart[] = {-1, from->groups, s.c / from->groups, s.h, s.w}, together[] = {-1, s.c, s.h, s.w};
    char split[VALUE_NAME_BYTES], swapped[VALUE_NAME_BYTES];
    snprintf(split, sizeof split, "%.95s.split", from->name);
    snprintf(swapped, sizeof swapped, "%.95s.swap", from->name);
    Onnx__NodeProto *first = add_node(writer, "Reshape", split, split, 2, 0);
    add_input(writer, first, input);
    add_list(writer, first, "apart", apart, 5);
    Onnx__NodeProto *second = add_node(writer, "Transpose", swapped, swapped, 1, 1);
    add_input(writer, second, split);
    add_ints(writer, second, "perm", 5, order);
    Onnx__NodeProto *last = add_node(writer, "Reshape", from->name, output, 2, 0);
    add_input(writer, last, swapped);
    add_list(writer, last, "together", together, 4);
}

static void write_subsample(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    static const char *const suffixes[SLICE_LISTS] = {"starts", "ends", "axes", "steps"};
    const int64_t lists[SLICE_LISTS][2] = {
        {from->offset, from->offset}, {INT64_MAX, INT64_MAX}, {2, 3}, {from->stride, from->stride}};
    Onnx__NodeProto *node = add_node(writer, "Slice", from->name, output, 1 + SLICE_LISTS, 0);
    add_input(writer, node, input);
    for (int i = 0; i < SLICE_LISTS; i++)
        add_list(writer, node, suffixes[i], lists[i], 2);
}

static void write_channel_pad(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    const int64_t pads[] = {0, from->pad_before, 0, 0, 0, from->pad_after, 0, 0};
    Onnx__NodeProto *node = add_node(writer, "Pad", from->name, output, 2, 0);
    add_input(writer, node, input);
    add_list(writer, node, "pads", pads, 8);
}

static void write_flatten(struct writer *writer, const char *name, const char *input, const char *output)
{
    Onnx__NodeProto *node = add_node(writer, "Flatten", name, output, 1, 1);
    add_input(writer, node, input);
    add_int(writer, node, "axis", 1);
}

static void write_dense(struct writer *writer, const struct net_node *from, const char *input, const char *output)
{
    char flat[VALUE_NAME_BYTES];
    if (writer->ranks[from->inputs[0]] == 4) {
        snprintf(flat, sizeof flat, "%s.flatten", from->name);
        write_flatten(writer, flat, input, flat);
        input = flat;
    }
    Onnx__NodeProto *node = add_node(writer, "Gemm", from->name, output, 3, 1);
    add_input(writer, node, input);
    add_param(writer, node, from->params[0]);
    add_param(writer, node, from->params[1]);
    add_int(writer, node, "transB", 1);
}

static void write_plain(struct writer *writer, const char *operator, const struct net_node * from, const char *input,
                        const char *output)
{
    add_input(writer, add_node(writer, operator, from->name, output, 1, 0), input);
}

/* --- the graph ------------------------------------------------------------------------------------------- */

/* The rank of the node's ONNX value. A map after a dense layer would need another shape than ONNX's Gemm gives: 0 and status. */
static int rank_of(struct writer *writer, const struct net_node *node)
{
    if (node->op == NET_INPUT || node->op == NET_GLOBAL_AVG_POOL)
        return 4;
    if (node->op == NET_DENSE)
        return 2;
    int rank = writer->ranks[node->inputs[0]];
    int needs_map = node->op != NET_BATCH_NORM && node->op != NET_RELU && node->op != NET_ADD && node->op != NET_CONCAT;
    for (int i = 0; i < node->input_count; i++) {
        if (writer->ranks[node->inputs[i]] != rank || (rank == 2 && needs_map)) {
            status_set(writer->status, STATUS_UNSUPPORTED,
                       "node %s (%s): it reads a dense layer as a map, which ONNX cannot write so", node->name,
                       net_op_name(node->op));
            return 0;
        }
    }
    return rank;
}

static int write_node(struct writer *writer, int index)
{
    const struct net_node *node = &writer->net->nodes[index];
    const char *output = writer->values[index], *input = node->input_count > 0 ? writer->values[node->inputs[0]] : NULL;
    writer->ranks[index] = rank_of(writer, node);
    if (writer->ranks[index] == 0)
        return -1;
    switch (node->op) {
    case NET_INPUT: break;
    case NET_CONV: write_conv(writer, node, input, output); break;
    case NET_BATCH_NORM: write_batch_norm(writer, node, input, output); break;
    case NET_RELU: write_plain(writer, "Relu", node, input, output); break;
    case NET_AVG_POOL: write_avg_pool(writer, node, input, output); break;
    case NET_MAX_POOL: write_max_pool(writer, node, input, output); break;
    case NET_ADD: write_add(writer, node, output); break;
    case NET_CONCAT: write_concat(writer, node, output); break;
    case NET_CHANNEL_SHUFFLE: write_channel_shuffle(writer, node, input, output); break;
    case NET_SUBSAMPLE: write_subsample(writer, node, input, output); break;
    case NET_CHANNEL_PAD: write_channel_pad(writer, node, input, output); break;
    case NET_GLOBAL_AVG_POOL: write_plain(writer, "GlobalAveragePool", node, input, output); break;
    case NET_DENSE: write_dense(writer, node, input, output); break;
    case NET_MIX:
        status_set(
            writer->status, STATUS_UNSUPPORTED,
            "node %s (mix): the net is a one-shot net, whose coefficients are no part of it: export an architecture's own net",
            node->name);
        return -1;
    case NET_OP_COUNT: break;
    }
    return writer->arena.failed ? no_memory(writer) : 0;
}

static const char *output_name(int output, char out[16])
{
    if (output == 0)
        return "logits";
    snprintf(out, 16, "tap%d", output);
    return out;
}

/* A node that is an output gives its value the output's name; the first output wins. */
static int name_values(struct writer *writer)
{
    const struct net *net = writer->net;
    for (int i = 0; i < net->node_count; i++) {
        char name[VALUE_NAME_BYTES], buffer[16];
        snprintf(name, sizeof name, "%s/output", net->nodes[i].name);
        const char *chosen = i == 0 ? "images" : name;
        for (int k = net->output_count; k-- > 0;)
            if (net->outputs[k] == i && i != 0)
                chosen = output_name(k, buffer);
        writer->values[i] = take_text(&writer->arena, chosen);
    }
    return writer->arena.failed ? no_memory(writer) : 0;
}

static Onnx__ValueInfoProto *make_value_info(struct writer *writer, const char *name, int rank, struct net_shape shape)
{
    struct arena *arena = &writer->arena;
    const int64_t dims[] = {0, shape.c, shape.h, shape.w};
    Onnx__ValueInfoProto *info = take(arena, sizeof *info);
    Onnx__TypeProto *type = take(arena, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = take(arena, sizeof *tensor);
    Onnx__TensorShapeProto *shape_proto = take(arena, sizeof *shape_proto);
    Onnx__TensorShapeProto__Dimension *dim = take(arena, (size_t)rank * sizeof *dim);
    Onnx__TensorShapeProto__Dimension **dim_list = take(arena, (size_t)rank * sizeof *dim_list);
    char *own_name = take_text(arena, name), *batch = take_text(arena, "N");
    if (arena->failed)
        return NULL;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape_proto);
    for (int i = 0; i < rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dim[i]);
        dim_list[i] = &dim[i];
        dim[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        dim[i].dim_value = dims[i];
    }
    dim[0].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    dim[0].dim_param = batch;
    shape_proto->dim = dim_list;
    shape_proto->n_dim = (size_t)rank;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape_proto;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = own_name;
    info->type = type;
    return info;
}

/* Declares output k. Where its node bears another name (it is two outputs, or the images), an Identity gives it this one. */
static int write_output(struct writer *writer, int k)
{
    char buffer[16];
    int index = writer->net->outputs[k], rank = writer->ranks[index];
    const char *name = output_name(k, buffer);
    if (strcmp(writer->values[index], name) != 0)
        add_input(writer, add_node(writer, "Identity", name, name, 1, 0), writer->values[index]);
    Onnx__ValueInfoProto *info = make_value_info(writer, name, rank, writer->net->nodes[index].shape);
    if (writer->arena.failed)
        return no_memory(writer);
    writer->graph->output[writer->graph->n_output++] = info;
    return 0;
}

static int write_graph(struct writer *writer)
{
    const struct net *net = writer->net;
    size_t nodes = (size_t)net->node_count, tensors = (size_t)net->tensor_count;
    writer->node_capacity = NODES_PER_NODE * nodes + NET_OUTPUTS_MAX;
    writer->initializer_capacity = tensors + SLICE_LISTS * nodes;
    writer->graph = take(&writer->arena, sizeof *writer->graph);
    writer->values = take(&writer->arena, nodes * sizeof *writer->values);
    writer->ranks = take(&writer->arena, nodes * sizeof *writer->ranks);
    Onnx__NodeProto **node = take(&writer->arena, writer->node_capacity * sizeof *node);
    Onnx__TensorProto **initializer = take(&writer->arena, writer->initializer_capacity * sizeof *initializer);
    Onnx__ValueInfoProto **input = take(&writer->arena, sizeof *input);
    Onnx__ValueInfoProto **output = take(&writer->arena, NET_OUTPUTS_MAX * sizeof *output);
    char *name = take_text(&writer->arena, "hwnas");
    if (writer->arena.failed)
        return no_memory(writer);
    onnx__graph_proto__init(writer->graph);
    writer->graph->name = name;
    writer->graph->node = node;
    writer->graph->initializer = initializer;
    writer->graph->input = input;
    writer->graph->output = output;
    input[0] = make_value_info(writer, "images", 4, net->nodes[0].shape);
    writer->graph->n_input = input[0] != NULL;
    if (name_values(writer) != 0)
        return -1;
    for (int i = 0; i < net->node_count; i++)
        if (write_node(writer, i) != 0)
            return -1;
    for (int k = 0; k < net->output_count; k++)
        if (write_output(writer, k) != 0)
            return -1;
    return 0;
}

static int pack(struct writer *writer, void **data, size_t *size)
{
    char producer[] = "hwnas", domain[] = "";
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    opset.domain = domain;
    opset.has_version = 1;
    opset.version = OPSET;
    model.has_ir_version = 1;
    model.ir_version = ONNX__VERSION__IR_VERSION_2020_5_8;
    model.producer_name = producer;
    model.n_opset_import = 1;
    model.opset_import = &opsets;
    model.graph = writer->graph;
    size_t bytes = onnx__model_proto__get_packed_size(&model);
    if (bytes > MODEL_BYTES_MAX) {
        status_set(writer->status, STATUS_UNSUPPORTED, "the net has %zu bytes as ONNX, more than the 1 GiB that one file may have",
                   bytes);
        return -1;
    }
    uint8_t *packed = malloc(bytes);
    if (packed == NULL)
        return no_memory(writer);
    onnx__model_proto__pack(&model, packed);
    *data = packed;
    *size = bytes;
    return 0;
}

enum status_code net_onnx_write(const struct net *net, void **data, size_t *size, struct status *status)
{
    struct status reason = {.code = STATUS_OK};
    struct writer writer = {.net = net, .status = &reason};
    enum status_code code = net_check(net, &reason);
    if (code == STATUS_OK && (write_graph(&writer) != 0 || pack(&writer, data, size) != 0))
        code = reason.code;
    arena_free(&writer.arena);
    return code == STATUS_OK ? code : status_set(status, code, "%s", reason.message);
}
