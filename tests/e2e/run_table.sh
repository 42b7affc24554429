#!/bin/bash
# A whole search from tables: the CIFAR-100 FPGA study. Its result is checked against the tables themselves; run again it prints the same at
# once; other settings are refused; killed in mid-run and run again it ends with the same answer.
set -u
data=../shared/data
for file in nb201_accuracy.csv nb201_hardware_derived.csv; do
    if [ ! -r $data/$file ]; then
        echo "1..0 # SKIP $data/$file is absent"
        exit 0
    fi
done
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
data=$(cd $data && pwd)
study=$tap_folder/fpga.yaml
cp deploy/studies/fpga-cifar100.yaml "$study"
cp "$data"/nb201_accuracy.csv "$data"/nb201_hardware_derived.csv "$tap_folder/"
cd "$tap_folder" || exit 1

# --- to the end
$hwnas run fpga.yaml --workers 2 -f json >out 2>err
same 'the study runs to its end' $? 0
same 'standard output holds one line' "$(wc -l <out)" 1
expect 'the database is NAME.db in the current folder' test -f fpga-cifar100.db
holds 'progress went to standard error' err 'fpga-cifar100: '
cat >verify.py <<'PY'
import csv, json, sys
result = json.loads(open(sys.argv[1]).read().splitlines()[-1])
fitness = {row["ops"]: (row["arch_str"], float(row["cifar100_val"])) for row in csv.DictReader(open("nb201_accuracy.csv"))}
latency = {}
for row in csv.DictReader(open("nb201_hardware_derived.csv")):
    if row["device"] == "fpga" and row["dataset"] == "cifar100":
        latency[fitness[row["ops"]][0]] = float(row["latency_ms"])
fitness = dict(fitness.values())
assert list(result) == ["study", "best", "front", "evaluations", "seconds"], list(result)
assert result["study"] == "fpga-cifar100"
points = result["front"] + [result["best"]]
for point in points:
    assert list(point) == ["arch", "fitness", "costs"] and list(point["costs"]) == ["latency_ms"], point
    assert point["fitness"] == fitness[point["arch"]], point
    assert point["costs"]["latency_ms"] == latency[point["arch"]], point
    assert point["costs"]["latency_ms"] <= 4.0, point
front = [(point["costs"]["latency_ms"], point["fitness"]) for point in result["front"]]
assert front == sorted(front) and len(set(front)) == len(front)
assert all(a[1] < b[1] for a, b in zip(front, front[1:])), "a point of the front is beaten"
assert front[-1][1] == result["best"]["fitness"] == max(point["fitness"] for point in points)
best_there_is = max(value for arch, value in fitness.items() if latency[arch] <= 4.0)
assert best_there_is - result["best"]["fitness"] <= 1.5, (best_there_is, result["best"])
counts = result["evaluations"]
assert list(counts) == ["asked", "distinct", "cached"]
assert counts["asked"] >= counts["distinct"] + counts["cached"] and counts["distinct"] >= 200
PY
expect 'every figure of the result is that of the tables, and no front point beats another' python3 verify.py out

# --- again
cp out first
$hwnas run fpga.yaml -f json >out 2>err
same 'a finished study is printed again' $? 0
expect 'with the same result to the last digit' cmp -s first out
says 3 'strategy.population: 20 there, 30 here' 'other settings under the same name are refused, the difference shown' \
    "$hwnas" run fpga.yaml --set strategy.population=30
sed 's/^0,/999999,/;2s/,[0-9.]*$/,1/' nb201_accuracy.csv >changed.csv
says 3 'the contents of its fitness.file' 'a table with other contents is refused' "$hwnas" run fpga.yaml --set fitness.file=changed.csv
$hwnas run fpga.yaml --db other.db --set seed=2 -f json >second 2>err
cmp -s first second
same 'another seed in another database gives another search' $? 1

# --- what was found, by the other verbs
same 'front as CSV has a heading and as many lines as the result' "$($hwnas front fpga-cifar100 -f csv | wc -l)" \
    "$(python3 -c 'import json; print(1 + len(json.load(open("first"))["front"]))')"
same 'front as JSON is that of the result' \
    "$($hwnas front fpga-cifar100 --db fpga-cifar100.db -f json | python3 -c 'import json,sys; print(json.load(sys.stdin)["front"] == json.load(open("first"))["front"])')" True
same 'study list names it' "$($hwnas study list --db fpga-cifar100.db -f csv | tail -1 | cut -d, -f1,2)" fpga-cifar100,finished
$hwnas study show fpga-cifar100 --db fpga-cifar100.db >out 2>err
holds 'study show prints the settings with their defaults' out 'mutation: 0.1'
same 'study show as JSON holds the result' \
    "$($hwnas study show fpga-cifar100 --db fpga-cifar100.db -f json | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"] == json.load(open("first")))')" True
$hwnas study resume fpga-cifar100 --db fpga-cifar100.db -f json >out 2>err
expect 'study resume of a finished study prints its result' cmp -s first out
$hwnas export fpga-cifar100 --onnx best.onnx 2>err
holds 'export writes the network of the best' err "$(python3 -c 'import json; print(json.load(open("first"))["best"]["arch"])')"

