#!/bin/bash
# hwnas rmi, as scripts use it: a bundle built from ../shared/data, golden weights in, one JSON object out.
set -u
[ -r ../shared/golden/nb201_104142.json ] || { echo '1..0 # SKIP ../shared/golden is absent'; exit 0; }
[ -r ../shared/data/resnet20_cifar10.onnx ] || { echo '1..0 # SKIP ../shared/data is absent'; exit 0; }
hwnas=$HWNAS_BUILD/hwnas
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/ref.bundle
golden=../shared/golden/nb201_104142
arch=$(python3 -c "import json; print(json.load(open('$golden.json'))['arch'])")
few=(--bundle "$bundle" --steps 2 --cells 1)

number=0
result() { # result STATUS SENTENCE: status 0 is a pass; what the command said follows as comments otherwise
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$work/out" "$work/err" 2>/dev/null
    fi
}

run() { # run ARGUMENT...: the verb; output, errors and exit code are left in out, err and $code
    "$hwnas" rmi "$@" >"$work/out" 2>"$work/err"
    code=$?
}

refused() { # refused SENTENCE WORDS ARGUMENT...: exit code 2, nothing on standard output, those words on standard error
    local sentence=$1 words=$2
    shift 2
    run "$@"
    [ $code -eq 2 ] && [ ! -s "$work/out" ] && grep -qF -e "$words" "$work/err"
    result $? "$sentence"
}

python() { # python PROGRAM: with the JSON object of the last run as `got`
    python3 -c "import json, math; got = json.loads(open('$work/out').read())
$1" 2>"$work/err"
}

"$hwnas" reference build --model ../shared/data/resnet20_cifar10.onnx --images ../shared/data/cifar10_train_1024.bin --pool 512 --batch 32 \
    -o "$bundle" >"$work/out" 2>"$work/err"
result $? 'a bundle is built from an ONNX model and CIFAR-10 records'

run --arch "$arch" --bundle "$bundle" --direct --weights "$golden.safetensors" --steps 3 --gradients "$work/gradients" -f json
result $code 'rmi ends well with given weights'
[ "$(wc -l <"$work/out")" -eq 1 ]
result $? 'its JSON is the only line on standard output'
python "
want = json.load(open('$golden.json'))
assert got['arch'] == want['arch'], got['arch']
assert [row['step'] for row in got['trace']] == [0, 1, 2]
assert got['seconds'] > 0
for row, true, own in zip(got['trace'], want['trace']['float64'], want['trace']['float32']):
    for value, t, o in zip(row['rmi'] + [row['cross_entropy'], row['loss']], true, own):
        assert abs(value - t) <= max(2e-5, 10 * abs(o - t)), (row['step'], value, t)
