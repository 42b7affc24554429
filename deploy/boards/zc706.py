#!/usr/bin/python3
"""zc706.py MODEL.onnx OUT.xml [--part PART] [--clock-ns NS] [--reuse N] [--hls PROGRAM]

ONNX -> C++ by hls4ml (pip install hls4ml qonnx; written for hls4ml 1.0 and 1.1) -> synthesis by Vitis HLS (2022.2) or Vivado HLS
(--hls vivado_hls, backend Vivado) -> its report csynth.xml. Weights that do not fit are streamed one reuse after another: a larger
--reuse needs fewer multipliers and more cycles.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile


def fail(sentence):
    sys.exit("zc706.py: " + sentence)


def generate(options, folder):
    try:
        import hls4ml
        import qonnx.util.cleanup
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
        from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    except ImportError as error:
        fail(f"{error}: pip install hls4ml qonnx")
    backend = "Vivado" if os.path.basename(options.hls).startswith("vivado") else "Vitis"
    try:
        model = qonnx.util.cleanup.cleanup_model(ModelWrapper(options.model))
        model = model.transform(ConvertToChannelsLastAndClean())
        model = model.transform(GemmToMatMul())
        model = qonnx.util.cleanup.cleanup_model(model)
        config = hls4ml.utils.config_from_onnx_model(model, granularity="name", backend=backend, default_precision="fixed<16,6>",
                                                     default_reuse_factor=options.reuse)
        for layer in config.get("LayerName", {}).values():
            layer["Strategy"] = "Resource"
        hls4ml.converters.convert_from_onnx_model(model, hls_config=config, output_dir=folder, backend=backend, io_type="io_stream",
                                                  part=options.part, clock_period=options.clock_ns).write()
    except Exception as error:
        fail(f"hls4ml cannot generate code for {options.model}: {type(error).__name__}: {error}")


def reports_in(folder):
    """The report of the top function: myproject_csynth.xml in old releases, csynth.xml in new ones."""
    found = {}
    for path, _, files in os.walk(folder):
        if os.path.basename(path) == "report":
            found.update({file: os.path.join(path, file) for file in files if file.endswith("csynth.xml")})
    return found.get("csynth.xml") or found.get("myproject_csynth.xml")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[2])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--part", default="xc7z045-ffg900-2")
    parser.add_argument("--clock-ns", type=float, default=5)
    parser.add_argument("--reuse", type=int, default=64)
    parser.add_argument("--hls", default="vitis_hls")
    options = parser.parse_args()
    if not shutil.which(options.hls):
        fail(f"{options.hls} is not on PATH: source settings64.sh of Vitis, or put its bin folder into command.environment")
    with tempfile.TemporaryDirectory() as folder:
        generate(options, folder)
        done = subprocess.run([options.hls, "-f", "build_prj.tcl", "reset=1 csim=0 synth=1 cosim=0 validation=0 export=0 vsynth=0"],
                              cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        words = " ".join(done.stdout.decode(errors="replace").split()[-30:])
        if done.returncode != 0:
            fail(f"{options.hls} failed with exit code {done.returncode}: {words}")
        report = reports_in(folder)
        if not report:
            fail(f"{options.hls} ended well without a report csynth.xml: {words}")
        shutil.copyfile(report, options.out)


main()
