#!/bin/bash
# hwnas images build, as a person uses it.
set -u
[ -r ../shared/data/cifar10_test_512.bin ] || { echo '1..0 # SKIP ../shared/data is absent'; exit 0; }
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

build() { # build ARGUMENT...: output, errors and exit code are left in out, err and $code
    "$hwnas" images build "$@" >"$work/out" 2>"$work/err"
    code=$?
}

refused() { # refused SENTENCE WORDS ARGUMENT...: exit code 2, nothing on standard output, no file, those words on standard error
    local sentence=$1 words=$2
    shift 2
    build "$@" -o "$work/refused"
    [ $code -eq 2 ] && [ ! -s "$work/out" ] && [ ! -e "$work/refused" ] && grep -qF -e "$words" "$work/err"
    result $? "$sentence"
}

cifar=$data/cifar10_test_512.bin
build --images $cifar --first 100 --count 50 -o "$work/part" -f json
python3 - "$work" $cifar 2>"$work/err" <<'P'
import json, struct, sys
work, cifar = sys.argv[1:]
got = json.load(open(work + "/out"))
assert got["count"] == 50 and got["first"] == 100 and got["classes"] == 10 and got["shape"] == [3, 32, 32], got
file = open(work + "/part", "rb").read()
assert len(file) == got["bytes"]
length, = struct.unpack("<Q", file[:8])
head = json.loads(file[8:8 + length])
body = file[8 + length:]
def tensor(name):
    begin, end = head[name]["data_offsets"]
    return body[begin:end]
records = [open(cifar, "rb").read()[3073 * i:3073 * (i + 1)] for i in range(100, 150)]
assert head["__metadata__"]["format"] == "hwnas-images-1"
assert head["images"]["dtype"] == "U8" and head["images"]["shape"] == [50, 3, 32, 32]
assert tensor("images") == b"".join(r[1:] for r in records)
assert struct.unpack("<50i", tensor("labels")) == tuple(r[0] for r in records)
P
result $? 'a part of a CIFAR-10 file has its pixels and labels, in the form that is documented'
cp "$work/out" "$work/first"
build --images $cifar --first 100 --count 50 -o "$work/again" -f json
cmp -s "$work/part" "$work/again"
result $? 'the same part gives the same bytes'
build --images $cifar --first 100 -o "$work/rest" -f json
grep -q '"count": *412' "$work/out"
result $? 'without --count all that follow are taken'
build --images $cifar --count 50 --mean 0.5,0.5,0.5 --std 0.25,0.25,0.25 -o "$work/table"
[ $code -eq 0 ] && grep -q '^taken *50 of 3x32x32, from image 0 on$' "$work/out" && grep -q '"mean":"0.5,0.5,0.5"' "$work/table"
result $? 'a normalisation of one'\''s own is kept, and the table says what was taken'
refused 'more images than there are' 'it has 512 images' --images $cifar --first 500 --count 13
refused 'a first image that is none' 'it has 512 images' --images $cifar --first 512
refused 'no images at all' "--count is '0'" --images $cifar --count 0
refused 'a file that is not there' "$work/absent" --images "$work/absent"
refused 'a file of something else' 'tests/README.md' --images tests/README.md
refused 'csv, which is no form of this' 'table or json' --images $cifar -f csv
"$hwnas" images build --help >"$work/out" 2>"$work/err"
grep -q -e '--first' "$work/out"
result $? '--help answers'
echo "1..$number"