"
result $? 'steps 0, 1 and 2 are within the golden bounds'
python "
import struct
want = json.load(open('$golden.json'))
def read(path):
    data = open(path, 'rb').read(); n, = struct.unpack('<Q', data[:8]); header = json.loads(data[8:8 + n])
    return {k: struct.unpack('<%df' % ((v['data_offsets'][1] - v['data_offsets'][0]) // 4), data[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]])
            for k, v in header.items() if k != '__metadata__'}
ours, true = read('$work/gradients'), read('$golden.grad.safetensors')
assert set(ours) == set(true)
length = lambda values: math.sqrt(sum(v * v for v in values))
whole = length([length(values) for values in true.values()])
for name in true:  # a bias right before a batch norm has no gradient but rounding: see tests/golden/test_golden_rmi.c
    norm = length(true[name])
    error = length([a - b for a, b in zip(ours[name], true[name])]) / (norm if norm > 1e-14 * whole else 1e-6 * whole)
    assert error <= max(3 * want['float32_gradient_drift'], 2e-3), (name, error)
"
result $? 'the gradients file holds every parameter within the golden bounds'

run --arch "$arch" "${few[@]}" --seed 5 -f json
cp "$work/out" "$work/first"
run --arch "$arch" "${few[@]}" --seed 5 -f json
python "
first = json.load(open('$work/first'))
assert got['trace'] == first['trace'] and got['phi'] == first['phi']"
result $? 'the same seed gives the same digits'
run --arch "$arch" "${few[@]}" --seed 6 -f json
python "assert got['trace'] != json.load(open('$work/first'))['trace']"
result $? 'another seed gives others'
run --arch 104142 "${few[@]}" --seed 5 -f json
python "assert got['arch'] == '$arch' and got['trace'] == json.load(open('$work/first'))['trace']"
result $? 'the six digits name the same architecture'

run --arch "$arch" --bundle "$bundle" --protocol rmi-fast --steps 1 -f json
python "assert got['cells'] == 1 and len(got['trace']) == 1"
result $? 'rmi-fast scores one cell a stage'
run --arch "$arch" "${few[@]}" -f csv
[ $code -eq 0 ] && [ "$(head -1 "$work/out")" = step,rmi1,rmi2,rmi3,cross_entropy,loss ] && [ "$(wc -l <"$work/out")" -eq 3 ]
result $? 'csv has a header and a line a step'
run --arch "$arch" "${few[@]}"
grep -q '^phi ' "$work/out"
result $? 'the table ends with phi'

run --arch '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|' "${few[@]}" -f json
python "assert got['feasible'] is False and got['phi'] == 0 and got['trace'] == [] and 'disconnected' in got['why_not']"
result $? 'a disconnected cell is infeasible, not an error'
run --arch 333133 "${few[@]}" --weights ../shared/data/resnet20_cifar10.safetensors -f json
[ $code -eq 2 ] && [ ! -s "$work/out" ] && grep -q 'lack "stem.0.weight"' "$work/err"
result $? 'weights of another network are refused by name'
python3 - "$golden.safetensors" "$work/nan" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], 'rb').read())
n, = struct.unpack('<Q', data[:8])
at = 8 + n + json.loads(data[8:8 + n])['classifier.bias']['data_offsets'][0]
data[at:at + 4] = struct.pack('<f', float('nan'))
open(sys.argv[2], 'wb').write(data)
END
run --arch "$arch" --bundle "$bundle" --weights "$work/nan" --steps 2 -f json
python "
assert got['feasible'] is False and got['phi'] == 0
assert got['trace'][0]['cross_entropy'] is None and got['trace'][0]['loss'] is None"
result $? 'NaN is null in JSON'
OPENBLAS_CORETYPE=Prescott run --arch "$arch" "${few[@]}" --steps 1 -f json
if grep -q 'AVX2\|avx2' /proc/cpuinfo; then
    grep -q 'warning: .*OPENBLAS_CORETYPE' "$work/err"
    result $? 'a narrowed OpenBLAS is warned of on standard error'
fi

refused 'no architecture is refused' '--arch and --bundle' --bundle "$bundle"
refused 'an unknown option is refused' 'unrecognized option' --arch "$arch" "${few[@]}" --colour
refused 'a stray word is refused' 'belongs to no option' --arch "$arch" "${few[@]}" now
refused 'an architecture of another space is refused' 'hwnas rmi: ' --arch 'resnet' "${few[@]}"
refused 'a bundle that is none is refused' 'Makefile' --arch "$arch" --bundle Makefile
refused 'a bundle that is absent is refused' 'absent.bundle' --arch "$arch" --bundle "$work/absent.bundle"
refused 'an unknown protocol is refused' 'rmi-full and rmi-fast' --arch "$arch" "${few[@]}" --protocol rmi-slow
refused 'steps outside the range are refused' 'from 1 to 10000' --arch "$arch" --bundle "$bundle" --steps 0
refused 'an unknown ISA is refused' 'portable' --arch "$arch" "${few[@]}" --isa sse9
run --help
[ $code -eq 0 ] && grep -q -e '--bundle' "$work/out"
result $? 'help lists the options'
# A plain BLAS that another library brings would do the same at a fraction of the speed, and nothing else would show it.
for program in hwnas hwnas-worker; do
    nm -D --undefined-only "$HWNAS_BUILD/$program" | grep -q ' cblas_sgemm'
    result $? "$program leaves matrix products to the BLAS it is linked with at run time"
done
echo "1..$number"
