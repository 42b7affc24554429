/* onnx_maker: protobuf structs filled by hand. Aborts without memory or beyond its tables: a test that does so is wrong. */
#include "tests/support/onnx_maker.h"

#include <stdlib.h>
#include <string.h>

static void *take(struct onnx_maker *m, size_t bytes)
{
    if (m->block_count >= ONNX_MAKER_BLOCKS || (m->blocks[m->block_count] = calloc(1, bytes + 1)) == NULL)
        abort();
    return m->blocks[m->block_count++];
}

static char *text_of(struct onnx_maker *m, const char *text, size_t length)
{
    return memcpy(take(m, length + 1), text, length);
}

/* Splits at commas; *count receives the number of parts, 0 for an empty text. */
static char **split(struct onnx_maker *m, const char *text, size_t *count)
{
    char **parts = take(m, ONNX_MAKER_ITEMS * sizeof *parts);
    *count = 0;
    if (text[0] == '\0')
        return parts;
    for (;;) {
        size_t length = strcspn(text, ",");
        if (*count >= ONNX_MAKER_ITEMS)
            abort();
        parts[(*count)++] = text_of(m, text, length);
        if (text[length] == '\0')
            return parts;
        text += length + 1;
    }
}

static void *checked(void *item, size_t count)
{
    if (count >= ONNX_MAKER_ITEMS)
        abort();
    return item;
}

static Onnx__TensorShapeProto__Dimension *make_dim(struct onnx_maker *m, int64_t value)
{
    Onnx__TensorShapeProto__Dimension *dim = take(m, sizeof *dim);
    onnx__tensor_shape_proto__dimension__init(dim);
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
    dim->dim_value = value;
    if (value == 0) {
        dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dim->dim_param = text_of(m, "N", 1);
    }
    return dim;
}

