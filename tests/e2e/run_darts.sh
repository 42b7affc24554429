#!/bin/bash
# A search in the space darts by `hwnas run` alone: scored by RMI, with counted and measured costs, then exported. Images and reference
# are tiny and made up, so this says nothing of how good the answer is.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
python3 tests/support/tiny_bundle.py "$tap_folder/ref.bundle"
cd "$tap_folder" || exit 1
cat >s.yaml <<'YAML'
name: s
space: darts
strategy: {population: 4, generations: 3, tournament: 2}
fitness: {source: rmi, bundle: ref.bundle, protocol: rmi-fast}
costs: [{source: macs, max: 45e6}, {source: agent}]
seed: 3
YAML
got() { python3 -c "import json; got = json.load(open('$1')); print($2)"; }
answer() { sed 's/,"seconds":.*//' "$1"; }

$hwnas run s.yaml --db measured.db --workers 1 --canary-every 0 -f json >measured 2>err
same 'a search scored by RMI, with counted and measured costs, runs to its end' $? 0
same 'the best keeps to its limit' "$(got measured 'got["best"]["fitness"] > 0 and 0 < got["best"]["costs"]["macs"] <= 45e6')" True
same 'its latency was measured' "$(got measured 'got["best"]["costs"]["latency_ms"] > 0')" True

sed -i 's/, {source: agent}//' s.yaml
$hwnas run s.yaml --db one.db --workers 1 -f json >one 2>err
$hwnas run s.yaml --db two.db --workers 2 -f json >two 2>err
same 'two workers find what one finds' "$(answer two)" "$(answer one)"
$hwnas rmi --space darts --protocol rmi-fast --seed 3 --bundle ref.bundle --arch "$(got one 'got["best"]["arch"]')" -f json >rmi 2>err
same 'and hwnas rmi gives the same score' "$(got rmi 'got["phi"]')" "$(got one 'got["best"]["fitness"]')"

$hwnas export s --db one.db --onnx best.onnx 2>err
same 'the best is exported' $? 0
$hwnas reference import --model best.onnx -f json >import 2>/dev/null
same 'and has the multiply-accumulates that the search counted' "$(got import 'got["macs"]')" "$(got one 'int(got["best"]["costs"]["macs"])')"

done_testing
