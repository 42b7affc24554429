/* net_onnx_read: an ONNX model as a whole: its version, its one input, its initializers, its nodes in order, its outputs. */
#include "common/net_onnx_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status_code count_use(struct onnx_reader *reader, const char *name)
{
    struct onnx_use *use = NULL;
    HASH_FIND_STR(reader->uses, name, use);
    if (use == NULL) {
        use = calloc(1, sizeof *use);
        if (use == NULL)
            return onnx_fail(reader, STATUS_NO_MEMORY, "no memory");
        use->name = name;
        HASH_ADD_KEYPTR(hh, reader->uses, use->name, strlen(use->name), use);
        if (use->hh.tbl == NULL) {
            free(use);
            return onnx_fail(reader, STATUS_NO_MEMORY, "no memory");
        }
    }
    use->count++;
    return STATUS_OK;
}

static enum status_code count_uses(struct onnx_reader *reader, const Onnx__GraphProto *graph, const char *const *taps,
                                   size_t tap_count)
{
    enum status_code code = STATUS_OK;
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_input && code == STATUS_OK; k++)
            if (graph->node[i]->input[k][0] != '\0')
                code = count_use(reader, graph->node[i]->input[k]);
    for (size_t i = 0; i < graph->n_output && code == STATUS_OK; i++)
        code = count_use(reader, onnx_text(graph->output[i]->name));
    for (size_t i = 0; taps != NULL && i < tap_count && code == STATUS_OK; i++)
        code = count_use(reader, taps[i]);
    return code;
}

static enum status_code read_initializers(struct onnx_reader *reader, const Onnx__GraphProto *graph)
{
    if (graph->n_sparse_initializer > 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "sparse initializers are not supported");
    for (size_t i = 0; i < graph->n_initializer; i++) {
        char shown[128], what[160];
        struct onnx_value *value = NULL;
        struct onnx_constant constant;
        const char *name = onnx_text(graph->initializer[i]->name);
        snprintf(what, sizeof what, "initializer %s", onnx_printable(name, shown));
        enum status_code code = onnx_constant_read(graph->initializer[i], what, &constant, reader->status);
        if (code != STATUS_OK)
            return code;
        code = onnx_define(reader, name, &value);
        if (code != STATUS_OK) {
            onnx_constant_free(&constant);
            return code;
        }
        value->is_constant = true;
        value->constant = constant;
    }
    return STATUS_OK;
}

/* Channels, height and width of the graph's one input; the first dimension, the number of images, may be anything. */
static enum status_code read_input_shape(struct onnx_reader *reader, const Onnx__ValueInfoProto *input, struct net_shape *out)
{
    char shown[128];
    int dims[4] = {0};
    const Onnx__TypeProto *type = input->type;
    onnx_printable(onnx_text(input->name), shown);
    if (type == NULL || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || type->tensor_type->shape == NULL)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "input %s: its shape is not given", shown);
    if (type->tensor_type->elem_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "input %s: images must be float32", shown);
    const Onnx__TensorShapeProto *shape = type->tensor_type->shape;
    if (shape->n_dim != 4)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "input %s: images must have 4 dimensions (N,C,H,W), not %zu", shown,
                         shape->n_dim);
    for (size_t i = 1; i < 4; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || dim->dim_value < 1 ||
            dim->dim_value > NET_DIMENSION_MAX)
            return onnx_fail(reader, STATUS_UNSUPPORTED,
                             "input %s: channels, height and width must be fixed and 1 to %d; export with a fixed image size",
                             shown, NET_DIMENSION_MAX);
        dims[i] = (int)dim->dim_value;
    }
    *out = (struct net_shape){dims[1], dims[2], dims[3]};
    if (shape->dim[0]->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        reader->images = shape->dim[0]->dim_value;
    return STATUS_OK;
}

/* Exporters of old list the initializers among the inputs; the images are the one input that is none. */
static enum status_code read_input(struct onnx_reader *reader, const Onnx__GraphProto *graph)
{
    struct net_shape shape;
    struct onnx_value *value = NULL;
    const Onnx__ValueInfoProto *images = NULL;
    for (size_t i = 0; i < graph->n_input; i++) {
        HASH_FIND_STR(reader->values, onnx_text(graph->input[i]->name), value);
        if (value != NULL)
            continue;
        if (images != NULL)
            return onnx_fail(reader, STATUS_UNSUPPORTED, "the graph has more than one input");
        images = graph->input[i];
    }
    if (images == NULL)
        return onnx_fail(reader, STATUS_BAD_INPUT, "the graph has no input");
    enum status_code code = read_input_shape(reader, images, &shape);
    if (code != STATUS_OK)
        return code;
    int node = net_add_input(reader->net, shape, reader->status);
    if (node < 0)
        return reader->status->code;
    code = onnx_define(reader, onnx_text(images->name), &value);
    if (code != STATUS_OK)
        return code;
    value->node = node;
    value->rank = 4;
    value->step_h = value->step_w = 1;
    return onnx_take_name(&reader->node_names, "input") < 0 ? onnx_fail(reader, STATUS_NO_MEMORY, "no memory") : STATUS_OK;
}

