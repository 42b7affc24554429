#!/bin/bash
# `hwnas export` against the ONNX project's own checker: what users hand to other tools is a sound model. That it computes the right
# thing is proved in tests/unit/test_net_onnx_peer.c.
set -u
. tests/support/tap.sh

# A person's own python3 often hides Debian's, which has python3-onnx.
python=
for candidate in python3 /usr/bin/python3; do
    if [ -z "$python" ] && "$candidate" -c 'import onnx, numpy' >/dev/null 2>&1; then
        python=$candidate
    fi
done
if [ -z "$python" ]; then
    echo '1..0 # SKIP no python3 with onnx and numpy (Debian: python3-onnx): exports are not checked'
    exit 0
fi

model=$tap_folder/model.onnx

# describe: versions, input and outputs with their shapes, one a line.
describe() {
    "$python" -c '
import sys, onnx
m = onnx.load(sys.argv[1])
print("ir", m.ir_version, "opset", m.opset_import[0].version)
for v in list(m.graph.input) + list(m.graph.output):
    print(v.name, *[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
' "$model"
}

export_arch() {
    "$HWNAS_BUILD/hwnas" export --onnx "$model" "$@" 2>"$tap_folder/err"
}

for arch in '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|' 104142 111111 000400; do
    expect "$arch is exported" export_arch --arch "$arch"
    expect "onnx.checker accepts $arch" "$python" tests/e2e/onnx_numpy.py "$model"
done

expect 'a grey net of another size is exported' export_arch --arch 241302 --channels 8 --cells 2 --classes 100 --input-channels 1 --input-size 28
expect 'onnx.checker accepts it' "$python" tests/e2e/onnx_numpy.py "$model"
same 'it says its versions, its open batch size, its outputs and their shapes' "$(describe)" "ir 7 opset 13
images N 1 28 28
logits N 100
tap1 N 8 28 28
tap2 N 16 14 14
tap3 N 32 7 7"

done_testing
