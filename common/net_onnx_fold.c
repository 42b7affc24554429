/* net_onnx_fold: operators whose inputs are known while reading are carried out at once. PyTorch exports the arithmetic on shapes
 * and paddings as such nodes. What they may compute is bounded in proportion to the file. */
#include "common/net_onnx_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum status_code (*fold_function)(struct onnx_reader *reader);

/* Takes room for a result out of what the model may still compute. */
static enum status_code make_result(struct onnx_reader *reader, struct onnx_constant *result)
{
    if (onnx_constant_make(result, reader->fold_elements_left) != 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its constant result has a negative size or is too large to be folded");
    reader->fold_elements_left -= result->count;
    return STATUS_OK;
}

static void copy_element(const struct onnx_constant *from, size_t i, struct onnx_constant *to, size_t k)
{
    if (from->is_float)
        to->floats[k] = from->floats[i];
    else
        to->ints[k] = from->ints[i];
}

/* The product of dims [first, last). */
static size_t span(const struct onnx_constant *constant, int first, int last)
{
    size_t product = 1;
    for (int i = first; i < last; i++)
        product *= (size_t)constant->dims[i];
    return product;
}

/* An axis counted from either end, as 0 .. rank-1; -1 when it is out of range. */
static int normal_axis(int64_t axis, int rank)
{
    if (axis < 0)
        axis += rank;
    return axis >= 0 && axis < rank ? (int)axis : -1;
}

static enum status_code bad_axis(struct onnx_reader *reader)
{
    return onnx_fail(reader, STATUS_BAD_INPUT, "an axis is out of range");
}

/* A short list of whole numbers from input `index` or, in old opsets, from the attribute. *count is -1 when neither is given. */
struct int_list {
    int count;
    int64_t items[ONNX_RANK_MAX];
};

static enum status_code read_ints(struct onnx_reader *reader, size_t index, const char *attribute_name, struct int_list *out)
{
    const Onnx__AttributeProto *attribute = attribute_name != NULL ? onnx_attribute(reader, attribute_name) : NULL;
    const int64_t *items = NULL;
    size_t count = 0;
    out->count = -1;
    if (attribute != NULL) {
        items = attribute->ints;
        count = attribute->n_ints;
    } else if (onnx_has_input(reader, index)) {
        const struct onnx_constant *constant = onnx_constant_input(reader, index);
        if (constant == NULL)
            return reader->status->code;
        if (constant->is_float)
            return onnx_fail(reader, STATUS_BAD_INPUT, "its input %zu must hold whole numbers", index);
        items = constant->ints;
        count = constant->count;
    } else {
        return STATUS_OK;
    }
    if (count > ONNX_RANK_MAX)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "it has more than %d numbers in a list", ONNX_RANK_MAX);
    out->count = (int)count;
    if (count > 0)
        memcpy(out->items, items, count * sizeof *items);
    return STATUS_OK;
}

/* --- making ---------------------------------------------------------------------------------------------- */

static enum status_code fold_constant_list(struct onnx_reader *reader, const Onnx__AttributeProto *attribute, bool is_float,
                                           bool list)
{
    struct onnx_constant result = {.is_float = is_float, .rank = list ? 1 : 0};
    size_t count = !list ? 1 : is_float ? attribute->n_floats : attribute->n_ints;
    result.dims[0] = (int64_t)count;
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        if (is_float)
            result.floats[i] = list ? attribute->floats[i] : attribute->f;
        else
            result.ints[i] = list ? attribute->ints[i] : attribute->i;
    }
    return onnx_set_constant(reader, &result);
}

static enum status_code fold_constant(struct onnx_reader *reader)
{
    const Onnx__AttributeProto *attribute = NULL;
    if ((attribute = onnx_attribute(reader, "value")) != NULL && attribute->t != NULL) {
        struct onnx_constant constant;
        struct status reason = {.code = STATUS_OK};
        enum status_code code = onnx_constant_read(attribute->t, "its value", &constant, &reason);
        return code == STATUS_OK ? onnx_set_constant(reader, &constant) : onnx_fail(reader, code, "%s", reason.message);
    }
    if ((attribute = onnx_attribute(reader, "value_int")) != NULL)
        return fold_constant_list(reader, attribute, false, false);
    if ((attribute = onnx_attribute(reader, "value_ints")) != NULL)
        return fold_constant_list(reader, attribute, false, true);
    if ((attribute = onnx_attribute(reader, "value_float")) != NULL)
        return fold_constant_list(reader, attribute, true, false);
    if ((attribute = onnx_attribute(reader, "value_floats")) != NULL)
        return fold_constant_list(reader, attribute, true, true);
    return onnx_fail(reader, STATUS_UNSUPPORTED, "its value is neither a dense tensor nor numbers");
}