static enum status_code add_output(struct onnx_reader *reader, const char *name, bool is_tap)
{
    char shown[128];
    struct onnx_value *value = NULL;
    HASH_FIND_STR(reader->values, name, value);
    onnx_printable(name, shown);
    if (value == NULL)
        return onnx_fail(reader, is_tap ? STATUS_NOT_FOUND : STATUS_BAD_INPUT, "%s \"%s\": no node makes a value of that name",
                         is_tap ? "tap" : "output", shown);
    if (value->is_constant)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "output \"%s\" does not depend on the images", shown);
    if (value->groups > 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "output \"%s\" is a map split into groups", shown);
    enum status_code code = onnx_settle_steps(reader, value);
    return code == STATUS_OK ? net_add_output(reader->net, value->node, reader->status) : code;
}

static enum status_code read_outputs(struct onnx_reader *reader, const Onnx__GraphProto *graph, const char *const *taps,
                                     size_t tap_count)
{
    if (graph->n_output == 0)
        return onnx_fail(reader, STATUS_BAD_INPUT, "the graph has no output");
    enum status_code code = add_output(reader, onnx_text(graph->output[0]->name), false);
    if (taps != NULL && tap_count > 0) {
        for (size_t i = 0; i < tap_count && code == STATUS_OK; i++)
            code = add_output(reader, taps[i], true);
        return code;
    }
    for (size_t i = 1; i < graph->n_output && code == STATUS_OK; i++)
        code = add_output(reader, onnx_text(graph->output[i]->name), false);
    return code;
}

static enum status_code check_versions(const Onnx__ModelProto *model, struct status *status)
{
    int64_t opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const char *domain = onnx_text(model->opset_import[i]->domain);
        if (domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0)
            opset = model->opset_import[i]->version;
    }
    if (model->graph == NULL)
        return status_set(status, STATUS_BAD_INPUT, "not an ONNX file: it holds no graph");
    if (opset < ONNX_OPSET_MIN || opset > ONNX_OPSET_MAX)
        return status_set(status, STATUS_UNSUPPORTED, "the model uses ONNX opset %" PRId64 "; %d to %d are read here", opset,
                          ONNX_OPSET_MIN, ONNX_OPSET_MAX);
    return STATUS_OK;
}

static enum status_code read_graph(struct onnx_reader *reader, const Onnx__GraphProto *graph, const char *const *taps,
                                   size_t tap_count)
{
    enum status_code code = count_uses(reader, graph, taps, tap_count);
    if (code == STATUS_OK)
        code = read_initializers(reader, graph);
    if (code == STATUS_OK)
        code = read_input(reader, graph);
    for (size_t i = 0; i < graph->n_node && code == STATUS_OK; i++) {
        reader->node = graph->node[i];
        reader->node_index = i;
        code = onnx_read_node(reader);
    }
    reader->node = NULL;
    if (code == STATUS_OK)
        code = read_outputs(reader, graph, taps, tap_count);
    return code == STATUS_OK ? net_check(reader->net, reader->status) : code;
}

enum status_code net_onnx_read(const void *data, size_t size, const char *const *taps, size_t tap_count, struct net *out,
                               struct status *status)
{
    struct status reason = {.code = STATUS_OK};
    struct onnx_reader reader = {
        .net = out,
        .status = &reason,
        .fold_elements_left = size / 2 + ONNX_SPARE_ELEMENTS,
        .weight_elements_left = size / 2 + ONNX_SPARE_ELEMENTS,
    };
    Onnx__ModelProto *model = onnx_model_unpack(data, size, &reason);
    enum status_code code = model != NULL ? check_versions(model, &reason) : reason.code;
    if (code == STATUS_OK)
        code = read_graph(&reader, model->graph, taps, tap_count);
    onnx_values_free(&reader);
    onnx_model_free(model);
    if (code == STATUS_OK)
        return code;
    net_free(out);
    return status_set(status, code, "%s", reason.message);
}
