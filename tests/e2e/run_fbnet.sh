#!/bin/bash
# A small search among FBNets by `hwnas run` alone: scored by workers, limited by a look-up table, measured by an agent. The reference is
# made up, so this says nothing of how good the answer is.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
tests/support/make_bundle.py "$tap_folder/ref.bundle" 4
cd "$tap_folder" || exit 1
# Layer i's block b costs (i+1)*b/100, but for skips, which cost nothing, and k5_e6 in the last layer, which has no figure.
python3 - >lut.csv <<'PYTHON'
print("layer,op,ms", "-1,-1,1", sep="\n")
for layer in range(22):
    for op in range(9):
        print(layer, op, "" if (layer, op) == (21, 7) else 0 if op == 8 else (layer + 1) * op / 100, sep=",")
PYTHON
cat >s.yaml <<'YAML'
name: s
space: fbnet
strategy: {population: 2, generations: 2, tournament: 2}
fitness: {source: rmi, bundle: ref.bundle}
costs:
  - {name: ms, source: lut, file: lut.csv, max: 9}
  - {source: macs}
  - {source: agent}
network: {channels: 4}
seed: 6
YAML

$hwnas run s.yaml -f json --workers 2 --canary-every 0 >result 2>err
same 'the search runs to its end' $? 0
judge() { # judge SENTENCE EXPRESSION: the expression is true of the result d, whose front is f
    same "$1" "$(python3 -c 'import json, sys
d = json.load(open("result"))
f, blocks = d["front"], lambda a: [int(c) for c in a]
print(bool(eval(sys.argv[1])))' "$2" 2>&1)" True
}
judge 'it finds something' 'd["best"]["fitness"] > 0'
judge 'architectures are 22 digits' 'all(len(p["arch"]) == 22 and set(p["arch"]) <= set("012345678") for p in f)'
judge 'the limited cost is the sum of the look-up table' \
    'all(abs(p["costs"]["ms"] - 1 - sum((i + 1) * b / 100 for i, b in enumerate(blocks(p["arch"])) if b < 8)) < 1e-9 for p in f)'
judge 'nothing above the limit is in the front' 'all(p["costs"]["ms"] <= 9 for p in f)'
judge 'nothing without a figure is in the front' 'all(p["arch"][-1] != "7" for p in f)'
judge 'the latency is a number above 0' 'all(p["costs"]["latency_ms"] > 0 for p in f)'

$hwnas export s --onnx best.onnx 2>err
same 'the best network is exported' "$? $(test -s best.onnx && echo there)" '0 there'
holds 'with the counts of the study' err "$(python3 -c 'import json; print("%.2f M multiply-accumulates" % (json.load(open("result"))["best"]["costs"]["macs"] / 1e6))')"

refused="$hwnas run s.yaml --db refused.db"
# shellcheck disable=SC2086  # a command and its first options
{
    says 2 'cells must be 22, not 5' 'a depth that fbnet has not is refused before anything starts' $refused --set network.cells=5
    says 2 'is none of space nb201' 'so is a look-up table of another space' $refused --set space=nb201 --set network.channels=16
    says 2 'the nearest one is "ms"' 'and a column that is not there' $refused --set costs.0.column=mss
}

done_testing