# --- no answer
$hwnas run fpga.yaml --set name=none --set costs.0.max=0.5 --set strategy.generations=3 -f json >out 2>err
same 'a study that nothing satisfies still ends well' $? 0
same 'with best null and an empty front' "$(python3 -c 'import json; d=json.load(open("out")); print(d["best"], d["front"])')" 'None []'
holds 'and says so' err 'no candidate satisfies the constraints of none'
head -1 nb201_accuracy.csv >unknown.csv
grep -F ',000000,' nb201_accuracy.csv >>unknown.csv
$hwnas run fpga.yaml --set name=unknown --set fitness.file=unknown.csv --set strategy.generations=3 -f json >out 2>err
holds 'a table that knows none of the candidates is told from a limit that is too low' err 'no candidate of unknown has a value: its tables know none'

# --- killed in mid-run. The plain search asks for what it knows again and again; as many generations of it as take about three seconds on
# this machine (of processor time: what else it does now, it may do no more later), so that it can be caught in the middle.
TIMEFORMAT=%U
spent_s=$({ time $hwnas run fpga.yaml --set strategy.plain=true --set strategy.generations=2000 --set name=timing -q >timing 2>err; } 2>&1)
generations=$(python3 -c 'import sys; print(2000 + int(2000 * 3 / max(0.01, float(sys.argv[1]))))' "$spent_s")
long="--set budget.evaluations=0 --set strategy.plain=true --set strategy.generations=$generations --set name=long"
# shellcheck disable=SC2086  # a list of words on purpose
$hwnas run fpga.yaml $long --db whole.db -f json >whole 2>err
without_seconds() { sed 's/,"seconds":.*//' "$1"; }
interrupt() { # interrupt NAME SIGNAL WHOM: starts the long study, and once a generation is done sends the signal to hwnas or its master
    local pid target
    # shellcheck disable=SC2086
    $hwnas run fpga.yaml $long --db "$1.db" -f json >"$1" 2>"$1.err" &
    pid=$!
    until_true grep -q ' generation [1-9]' "$1.err" || return 1
    target=$pid
    [ "$3" = master ] && target=$(pgrep -P $pid -f hwnas-master)
    kill "-$2" "$target"
    { wait $pid; } 2>/dev/null
}
held() { # while a study runs that does not end by itself: others are kept from changing its database
    # shellcheck disable=SC2086
    says 3 'held.db' 'a second run on a database in use is refused' "$hwnas" run fpga.yaml $long --db held.db
    "$hwnas" study show long --db held.db >shown 2>&1
    ok $? 'reading it is answered by the master that holds it'
    says 3 'held.db' 'changing it is refused' "$hwnas" device withdraw nobody --db held.db --reason test
    kill -INT "$1"
}
# shellcheck disable=SC2086
$hwnas run fpga.yaml $long --set strategy.generations=1000000 --db held.db -q >held 2>err &
until_true test -s held.db-wal
held $!
wait $!
interrupt master KILL master
same 'a killed master is reported' $? 1
holds 'with what to do' master.err 'run the same command to go on'
interrupt front KILL hwnas
same 'hwnas itself is killed' $? 137
interrupt stopped INT hwnas
same 'a run stopped by Ctrl-C exits 130' $? 130
for name in master front stopped; do
    same "nothing of the result of $name was printed yet" "$(cat $name)" ''
    until_true $hwnas study list --db $name.db >listed 2>err
    holds "study list knows that $name is not finished" listed running
    if [ $name = stopped ]; then # from the settings in the database
        $hwnas study resume long --db $name.db -f json >$name 2>err
    else
        # shellcheck disable=SC2086
        $hwnas run fpga.yaml $long --db $name.db -f json >$name 2>err
    fi
    same "run again, $name ends with the same answer" "$(without_seconds $name)" "$(without_seconds whole)"
done

# --- a strategy that thinks for long: it is stopped all the same, and its seconds are in the result
slow='--set strategy.name=surrogate --set strategy.warmup=20 --set strategy.pool=20000 --set budget.evaluations=150 --set costs.0.max=4'
# shellcheck disable=SC2086
$hwnas run fpga.yaml --set name=slow $slow --set strategy.pool=40000 --db slow.db -f json >slow 2>err &
run=$!
until_true grep -q scored err
kill -INT $run
wait $run
same 'a run that is still thinking is stopped by Ctrl-C' $? 130
# Its CPU time is a floor for the time that it took.
times_of() { python3 -c 'import json, resource, subprocess, sys
seconds = json.loads(subprocess.run(sys.argv[1:], check=True, capture_output=True).stdout)["seconds"]
spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
print(f"# {seconds} s, and {spent:.3f} s of processor time")
sys.exit(seconds < spent / 3)' "$@"; }
# shellcheck disable=SC2086
expect 'the seconds of a result hold those spent thinking' times_of $hwnas run fpga.yaml --set name=thinks $slow --set strategy.mode=steady --set strategy.pool=4000 --db thinks.db -q -f json

done_testing