static enum status_code fold_constant_of_shape(struct onnx_reader *reader)
{
    struct int_list dims;
    struct onnx_constant fill = {.is_float = true}, result = {.is_float = true};
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, "value");
    enum status_code code = read_ints(reader, 0, NULL, &dims);
    if (code != STATUS_OK)
        return code;
    if (attribute != NULL && attribute->t != NULL) {
        struct status reason = {.code = STATUS_OK};
        code = onnx_constant_read(attribute->t, "its value", &fill, &reason);
        if (code != STATUS_OK)
            return onnx_fail(reader, code, "%s", reason.message);
    }
    result.is_float = fill.is_float;
    result.rank = dims.count < 0 ? 0 : dims.count;
    memcpy(result.dims, dims.items, (size_t)result.rank * sizeof dims.items[0]);
    code = make_result(reader, &result);
    for (size_t i = 0; code == STATUS_OK && fill.data != NULL && fill.count > 0 && i < result.count; i++)
        copy_element(&fill, 0, &result, i);
    onnx_constant_free(&fill);
    return code == STATUS_OK ? onnx_set_constant(reader, &result) : code;
}

/* The one operator that reads what depends on the images: their number stays ONNX_BATCH. */
static enum status_code fold_shape(struct onnx_reader *reader)
{
    const struct onnx_value *value = onnx_input(reader, 0);
    struct onnx_constant result = {.is_float = false, .rank = 1};
    if (value == NULL)
        return reader->status->code;
    if (onnx_attribute_int(reader, "start", 0) != 0 || onnx_attribute(reader, "end") != NULL)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "a part of a shape is not read here");
    if (!value->is_constant && (onnx_is_sliced(value) || value->groups > 0))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "the shape of a slice or of a map split into groups is not read here");
    result.dims[0] = value->is_constant ? value->constant.rank : value->rank;
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    if (value->is_constant) {
        memcpy(result.ints, value->constant.dims, (size_t)value->constant.rank * sizeof(int64_t));
    } else {
        const struct net_shape *shape = &reader->net->nodes[value->node].shape;
        const int64_t dims[] = {ONNX_BATCH, shape->c, shape->h, shape->w};
        memcpy(result.ints, dims, (size_t)value->rank * sizeof(int64_t));
    }
    return onnx_set_constant(reader, &result);
}

/* --- moving ---------------------------------------------------------------------------------------------- */

/* A copy of input 0 with another rank and other dims of the same product. */
static enum status_code set_reshaped(struct onnx_reader *reader, const struct onnx_constant *from, int rank, const int64_t *dims)
{
    struct onnx_constant result = {.is_float = from->is_float, .rank = rank};
    memcpy(result.dims, dims, (size_t)rank * sizeof *dims);
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    if (result.count != from->count) {
        onnx_constant_free(&result);
        return onnx_fail(reader, STATUS_BAD_INPUT, "its input has %zu elements and its output would have %zu", from->count,
                         result.count);
    }
    for (size_t i = 0; i < from->count; i++)
        copy_element(from, i, &result, i);
    return onnx_set_constant(reader, &result);
}

static enum status_code fold_identity(struct onnx_reader *reader)
{
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    return from == NULL ? reader->status->code : set_reshaped(reader, from, from->rank, from->dims);
}

