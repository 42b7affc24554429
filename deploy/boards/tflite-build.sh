#!/bin/sh
# tflite-build.sh float32|float16|int8 MODEL.onnx OUT.tflite [HOST]
#
# Converts an ONNX model with onnx2tf (pip install onnx2tf tensorflow onnx; written for onnx2tf 1.20 to 1.26 with TensorFlow 2.14 to
# 2.17). With HOST the same happens there through ssh and scp, with keys and no questions: a board need not hold TensorFlow.
# int8 calibrates on random images: the figures of such a model mean nothing, its latency does not depend on them.
set -eu

fail() {
    echo "tflite-build.sh: $1" >&2
    exit 1
}

[ $# -eq 3 ] || [ $# -eq 4 ] || fail 'usage: tflite-build.sh float32|float16|int8 MODEL.onnx OUT.tflite [HOST]'
mode=$1 model=$2 out=$3 host=${4-}
case $mode in
float32) made=_float32.tflite ;;
float16) made=_float16.tflite ;;
int8) made=_full_integer_quant.tflite ;;
*) fail "'$mode' is none of float32, float16 and int8" ;;
esac
[ -s "$model" ] || fail "$model is absent or empty"

if [ -n "$host" ]; then
    case $host in -*) fail "'$host' is not the name of a host" ;; esac
    there=$(ssh -o BatchMode=yes "$host" mktemp -d) || fail "cannot reach $host; does \`ssh $host true\` work without a question?"
    case $there in
    /*) ;;
    *) fail "$host gave no folder to work in, but '$there'" ;;
    esac
    # shellcheck disable=SC2064  # the folder as it is now
    trap "ssh -o BatchMode=yes '$host' rm -rf '$there'" EXIT
    scp -q -B "$0" "$host:$there/tflite-build.sh" || fail "cannot copy to $host"
    scp -q -B "$model" "$host:$there/model.onnx" || fail "cannot copy the model to $host"
    ssh -o BatchMode=yes "$host" sh "$there/tflite-build.sh" "$mode" "$there/model.onnx" "$there/model.tflite" ||
        fail "the conversion on $host failed"
    scp -q -B "$host:$there/model.tflite" "$out" || fail "cannot copy the result from $host"
    [ -s "$out" ] || fail "$host made an empty file"
    exit 0
fi

command -v onnx2tf >/dev/null || fail 'onnx2tf is not installed: pip install onnx2tf tensorflow onnx, or name a HOST that has it'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cp "$model" "$folder/net.onnx"
if [ "$mode" = int8 ]; then
    # Prints the input's name; the images are written as (N,H,W,C).
    input=$(python3 - "$folder" <<'END'
import sys
import numpy, onnx
folder = sys.argv[1]
graph = onnx.load(folder + "/net.onnx").graph
weights = {tensor.name for tensor in graph.initializer}
inputs = [value for value in graph.input if value.name not in weights]
sizes = [dim.dim_value for dim in inputs[0].type.tensor_type.shape.dim]
if len(inputs) != 1 or len(sizes) != 4 or min(sizes[1:]) < 1:
    sys.exit("the model must have one input (N,C,H,W) of fixed size")
images = numpy.random.default_rng(0).standard_normal((16, sizes[2], sizes[3], sizes[1])).astype(numpy.float32)
numpy.save(folder + "/calibration.npy", images)
print(inputs[0].name)
END
    ) || fail "cannot make calibration data for $model (needs python3 with numpy and onnx)"
    ones='[[[[1]]]]' zeros='[[[[0]]]]'
    onnx2tf -b 1 -i "$folder/net.onnx" -o "$folder/out" -oiqt -cind "$input" "$folder/calibration.npy" "$zeros" "$ones" >"$folder/log" 2>&1 ||
        fail "onnx2tf failed: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
else
    onnx2tf -b 1 -i "$folder/net.onnx" -o "$folder/out" >"$folder/log" 2>&1 ||
        fail "onnx2tf failed: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
fi
[ -s "$folder/out/net$made" ] || fail "onnx2tf ended well without making net$made: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
mv "$folder/out/net$made" "$out"
