#!/bin/bash
# A one-shot net of all operations of NAS-Bench-201, trained on real images by workers: the same weights bit for bit and the same answer with one
# worker and with three, after killed workers and masters, and with what another study has trained; every system that searches by one.
set -u
train=../shared/data/cifar10_train_1024.bin test=../shared/data/cifar10_test_512.bin
for file in $train $test; do
    if [ ! -r $file ]; then
        echo "1..0 # SKIP $file is absent"
        exit 0
    fi
done
. tests/support/tap.sh
. tests/support/cluster.sh
hwnas=$HWNAS_BUILD/hwnas
$hwnas images build -i $train --count 192 -o "$tap_folder/train.images" >"$tap_folder/made"
$hwnas images build -i $test --count 96 -o "$tap_folder/val.images" >>"$tap_folder/made"
cd "$tap_folder" || exit 1

# study NAME STRATEGY FITNESS: on a net that is small, but has every operation on every edge.
study() {
    cat >"$1.yaml" <<END
name: $1
space: nb201
strategy: {population: 6, tournament: 3, $2}
fitness: {source: oneshot, images: train.images, validation: val.images, channels: 4, cells: 1, batch: 32, $3}
costs: [{source: macs}]
budget: {evaluations: 40}
seed: 3
END
}
answer() { sed 's/,"seconds":.*//; s/"study":"[a-z]*"//' "$1"; }
weights() { sql "$1" "SELECT digest FROM weights WHERE data IS NOT NULL ORDER BY key"; }
trained() { sql "$1" "SELECT count(*) FROM evaluation WHERE kind = 'train'"; }

# --- one worker, three workers
study one 'name: evnas, generations: 3' 'shards: 3'
$hwnas run one.yaml --workers 1 -q -f json >one.json 2>err
same 'a population trains its one-shot net with one worker' $? 0
same 'an epoch for each generation, on three shards' "$(trained one)" 9
same 'of all weights the last are kept' "$(weights one | wc -l)" 1
study three 'name: evnas, generations: 3' 'shards: 3'
$hwnas run three.yaml --workers 3 -q -f json >three.json 2>err
same 'three workers train the same weights' "$(weights three)" "$(weights one)"
same 'and find the same' "$(answer three.json)" "$(answer one.json)"
study serial 'name: evnas, generations: 3' 'shards: 1'
$hwnas run serial.yaml --workers 2 -q -f json >serial.json 2>err
expect 'another number of shards is another training' [ "$(weights serial)" != "$(weights one)" ]

# --- killed, again and again
study killed 'name: evnas, generations: 8' 'shards: 3'
study whole 'name: evnas, generations: 8' 'shards: 3'
$hwnas run whole.yaml --workers 2 -q -f json >whole.json 2>err
start_worker a
start_worker b
b=$worker
start_master killed
expect 'training goes on' until_true computed a 2
training() { $hwnas study why killed --db killed.db | grep -q '^  oneshot_train .*  epoch [0-9]* of stage 1, shard [123]'; }
expect 'why tells who trains which part' until_true training
kill -9 "$b"
start_worker c
expect 'a killed worker is nobody needed' until_true computed c 1
kill -9 "$master"
wait "$master" 2>/dev/null
for death in first second; do # what it was about to commit is made again
    HWNAS_CRASH=weights-stored:1 "$HWNAS_BUILD/chaos/hwnas-master" --study killed.yaml --db killed.db --listen "$address" --progress --heartbeat-ms 200 \
        --lease-ms 3000 --canary-every 0 >>killed.out 2>>killed.err
    same "a master is killed between weights and commit, the $death time" $? 137
