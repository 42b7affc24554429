#!/bin/bash
# The board files of deploy/boards and their scripts, with tools that only pretend: each prints what the real one prints, in its format. One
# study measures its candidates on seven boards; then each script meets what can go wrong.
set -u
if ! /usr/bin/python3 -c 'import numpy, onnx' 2>/dev/null; then
    echo '1..0 # SKIP python3-onnx is absent'
    exit 0
fi
. tests/support/tap.sh
boards=$PWD/deploy/boards
hwnas=$(cd "$HWNAS_BUILD" && pwd)/hwnas
cd "$tap_folder" || exit 1
mkdir bin modules modules/qonnx modules/qonnx/util modules/qonnx/core modules/qonnx/transformation phone design design/arch design/mapper tmp
export TMPDIR=$tap_folder/tmp
echo 5250 >power

tool() { # tool NAME: a program of that name from standard input
    cat >"bin/$1"
    chmod +x "bin/$1"
}

# --- TensorFlow Lite: benchmark_model, onnx2tf, edgetpu_compiler, a phone
tool benchmark_model <<'END'
#!/bin/sh
for word in "$@"; do
    case $word in
    --graph=*) [ -s "${word#--graph=}" ] || { echo "ERROR: Failed to load model" >&2; exit 1; } ;;
    esac
done
average=$((40000 + $$ % 97))
sleep 0.05
echo "INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Loaded model model.tflite
INFO: Initialized session in 8.5ms.
INFO: Running benchmark for at least 10 iterations and at least 0.5 seconds but terminate if exceeding 60 seconds.
INFO: count=12 first=51250 curr=40125 min=39875 max=51250 avg=41250.5 std=3125

INFO: Running benchmark for at least 100 iterations and at least 1 seconds but terminate if exceeding 60 seconds.
INFO: count=100 first=40250 curr=40125 min=39750 max=41250 avg=$average.5 std=187

INFO: Inference timings in us: Init: 8500, First inference: 51250, Warmup (avg): 41250.5, Inference (avg): $average.5"
END
tool taskset <<'END'
#!/bin/sh
shift
exec "$@"
END
tool vcgencmd <<'END'
#!/bin/sh
echo throttled=0x50000
END
tool onnx2tf <<'END'
#!/bin/sh
int8= calibration=
while [ $# -gt 0 ]; do
    case $1 in
    -i) model=$2 ;; -o) out=$2 ;; -oiqt) int8=yes ;; -cind) calibration=$3 ;;
    esac
    shift
done
[ -s "$model" ] || exit 1
mkdir -p "$out"
name=$(basename "$model" .onnx)
cp "$model" "$out/${name}_float32.tflite"
[ -z "$int8" ] || { [ -s "$calibration" ] && cp "$model" "$out/${name}_full_integer_quant.tflite"; }
END
tool edgetpu_compiler <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do
    [ "$1" = -o ] && out=$2
    shift
done
name=$(basename "$1" .tflite)
cp "$1" "$out/${name}_edgetpu.tflite"
echo "Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in 354 ms.

Input model: $1
Output model: $out/${name}_edgetpu.tflite
Number of Edge TPU subgraphs: 1
Total number of operations: 60
Operation log: $out/${name}_edgetpu.log

Model successfully compiled but not all operations are supported by the Edge TPU.
Number of operations that will run on Edge TPU: 59
Number of operations that will run on CPU: 1

Operator                       Count      Status

