/* net_onnx_constants: tensors that stand in the file: initializers and the values of Constant nodes. Every count is checked against
 * the bytes that are there. */
#include "common/net_onnx_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is little-endian and copied as it stands");

int onnx_constant_make(struct onnx_constant *constant, size_t limit)
{
    constant->count = 1;
    constant->data = NULL;
    for (int i = 0; i < constant->rank; i++) {
        if (constant->dims[i] < 0 || __builtin_mul_overflow(constant->count, constant->dims[i], &constant->count))
            return -1;
    }
    if (constant->count > limit)
        return -1;
    constant->data = calloc(constant->count + 1, constant->is_float ? sizeof(float) : sizeof(int64_t));
    return constant->data != NULL ? 0 : -1;
}

void onnx_constant_free(struct onnx_constant *constant)
{
    free(constant->data);
    constant->data = NULL;
}

/* Bytes of one element in raw_data, 0 for types that are not read. */
static size_t raw_element_bytes(int32_t type)
{
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL:
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8: return 1;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT16:
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT16: return 2;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32: return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: return 8;
    default: return 0;
    }
}

/* Element i of raw_data, for types that are widened on the way. */
static void read_raw_element(const uint8_t *raw, int32_t type, size_t i, struct onnx_constant *out)
{
    union {
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        double f64;
    } bits;
    size_t bytes = raw_element_bytes(type);
    memset(&bits, 0, sizeof bits);
    memcpy(&bits, raw + i * bytes, bytes);
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: out->floats[i] = (float)bits.f64; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32: out->ints[i] = bits.i32; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT16: out->ints[i] = bits.i16; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__UINT16: out->ints[i] = bits.u16; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT8: out->ints[i] = (int8_t)raw[i]; break;
    default: out->ints[i] = raw[i]; break;
    }
}

/* Elements that stand in the typed list which this type uses instead of raw_data. */
static size_t listed_count(const Onnx__TensorProto *tensor)
{
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: return tensor->n_float_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: return tensor->n_double_data;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64: return tensor->n_int64_data;
    default: return tensor->n_int32_data;
    }
}

static void read_listed_element(const Onnx__TensorProto *tensor, size_t i, struct onnx_constant *out)
{
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT: out->floats[i] = tensor->float_data[i]; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE: out->floats[i] = (float)tensor->double_data[i]; break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64: out->ints[i] = tensor->int64_data[i]; break;
    default: out->ints[i] = tensor->int32_data[i]; break;
    }
}

static enum status_code read_shape(const Onnx__TensorProto *tensor, const char *what, struct onnx_constant *out, size_t *count,
                                   struct status *status)
{
    if (tensor->n_dims > ONNX_RANK_MAX)
        return status_set(status, STATUS_UNSUPPORTED, "%s: it has more than %d dimensions", what, ONNX_RANK_MAX);
    out->rank = (int)tensor->n_dims;
    *count = 1;
    for (int i = 0; i < out->rank; i++) {
        out->dims[i] = tensor->dims[i];
        if (out->dims[i] < 0 || __builtin_mul_overflow(*count, out->dims[i], count))
            return status_set(status, STATUS_BAD_INPUT, "%s: its shape is negative or overflows", what);
    }
    return STATUS_OK;
}

enum status_code onnx_constant_read(const Onnx__TensorProto *tensor, const char *what, struct onnx_constant *out,
                                    struct status *status)
{
    memset(out, 0, sizeof *out);
    size_t count = 0, element_bytes = raw_element_bytes(tensor->data_type);
    if (element_bytes == 0)
        return status_set(status, STATUS_UNSUPPORTED, "%s: tensors of ONNX type %" PRId32 " are not read here; export float32",
                          what, tensor->data_type);
    if (tensor->n_external_data > 0 || tensor->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT)
        return status_set(status, STATUS_UNSUPPORTED, "%s: its data are in another file; export with the weights inside", what);
    enum status_code code = read_shape(tensor, what, out, &count, status);
    if (code != STATUS_OK)
        return code;
    size_t present = tensor->has_raw_data ? tensor->raw_data.len / element_bytes : listed_count(tensor);
    if (count != present || (tensor->has_raw_data && tensor->raw_data.len % element_bytes != 0))
        return status_set(status, STATUS_BAD_INPUT, "%s: its shape asks for %zu elements but it holds %zu", what, count, present);
    out->is_float =
        tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    if (onnx_constant_make(out, present) != 0)
        return status_set(status, STATUS_NO_MEMORY, "%s: no memory for its %zu elements", what, count);
    bool is_native =
        tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    if (tensor->has_raw_data && is_native && count > 0) {
        memcpy(out->data, tensor->raw_data.data, tensor->raw_data.len);
        return STATUS_OK;
    }
    for (size_t i = 0; i < count; i++) {
        if (tensor->has_raw_data)
            read_raw_element(tensor->raw_data.data, tensor->data_type, i, out);
        else
            read_listed_element(tensor, i, out);
    }
    return STATUS_OK;
}