done
$hwnas study why killed --db killed.db -f json >why
expect 'why counts trainings and scores by their names' python3 - why <<'END'
import json, sys
tasks = {kind: count["waiting"] for kind, count in json.load(open(sys.argv[1]))["tasks"].items()}
assert tasks["oneshot_train"] + tasks["oneshot_score"] > 0 and tasks["rmi"] + tasks["measure"] == 0, tasks
END
$hwnas study why killed --db killed.db >why
expect 'and in its table are those kinds alone that wait' sh -c 'grep -q "^oneshot_[a-z]*  *[1-9][0-9]*  *0$" why && ! grep -q "^rmi\|^measure" why'
start_master killed
wait "$master"
same 'the last master ends with exit code 0' $? 0
same 'the same weights' "$(weights killed)" "$(weights whole)"
same 'the same candidates with the same scores' "$(sql killed 'SELECT ask, arch, fitness, fitness_key FROM candidate ORDER BY ask')" \
    "$(sql whole 'SELECT ask, arch, fitness, fitness_key FROM candidate ORDER BY ask')"
same 'no training was stored twice' "$(trained killed)" "$(trained whole)"
same 'the database is sound' "$(sql killed 'PRAGMA integrity_check')" ok
$hwnas run whole.yaml --workers 1 -q -f json >again.json 2>err
same 'run again it prints the same at once' "$(answer again.json)" "$(answer whole.json)"

# --- trained before the search: every strategy, and what is trained serves the next
study before 'name: cmanas, generations: 3' 'epochs: 3, shards: 2'
$hwnas run before.yaml --workers 2 --db shared.db -q -f json >before.json 2>err
same 'cmanas searches by weights that were trained before' "$? $(trained shared)" '0 6'
study after 'name: random, generations: 3' 'epochs: 3, shards: 2'
$hwnas run after.yaml --workers 2 --db shared.db -q -f json >after.json 2>err
same 'random takes the same weights' "$? $(trained shared)" '0 6'
study staged 'name: pevonas, generations: 3' 'epochs: 2'
$hwnas run staged.yaml --workers 2 -q -f json >staged.json 2>err
same 'pevonas trains three stages, each with fewer operations' "$? $(trained staged) $(weights staged | wc -l)" '0 6 3'
same 'whose weights become fewer' "$(sql staged "SELECT count(DISTINCT size_bytes) FROM weights")" 3
study novel 'name: nevonas, generations: 3' 'paths: single'
$hwnas run novel.yaml --workers 2 -q -f json >novel.json 2>err
same 'nevonas trains single paths' "$? $(trained novel)" '0 3'
study pulled 'name: bilevel, sweep: 2, lambda: 3, relaxation: softmax' 'epochs: 2, alpha_learning_rate: 0.1'
$hwnas run pulled.yaml --workers 2 -q -f json >pulled.json 2>err
same 'bilevel trains an architecture for each weight of the costs' "$? $(trained pulled)" '0 4'

# --- stopped by hand, looked at, resumed
study looked 'name: evnas, generations: 8' 'shards: 2'
$hwnas run looked.yaml --workers 1 -f json >looked.json 2>looked.err &
run=$!
until_true grep -q "epoch [1-7] of" looked.err
same 'progress shows the epoch' $? 0
kill -INT $run
wait $run
same 'Ctrl-C stops it' $? 130
$hwnas study why looked --db looked.db >why 2>err
same 'study why has an answer' $? 0
$hwnas study resume looked --db looked.db --workers 2 -q -f json >looked.json 2>err
same 'it is resumed by its name' $? 0
same 'to its last generation' "$(sql looked "SELECT count(*) FROM evaluation WHERE kind = 'train'")" 16
mv train.images gone.images
says 2 'train.images' 'without its images a study says so' $hwnas study resume looked --db looked.db

# --- what does not fit
mv gone.images train.images
study few 'name: evnas, generations: 3' 'shards: 7'
says 2 '192 images are too few for 7 shards with a batch of 32 each' 'too few images for so many shards' $hwnas run few.yaml
head -c 1000 train.images >cut.images
says 2 'cut.images' 'a file that is cut' $hwnas run one.yaml --db x.db --set fitness.images=cut.images
says 2 'strategy evrsnas compares candidates' 'population with another strategy' $hwnas run one.yaml --db x.db --set strategy.name=evrsnas --set fitness.train=population
says 2 'fbnet, which has no one-shot net' 'a space without one' $hwnas run one.yaml --db x.db --set space=fbnet

[ $tap_failed -eq 0 ] || show_logs
done_testing