CONV_2D                        52         Mapped to Edge TPU
ADD                            7          Mapped to Edge TPU
MEAN                           1          Operation is otherwise supported, but not mapped due to some unspecified limitation"
END
tool adb <<END
#!/bin/sh
phone=$tap_folder/phone
case \$1 in
get-state) echo device ;;
push) cp "\$2" "\$phone/\$(basename "\$3")" && echo "\$2: 1 file pushed, 0 skipped." ;;
shell)
    case \$2 in
    test) ;;
    rm) rm -f "\$phone/\$(basename "\$4")" ;;
    dumpsys) printf 'IsStatusOverride: false\nThermal Status: 0\n' ;;
    taskset) $tap_folder/bin/benchmark_model "--graph=\$phone/\$(basename "\${5#--graph=}")" ;;
    esac ;;
esac
END

# --- TensorRT
tool trtexec <<'END'
#!/bin/sh
for word in "$@"; do
    case $word in
    --onnx=*) model=${word#*=} ;; --saveEngine=*) cp "$model" "${word#*=}"; built=yes ;; --loadEngine=*) [ -s "${word#*=}" ] || exit 1 ;;
    --exportTimes=*) times=${word#*=} ;;
    esac
done
stamp='[11/21/2026-09:14:02] [I]'
if [ -n "${built-}" ]; then
    echo "$stamp Engine built in 12.5 sec.
&&&& PASSED TensorRT.trtexec [TensorRT v8201] # trtexec $*"
    exit 0
fi
awk -v seed=$$ 'BEGIN {
    srand(seed)
    print "["
    for (i = 0; i < 120; i++) {
        compute = i < 20 ? 9.5 : 1 + 0.01 * rand()
        printf "%s{ \"startEnqMs\" : %g, \"endEnqMs\" : %g, \"startH2dMs\" : %g, \"endH2dMs\" : %g, \"startComputeMs\" : %g, \"endComputeMs\" : %g, \"startD2hMs\" : %g, \"endD2hMs\" : %g, \"h2dMs\" : 0.0625, \"computeMs\" : %g, \"d2hMs\" : 0.03125, \"latencyMs\" : %g, \"endToEndMs\" : %g }\n", i ? ", " : "  ", 6*i, 6*i, 6*i, 6*i, 6*i, 6*i+5, 6*i+5, 6*i+5, compute, compute + 0.09375, 2 * compute
    }
    print "]"
}' >"$times"
sleep 0.15
echo "$stamp Warmup completed 20 queries over 500 ms
$stamp Timing trace has 100 queries over 5.00125 s
&&&& PASSED TensorRT.trtexec [TensorRT v8201] # trtexec $*"
END

# --- Timeloop: a layer's cycles are its multiplications over 100
tool timeloop-mapper <<'END'
#!/bin/sh
echo called >>"${0%/*}/../mapper.calls"
while [ $# -gt 0 ]; do
    case $1 in
    -o) out=$2 ;; *problem.yaml) problem=$1 ;; *.yaml) [ -f "$1" ] || { echo "ERROR: cannot open $1"; exit 1; } ;;
    esac
    shift
done
sed -n 's/.*instance: { \(.*\) }.*/\1/p' "$problem" | tr -d ' ' | tr ',' '\n' | awk -F: '
    { size[$1] = $2 }
    END {
        computes = size["C"] * size["M"] * size["R"] * size["S"] * size["N"] * size["P"] * size["Q"]
        if (computes < 1) exit 1
        printf "Level 0\n-------\n=== mac ===\n\n    STATS\n    -----\n    Cycles                  : 7\n\nNetworks\n--------\n\nOperational Intensity Stats\n"
        printf "---------------------------\n    Total elementwise ops                   : %d\n\n\nSummary Stats\n-------------\n", computes
        printf "GFLOPs (@1GHz): 247.33\nUtilization: 75.00%%\nCycles: %d\nEnergy: %.2f uJ\nEDP(J*cycle): 5.10e+00\nArea: 0.00 mm^2\n\n", computes / 100 + 1, computes / 200000 + 0.01
        printf "Computes = %d\nfJ/Compute\n    mac                                           = 207.69\n", computes
    }' >"$out/timeloop-mapper.stats.txt"
END
echo '{}' | tee design/arch/eyeriss_like.yaml >design/mapper/mapper.yaml

# --- high-level synthesis: the modules that generate the code, and the synthesis
touch modules/qonnx/{__init__,util/__init__,core/__init__,transformation/__init__}.py
echo 'def cleanup_model(model): return model' >modules/qonnx/util/cleanup.py
printf 'class ModelWrapper:\n    def __init__(self, path): open(path).close()\n    def transform(self, change): return self\n' >modules/qonnx/core/modelwrapper.py
echo 'class ConvertToChannelsLastAndClean: pass' >modules/qonnx/transformation/channels_last.py
echo 'class GemmToMatMul: pass' >modules/qonnx/transformation/gemm_to_matmul.py
cat >modules/hls4ml.py <<'END'
import os
class utils:
    def config_from_onnx_model(model, **settings): return {"Model": {}, "LayerName": {"conv": {}}}