static enum status_code fold_reshape(struct onnx_reader *reader)
{
    struct int_list target;
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    if (from == NULL || read_ints(reader, 1, NULL, &target) != STATUS_OK)
        return reader->status->code;
    size_t known = 1;
    int open = -1;
    for (int i = 0; i < target.count; i++) {
        if (target.items[i] == 0 && i < from->rank && onnx_attribute_int(reader, "allowzero", 0) == 0)
            target.items[i] = from->dims[i];
        if (target.items[i] == -1 && open < 0)
            open = i;
        else if (target.items[i] < 0 || __builtin_mul_overflow(known, target.items[i], &known))
            return onnx_fail(reader, STATUS_BAD_INPUT, "its target shape is not possible");
    }
    if (open >= 0)
        target.items[open] = known > 0 ? (int64_t)(from->count / known) : 0;
    return set_reshaped(reader, from, target.count < 0 ? 0 : target.count, target.items);
}

static enum status_code fold_unsqueeze(struct onnx_reader *reader)
{
    struct int_list axes;
    int64_t dims[ONNX_RANK_MAX];
    bool is_new[ONNX_RANK_MAX] = {false};
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    if (from == NULL || read_ints(reader, 1, "axes", &axes) != STATUS_OK)
        return reader->status->code;
    int rank = from->rank + (axes.count < 0 ? 0 : axes.count), used = 0;
    if (rank > ONNX_RANK_MAX)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its result has more than %d dimensions", ONNX_RANK_MAX);
    for (int i = 0; i < axes.count; i++) {
        int axis = normal_axis(axes.items[i], rank);
        if (axis < 0 || is_new[axis])
            return bad_axis(reader);
        is_new[axis] = true;
    }
    for (int i = 0; i < rank; i++)
        dims[i] = is_new[i] ? 1 : from->dims[used++];
    return set_reshaped(reader, from, rank, dims);
}

static enum status_code fold_squeeze(struct onnx_reader *reader)
{
    struct int_list axes;
    int64_t dims[ONNX_RANK_MAX];
    bool is_gone[ONNX_RANK_MAX] = {false};
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    if (from == NULL || read_ints(reader, 1, "axes", &axes) != STATUS_OK)
        return reader->status->code;
    for (int i = 0; i < axes.count; i++) {
        int axis = normal_axis(axes.items[i], from->rank);
        if (axis < 0 || from->dims[axis] != 1)
            return bad_axis(reader);
        is_gone[axis] = true;
    }
    int rank = 0;
    for (int i = 0; i < from->rank; i++)
        if (axes.count < 0 ? from->dims[i] != 1 : !is_gone[i])
            dims[rank++] = from->dims[i];
    return set_reshaped(reader, from, rank, dims);
}

static enum status_code fold_transpose(struct onnx_reader *reader)
{
    struct onnx_constant result = {.rank = 0};
    int order[ONNX_RANK_MAX];
    bool seen[ONNX_RANK_MAX] = {false};
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    const Onnx__AttributeProto *perm = onnx_attribute(reader, "perm");
    if (from == NULL)
        return reader->status->code;
    result.is_float = from->is_float;
    result.rank = from->rank;
    if (perm != NULL && perm->n_ints != (size_t)from->rank)
        return bad_axis(reader);
    for (int i = 0; i < from->rank; i++) {
        int64_t axis = perm != NULL ? perm->ints[i] : from->rank - 1 - i;
        if (axis < 0 || axis >= from->rank || seen[axis])
            return bad_axis(reader);
        seen[axis] = true;
        order[i] = (int)axis;
        result.dims[i] = from->dims[axis];
    }
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t k = 0; k < result.count; k++) {
        size_t rest = k, i = 0;
        for (int axis = result.rank; axis-- > 0; rest /= (size_t)result.dims[axis])
            i += rest % (size_t)result.dims[axis] * span(from, order[axis] + 1, from->rank);
        copy_element(from, i, &result, k);
    }
    return onnx_set_constant(reader, &result);
}

