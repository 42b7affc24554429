#!/usr/bin/python3
"""eyeriss.py --design FOLDER [--cache FOLDER] [--mapper PROGRAM] MODEL.onnx

Latency and energy of a network on an accelerator that Timeloop and Accelergy model: each distinct convolution and dense layer
becomes a Timeloop problem, timeloop-mapper finds a mapping for it, and the end of its statistics is printed, with how often the layer
occurs, for the parser `timeloop` to add up. Layers one after the other; pooling, additions and activations cost nothing here.

FOLDER of --design holds arch/*.yaml, arch/components/*.yaml (if any), constraints/*.yaml (if any) and mapper/mapper.yaml, such as
baseline_designs/example_designs/eyeriss_like of Accelergy-Project/timeloop-accelergy-exercises (written for the inputs of Timeloop 3).
--cache keeps each layer's statistics under the digest of all its inputs: a search meets the same layers again and again.
Needs python3-onnx.
"""
import argparse
import collections
import glob
import hashlib
import os
import subprocess
import sys
import tempfile

import onnx
import onnx.shape_inference

PROBLEM = """problem:
  shape:
    name: CNN-Layer
    dimensions: [ C, M, R, S, N, P, Q ]
    coefficients:
    - { name: Wstride, default: 1 }
    - { name: Hstride, default: 1 }
    - { name: Wdilation, default: 1 }
    - { name: Hdilation, default: 1 }
    data-spaces:
    - name: Weights
      projection:
      - [ [C] ]
      - [ [M] ]
      - [ [R] ]
      - [ [S] ]
    - name: Inputs
      projection:
      - [ [N] ]
      - [ [C] ]
      - [ [R, Wdilation], [P, Wstride] ]
      - [ [S, Hdilation], [Q, Hstride] ]
    - name: Outputs
      projection:
      - [ [N] ]
      - [ [M] ]
      - [ [Q] ]
      - [ [P] ]
      read-write: True
  instance: { C: %(C)d, M: %(M)d, R: %(R)d, S: %(S)d, N: 1, P: %(P)d, Q: %(Q)d, Wstride: %(Wstride)d, Hstride: %(Hstride)d, \
Wdilation: %(Wdilation)d, Hdilation: %(Hdilation)d }
"""


def fail(sentence):
    sys.exit("eyeriss.py: " + sentence)


def attributes(node):
    return {a.name: list(a.ints) if a.ints else a.i for a in node.attribute}


def layers_of(path):
    """Distinct layers in order of appearance -> how often each occurs."""
    try:
        graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    except Exception as error:
        fail(f"{path} is not a readable ONNX model: {error}")
    weights = {t.name: list(t.dims) for t in graph.initializer}
    sizes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in [*graph.input, *graph.value_info, *graph.output]}
    layers = collections.Counter()
    for node in graph.node:
        at = attributes(node)
        if node.op_type == "Conv":
            kernel, out = weights.get(node.input[1]), sizes.get(node.output[0], [])
            if not kernel or len(kernel) != 4 or len(out) != 4 or min(out[1:]) < 1:
                fail(f"convolution {node.name or node.output[0]}: its sizes are not fixed")
            groups = at.get("group", 1) or 1
            strides, dilations = at.get("strides", [1, 1]), at.get("dilations", [1, 1])
            layer = (kernel[1], kernel[0] // groups, kernel[3], kernel[2], out[3], out[2], strides[1], strides[0], dilations[1], dilations[0])
            layers[layer] += groups  # one group after the other
        elif node.op_type in ("Gemm", "MatMul"):
            matrix = weights.get(node.input[1])
            if not matrix or len(matrix) != 2:
                fail(f"{node.op_type} {node.name or node.output[0]}: only products with a constant matrix are known")
            rows, columns = matrix if not at.get("transB") else reversed(matrix)
            layers[(rows, columns, 1, 1, 1, 1, 1, 1, 1, 1)] += 1
        elif node.op_type in ("ConvTranspose", "LSTM", "GRU", "RNN", "Einsum"):
            fail(f"operator {node.op_type} cannot be told to Timeloop")
    if not layers:
        fail(f"{path} has no convolution and no dense layer")
    return layers


def inputs_of(design):
    files = []
    for pattern, needed in (("arch/*.yaml", True), ("arch/components/*.yaml", False), ("mapper/mapper.yaml", True), ("constraints/*.yaml", False)):
        found = sorted(glob.glob(os.path.join(design, pattern)))
        if needed and not found:
            fail(f"{design} has no {pattern}; give --design the folder of a Timeloop design")
        files += found
    return files


def summary_of(text, name):
    """From "Summary Stats" to the end of its block."""
    at = text.rfind("Summary Stats")
    block = text[at:].split("\n\n")[0] if at >= 0 else ""
    if "Cycles:" not in block or "Energy:" not in block:
        fail(f"layer {name}: timeloop-mapper wrote statistics without Cycles and Energy")
    return block.rstrip("\n") + "\n"


def run(mapper, inputs, problem, name):
    """The text of timeloop-mapper.stats.txt of one layer."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "problem.yaml"), "w") as file:
            file.write(problem)
        try:
            done = subprocess.run([mapper, *inputs, "problem.yaml", "-o", folder], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        except OSError as error:
            fail(f"{mapper}: {error.strerror}; install Timeloop or give --mapper")
        words = " ".join(done.stdout.decode(errors="replace").split()[-20:])
        if done.returncode != 0:
            fail(f"layer {name}: timeloop-mapper failed with exit code {done.returncode}: {words}")
        try:
            with open(os.path.join(folder, "timeloop-mapper.stats.txt")) as file:
                return file.read()
        except OSError:
            fail(f"layer {name}: timeloop-mapper found no mapping: {words}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("--design", required=True)
    parser.add_argument("--cache")
    parser.add_argument("--mapper", default="timeloop-mapper")
    parser.add_argument("model")
    options = parser.parse_args()
    inputs = inputs_of(os.path.abspath(options.design))
    digest = hashlib.sha256()
    for file in inputs:
        with open(file, "rb") as content:
            digest.update(os.path.basename(file).encode() + b"\0" + content.read() + b"\0")
    names = ("C", "M", "R", "S", "P", "Q", "Wstride", "Hstride", "Wdilation", "Hdilation")
    layers = layers_of(options.model)
    for number, (layer, count) in enumerate(layers.items(), 1):
        sizes = dict(zip(names, layer))
        name = f"{number}_" + "_".join(f"{key}{value}" for key, value in sizes.items())
        problem = PROBLEM % sizes
        key = digest.copy()
        key.update(problem.encode())
        kept = os.path.join(options.cache, key.hexdigest() + ".txt") if options.cache else None
        if kept and os.path.exists(kept):
            with open(kept) as file:
                block = file.read()
        else:
            block = summary_of(run(options.mapper, inputs, problem, name), name)
            if kept:
                os.makedirs(options.cache, exist_ok=True)
                with tempfile.NamedTemporaryFile("w", dir=options.cache, delete=False) as file:
                    file.write(block)
                os.replace(file.name, kept)
        print(f"# layer {name} x {count}\n{block}", end="")
    print(f"# end {len(layers)}")


main()
