#!/bin/sh
# pixel-3.sh MODEL.tflite WARMUP REPEATS THREADS MASK [SERIAL]
#
# Runs benchmark_model, which lies in /data/local/tmp of the phone, on a model that is pushed there and removed afterwards. MASK is the
# CPU mask of taskset: f0 are the four big cores of a Pixel 3. Prints what benchmark_model prints.
set -eu

fail() {
    echo "pixel-3.sh: $1" >&2
    exit 1
}

[ $# -eq 5 ] || [ $# -eq 6 ] || fail 'usage: pixel-3.sh MODEL.tflite WARMUP REPEATS THREADS MASK [SERIAL]'
model=$1 warmup=$2 repeats=$3 threads=$4 mask=$5
case $warmup$repeats$threads in *[!0-9]*) fail "'$warmup', '$repeats' and '$threads' must be whole numbers" ;; esac
case $mask in '' | *[!0-9a-f]*) fail "'$mask' is not a hexadecimal CPU mask such as f0" ;; esac
[ -s "$model" ] || fail "$model is absent or empty"
command -v adb >/dev/null || fail 'adb is not installed: apt-get install adb'
if [ $# -eq 6 ]; then
    case $6 in '' | *[!A-Za-z0-9.:_-]* | -*) fail "'$6' is not the serial number of a device" ;; esac
    export ANDROID_SERIAL="$6"
fi

[ "$(adb get-state 2>/dev/null)" = device ] || fail 'no phone answers: adb devices tells which are there; is USB debugging allowed on its screen?'
there=/data/local/tmp/hwnas-$$.tflite
adb shell test -x /data/local/tmp/benchmark_model </dev/null ||
    fail 'the phone has no /data/local/tmp/benchmark_model: adb push android_aarch64_benchmark_model there and chmod 755 it'
trap 'adb shell rm -f "$there" </dev/null >/dev/null 2>&1 || :' EXIT
adb push "$model" "$there" >&2 </dev/null || fail 'adb push failed'
adb shell taskset "$mask" /data/local/tmp/benchmark_model "--graph=$there" "--num_threads=$threads" "--warmup_runs=$warmup" \
    "--num_runs=$repeats" --max_secs=150 </dev/null || fail 'benchmark_model failed on the phone'