class converters:
    def convert_from_onnx_model(model, hls_config, output_dir, part, **settings):
        if os.environ.get("HLS4ML_FAILS"): raise NotImplementedError("no such layer")
        assert part == "xc7z045-ffg900-2" and hls_config["LayerName"]["conv"] == {"Strategy": "Resource"}
        class Model:
            def write(self): open(os.path.join(output_dir, "build_prj.tcl"), "w").close()
        return Model()
END
tool vitis_hls <<'END'
#!/bin/sh
[ "$1" = -f ] && [ -f "$2" ] || exit 1
mkdir -p myproject_prj/solution1/syn/report
cat >myproject_prj/solution1/syn/report/csynth.xml <<XML
<?xml version="1.0" encoding="UTF-8"?>
<profile>
<ReportVersion>
<Version>2022.2</Version>
</ReportVersion>
<UserAssignments>
<unit>ns</unit>
<TargetClockPeriod>5.00</TargetClockPeriod>
</UserAssignments>
<PerformanceEstimates>
<SummaryOfTimingAnalysis>
<unit>ns</unit>
<EstimatedClockPeriod>4.375</EstimatedClockPeriod>
</SummaryOfTimingAnalysis>
<SummaryOfOverallLatency>
<unit>clock cycles</unit>
<Best-caseLatency>400000</Best-caseLatency>
<Worst-caseLatency>800000</Worst-caseLatency>
</SummaryOfOverallLatency>
</PerformanceEstimates>
<AreaEstimates>
<Resources>
<DSP>220</DSP>
</Resources>
</AreaEstimates>
</profile>
XML
END

# --- ONNX Runtime
cat >modules/onnxruntime.py <<'END'
import random
import time
__version__ = "1.20.1"
class ExecutionMode: ORT_SEQUENTIAL = 0
class SessionOptions:
    def add_session_config_entry(self, key, value): pass
class Input:
    name, shape = "images", ["N", 3, 32, 32]
class InferenceSession:
    def __init__(self, path, options, providers): open(path, "rb").close()
    def get_inputs(self): return [Input()]
    def run(self, outputs, feed):
        assert feed["images"].shape == (1, 3, 32, 32)
        end = time.perf_counter() + 0.004 + 0.0001 * random.random()
        while time.perf_counter() < end: pass
END

