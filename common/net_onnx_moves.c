/* net_onnx_moves: operators that take a map apart or put it together without reckoning: slices, pads, reshapes, concatenations,
 * channel shuffles. What an ONNX node asks for may be half of what a node of the net does; its value then waits (struct
 * onnx_value).
 *
 * Called through the table in net_onnx_operators.c. As there, nothing is guessed. */
#include "common/net_onnx_internal.h"

#include <inttypes.h>
#include <string.h>

/* --- inputs, shared with net_onnx_operators.c ------------------------------------------------------------- */

enum status_code onnx_builder_failed(struct onnx_reader *reader)
{
    struct status reason = *reader->status;
    const char *sentence = strstr(reason.message, ": ");
    return onnx_fail(reader, reason.code, "%.400s", sentence != NULL ? sentence + 2 : reason.message);
}

/* The node that Slice nodes have asked for may be there already, made for another reader of the same value. */
enum status_code onnx_settle_steps(struct onnx_reader *reader, struct onnx_value *value)
{
    if (!onnx_is_sliced(value))
        return STATUS_OK;
    if (value->step_h != value->step_w || value->offset_h != value->offset_w)
        return onnx_fail(reader, STATUS_UNSUPPORTED,
                         "a slice is read here that begins at row %d with stride %d but at column %d with stride %d",
                         value->offset_h, value->step_h, value->offset_w, value->step_w);
    int node = net_find_node(reader->net, value->step_name);
    if (node < 0)
        node = net_add_subsample_from(reader->net, value->step_name, value->node, value->step_h, value->offset_h, reader->status);
    if (node < 0)
        return onnx_builder_failed(reader);
    value->node = node;
    value->step_h = value->step_w = 1;
    value->offset_h = value->offset_w = 0;
    return STATUS_OK;
}

struct onnx_value *onnx_map_input(struct onnx_reader *reader, size_t index, int rank)
{
    struct onnx_value *value = onnx_input(reader, index);
    if (value == NULL)
        return NULL;
    if (value->is_constant) {
        onnx_fail(reader, STATUS_UNSUPPORTED, "its input %zu is a constant; it must depend on the images", index);
        return NULL;
    }
    if (value->groups > 0) {
        onnx_fail(reader, STATUS_UNSUPPORTED, "its input %zu is a map split into groups, which only a channel shuffle may read",
                  index);
        return NULL;
    }
    if (rank != 0 && value->rank != rank) {
        onnx_fail(reader, STATUS_UNSUPPORTED, "its input %zu has %d dimensions instead of %d", index, value->rank, rank);
        return NULL;
    }
    if (onnx_settle_steps(reader, value) != STATUS_OK)
        return NULL;
    return value;
}

enum status_code onnx_numbers(struct onnx_reader *reader, const char *attribute_name, size_t index, const int64_t **out,
                              size_t *count)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(reader, attribute_name);
    *count = 0;
    *out = NULL;
    if (attribute != NULL) {
        *out = attribute->ints;
        *count = attribute->n_ints;
    } else if (onnx_has_input(reader, index)) {
        const struct onnx_constant *constant = onnx_constant_input(reader, index);
        if (constant == NULL)
            return reader->status->code;
        if (constant->is_float)
            return onnx_fail(reader, STATUS_BAD_INPUT, "its %s must be whole numbers", attribute_name);
        *out = constant->ints;
        *count = constant->count;
    }
    return STATUS_OK;
}

static bool is_vector(const struct onnx_reader *reader, const struct onnx_value *value)
{
    struct net_shape shape = reader->net->nodes[value->node].shape;
    return shape.h == 1 && shape.w == 1;
}

enum status_code onnx_set_vector(struct onnx_reader *reader, const struct onnx_value *input)
{
    if (!is_vector(reader, input))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only maps of one pixel can be flattened; pool over height and width before");
    return onnx_set_map(reader, input->node, 2);
}

/* --- reshapes and shuffles -------------------------------------------------------------------------------- */

/* Whether dimension i of a target shape keeps what the input has there: itself, 0 or the open -1. */
static bool keeps(int64_t target, int64_t have)
{
    return target == have || target == 0 || target == -1;
}

/* Whether a target shape begins with the images as they are and has at most one open dimension. */
static bool keeps_images(const struct onnx_reader *reader, const struct onnx_constant *target)
{
    int open = 0;
    if (target->is_float || target->count < 1)
        return false;
    for (size_t i = 0; i < target->count; i++)
        open += target->ints[i] == -1;
    return open <= 1 && (keeps(target->ints[0], ONNX_BATCH) || (reader->images > 0 && target->ints[0] == reader->images));
}