static enum status_code fold_gather(struct onnx_reader *reader)
{
    struct onnx_constant result = {.rank = 0};
    const struct onnx_constant *from = onnx_constant_input(reader, 0), *indices = onnx_constant_input(reader, 1);
    if (from == NULL || indices == NULL)
        return reader->status->code;
    int axis = normal_axis(onnx_attribute_int(reader, "axis", 0), from->rank);
    if (axis < 0 || indices->is_float || from->rank - 1 + indices->rank > ONNX_RANK_MAX)
        return bad_axis(reader);
    result.is_float = from->is_float;
    for (int i = 0; i < axis; i++)
        result.dims[result.rank++] = from->dims[i];
    for (int i = 0; i < indices->rank; i++)
        result.dims[result.rank++] = indices->dims[i];
    for (int i = axis + 1; i < from->rank; i++)
        result.dims[result.rank++] = from->dims[i];
    size_t inner = span(from, axis + 1, from->rank), length = (size_t)from->dims[axis];
    for (size_t i = 0; i < indices->count; i++)
        if (indices->ints[i] >= from->dims[axis] || indices->ints[i] < -from->dims[axis])
            return onnx_fail(reader, STATUS_BAD_INPUT, "an index is out of range");
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t k = 0; k < result.count; k++) {
        int64_t index = indices->ints[k / inner % indices->count];
        size_t picked = (size_t)(index < 0 ? index + from->dims[axis] : index);
        size_t block = k / inner / indices->count;
        copy_element(from, (block * length + picked) * inner + k % inner, &result, k);
    }
    return onnx_set_constant(reader, &result);
}

static enum status_code fold_concat(struct onnx_reader *reader)
{
    struct onnx_constant result = {.rank = 0};
    const struct onnx_constant *first = onnx_constant_input(reader, 0);
    if (first == NULL)
        return reader->status->code;
    int axis = normal_axis(onnx_attribute_int(reader, "axis", 0), first->rank);
    if (axis < 0)
        return bad_axis(reader);
    result = (struct onnx_constant){.is_float = first->is_float, .rank = first->rank};
    memcpy(result.dims, first->dims, sizeof result.dims);
    for (size_t n = 1; n < reader->node->n_input; n++) {
        const struct onnx_constant *part = onnx_constant_input(reader, n);
        if (part == NULL)
            return reader->status->code;
        bool fits = part->is_float == first->is_float && part->rank == first->rank;
        for (int i = 0; fits && i < first->rank; i++)
            fits = i == axis || part->dims[i] == first->dims[i];
        if (!fits || __builtin_add_overflow(result.dims[axis], part->dims[axis], &result.dims[axis]))
            return onnx_fail(reader, STATUS_BAD_INPUT, "its inputs do not fit together");
    }
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    size_t inner = span(&result, axis + 1, result.rank), row = (size_t)result.dims[axis] * inner, column = 0;
    for (size_t n = 0; n < reader->node->n_input; n++) {
        const struct onnx_constant *part = onnx_constant_input(reader, n);
        size_t part_row = (size_t)part->dims[axis] * inner;
        for (size_t i = 0; i < part->count; i++)
            copy_element(part, i, &result, i / part_row * row + column + i % part_row);
        column += part_row;
    }
    return onnx_set_constant(reader, &result);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Makes *start a place on an axis of that length and returns how many elements the slice takes, by ONNX's rules for what lies
 * beyond the ends: backwards, a slice may end before element 0, which is written -1 here. */
static int64_t clamp_slice(int64_t length, int64_t *start, int64_t end, int64_t step)
{
    if (length == 0) {
        *start = 0;
        return 0;
    }
    *start = clamp(*start < 0 ? *start + length : *start, 0, step > 0 ? length : length - 1);
    end = clamp(end < 0 ? end + length : end, step > 0 ? 0 : -1, length);
    int64_t distance = step > 0 ? end - *start : *start - end;
    int64_t stride = step > 0 ? step : step == INT64_MIN ? INT64_MAX : -step;
    return distance <= 0 ? 0 : (distance - 1) / stride + 1;
}

static enum status_code fold_slice(struct onnx_reader *reader)
{
    struct int_list starts, ends, axes, steps;
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    if (from == NULL || read_ints(reader, 1, "starts", &starts) != STATUS_OK || read_ints(reader, 2, "ends", &ends) != STATUS_OK ||
        read_ints(reader, 3, "axes", &axes) != STATUS_OK || read_ints(reader, 4, NULL, &steps) != STATUS_OK)
        return reader->status->code;
    if (starts.count < 0 || ends.count != starts.count || (axes.count >= 0 && axes.count != starts.count) ||
        (steps.count >= 0 && steps.count != starts.count) || (axes.count < 0 && starts.count > from->rank))
        return onnx_fail(reader, STATUS_BAD_INPUT, "its starts, ends, axes and steps are not equally many");
    struct onnx_constant result = {.is_float = from->is_float, .rank = from->rank};
    int64_t first[ONNX_RANK_MAX] = {0}, step[ONNX_RANK_MAX];
    for (int i = 0; i < from->rank; i++) {
        result.dims[i] = from->dims[i];
        step[i] = 1;
    }
    for (int i = 0; i < starts.count; i++) {
        int axis = normal_axis(axes.count >= 0 ? axes.items[i] : i, from->rank);
        if (axis < 0 || (steps.count >= 0 && steps.items[i] == 0))
            return bad_axis(reader);
        step[axis] = steps.count >= 0 ? steps.items[i] : 1;
        first[axis] = starts.items[i];
        result.dims[axis] = clamp_slice(from->dims[axis], &first[axis], ends.items[i], step[axis]);
    }
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t k = 0; k < result.count; k++) {
        size_t rest = k, i = 0;
        for (int axis = result.rank; axis-- > 0; rest /= (size_t)result.dims[axis]) {
            int64_t at = (int64_t)(rest % (size_t)result.dims[axis]);
            i += (size_t)(first[axis] + (at > 0 ? at * step[axis] : 0)) * span(from, axis + 1, from->rank);
        }
        copy_element(from, i, &result, k);
    }
    return onnx_set_constant(reader, &result);
}

