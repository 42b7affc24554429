#!/usr/bin/env python3
"""onnx_numpy.py MODEL.onnx [IMAGES OUT]: another implementation of ONNX for the tests.

Runs onnx.checker (with shape inference) on the model. With IMAGES, raw float32 of any number of images in the shape of the
graph's input, it carries the graph out in float64 with numpy and writes all outputs, one after the other, as raw float64 to OUT.
Operators are written from the ONNX specification, opset 13, not from the code under test.
"""
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper


def windows(x, k, s, p, fill, d=(1, 1)):
    """(N,C,OH,OW,k,k) view of the padded map."""
    x = np.pad(x, ((0, 0), (0, 0), (p[0], p[2]), (p[1], p[3])), constant_values=fill)
    extent = tuple((ki - 1) * di + 1 for ki, di in zip(k, d))
    v = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return v[:, :, :: s[0], :: s[1], :: d[0], :: d[1]]


def conv(a, x, w, b=None):
    group, n_out = a.get("group", 1), w.shape[0]
    v = windows(x, w.shape[2:], a.get("strides", [1, 1]), a.get("pads", [0] * 4), 0.0, a.get("dilations", [1, 1]))
    parts = [
        np.einsum("nchwij,ocij->nohw", vg, wg, optimize=True)
        for vg, wg in zip(np.split(v, group, axis=1), np.split(w, group, axis=0))
    ]
    y = np.concatenate(parts, axis=1)
    return y if b is None else y + b.reshape(1, n_out, 1, 1)


def batch_norm(a, x, scale, bias, mean, var):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    f = scale / np.sqrt(var + a.get("epsilon", 1e-5))
    return x * f.reshape(shape) + (bias - mean * f).reshape(shape)


def average_pool(a, x):
    k, s, p = a["kernel_shape"], a.get("strides", [1, 1]), a.get("pads", [0] * 4)
    fill = 0.0 if a.get("count_include_pad", 0) else np.nan
    return np.nanmean(windows(x, k, s, p, fill), axis=(4, 5))


def max_pool(a, x):
    assert a.get("ceil_mode", 0) == 0 and list(a.get("dilations", [1, 1])) == [1, 1]
    return windows(x, a["kernel_shape"], a.get("strides", [1, 1]), a.get("pads", [0] * 4), -np.inf).max(axis=(4, 5))


def slice_(a, x, starts, ends, axes=None, steps=None):
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(map(int, starts), map(int, ends), map(int, axes), map(int, steps)):
        length = x.shape[axis]
        before_first = step < 0 and end < -length  # what Python writes as an end of None
        cut[axis] = slice(start, None if before_first else min(end, length), step)
    return x[tuple(cut)]


def pad(a, x, pads, value=None):
    assert a.get("mode", b"constant") == b"constant"
    half = len(pads) // 2
    pairs = list(zip(map(int, pads[:half]), map(int, pads[half:])))
    return np.pad(x, pairs, constant_values=0.0 if value is None else value)


def reshape(a, x, shape):
    return x.reshape([x.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)])


def constant_of_shape(a, shape):
    value = numpy_helper.to_array(a["value"]) if "value" in a else np.zeros(1)
    return np.full([int(d) for d in np.atleast_1d(shape)], value[0])


def gemm(a, x, w, c=None):
    x, w = (x.T if a.get("transA") else x), (w.T if a.get("transB") else w)
    y = a.get("alpha", 1.0) * (x @ w)
    return y if c is None else y + a.get("beta", 1.0) * c


OPERATORS = {
    "Conv": conv,
    "BatchNormalization": batch_norm,
    "AveragePool": average_pool,
    "MaxPool": max_pool,
    "Relu": lambda a, x: np.maximum(x, 0),
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Sum": lambda a, *xs: sum(xs),
    "Identity": lambda a, x: x,
    "GlobalAveragePool": lambda a, x: x.mean(axis=(2, 3), keepdims=True),
    "ReduceMean": lambda a, x: x.mean(axis=tuple(a["axes"]), keepdims=bool(a.get("keepdims", 1))),
    "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1),
    "Gemm": gemm,
    "MatMul": lambda a, x, y: x @ y,
    "Slice": slice_,
    "Pad": pad,
    "Reshape": reshape,
    "Transpose": lambda a, x: x.transpose(a.get("perm")),
    "Shape": lambda a, x: np.array(x.shape, np.int64),
    "Gather": lambda a, x, i: np.take(x, i, axis=a.get("axis", 0)),
    "Concat": lambda a, *xs: np.concatenate(xs, axis=a["axis"]),
    "Cast": lambda a, x: x.astype(helper.mapping.TENSOR_TYPE_TO_NP_TYPE[a["to"]]),
    "Constant": lambda a: numpy_helper.to_array(a["value"]),
    "ConstantOfShape": constant_of_shape,
}


def widen(x):
    return x.astype(np.float64) if x.dtype == np.float32 else x


def run(graph, images):
    values = {t.name: widen(numpy_helper.to_array(t)) for t in graph.initializer}
    (name,) = [i.name for i in graph.input if i.name not in values]
    values[name] = images
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[i] if i else None for i in node.input]
        while inputs and inputs[-1] is None:
            inputs.pop()
        values[node.output[0]] = widen(np.asarray(OPERATORS[node.op_type](attributes, *inputs)))
    return [values[o.name] for o in graph.output]


def main(arguments):
    model = onnx.load(arguments[1])
    onnx.checker.check_model(model, full_check=True)
    if len(arguments) < 4:
        return
    dims = model.graph.input[0].type.tensor_type.shape.dim
    images = np.fromfile(arguments[2], np.float32).reshape([-1] + [d.dim_value for d in dims[1:]]).astype(np.float64)
    with open(arguments[3], "wb") as out:
        for output in run(model.graph, images):
            out.write(np.ascontiguousarray(output, np.float64).tobytes())


main(sys.argv)