/* (N,C,H,W) -> (N,groups,C/groups,H,W): the value waits for the Transpose and the Reshape that make it a channel shuffle. */
static enum status_code split_channels(struct onnx_reader *reader, const struct onnx_value *input,
                                       const struct onnx_constant *target)
{
    struct net_shape shape = reader->net->nodes[input->node].shape;
    struct onnx_value split = *input;
    const int64_t *dims = target->ints;
    int64_t groups = dims[1] == -1 && dims[2] > 0 ? shape.c / dims[2] : dims[1];
    bool fits = groups > 0 && groups <= shape.c && shape.c % groups == 0 && (dims[2] == -1 || dims[2] == shape.c / groups) &&
                (dims[3] == -1 || dims[3] == shape.h) && (dims[4] == -1 || dims[4] == shape.w);
    if (input->rank != 4 || !fits)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only (N,C,H,W) can be split, into (N,groups,C/groups,H,W)");
    split.groups = (int)groups;
    split.is_swapped = false;
    return onnx_set_alias(reader, &split);
}

/* (N,C/groups,groups,H,W) -> (N,C,H,W), the last part of a channel shuffle. */
static enum status_code join_channels(struct onnx_reader *reader, const struct onnx_value *input,
                                      const struct onnx_constant *target)
{
    char name[NET_NAME_BYTES];
    struct net_shape shape = reader->net->nodes[input->node].shape;
    const int64_t have[] = {0, shape.c, shape.h, shape.w};
    bool fits = input->is_swapped && target->count == 4;
    for (size_t i = 1; fits && i < 4; i++)
        fits = target->ints[i] == -1 || target->ints[i] == have[i];
    if (!fits)
        return onnx_fail(reader, STATUS_UNSUPPORTED,
                         "a map split into groups can only be transposed and joined (a channel shuffle)");
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_channel_shuffle(reader->net, name, input->node, input->groups, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, 4) : onnx_builder_failed(reader);
}

/* (N,C,1,1) -> (N,C) or a shape to itself. */
static enum status_code reshape_to_itself(struct onnx_reader *reader, const struct onnx_value *input,
                                          const struct onnx_constant *target)
{
    struct net_shape shape = reader->net->nodes[input->node].shape;
    const int64_t have[] = {ONNX_BATCH, shape.c, shape.h, shape.w};
    bool same = target->count == 4 || target->count == 2;
    for (size_t i = 1; same && i < target->count; i++)
        same = keeps(target->ints[i], have[i]);
    if (!same)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only a reshape of (N,%d,1,1) to (N,%d) is supported", shape.c, shape.c);
    if (target->count == 2)
        return onnx_set_vector(reader, input);
    if (input->rank == 2 && !is_vector(reader, input))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its target shape is not possible");
    return onnx_set_map(reader, input->node, 4);
}

enum status_code onnx_read_reshape(struct onnx_reader *reader)
{
    struct onnx_value *input = onnx_input(reader, 0);
    const struct onnx_constant *target = input != NULL ? onnx_constant_input(reader, 1) : NULL;
    if (target == NULL)
        return reader->status->code;
    const bool joins = !input->is_constant && input->groups > 0;
    if (!joins && onnx_map_input(reader, 0, 0) == NULL)
        return reader->status->code;
    if (!keeps_images(reader, target))
        return onnx_fail(reader, STATUS_UNSUPPORTED, "its target shape must keep the number of images");
    if (joins)
        return join_channels(reader, input, target);
    return target->count == 5 ? split_channels(reader, input, target) : reshape_to_itself(reader, input, target);
}

enum status_code onnx_read_transpose(struct onnx_reader *reader)
{
    static const int64_t order[] = {0, 2, 1, 3, 4};
    const struct onnx_value *input = onnx_input(reader, 0);
    const Onnx__AttributeProto *perm = onnx_attribute(reader, "perm");
    if (input == NULL)
        return reader->status->code;
    bool swaps = perm != NULL && perm->n_ints == 5 && memcmp(perm->ints, order, sizeof order) == 0;
    if (input->is_constant || input->groups == 0 || input->is_swapped || !swaps)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only the groups of a channel shuffle can be transposed (perm 0,2,1,3,4)");
    struct onnx_value swapped = *input;
    swapped.is_swapped = true;
    return onnx_set_alias(reader, &swapped);
}

/* --- concatenations --------------------------------------------------------------------------------------- */

enum status_code onnx_read_concat(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    int inputs[NET_INPUTS_MAX], rank = 0;
    size_t count = reader->node->n_input;
    if (count < 1 || count > NET_INPUTS_MAX)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "concatenations of 1 to %d maps are supported, not of %zu", NET_INPUTS_MAX,
                         count);
    for (size_t i = 0; i < count; i++) {
        const struct onnx_value *value = onnx_map_input(reader, i, rank);
        if (value == NULL)
            return reader->status->code;
        inputs[i] = value->node;
        rank = value->rank;
    }
    int64_t axis = onnx_attribute_int(reader, "axis", 0);
    if (axis != 1 && axis != 1 - rank)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only channels (axis 1) can be concatenated");
    if (count == 1)
        return onnx_set_map(reader, inputs[0], rank);
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_concat(reader->net, name, inputs, (int)count, reader->status);
    return node >= 0 ? onnx_set_map(reader, node, rank) : onnx_builder_failed(reader);
}

/* --- slices and pads: shortcuts and factorised reductions ------------------------------------------------- */

