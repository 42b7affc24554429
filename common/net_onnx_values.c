/* net_onnx_values: the table of value names while a graph is read, the attributes of the node at hand, and the sentences that name
 * it. */
#include "common/net_onnx_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *onnx_printable(const char *text, char out[128])
{
    size_t i = 0;
    for (; text[i] != '\0' && i < 127; i++)
        out[i] = (char)((unsigned char)text[i] < 0x20 || text[i] == 0x7F ? '?' : text[i]);
    out[i] = '\0';
    return out;
}

enum status_code onnx_fail(struct onnx_reader *reader, enum status_code code, const char *format, ...)
{
    char name[128], operator[128], sentence[STATUS_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (reader->node == NULL)
        return status_set(reader->status, code, "%s", sentence);
    onnx_printable(onnx_text(reader->node->name), name);
    onnx_printable(onnx_text(reader->node->op_type), operator);
    return status_set(reader->status, code, "node %s (%s, number %zu): %s", name[0] != '\0' ? name : "without a name", operator,
                      reader->node_index, sentence);
}

bool onnx_has_input(const struct onnx_reader *reader, size_t index)
{
    return index < reader->node->n_input && reader->node->input[index][0] != '\0';
}

struct onnx_value *onnx_input(struct onnx_reader *reader, size_t index)
{
    struct onnx_value *value = NULL;
    if (!onnx_has_input(reader, index)) {
        onnx_fail(reader, STATUS_BAD_INPUT, "its input %zu is missing", index);
        return NULL;
    }
    HASH_FIND_STR(reader->values, reader->node->input[index], value);
    if (value == NULL) {
        char name[128];
        onnx_fail(reader, STATUS_BAD_INPUT, "no node before it makes its input \"%s\"",
                  onnx_printable(reader->node->input[index], name));
    }
    return value;
}

const struct onnx_constant *onnx_constant_input(struct onnx_reader *reader, size_t index)
{
    struct onnx_value *value = onnx_input(reader, index);
    if (value == NULL)
        return NULL;
    if (!value->is_constant) {
        onnx_fail(reader, STATUS_UNSUPPORTED, "its input %zu must be known while reading, but depends on the images", index);
        return NULL;
    }
    return &value->constant;
}

enum status_code onnx_define(struct onnx_reader *reader, const char *name, struct onnx_value **out)
{
    char shown[128];
    struct onnx_value *value = NULL;
    HASH_FIND_STR(reader->values, name, value);
    if (value != NULL)
        return onnx_fail(reader, STATUS_BAD_INPUT, "the value \"%s\" is made twice", onnx_printable(name, shown));
    value = calloc(1, sizeof *value);
    if (value == NULL)
        return onnx_fail(reader, STATUS_NO_MEMORY, "no memory");
    value->name = name;
    HASH_ADD_KEYPTR(hh, reader->values, value->name, strlen(value->name), value);
    if (value->hh.tbl == NULL) {
        free(value);
        return onnx_fail(reader, STATUS_NO_MEMORY, "no memory");
    }
    *out = value;
    return STATUS_OK;
}

static enum status_code define_output(struct onnx_reader *reader, struct onnx_value **out)
{
    if (reader->node->n_output < 1 || reader->node->output[0][0] == '\0')
        return onnx_fail(reader, STATUS_BAD_INPUT, "it has no output");
    for (size_t i = 1; i < reader->node->n_output; i++)
        if (onnx_use_count(reader, reader->node->output[i]) > 0)
            return onnx_fail(reader, STATUS_UNSUPPORTED, "its output number %zu is used; only the first is computed", i + 1);
    return onnx_define(reader, reader->node->output[0], out);
}

enum status_code onnx_set_constant(struct onnx_reader *reader, struct onnx_constant *constant)
{
    struct onnx_value *value = NULL;
    enum status_code code = define_output(reader, &value);
    if (code != STATUS_OK) {
        onnx_constant_free(constant);
        return code;
    }
    value->is_constant = true;
    value->constant = *constant;
    return STATUS_OK;
}

enum status_code onnx_set_map(struct onnx_reader *reader, int node, int rank)
{
    struct onnx_value *value = NULL;
    enum status_code code = define_output(reader, &value);
    if (code != STATUS_OK)
        return code;
    value->node = node;
    value->rank = rank;
    value->step_h = value->step_w = 1;
    return STATUS_OK;
}

enum status_code onnx_set_alias(struct onnx_reader *reader, const struct onnx_value *source)
{
    struct onnx_value *value = NULL;
    enum status_code code = define_output(reader, &value);
    if (code != STATUS_OK)
        return code;
    value->node = source->node;
    value->rank = source->rank;
    value->step_h = source->step_h;
    value->step_w = source->step_w;
    value->offset_h = source->offset_h;
    value->offset_w = source->offset_w;
    value->groups = source->groups;
    value->is_swapped = source->is_swapped;
    memcpy(value->step_name, source->step_name, sizeof value->step_name);
    return STATUS_OK;
}

int onnx_use_count(const struct onnx_reader *reader, const char *name)
{
    const struct onnx_use *use = NULL;
    HASH_FIND_STR(reader->uses, name, use);
    return use != NULL ? use->count : 0;
}

void onnx_values_free(struct onnx_reader *reader)
{
    struct onnx_value *value = NULL, *next_value = NULL;
    struct onnx_use *use = NULL, *next_use = NULL;
    struct onnx_name *name = NULL, *next_name = NULL;
    HASH_ITER(hh, reader->values, value, next_value)
    {
        HASH_DEL(reader->values, value);
        if (value->is_constant)
            onnx_constant_free(&value->constant);
        free(value);
    }
    HASH_ITER(hh, reader->uses, use, next_use)
    {
        HASH_DEL(reader->uses, use);
        free(use);
    }
    HASH_ITER(hh, reader->node_names, name, next_name)
    {
        HASH_DEL(reader->node_names, name);
        free(name);
    }
    HASH_ITER(hh, reader->tensor_names, name, next_name)
    {
        HASH_DEL(reader->tensor_names, name);
        free(name);
    }
}

/* --- names ----------------------------------------------------------------------------------------------- */

enum { LONGEST_SUFFIX = 16 }; /* ".running_mean" and a NUL fit */

int onnx_take_name(struct onnx_name **names, const char *text)
{
    struct onnx_name *name = NULL;
    HASH_FIND_STR(*names, text, name);
    if (name != NULL)
        return 0;
    name = calloc(1, sizeof *name);
    if (name == NULL)
        return -1;
    snprintf(name->text, sizeof name->text, "%s", text);
    HASH_ADD_STR(*names, text, name);
    if (name->hh.tbl != NULL)
        return 1;
    free(name);
    return -1;
}

static bool is_usable_name(const char *text, size_t room)
{
    char shown[128];
    return text[0] != '\0' && strlen(text) < room && strcmp(onnx_printable(text, shown), text) == 0;
}

enum status_code onnx_choose_node_name(struct onnx_reader *reader, char out[NET_NAME_BYTES])
{
    const char *own = onnx_text(reader->node->name);
    int taken = 0;
    if (is_usable_name(own, NET_NAME_BYTES - LONGEST_SUFFIX)) {
        snprintf(out, NET_NAME_BYTES, "%s", own);
        taken = onnx_take_name(&reader->node_names, out);
    }
    for (int i = 0; taken == 0 && i < 100; i++) {
        snprintf(out, NET_NAME_BYTES, "%.40s_%zu_%d", onnx_text(reader->node->op_type), reader->node_index, i);
        taken = onnx_take_name(&reader->node_names, out);
    }
    return taken == 1 ? STATUS_OK : onnx_fail(reader, STATUS_NO_MEMORY, "no name that is free, or no memory");
}

enum status_code onnx_name_tensor(struct onnx_reader *reader, int tensor, size_t index)
{
    struct net_tensor *target = &reader->net->tensors[tensor];
    const char *own = onnx_has_input(reader, index) ? reader->node->input[index] : "";
    int taken = is_usable_name(own, NET_NAME_BYTES) ? onnx_take_name(&reader->tensor_names, own) : 0;
    if (taken == 1)
        snprintf(target->name, NET_NAME_BYTES, "%s", own);
    else if (taken == 0)
        taken = onnx_take_name(&reader->tensor_names, target->name);
    if (taken == 0)
        return onnx_fail(reader, STATUS_BAD_INPUT, "the names of its parameters are taken");
    return taken == 1 ? STATUS_OK : onnx_fail(reader, STATUS_NO_MEMORY, "no memory");
}

const Onnx__AttributeProto *onnx_attribute(const struct onnx_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->node->n_attribute; i++)
        if (strcmp(onnx_text(reader->node->attribute[i]->name), name) == 0)
            return reader->node->attribute[i];
    return NULL;
}

int64_t onnx_attribute_int(const struct onnx_reader *reader, const char *name, int64_t absent)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, name);
    return attribute != NULL && attribute->has_i ? attribute->i : absent;
}

float onnx_attribute_float(const struct onnx_reader *reader, const char *name, float absent)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, name);
    return attribute != NULL && attribute->has_f ? attribute->f : absent;
}

bool onnx_attribute_is_text(const struct onnx_reader *reader, const char *name, const char *text)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, name);
    if (attribute == NULL || !attribute->has_s)
        return true;
    return attribute->s.len == strlen(text) && memcmp(attribute->s.data, text, attribute->s.len) == 0;
}
