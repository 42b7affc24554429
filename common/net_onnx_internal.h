/* net_onnx_internal: what the files of net_onnx share. Nobody else includes it.
 *
 * net_onnx_unpack.c     bytes -> protobuf structs, guarded against deep nesting and memory amplification
 * net_onnx_read.c       the model as a whole: versions, input, initializers, outputs
 * net_onnx_operators.c  one function per operator that becomes a node of the net
 * net_onnx_moves.c      the operators that only move numbers: slices, pads, reshapes, concatenations, shuffles
 * net_onnx_values.c     what each value name of the graph stands for, and errors that name the node
 * net_onnx_constants.c  tensors that are known while reading
 * net_onnx_fold.c       operators on such tensors
 * net_onnx_write.c      net -> protobuf structs -> bytes */
#ifndef HWNAS_COMMON_NET_ONNX_INTERNAL_H
#define HWNAS_COMMON_NET_ONNX_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "common/net_onnx.h"
#include "onnx.pb-c.h"

enum { ONNX_RANK_MAX = 8, ONNX_OPSET_MIN = 9, ONNX_OPSET_MAX = 21 };

/* Elements that folding may compute, and that parameters may take, beyond what is in proportion to the file. */
enum { ONNX_SPARE_ELEMENTS = 1 << 20 };

/* What Shape gives for the batch dimension. It may be moved about, but not reckoned with. */
#define ONNX_BATCH INT64_C(-0x4241544348)

/* --- net_onnx_unpack.c --- */

/* Unpacks a model; free it with onnx_model_free. NULL with status filled. */
Onnx__ModelProto *onnx_model_unpack(const void *data, size_t size, struct status *status);
void onnx_model_free(Onnx__ModelProto *model);

/* --- net_onnx_constants.c --- */

/* A tensor known while reading. Integers and booleans of all widths are int64, float and double are float. */
struct onnx_constant {
    bool is_float;
    int rank; /* 0 for a scalar */
    int64_t dims[ONNX_RANK_MAX];
    size_t count;
    union {
        float *floats;
        int64_t *ints;
        void *data; /* owned */
    };
};

/* Makes room for a tensor of the rank and dims already set, zero-filled. 0; -1 when a dimension is negative or the whole exceeds
 * limit elements or memory. */
int onnx_constant_make(struct onnx_constant *constant, size_t limit);
void onnx_constant_free(struct onnx_constant *constant);

/* Reads a TensorProto. `what` names it in the sentence. */
enum status_code onnx_constant_read(const Onnx__TensorProto *tensor, const char *what, struct onnx_constant *out,
                                    struct status *status);

/* --- net_onnx_values.c --- */

/* What a value name stands for: a constant, or a map of the net that may wait: for a spatial stride, because Slice does one axis at
 * a time and NET_SUBSAMPLE both, or for the rest of a channel shuffle, which is three nodes. */
struct onnx_value {
    const char *name; /* the key; borrowed from the model */
    bool is_constant;
    struct onnx_constant constant;
    int node;                       /* of the net */
    int rank;                       /* 4 (N,C,H,W) or 2 (N,C) */
    int step_h, step_w;             /* every step-th row and column is still to be taken ... */
    int offset_h, offset_w;         /* ... from these on */
    char step_name[NET_NAME_BYTES]; /* of the node that will do so */
    int groups;                     /* above 0: read as (N,groups,C/groups,H,W), as (N,C/groups,groups,H,W) where is_swapped */
    bool is_swapped;
    bool bias_is_open; /* the product of a MatMul: an Add of a constant may still become the dense layer's bias */
    UT_hash_handle hh;
};

struct onnx_use {
    const char *name; /* borrowed from the model */
    int count;
    UT_hash_handle hh;
};

struct onnx_name {
    char text[NET_NAME_BYTES];
    UT_hash_handle hh;
};

struct onnx_reader {
    struct net *net;
    struct status *status; /* never NULL */
    const Onnx__NodeProto *node;
    size_t node_index;
    struct onnx_value *values;
    struct onnx_use *uses;
    struct onnx_name *node_names, *tensor_names; /* taken */
    int64_t images;                              /* the fixed number of images that the file was exported for; 0 when it is open */
    size_t fold_elements_left;
    size_t weight_elements_left; /* a small file could use one large initializer in many nodes */
};