/* One axis of a Slice: the whole axis, or every step-th row or column from `start` on. */
static enum status_code slice_axis(struct onnx_reader *reader, struct onnx_value *sliced, int64_t axis, int64_t start, int64_t end,
                                   int64_t step)
{
    struct net_shape shape = reader->net->nodes[sliced->node].shape;
    int64_t given[] = {1, shape.c, (shape.h - sliced->offset_h - 1) / sliced->step_h + 1,
                       (shape.w - sliced->offset_w - 1) / sliced->step_w + 1};
    axis += axis < 0 ? 4 : 0;
    if (axis < 0 || axis > 3)
        return onnx_fail(reader, STATUS_BAD_INPUT, "an axis is out of range");
    bool whole = axis == 0 ? end >= INT32_MAX : end >= given[axis];
    bool from_within = axis < 2 ? start == 0 : start >= 0 && start < given[axis];
    if (!from_within || !whole || step < 1 || step > NET_DIMENSION_MAX || (axis < 2 && step != 1))
        return onnx_fail(reader, STATUS_UNSUPPORTED,
                         "only slices of every n-th row and column to the end of a map are supported, not [%" PRId64 ":%" PRId64
                         ":%" PRId64 "] of axis %" PRId64,
                         start, end, step, axis);
    if (axis < 2)
        return STATUS_OK;
    int *total = axis == 2 ? &sliced->step_h : &sliced->step_w, *offset = axis == 2 ? &sliced->offset_h : &sliced->offset_w;
    if (*total > NET_DIMENSION_MAX / (int)step)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "the stride is too large");
    *offset += (int)start * *total;
    *total *= (int)step;
    return STATUS_OK;
}

enum status_code onnx_read_slice(struct onnx_reader *reader)
{
    const int64_t *starts = NULL, *ends = NULL, *axes = NULL, *steps = NULL;
    size_t count = 0, end_count = 0, axis_count = 0, step_count = 0;
    struct onnx_value *input = onnx_input(reader, 0);
    if (input == NULL || onnx_numbers(reader, "starts", 1, &starts, &count) != STATUS_OK ||
        onnx_numbers(reader, "ends", 2, &ends, &end_count) != STATUS_OK ||
        onnx_numbers(reader, "axes", 3, &axes, &axis_count) != STATUS_OK ||
        onnx_numbers(reader, "steps", 4, &steps, &step_count) != STATUS_OK)
        return reader->status->code;
    if (end_count != count || count > 4 || (axis_count != 0 && axis_count != count) || (step_count != 0 && step_count != count))
        return onnx_fail(reader, STATUS_BAD_INPUT, "its starts, ends, axes and steps are not equally many");
    if (input->rank != 4 || input->groups > 0)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only maps (N,C,H,W) can be sliced");
    struct onnx_value sliced = *input;
    for (size_t i = 0; i < count; i++)
        if (slice_axis(reader, &sliced, axis_count != 0 ? axes[i] : (int64_t)i, starts[i], ends[i],
                       step_count != 0 ? steps[i] : 1) != STATUS_OK)
            return reader->status->code;
    if (onnx_is_sliced(&sliced) && onnx_choose_node_name(reader, sliced.step_name) != STATUS_OK)
        return reader->status->code;
    return onnx_set_alias(reader, &sliced);
}

enum status_code onnx_read_pad(struct onnx_reader *reader)
{
    char name[NET_NAME_BYTES];
    const int64_t *pads = NULL;
    size_t count = 0;
    const struct onnx_value *input = onnx_map_input(reader, 0, 4);
    if (input == NULL || onnx_numbers(reader, "pads", 1, &pads, &count) != STATUS_OK)
        return reader->status->code;
    if (!onnx_attribute_is_text(reader, "mode", "constant") || onnx_attribute_float(reader, "value", 0.0F) != 0.0F)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only padding with zeros is supported");
    if (onnx_has_input(reader, 2)) {
        const struct onnx_constant *value = onnx_constant_input(reader, 2);
        if (value == NULL)
            return reader->status->code;
        if (value->count > 0 && (value->is_float ? value->floats[0] != 0.0F : value->ints[0] != 0))
            return onnx_fail(reader, STATUS_UNSUPPORTED, "only padding with zeros is supported");
    }
    bool others = count != 8 || onnx_has_input(reader, 3);
    for (size_t i = 0; !others && i < 8; i++)
        others = pads[i] < 0 || pads[i] > NET_DIMENSION_MAX || (i % 4 != 1 && pads[i] != 0);
    if (others)
        return onnx_fail(reader, STATUS_UNSUPPORTED, "only channels can be padded (pads 0,a,0,0,0,b,0,0)");
    if (onnx_choose_node_name(reader, name) != STATUS_OK)
        return reader->status->code;
    int node = net_add_channel_pad(reader->net, name, input->node, (int)pads[1], (int)pads[5], reader->status);
    return node >= 0 ? onnx_set_map(reader, node, 4) : onnx_builder_failed(reader);
}
