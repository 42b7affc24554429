/* onnx_maker: ONNX models put together node by node, right or wrong, for the tests of net_onnx. */
#ifndef HWNAS_TESTS_SUPPORT_ONNX_MAKER_H
#define HWNAS_TESTS_SUPPORT_ONNX_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "onnx.pb-c.h"

enum { ONNX_MAKER_ITEMS = 64, ONNX_MAKER_BLOCKS = 4096 };

/* Everything hangs in `blocks` and is freed by onnx_maker_free. Fields may be changed before packing. */
struct onnx_maker {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset, *opsets[1];
    Onnx__NodeProto *nodes[ONNX_MAKER_ITEMS];
    Onnx__TensorProto *initializers[ONNX_MAKER_ITEMS];
    Onnx__ValueInfoProto *inputs[ONNX_MAKER_ITEMS], *outputs[ONNX_MAKER_ITEMS];
    void *blocks[ONNX_MAKER_BLOCKS];
    size_t block_count;
};

/* Opset 13 and one input "x" (N,c,h,w) with an open number of images. */
void onnx_maker_begin(struct onnx_maker *m, int64_t c, int64_t h, int64_t w);
void onnx_maker_free(struct onnx_maker *m);

/* A node with inputs and outputs separated by commas; an empty name between two commas is an absent input. */
Onnx__NodeProto *onnx_maker_node(struct onnx_maker *m, const char *operator, const char * inputs, const char *outputs);

void onnx_maker_int(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, int64_t value);
void onnx_maker_ints(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, size_t count, const int64_t *values);
void onnx_maker_float(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, float value);
void onnx_maker_text(struct onnx_maker *m, Onnx__NodeProto *node, const char *name, const char *value);
Onnx__AttributeProto *onnx_maker_attribute(struct onnx_maker *m, Onnx__NodeProto *node, const char *name);

/* Initializers: floats counting 0, 1/8, 2/8, ... and whole numbers as given (rank 1, or a scalar when count is 0: values[0]). */
Onnx__TensorProto *onnx_maker_floats(struct onnx_maker *m, const char *name, size_t rank, const int64_t *dims);
Onnx__TensorProto *onnx_maker_numbers(struct onnx_maker *m, const char *name, size_t count, const int64_t *values);

void onnx_maker_output(struct onnx_maker *m, const char *name);

/* The bytes; the caller frees. */
void *onnx_maker_pack(const struct onnx_maker *m, size_t *size);

#endif