/* Fills status with `node NAME (OPERATOR): SENTENCE` about the node being read. Always returns code. */
enum status_code onnx_fail(struct onnx_reader *reader, enum status_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies text with everything unprintable replaced, cut to fit: names from a file enter sentences. */
const char *onnx_printable(const char *text, char out[128]);

/* Optional texts of the model are NULL where absent. */
static inline const char *onnx_text(const char *text)
{
    return text != NULL ? text : "";
}

/* Whether input `index` is given: a missing one at the end or an empty name in between is not. */
bool onnx_has_input(const struct onnx_reader *reader, size_t index);

/* The value of input `index`, or NULL with status filled. */
struct onnx_value *onnx_input(struct onnx_reader *reader, size_t index);

/* The constant at input `index`, or NULL with status filled. */
const struct onnx_constant *onnx_constant_input(struct onnx_reader *reader, size_t index);

/* Declares what output 0 of the node being read stands for. The constant's data is taken over, also on failure. */
enum status_code onnx_set_constant(struct onnx_reader *reader, struct onnx_constant *constant);
enum status_code onnx_set_map(struct onnx_reader *reader, int node, int rank);
enum status_code onnx_set_alias(struct onnx_reader *reader, const struct onnx_value *source);

/* The same for a value that no node makes: an initializer or the graph's input. */
enum status_code onnx_define(struct onnx_reader *reader, const char *name, struct onnx_value **out);

/* How many nodes and graph outputs read the value of that name. */
int onnx_use_count(const struct onnx_reader *reader, const char *name);

void onnx_values_free(struct onnx_reader *reader);

/* Attributes of the node being read, with their default when absent. */
const Onnx__AttributeProto *onnx_attribute(const struct onnx_reader *reader, const char *name);
int64_t onnx_attribute_int(const struct onnx_reader *reader, const char *name, int64_t absent);
float onnx_attribute_float(const struct onnx_reader *reader, const char *name, float absent);
bool onnx_attribute_is_text(const struct onnx_reader *reader, const char *name, const char *text); /* true when absent */

/* Marks a name as taken; 1, or 0 when it was before, or -1 without memory. */
int onnx_take_name(struct onnx_name **names, const char *text);

/* The name of the node being read where it is printable, short enough and new, else OPERATOR_NUMBER_0. */
enum status_code onnx_choose_node_name(struct onnx_reader *reader, char out[NET_NAME_BYTES]);

/* Gives a tensor of the net the name of the initializer at input `index`, which is its state-dict name; the builder's NODE.weight
 * stays where an initializer is used twice or its name does not fit. */
enum status_code onnx_name_tensor(struct onnx_reader *reader, int tensor, size_t index);

/* --- net_onnx_operators.c --- */

/* Adds what the node being read stands for to the net, or folds it. */
enum status_code onnx_read_node(struct onnx_reader *reader);

/* --- net_onnx_moves.c --- */

enum status_code onnx_read_slice(struct onnx_reader *reader);
enum status_code onnx_read_pad(struct onnx_reader *reader);
enum status_code onnx_read_reshape(struct onnx_reader *reader);
enum status_code onnx_read_transpose(struct onnx_reader *reader);
enum status_code onnx_read_concat(struct onnx_reader *reader);

/* Whether rows or columns are still to be left out of the value. */
static inline bool onnx_is_sliced(const struct onnx_value *value)
{
    return value->step_h != 1 || value->step_w != 1 || value->offset_h != 0 || value->offset_w != 0;
}

/* Adds the stride that Slice nodes have asked for; the value then stands for its result. */
enum status_code onnx_settle_steps(struct onnx_reader *reader, struct onnx_value *value);

/* Fails with the builder's sentence, which begins with the node's name, under ONNX's name and operator. */
enum status_code onnx_builder_failed(struct onnx_reader *reader);

/* The value of input `index` as a map of the given rank (0: any), with its strides settled; NULL with status filled. */
struct onnx_value *onnx_map_input(struct onnx_reader *reader, size_t index, int rank);

/* The numbers of an attribute, or of a constant input where later opsets moved them. *count is 0 when neither is given. */
enum status_code onnx_numbers(struct onnx_reader *reader, const char *attribute_name, size_t index, const int64_t **out,
                              size_t *count);

/* Flatten, Squeeze and Reshape of (N,C,1,1) to (N,C) change nothing but the rank. */
enum status_code onnx_set_vector(struct onnx_reader *reader, const struct onnx_value *input);

/* --- net_onnx_fold.c --- */

/* Folds the node being read if it is an operator on constants (or Shape of anything). *folded tells whether it was. */
enum status_code onnx_fold(struct onnx_reader *reader, bool *folded);

#endif