/* --- reckoning ------------------------------------------------------------------------------------------- */

static int64_t to_int(float value)
{
    if (isnan(value))
        return 0;
    return value >= 9.2e18F ? INT64_MAX : value <= -9.2e18F ? INT64_MIN : (int64_t)value;
}

static enum status_code fold_cast(struct onnx_reader *reader)
{
    const struct onnx_constant *from = onnx_constant_input(reader, 0);
    int64_t to = onnx_attribute_int(reader, "to", 0);
    if (from == NULL)
        return reader->status->code;
    bool is_float = to == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || to == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
    bool is_bool = to == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
    if (!is_float && !is_bool && to != ONNX__TENSOR_PROTO__DATA_TYPE__INT64 && to != ONNX__TENSOR_PROTO__DATA_TYPE__INT32)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "casts to type %lld are not folded", (long long)to);
    struct onnx_constant result = {.is_float = is_float, .rank = from->rank};
    memcpy(result.dims, from->dims, sizeof result.dims);
    enum status_code code = make_result(reader, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t i = 0; i < from->count; i++) {
        if (is_float)
            result.floats[i] = from->is_float ? from->floats[i] : (float)from->ints[i];
        else
            result.ints[i] = from->is_float ? to_int(from->floats[i]) : from->ints[i];
        if (is_bool)
            result.ints[i] = from->is_float ? from->floats[i] != 0.0F : from->ints[i] != 0;
    }
    return onnx_set_constant(reader, &result);
}

static float reckon_floats(char operator, float a, float b)
{
    return operator== '+' ? a + b : operator== '-' ? a - b : operator== '*' ? a * b : a / b;
}

/* 0, or -1 on overflow, division by zero, or when the unknown batch size enters. */
static int reckon_ints(char operator, int64_t a, int64_t b, int64_t *out)
{
    if (a == ONNX_BATCH || b == ONNX_BATCH)
        return -1;
    switch (operator) {
    case '+': return __builtin_add_overflow(a, b, out) ? -1 : 0;
    case '-': return __builtin_sub_overflow(a, b, out) ? -1 : 0;
    case '*': return __builtin_mul_overflow(a, b, out) ? -1 : 0;
    default:
        if (b == 0 || (a == INT64_MIN && b == -1))
            return -1;
        *out = a / b;
        return 0;
    }
}

/* Size of axis `axis` of the result, counted from the end, for a tensor that may have fewer axes. */
static int64_t dim_from_end(const struct onnx_constant *constant, int from_end)
{
    return from_end < constant->rank ? constant->dims[constant->rank - 1 - from_end] : 1;
}

