#!/bin/bash
# hwnas prune on Fashion-MNIST: the grid in three forms, masks exact to one weight in the exported ONNX, latency through a runner, what
# is refused, and that an interrupted run leaves nothing half-written.
set -u
. tests/support/tap.sh
images=${FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
[ -r "$images/train-images-idx3-ubyte.gz" ] || { echo "1..0 # SKIP no Fashion-MNIST in $images (Debian: dataset-fashion-mnist): pruning is not run"; exit 0; }

hwnas=$HWNAS_BUILD/hwnas
work=$tap_folder
sets=(--images "$images/train-images-idx3-ubyte.gz" --test-images "$images/t10k-images-idx3-ubyte.gz")
small=(--arch '|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|skip_connect~1|none~2|' --channels 4 --cells 1 --latent 10)
few=(--train-max 600 --test-max 300 --epochs 2 --fine-tune 1 --batch 20)

prune() { # prune ARGUMENT...: output, errors and exit code are left in out, err and $code
    "$hwnas" prune "$@" >"$work/out" 2>"$work/err"
    code=$?
}

python() { # python PROGRAM: with the grid as `got`, its cells as `cells`
    python3 -c "
import json, os
got = json.load(open('$work/grid.json'))
cells = got['grid']
cell = {(c['beta'], c['sparsity']): c for c in cells}
$1"
}

# --- the grid ---
prune "${sets[@]}" "${small[@]}" "${few[@]}" --beta 0,4 --sparsity 0,50,93.7 --seeds 2 --gamma 0.1 --decoder 16 \
    --export "$work/nets" --measure -o "$work/grid.json"
same 'a grid of two betas, three sparsities and two seeds runs' "$code" 0
expect 'the table has an accuracy with its interval for each beta and sparsity' \
    awk '/^test accuracy/ {on = 1; next} /^$/ {on = 0} on && /\+-/ {rows++; n += gsub(/\+-/, "")} END {exit !(rows == 2 && n == 6)}' "$work/out"
expect 'the JSON has six cells of two accuracies' python "
assert len(cells) == 6 and all(len(c['accuracies']) == 2 for c in cells)
assert all(0 <= a <= 1 for c in cells for a in c['accuracies'])
assert all(abs(c['accuracy']['mean'] - sum(c['accuracies']) / 2) < 1e-12 for c in cells)"
expect 'zeros are the share asked for, to one weight' python "
for c in cells:
    assert c['zeros'] == int(got['weights'] * c['sparsity'] / 100 + 0.5), c
    assert c['zeros'] + c['nonzero'] == got['weights']
    assert (c['nonzero_macs']['mean'] == c['macs']) == (c['sparsity'] == 0), c"
expect 'a beta of 4 leaves less KL than none' python "assert cell[4, 0]['kl']['mean'] < cell[0, 0]['kl']['mean']"
expect 'latency of each cell was measured by this host'"'"'s runner' python "
assert got['device'].startswith('host-')
assert all(c['latency_ms'] > 0 for c in cells)"
same 'each pruned net is an ONNX file' "$(ls "$work/nets" | wc -l)" 12

onnx_python=
for candidate in python3 /usr/bin/python3; do
    if [ -z "$onnx_python" ] && "$candidate" -c 'import onnx, numpy' >/dev/null 2>&1; then
        onnx_python=$candidate
    fi
done
if [ -n "$onnx_python" ]; then
    expect 'onnx.checker accepts a pruned net' "$onnx_python" tests/e2e/onnx_numpy.py "$work/nets/beta4_sparsity93.7_seed1.onnx"
    expect 'zeros in every file are those of the grid, to one weight' "$onnx_python" -c "
import json, onnx
from onnx import numpy_helper
got = json.load(open('$work/grid.json'))
for c in got['grid']:
    for seed in (1, 2):
        model = onnx.load('$work/nets/beta%g_sparsity%g_seed%d.onnx' % (c['beta'], c['sparsity'], seed))
        weights = [numpy_helper.to_array(t) for t in model.graph.initializer if len(t.dims) > 1]
        assert sum(w.size for w in weights) == got['weights']
        assert sum(int((w == 0).sum()) for w in weights) == c['zeros'], (c, seed)"
else
    echo '# no python3 with onnx and numpy (Debian: python3-onnx): the ONNX files were not opened by others'
fi
expect 'a pruned net is read back' eval '"$hwnas" reference import --model "$work/nets/beta0_sparsity50_seed1.onnx" >"$work/back"'

# --- schedules, forms ---
prune "${sets[@]}" "${small[@]}" "${few[@]}" --beta 0.01 --sparsity 90 --seeds 1 --schedule one-shot -f csv -o "$work/grid.csv"
same 'one cell, one shot, one seed runs' "$code" 0
expect 'the file in CSV is what was printed' cmp "$work/out" "$work/grid.csv"
same 'without a second seed there is no interval, without --measure no latency' \
    "$(tail -n 1 "$work/out" | cut -d, -f 1-3,5,7,15)" '0.01,90,1,,,'

# --- what is refused ---
says 2 'are needed' 'no architecture' "$hwnas" prune "${sets[@]}"
says 2 '50 does not rise' 'sparsities that fall' "$hwnas" prune "${sets[@]}" "${small[@]}" --sparsity 90,50
says 2 '--sparsity' 'a sparsity of all' "$hwnas" prune "${sets[@]}" "${small[@]}" --sparsity 100
says 2 'one-shot' 'a schedule that is none' "$hwnas" prune "${sets[@]}" "${small[@]}" --schedule twice
says 2 '--measure' 'a board without --measure' "$hwnas" prune "${sets[@]}" "${small[@]}" --cpu 0
says 2 'disconnected' 'a disconnected architecture' "$hwnas" prune "${sets[@]}" --arch 000000 --channels 4 --cells 1 --train-max 100
says 2 'diverged' 'a training that diverges' "$hwnas" prune "${sets[@]}" "${small[@]}" "${few[@]}" --learning-rate 10 --beta 1000 --seeds 1 -o "$work/no"
expect 'what is refused writes nothing' [ ! -e "$work/no" ]
says 1 "$work/none/grid.json: cannot be written" 'a grid that could not be written' \
    "$hwnas" prune "${sets[@]}" "${small[@]}" "${few[@]}" --seeds 1 --export "$work/untouched" -o "$work/none/grid.json"
expect 'which is known before the first training' [ ! -e "$work/untouched" ]

# --- interrupted ---
"$hwnas" prune "${sets[@]}" "${small[@]}" "${few[@]}" --fine-tune 2 --seeds 50 --export "$work/cut" -o "$work/cut.json" >"$work/out" 2>"$work/err" &
pid=$!
until_true [ -e "$work/cut/beta0_sparsity0_seed1.onnx" ]
kill -TERM $pid
wait $pid
same 'a run is stopped by a signal' $? 143
expect 'an interrupted run leaves no grid' [ ! -e "$work/cut.json" ]
expect 'and only whole nets' eval 'for net in "$work"/cut/*; do case $net in *.onnx) "$hwnas" reference import --model "$net" >/dev/null || exit 1 ;; *) exit 1 ;; esac; done'

done_testing
