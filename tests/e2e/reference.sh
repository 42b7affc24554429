#!/bin/bash
# hwnas reference build, import and train, as a person uses them.
set -u
[ -r ../shared/data/resnet20_cifar10.onnx ] || { echo '1..0 # SKIP ../shared/data is absent'; exit 0; }
[ -r ../shared/golden/nb201_104142.json ] || { echo '1..0 # SKIP ../shared/golden is absent'; exit 0; }
hwnas=$HWNAS_BUILD/hwnas
data=../shared/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

run() { # run COMMAND ARGUMENT...: of the verb; output, errors and exit code are left in out, err and $code
    "$hwnas" reference "$@" >"$work/out" 2>"$work/err"
    code=$?
}

refused() { # refused SENTENCE WORDS COMMAND ARGUMENT...: exit code 2, nothing on standard output, those words on standard error
    local sentence=$1 words=$2
    shift 2
    run "$@"
    [ $code -eq 2 ] && [ ! -s "$work/out" ] && grep -qF -e "$words" "$work/err"
    result $? "$sentence"
}

python() { # python PROGRAM: with the JSON object of the last run as `got`
    python3 -c "import json; got = json.loads(open('$work/out').read())
$1" 2>"$work/err"
}

# --- build ---
images=(--images $data/cifar10_train_1024.bin)
run build --model $data/resnet20_cifar10.onnx "${images[@]}" -o "$work/onnx.bundle" -f json
python "
want = json.load(open('../shared/golden/nb201_104142.json'))
assert got['indices'] == want['batch_indices'], got['indices']
assert got['batch'] == 32 and got['pool'] == 512 and got['taps'] == 3 and got['classes'] == 10"
result $? 'the defaults freeze the golden images in the golden order'
cp "$work/out" "$work/first"
run build --model $data/resnet20_cifar10.safetensors "${images[@]}" -o "$work/state.bundle" -f json
python "
first = json.load(open('$work/first'))
assert got['indices'] == first['indices'] and got['cross_entropy'] == first['cross_entropy']"
result $? 'a state dict chooses as the same model in ONNX does'
run build --model $data/resnet20_cifar10.onnx "${images[@]}" -o "$work/again.bundle"
cmp -s "$work/onnx.bundle" "$work/again.bundle"
result $? 'the same model and images give the same bytes'
gzip -c $data/cifar10_train_1024.bin >"$work/images.bin.gz"
run build --model $data/resnet20_cifar10.onnx --images "$work/images.bin.gz" -o "$work/again.bundle"
cmp -s "$work/onnx.bundle" "$work/again.bundle"
result $? 'so do gzipped images'
run build --model $data/resnet20_cifar10.onnx "${images[@]}" --taps stage3 --pool 64 --batch 8 -o "$work/one.bundle" -f json
python "assert got['taps'] == 1 and got['batch'] == 8 and max(got['indices']) < 64"
result $? '--taps, --pool and --batch are heeded'
run build --model $data/resnet20_cifar10.onnx "${images[@]}" --space darts --pool 256 -o "$work/darts.bundle" -f json
python "assert got['batch'] == 128 and got['pool'] == 256"
result $? '--space chooses the batch'
refused 'the pool is 16 times the batch' '2048' build --model $data/resnet20_cifar10.onnx "${images[@]}" --space darts -o "$work/no"
run build --model $data/resnet20_cifar10.onnx "${images[@]}" --mean 0.5,0.5,0.5 --std 0.3,0.3,0.3 -o "$work/other.bundle" -f csv
[ $code -eq 0 ] && [ "$(wc -l <"$work/out")" -eq 33 ] && ! cmp -s "$work/onnx.bundle" "$work/other.bundle"
result $? 'another normalisation gives another bundle'
refused 'a tap that the model lacks is refused' 'stage9' build --model $data/resnet20_cifar10.onnx "${images[@]}" --taps stage9 -o "$work/no"
refused 'a pool larger than the file is refused' '1024' build --model $data/resnet20_cifar10.onnx "${images[@]}" --pool 2000 -o "$work/no"
refused 'a mean for two channels is refused' '3 channels' build --model $data/resnet20_cifar10.onnx "${images[@]}" --mean 1,2 -o "$work/no"
refused 'images that are none are refused' 'Makefile' build --model $data/resnet20_cifar10.onnx --images Makefile -o "$work/no"
refused 'a model that is none is refused' 'Makefile' build --model Makefile "${images[@]}" -o "$work/no"
refused 'a command without its files is refused' 'are needed' build --model Makefile
[ ! -e "$work/no" ]
result $? 'what is refused writes nothing'

# --- import ---
run import --model $data/resnet20_cifar10.onnx --images $data/cifar10_test_512.bin -o "$work/imported.onnx" -f json
python "
assert got['parameters'] == 269722 and got['taps'] == 3
assert abs(got['accuracy'] - 468 / 512) < 1e-9, got['accuracy']"
result $? 'import counts the parameters and measures the published 468 of 512'
run build --model "$work/imported.onnx" "${images[@]}" -o "$work/imported.bundle" -f json
python "assert got['indices'] == json.load(open('$work/first'))['indices']"
result $? 'what import wrote builds the same batch'
run import --model $data/resnet20_cifar10.safetensors
[ $code -eq 0 ] && grep -q '269722 parameters' "$work/out" && grep -q 'tap 3' "$work/out"
result $? 'the table lists layers, taps and parameters'
refused 'taps of a state dict are refused' '--taps belongs to ONNX' import --model $data/resnet20_cifar10.safetensors --taps a
refused 'a safetensors file of another model is refused' 'ResNet-20' import --model ../shared/golden/nb201_104142.safetensors

# --- train ---
run train "${images[@]}" --test-images $data/cifar10_test_512.bin --epochs 1 --batch 64 -o "$work/trained.onnx" -f json
python "assert got['steps'] == 16 and 0 <= got['test_accuracy'] <= 1"
result $? 'one epoch of 1,024 images in batches of 64 is 16 steps'
"$hwnas" reference train "${images[@]}" --epochs 1 -o "$work/no" >"$work/out" 2>"$work/err" && grep -q '^training: .*left$' "$work/err" &&
    ! grep -q $'\r' "$work/err"
result $? 'progress is plain lines on standard error when that is no terminal'
run build --model "$work/trained.onnx" "${images[@]}" --pool 64 --batch 8 -o "$work/trained.bundle" -f json
python "assert got['taps'] == 3"
result $? 'a trained model serves as a reference with three taps'
refused 'an unknown option of a command is refused' 'unrecognized option' train --fast
run train "${images[@]}" --epochs 1 -o "$work/none/model.onnx"
[ $code -eq 1 ] && [ ! -s "$work/out" ] && grep -qF "$work/none/model.onnx: cannot be written" "$work/err" && ! grep -q '^training' "$work/err"
result $? 'a file that could not be written is known before the training'
refused 'test images of another kind are refused' 'trained.onnx' train "${images[@]}" --test-images "$work/trained.onnx" -o "$work/no2"

# --- the verb itself ---
run
[ $code -eq 2 ] && grep -q 'build' "$work/err"
result $? 'no command is refused with the list of them'
refused 'an unknown command is refused' "'paint' is no command" paint
for command in '' build import train; do
    # shellcheck disable=SC2086  # no word at all is meant when empty
    run $command --help
    [ $code -eq 0 ] && [ -s "$work/out" ]
    result $? "hwnas reference $command --help answers"
done
echo "1..$number"