# --- one study, seven boards
mkdir boards
cp "$boards"/*.sh "$boards"/*.py boards/
sed -i 's/^main()$/print("a word of warning", file=sys.stderr)\nmain()/' boards/*.py
keys=(host-x86-ort1.20.1-f32 raspi4-bcm2711-tflite2.14.0-f32 pixel3-sdm845-tflite2.14.0-f32 edgetpu-coral.usb-edgetpu16.0-int8
    jetson.tx2-gp10b-trt8.2.1-f16 eyeriss-eyeriss.like168-timeloop3-int16 zc706-xc7z045-vitis2022.2-fixed16)
files=()
costs=
for name in host-onnxruntime raspberry-pi-4 pixel-3 edge-tpu jetson-tx2 eyeriss zc706; do
    sed -e "s|PATH: '[^']*'|PATH: '$tap_folder/bin:/usr/bin:/bin', PYTHONPATH: '$tap_folder/modules', TMPDIR: '{workdir}'|" \
        -e "s|/usr/src/tensorrt/bin/trtexec|trtexec|" -e "s|/sys/bus/[^']*|$tap_folder/power|" \
        -e "s|/opt/timeloop[^,]*|$tap_folder/design|" -e "s|/var/tmp/hwnas-eyeriss|$tap_folder/cache|" "$boards/$name.yaml" >"boards/$name.yaml"
    grep -q '^name:' "boards/$name.yaml" || sed -i "1i name: $name-test" "boards/$name.yaml"
    costs="$costs, {name: ${name//-/_}_ms, source: agent, device: ${keys[${#files[@]} / 2]}}"
    files+=(--board "boards/$name.yaml")
done
python3 - >table.csv <<'END'
import itertools
words = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
print("arch_str,accuracy")
for n, o in enumerate(itertools.product(words, repeat=6)):
    print(f"|{o[0]}~0|+|{o[1]}~0|{o[2]}~1|+|{o[3]}~0|{o[4]}~1|{o[5]}~2|,{50 + n % 4000 / 100}")
END
cat >s.yaml <<END
name: s
space: nb201
fitness: {source: table, file: table.csv, column: accuracy}
strategy: {name: random}
costs: [${costs:2}]
budget: {evaluations: 2}
END
XDG_CACHE_HOME=$tap_folder/cache timeout 120 "$hwnas" run s.yaml "${files[@]}" --workers 1 -q -f json >out 2>err
code=$?
same 'a study on seven boards ends well' $code 0
[ $code -eq 0 ] || { sed 's/^/# /' err | tail -5; tail -n 5 s.log | sed 's/^/# /'; }
python3 - <<'END'
import json
result = json.loads(open("out").read().splitlines()[-1])
costs = result["best"]["costs"]
near = lambda got, want, share: abs(got - want) <= share * want
print("#", costs)
assert 4 <= costs["host_onnxruntime_ms"] < 1000  # a real clock on a machine that may be busy
assert all(near(costs[name + "_ms"], 40.05, 0.01) for name in ("raspberry_pi_4", "pixel_3", "edge_tpu"))
assert near(costs["jetson_tx2_ms"], 1.005, 0.01)
assert costs["zc706_ms"] == 3.5
assert 0.1 < costs["eyeriss_ms"] < 20
END
ok $? 'each board has the figure its tools gave'
same 'nothing is left in the folder of temporary files' "$(ls tmp)" ''
same 'nothing is left on the phone' "$(ls phone)" ''

# --- the scripts, one by one
export PATH=$tap_folder/bin:/usr/bin:/bin PYTHONPATH=$tap_folder/modules
cell='|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|'
"$hwnas" export --arch "$cell" --channels 4 --cells 1 --onnx net.onnx >out 2>&1
rm -f mapper.calls && rm -rf cache/*
expect 'eyeriss.py prints all layers' sh -c "'$boards/eyeriss.py' --design design --cache cache net.onnx >layers"
same 'it ends with the number of distinct layers' "$(tail -n 1 layers)" "# end $(grep -c '^# layer' layers)"
same 'the mapper ran once for each' "$(wc -l <mapper.calls)" "$(grep -c '^# layer' layers)"
macs=$(python3 - <<'END'
import re
print(sum(int(count) * (int(cycles) - 1) for count, cycles in re.findall(r"^# layer \S+ x (\d+)$.*?^Cycles: (\d+)$", open("layers").read(), re.M | re.S)))
END
)
counted=$("$hwnas" export --arch "$cell" --channels 4 --cells 1 --onnx again.onnx 2>&1 | sed -n 's/.* \([0-9.]*\) M multiply.*/\1/p')
expect "the layers' multiplications are those that hwnas counts ($counted M)" \
    python3 -c "assert abs($macs / 1e4 - $counted) < 0.02 * $counted, ($macs, $counted)"
"$boards/eyeriss.py" --design design --cache cache net.onnx >again
expect 'a second time all comes out of the cache, the same' cmp layers again
same 'without the mapper' "$(wc -l <mapper.calls)" "$(grep -c '^# layer' layers)"

says 1 'has no arch/*.yaml' 'a design without an architecture is refused' "$boards/eyeriss.py" --design tmp net.onnx
says 1 'is not a readable ONNX model' 'so is a model that is none' "$boards/eyeriss.py" --design design table.csv
says 1 'install Timeloop' 'a mapper that is absent is named' "$boards/eyeriss.py" --design design --mapper none net.onnx
printf '#!/bin/sh\necho "ERROR: could not find a mapping"\nexit 0\n' | tool no-mapping
says 1 'found no mapping' 'a layer without a mapping fails' "$boards/eyeriss.py" --design design --mapper no-mapping net.onnx
printf '#!/bin/sh\nexit 3\n' | tool broken
says 1 'exit code 3' 'so does a mapper that fails' "$boards/eyeriss.py" --design design --mapper broken net.onnx

says 1 'none of float32' 'tflite-build.sh knows three precisions' "$boards/tflite-build.sh" int4 net.onnx out.tflite
says 1 'absent or empty' 'a model that is absent is named' "$boards/tflite-build.sh" int8 none.onnx out.tflite
printf '#!/bin/sh\necho "operator Foo is not implemented" >&2\nexit 1\n' >bin/onnx2tf.fails && chmod +x bin/onnx2tf.fails
mv bin/onnx2tf onnx2tf.kept && cp bin/onnx2tf.fails bin/onnx2tf
says 1 'operator Foo is not implemented' 'the words of onnx2tf are passed on' "$boards/tflite-build.sh" float32 net.onnx out.tflite
printf '#!/bin/sh\nexit 0\n' | tool onnx2tf
says 1 'without making net_float32.tflite' 'an onnx2tf that makes nothing fails' "$boards/tflite-build.sh" float32 net.onnx out.tflite
rm bin/onnx2tf
says 1 'onnx2tf is not installed' 'an onnx2tf that is absent is named' "$boards/tflite-build.sh" float32 net.onnx out.tflite
mv onnx2tf.kept bin/onnx2tf