/* Where element k of the broadcast result stands in an operand. */
static size_t broadcast_place(const struct onnx_constant *operand, const struct onnx_constant *result, size_t k)
{
    size_t place = 0, pitch = 1;
    for (int i = 0; i < result->rank; i++) {
        size_t length = (size_t)dim_from_end(result, i), own = (size_t)dim_from_end(operand, i);
        place += own == 1 ? 0 : k % length * pitch;
        pitch *= own;
        k /= length;
    }
    return place;
}

static enum status_code broadcast_shape(struct onnx_reader *reader, const struct onnx_constant *a, const struct onnx_constant *b,
                                        struct onnx_constant *result)
{
    *result = (struct onnx_constant){.is_float = a->is_float, .rank = a->rank > b->rank ? a->rank : b->rank};
    if (a->is_float != b->is_float)
        return onnx_fail(reader, STATUS_BAD_INPUT, "one input holds whole numbers and the other does not");
    for (int i = 0; i < result->rank; i++) {
        int64_t left = dim_from_end(a, i), right = dim_from_end(b, i);
        if (left != right && left != 1 && right != 1)
            return onnx_fail(reader, STATUS_BAD_INPUT, "the shapes of its inputs do not fit each other");
        result->dims[result->rank - 1 - i] = left == 1 ? right : left;
    }
    return make_result(reader, result);
}

static enum status_code fold_binary(struct onnx_reader *reader, char operator)
{
    struct onnx_constant result;
    const struct onnx_constant *a = onnx_constant_input(reader, 0), *b = onnx_constant_input(reader, 1);
    if (a == NULL || b == NULL)
        return reader->status->code;
    enum status_code code = broadcast_shape(reader, a, b, &result);
    if (code != STATUS_OK)
        return code;
    for (size_t k = 0; k < result.count; k++) {
        size_t i = broadcast_place(a, &result, k), j = broadcast_place(b, &result, k);
        if (result.is_float) {
            result.floats[k] = reckon_floats(operator, a->floats[i], b->floats[j]);
        } else if (reckon_ints(operator, a->ints[i], b->ints[j], &result.ints[k]) != 0) {
            onnx_constant_free(&result);
            return onnx_fail(reader, STATUS_UNSUPPORTED, "it reckons with the number of images, overflows or divides by zero");
        }
    }
    return onnx_set_constant(reader, &result);
}

static enum status_code fold_add(struct onnx_reader *reader)
{
    return fold_binary(reader, '+');
}

static enum status_code fold_sub(struct onnx_reader *reader)
{
    return fold_binary(reader, '-');
}

static enum status_code fold_mul(struct onnx_reader *reader)
{
    return fold_binary(reader, '*');
}

static enum status_code fold_div(struct onnx_reader *reader)
{
    return fold_binary(reader, '/');
}

static const struct {
    const char *operator;
    fold_function fold;
} folds[] = {
    {"Constant", fold_constant}, {"ConstantOfShape", fold_constant_of_shape},
    {"Shape", fold_shape},       {"Identity", fold_identity},
    {"Reshape", fold_reshape},   {"Unsqueeze", fold_unsqueeze},
    {"Squeeze", fold_squeeze},   {"Transpose", fold_transpose},
    {"Gather", fold_gather},     {"Concat", fold_concat},
    {"Slice", fold_slice},       {"Cast", fold_cast},
    {"Add", fold_add},           {"Sub", fold_sub},
    {"Mul", fold_mul},           {"Div", fold_div},
};

/* Whether some input depends on the images. Missing values are left for the operator to complain about. */
static bool depends_on_images(const struct onnx_reader *reader)
{
    for (size_t i = 0; i < reader->node->n_input; i++) {
        const struct onnx_value *value = NULL;
        HASH_FIND_STR(reader->values, reader->node->input[i], value);
        if (value != NULL && !value->is_constant)
            return true;
    }
    return false;
}

enum status_code onnx_fold(struct onnx_reader *reader, bool *folded)
{
    const char *operator= onnx_text(reader->node->op_type);
    *folded = false;
    if (strcmp(operator, "Shape") != 0 && depends_on_images(reader))
        return STATUS_OK;
    for (size_t i = 0; i < sizeof folds / sizeof folds[0]; i++) {
        if (strcmp(folds[i].operator, operator) == 0) {
            *folded = true;
            return folds[i].fold(reader);
        }
    }
    return STATUS_OK;
}
