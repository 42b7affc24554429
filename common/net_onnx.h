/* net_onnx: ONNX files <-> net, through protobuf-c code generated from the onnx.proto of Debian's libonnx-dev. The only includer of
 * that generated header. */
#ifndef HWNAS_COMMON_NET_ONNX_H
#define HWNAS_COMMON_NET_ONNX_H

#include <stddef.h>

#include "common/net.h"
#include "common/status.h"

/* Reads an ONNX model into *out (which must be empty). Takes what PyTorch exports for image classifiers in opset 9 to 21: Conv,
 * BatchNormalization, Relu, AveragePool (count_include_pad=0, or no padding), MaxPool, Add, Sum, Concat of channels,
 * GlobalAveragePool, ReduceMean over H and W, Flatten, Squeeze, Reshape to (N,C), Reshape-Transpose-Reshape as a channel shuffle,
 * Gemm, MatMul+Add, Identity, Dropout, Slice (as a spatial stride, from any row and column), Pad (zero channels), and the constant
 * arithmetic around them (Constant, ConstantOfShape, Shape, Gather, Cast, Concat, Unsqueeze, Squeeze, Transpose, Reshape, Slice,
 * Add, Sub, Mul, Div), which is folded. Windows must be square and padded alike on all sides; only those of Conv may be dilated.
 * Parameters keep the names of their initializers, which are those of the PyTorch state dict. The first graph output is the logits,
 * the others are the taps, unless `taps` names tap_count value names. Batch dimension may be symbolic or any number; H and W must
 * be fixed. STATUS_BAD_INPUT or STATUS_UNSUPPORTED with the node's name and operator; never crashes, never reads outside `data`,
 * never takes memory out of proportion to the file. Weights must be inside the file (no external data). */
enum status_code net_onnx_read(const void *data, size_t size, const char *const *taps, size_t tap_count, struct net *out,
                               struct status *status);

/* Reads a file of at most 1 GiB. */
enum status_code net_onnx_load(const char *path, const char *const *taps, size_t tap_count, struct net *out, struct status *status);

/* Serialises the net: IR version 7, opset 13, symbolic batch dimension "N", input "images" (N,C,H,W), first output "logits", taps
 * "tap1", ... BatchNormalization keeps its running statistics. The caller frees *data with free. */
enum status_code net_onnx_write(const struct net *net, void **data, size_t *size, struct status *status);

/* The same into a file, whole or not at all (temporary file, fsync, rename). */
enum status_code net_onnx_save(const struct net *net, const char *path, struct status *status);

#endif
