#!/usr/bin/python3
"""host-onnxruntime.py MODEL.onnx WARMUP REPEATS THREADS

Times a model with ONNX Runtime on the CPU of this machine (pip install onnxruntime numpy; written for 1.16 to 1.23) and prints
{"latency_ms": [...], "meta": {...}}: one figure for each run.
"""
import json
import sys
import time


def fail(sentence):
    sys.exit("host-onnxruntime.py: " + sentence)


def main():
    if len(sys.argv) != 5:
        fail("usage: host-onnxruntime.py MODEL.onnx WARMUP REPEATS THREADS")
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        fail(f"{error}: pip install onnxruntime numpy")
    model, (warmup, repeats, threads) = sys.argv[1], map(int, sys.argv[2:])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0" if threads == 1 else "1")
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        inputs = session.get_inputs()
        random = numpy.random.default_rng(0)
        feed = {i.name: random.standard_normal([d if isinstance(d, int) else 1 for d in i.shape]).astype(numpy.float32) for i in inputs}
        for _ in range(warmup):
            session.run(None, feed)
        samples = []
        for _ in range(repeats):
            begin = time.perf_counter_ns()
            session.run(None, feed)
            samples.append((time.perf_counter_ns() - begin) / 1e6)
    except Exception as error:
        fail(f"{type(error).__name__}: {error}")
    print(json.dumps({"latency_ms": samples, "meta": {"onnxruntime": onnxruntime.__version__, "threads": threads}}))


main()