# ssh HOST COMMAND... and scp -q -B FROM TO, on this machine
printf '#!/bin/sh\nshift 2\nhost=$1\nshift\n[ "$host" = pc ] || exit 255\nexec "$@"\n' | tool ssh
printf '#!/bin/sh\nexec cp "${3#pc:}" "${4#pc:}"\n' | tool scp
expect 'the conversion can happen on another machine' "$boards/tflite-build.sh" int8 net.onnx remote.tflite pc
expect 'with the same result' cmp net.onnx remote.tflite
says 1 'cannot reach nowhere' 'a machine that does not answer is named' "$boards/tflite-build.sh" int8 net.onnx out.tflite nowhere
says 1 'is not the name of a host' 'an option is no host' "$boards/tflite-build.sh" int8 net.onnx out.tflite -oProxyCommand=x

same 'edge-tpu-build.sh tells the share on the chip' "$("$boards/edge-tpu-build.sh" net.onnx edge.tflite)" '59 of 60 operations run on the Edge TPU'
sed -i 's/Mapped to Edge TPU$/More than one subgraph is not supported/' bin/edgetpu_compiler
says 1 'none of the 60 operations' 'a model that would run on the CPU alone is refused' "$boards/edge-tpu-build.sh" net.onnx edge.tflite
printf '#!/bin/sh\necho "Invalid model: net.tflite. Model not quantized"\nexit 1\n' | tool edgetpu_compiler
says 1 'Model not quantized' 'the words of edgetpu_compiler are passed on' "$boards/edge-tpu-build.sh" net.onnx edge.tflite

says 1 'must be whole numbers' 'pixel-3.sh checks what goes to the phone' "$boards/pixel-3.sh" net.onnx 1 2 '3;reboot' f0
says 1 'is not a hexadecimal CPU mask' 'the mask too' "$boards/pixel-3.sh" net.onnx 1 2 3 'f0 reboot'
says 1 'is not the serial number' 'and the serial number' "$boards/pixel-3.sh" net.onnx 1 2 3 f0 '$(reboot)'
printf '#!/bin/sh\necho offline\n' >adb.offline && chmod +x adb.offline
mv bin/adb adb.kept && cp adb.offline bin/adb
says 1 'no phone answers' 'a phone that is not there is told of' "$boards/pixel-3.sh" net.onnx 1 2 3 f0
cp adb.kept bin/adb
sed -i 's|taskset) .*|taskset) exit 139 ;;|' bin/adb
says 1 'benchmark_model failed on the phone' 'a crash on the phone is told of' "$boards/pixel-3.sh" net.onnx 1 2 3 f0
same 'the model is gone from the phone' "$(ls phone)" ''

says 1 'NotImplementedError: no such layer' 'zc706.py passes on what hls4ml says' env HLS4ML_FAILS=1 "$boards/zc706.py" net.onnx out.xml
says 1 'none is not on PATH' 'a synthesis that is absent is named' "$boards/zc706.py" net.onnx out.xml --hls none
printf '#!/bin/sh\necho "ERROR: [HLS 200-70] license"\nexit 1\n' | tool vitis_hls
says 1 '[HLS 200-70] license' 'its words are passed on' "$boards/zc706.py" net.onnx out.xml
printf '#!/bin/sh\nexit 0\n' | tool vitis_hls
says 1 'without a report csynth.xml' 'a synthesis without a report fails' "$boards/zc706.py" net.onnx out.xml

says 1 'usage:' 'host-onnxruntime.py tells how it is used' "$boards/host-onnxruntime.py" net.onnx
says 1 'No such file' 'a model that is absent is named' "$boards/host-onnxruntime.py" none.onnx 1 2 1
says 1 'pip install onnxruntime' 'a missing package is named' env PYTHONPATH= /usr/bin/python3 -S "$boards/host-onnxruntime.py" net.onnx 1 2 1
same 'nothing is left in the folder of temporary files after all' "$(ls tmp)" ''
done_testing