static Onnx__ValueInfoProto *make_info(struct onnx_maker *m, const char *name, size_t rank, const int64_t *dims)
{
    Onnx__ValueInfoProto *info = take(m, sizeof *info);
    Onnx__TypeProto *type = take(m, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = take(m, sizeof *tensor);
    Onnx__TensorShapeProto *shape = take(m, sizeof *shape);
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    shape->dim = take(m, (rank + 1) * sizeof(Onnx__TensorShapeProto__Dimension *));
    for (size_t i = 0; i < rank; i++)
        shape->dim[shape->n_dim++] = make_dim(m, dims[i]);
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = text_of(m, name, strlen(name));
    info->type = type;
    return info;
}

void onnx_maker_begin(struct onnx_maker *m, int64_t c, int64_t h, int64_t w)
{
    const int64_t dims[] = {0, c, h, w};
    memset(m, 0, sizeof *m);
    onnx__model_proto__init(&m->model);
    onnx__graph_proto__init(&m->graph);
    onnx__operator_set_id_proto__init(&m->opset);
    m->opset.has_version = 1;
    m->opset.version = 13;
    m->opsets[0] = &m->opset;
    m->model.has_ir_version = 1;
    m->model.ir_version = 7;
    m->model.n_opset_import = 1;
    m->model.opset_import = m->opsets;
    m->model.graph = &m->graph;
    m->graph.node = m->nodes;
    m->graph.initializer = m->initializers;
    m->graph.input = m->inputs;
    m->graph.output = m->outputs;
    m->inputs[m->graph.n_input++] = make_info(m, "x", 4, dims);
}

void onnx_maker_free(struct onnx_maker *m)
{
    for (size_t i = 0; i < m->block_count; i++)
        free(m->blocks[i]);
    m->block_count = 0;
}

Onnx__NodeProto *onnx_maker_node(struct onnx_maker *m, const char *operator, const char * inputs, const char *outputs)
{
    Onnx__NodeProto *node = take(m, sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = text_of(m, operator, strlen(operator));
    node->input = split(m, inputs, &node->n_input);
    node->output = split(m, outputs, &node->n_output);
    node->name = text_of(m, outputs, strcspn(outputs, ","));
    m->nodes[m->graph.n_node] = checked(node, m->graph.n_node);
    m->graph.n_node++;
    return node;
}

Onnx__AttributeProto *onnx_maker_attribute(struct onnx_maker *m, Onnx__NodeProto *node, const char *name)
{
    Onnx__AttributeProto *attribute = take(m, sizeof *attribute);
    onnx__attribute_proto__init(attribute);
    attribute->name = text_of(m, name, strlen(name));
    if (node->attribute == NULL)
        node->attribute = take(m, ONNX_MAKER_ITEMS * sizeof(Onnx__AttributeProto *));
    node->attribute[node->n_attribute] = checked(attribute, node->n_attribute);
    node->n_attribute++;
    return attribute;
}

void onnx_maker_int(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = onnx_maker_attribute(m, node, name);
    attribute->has_i = 1;
    attribute->i = value;
}

void onnx_maker_ints(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, size_t count, const int64_t *values)
{
    Onnx__AttributeProto *attribute = onnx_maker_attribute(m, node, name);
    attribute->n_ints = count;
    attribute->ints = memcpy(take(m, (count + 1) * sizeof *values), values, count * sizeof *values);
}

void onnx_maker_float(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute = onnx_maker_attribute(m, node, name);
    attribute->has_f = 1;
    attribute->f = value;
}

void onnx_maker_text(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute = onnx_maker_attribute(m, node, name);
    attribute->has_s = 1;
    attribute->s.len = strlen(value);
    attribute->s.data = (uint8_t *)text_of(m, value, strlen(value));
}

static Onnx__TensorProto *add_tensor(struct onnx_maker *m, const char *name, int32_t type, size_t rank, const int64_t *dims)
{
    Onnx__TensorProto *tensor = take(m, sizeof *tensor);
    onnx__tensor_proto__init(tensor);
    tensor->name = text_of(m, name, strlen(name));
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->n_dims = rank;
    tensor->dims = take(m, (rank + 1) * sizeof *dims);
    if (rank > 0)
        memcpy(tensor->dims, dims, rank * sizeof *dims);
    m->initializers[m->graph.n_initializer] = checked(tensor, m->graph.n_initializer);
    m->graph.n_initializer++;
    return tensor;
}

Onnx__TensorProto *onnx_maker_floats(struct onnx_maker *m, const char *name, size_t rank, const int64_t *dims)
{
    Onnx__TensorProto *tensor = add_tensor(m, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims);
    size_t count = 1;
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    tensor->float_data = take(m, (count + 1) * sizeof(float));
    tensor->n_float_data = count;
    for (size_t i = 0; i < count; i++)
        tensor->float_data[i] = (float)i / 8.0F;
    return tensor;
}

Onnx__TensorProto *onnx_maker_numbers(struct onnx_maker *m, const char *name, size_t count, const int64_t *values)
{
    const int64_t dims[] = {(int64_t)count};
    size_t stored = count > 0 ? count : 1;
    Onnx__TensorProto *tensor = add_tensor(m, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, count > 0 ? 1 : 0, dims);
    tensor->has_raw_data = 1;
    tensor->raw_data.len = stored * sizeof *values;
    tensor->raw_data.data = memcpy(take(m, stored * sizeof *values), values, stored * sizeof *values);
    return tensor;
}

void onnx_maker_output(struct onnx_maker *m, const char *name)
{
    const int64_t dims[] = {0, 0};
    m->outputs[m->graph.n_output] = checked(make_info(m, name, 2, dims), m->graph.n_output);
    m->graph.n_output++;
}

void *onnx_maker_pack(const struct onnx_maker *m, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(&m->model);
    uint8_t *bytes = malloc(*size + 1);
    if (bytes == NULL)
        abort();
    onnx__model_proto__pack(&m->model, bytes);
    return bytes;
}
