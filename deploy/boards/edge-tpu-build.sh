#!/bin/sh
# edge-tpu-build.sh MODEL.onnx OUT.tflite
#
# ONNX -> int8 TensorFlow Lite (tflite-build.sh) -> edgetpu_compiler (x86-64 only; written for version 16.0). Says on standard output how
# many operations the Edge TPU runs; the others run on the CPU. A model of which it runs none is refused.
set -eu

fail() {
    echo "edge-tpu-build.sh: $1" >&2
    exit 1
}

[ $# -eq 2 ] || fail 'usage: edge-tpu-build.sh MODEL.onnx OUT.tflite'
command -v edgetpu_compiler >/dev/null || fail 'edgetpu_compiler is not installed: see https://coral.ai/docs/edgetpu/compiler'
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$(dirname "$0")/tflite-build.sh" int8 "$1" "$folder/net.tflite"
edgetpu_compiler -s -o "$folder" "$folder/net.tflite" >"$folder/log" 2>&1 ||
    fail "edgetpu_compiler failed: $(tail -n 3 "$folder/log" | tr '\n' ' ')"
[ -s "$folder/net_edgetpu.tflite" ] || fail "edgetpu_compiler compiled nothing: $(tail -n 3 "$folder/log" | tr '\n' ' ')"

# The table at the end of what -s prints: OPERATOR COUNT STATUS, the status in words.
counts=$(awk '
    $1 == "Operator" && $2 == "Count" && $3 == "Status" { table = 1; next }
    table && $1 ~ /^[A-Z0-9_]+$/ && $2 ~ /^[0-9]+$/ { all += $2; if ($0 ~ /Mapped to Edge TPU/) mapped += $2 }
    END { print mapped + 0, all + 0 }' "$folder/log")
mapped=${counts% *} all=${counts#* }
[ "$all" -gt 0 ] || fail 'edgetpu_compiler printed no table of operations (option -s); is this version 16.0?'
[ "$mapped" -gt 0 ] || fail "none of the $all operations can run on the Edge TPU: the figure would be that of the CPU"
echo "$mapped of $all operations run on the Edge TPU"
mv "$folder/net_edgetpu.tflite" "$2"
