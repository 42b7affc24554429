#!/bin/bash
# Several targets in one study: two devices, energy beside latency, counted costs, some of them limited only, some figures missing. Best and
# front are worked out again here, from the tables and from what was told.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
data=../shared/data
[ -r $data/nb201_hardware.csv ] && data=$(cd $data && pwd) || data=
studies=$PWD/deploy/studies
cd "$tap_folder" || exit 1

# Every cell of the space with made-up figures; the stick has none for every fifth cell.
python3 - <<'PY'
import itertools
acc, ms, mj = (0, .4, 1.3, 2.1, .2), (.1, .3, 2, 5, 1), (.2, .1, 9, 4, 3)
with open("accuracy.csv", "w") as a, open("hardware.csv", "w") as h:
    print("ops,accuracy", file=a)
    print("ops,device,latency_ms,energy_mj", file=h)
    for n, ops in enumerate(itertools.product(range(5), repeat=6)):
        text = "".join(map(str, ops))
        print(f"{text},{sum(acc[o] * (1 + .07 * i) for i, o in enumerate(ops)):.4f}", file=a)
        print(f"{text},board,{sum(ms[o] for o in ops):.4f},{sum(mj[o] for o in ops):.4f}", file=h)
        print(f"{text},stick,{'' if n % 5 == 2 else format(40 - 2 * sum(mj[o] for o in ops) / 3 + ops[0], '.4f')},", file=h)
PY

cat >verify.py <<'PY'
# verify.py DB RESULT.json COST...: each COST is NAME=FILE:DEVICE:COLUMN[:max=N][:limit] or NAME=counted[:max=N][:limit].
import csv, json, sqlite3, sys
db, result, *costs = sys.argv[1:]
result = json.load(open(result))
db = sqlite3.connect(db)
names, tables, limits, objectives = [], [], [], []
for i, cost in enumerate(costs):
    name, _, rest = cost.partition("=")
    words = rest.split(":")
    names.append(name)
    limits.append(next((float(w[4:]) for w in words if w.startswith("max=")), None))
    if "limit" not in words:
        objectives.append(i)
    if words[0] == "counted":
        tables.append(None)
        continue
    rows = csv.DictReader(open(words[0]))
    tables.append({r["ops"]: r[words[2]] for r in rows if r["device"] == words[1] and r.get("dataset", "cifar10") == "cifar10"})
known, missing = [], 0
for ask, genes, arch, skipped, connected, feasible, fitness, satisfies in db.execute(
        "SELECT ask, genes, arch, skipped, connected, feasible, fitness, satisfies FROM candidate ORDER BY told"):
    values = [v for v, in db.execute("SELECT value FROM candidate_cost WHERE ask = ? ORDER BY position", (ask,))]
    ops = "".join(map(str, genes))
    absent = [t is not None and t[ops] == "" for t in tables]
    assert skipped == (not connected or any(absent)), (ask, skipped, connected, absent)
    missing += any(absent)
    assert feasible == (not skipped), ask
    if not feasible:
        assert fitness == 0 and not satisfies, ask
        continue
    for value, table in zip(values, tables):
        assert value == float(table[ops]) if table else value > 0, (ask, value)
    assert satisfies == all(l is None or v <= l for v, l in zip(values, limits)), (ask, values)
    if satisfies and arch not in [k[0] for k in known]:
        known.append((arch, fitness, values))
goals = lambda k: [-k[1]] + [k[2][i] for i in objectives]
beats = lambda a, b: a != b and all(x <= y for x, y in zip(a, b))
front = [k for n, k in enumerate(known) if not any(beats(goals(o), goals(k)) for o in known)
         and not any(goals(o) == goals(k) for o in known[:n])]
got = {(p["arch"], p["fitness"], tuple(p["costs"][n] for n in names)) for p in result["front"]}
assert got == {(a, f, tuple(v)) for a, f, v in front}, (len(got), len(front), got ^ {(a, f, tuple(v)) for a, f, v in front})
first = names[objectives[0]]
assert [p["costs"][first] for p in result["front"]] == sorted(p["costs"][first] for p in result["front"])
best = min(known, key=goals)
assert (result["best"]["arch"], result["best"]["fitness"]) == (best[0], best[1]), (result["best"], best)
assert list(result["best"]["costs"]) == names
assert len(front) > 2
open("missing", "w").write(str(missing))
PY

mode=generations
study() { # study NAME STRATEGY COST...: the costs joined by commas; in mode $mode
    local name=$1 strategy=$2
    shift 2
    cat >"$name.yaml" <<END
name: $name
space: nb201
strategy: {name: $strategy, population: 12, generations: 25, mode: $mode, warmup: 40, positives: 20, pool: 50, trees: 5, consensus: 10}
fitness: {source: table, file: accuracy.csv, column: accuracy}
costs: [$(IFS=,; echo "$*")]
network: {cells: 1}
seed: 3
END
    $hwnas run "$name.yaml" -f json >"$name.json" 2>"$name.err"
    same "$name: ends well" $? 0
}
board='{name: board_ms, source: table, file: hardware.csv, device: board, column: latency_ms'
stick='{name: stick_ms, source: table, file: hardware.csv, device: stick, column: latency_ms'

for strategy in mohdnas evrsnas evnas cmanas pevonas nevonas; do
    study $strategy-devices $strategy "$board}" "$stick}"
    expect "$strategy, two devices: values, limits, best and front are those of the tables" python3 verify.py $strategy-devices.db \
        $strategy-devices.json board_ms=hardware.csv:board:latency_ms stick_ms=hardware.csv:stick:latency_ms
    expect "$strategy: what one device cannot run is ruled out" [ "$(cat missing)" -gt 0 ]
done
study one-limits mohdnas "$board, max: 15}" "$stick, max: 28, limit_only: true}" '{source: params, max: 120000}'
expect 'one device limited only, the other and the parameters limited and minimised' python3 verify.py one-limits.db one-limits.json \
    board_ms=hardware.csv:board:latency_ms:max=15 stick_ms=hardware.csv:stick:latency_ms:max=28:limit params=counted:max=120000
study energy mohdnas "$board, max: 15}" '{name: board_mj, source: table, file: hardware.csv, device: board, column: energy_mj}' '{source: macs, max: 20e6, limit_only: true}'
expect 'energy beside latency, multiply-accumulates limited only' python3 verify.py energy.db energy.json \
    board_ms=hardware.csv:board:latency_ms:max=15 board_mj=hardware.csv:board:energy_mj macs=counted:max=20000000:limit
same 'the front has a column for what is only limited too' "$($hwnas front energy --db energy.db -f csv | head -1)" arch,fitness,board_ms,board_mj,macs
says 2 'has no max to keep to' 'a limit without a number is refused' "$hwnas" run energy.yaml --set name=none --set costs.1.limit_only=true

# --- a method with an answer of its own
for mode in generations steady; do
    study answer-$mode rminas "$board, max: 20}"
    python3 - $mode <<'PY'
import csv, json, sqlite3, sys
name = "answer-" + sys.argv[1]
result = json.load(open(name + ".json"))
assert list(result) == ["study", "best", "answer", "front", "evaluations", "seconds"], list(result)
arch, genes, fitness, cost = sqlite3.connect(name + ".db").execute(
    "SELECT arch, genes, fitness, value FROM candidate JOIN candidate_cost USING (study_id, ask) ORDER BY told DESC LIMIT 1").fetchone()
ops = "".join(map(str, genes))
assert result["answer"] == {"arch": arch, "fitness": fitness, "costs": {"board_ms": cost}}, result["answer"]
assert fitness == next(float(r["accuracy"]) for r in csv.DictReader(open("accuracy.csv")) if r["ops"] == ops)
PY
    same "$mode: the answer stands beside the best, with the figures it was told last" $? 0
    same "$mode: no generations are shown where they do not end the search" "$(grep -c ' generation ' answer-$mode.err)" 0
    cp answer-$mode.json first
    $hwnas study resume answer-$mode --db answer-$mode.db -f json >again 2>err
    expect "$mode: and stands in the database" cmp -s first again
    $hwnas study show answer-$mode --db answer-$mode.db >shown 2>err
    holds "$mode: the table has it too" shown "the method's own answer"
done

for strategy in cmanas pevonas nevonas; do
    expect "$strategy: its answer is one of its candidates, with the figures it was told" python3 - $strategy-devices <<'PY'
import json, sqlite3, sys
name = sys.argv[1]
answer = json.load(open(name + ".json"))["answer"]
rows = sqlite3.connect(name + ".db").execute("SELECT fitness, value FROM candidate JOIN candidate_cost USING (study_id, ask) "
                                             "WHERE arch = ? ORDER BY position", (answer["arch"],)).fetchall()
assert len(rows) == 2 and all(row[0] == answer["fitness"] for row in rows), rows
assert list(answer["costs"].values()) == [row[1] for row in rows], (answer, rows)
PY
done

# --- the examples, where the published tables are there
if [ -n "$data" ]; then
    cp "$data"/nb201_accuracy.csv "$data"/nb201_hardware.csv "$data"/nb201_hardware_derived.csv .
    for example in two-devices energy-latency mohdnas steady; do
        cp "$studies/$example.yaml" .
        small='--set budget.evaluations=150'
        [ $example = steady ] && small='--set budget.evaluations=5 --set network.cells=1'
        # shellcheck disable=SC2086  # a list of words on purpose
        $hwnas run $example.yaml $small -f json >out 2>err
        same "the example $example runs" $? 0
        mv out "$example.json"
    done
    expect 'two published devices: best and front are those of the tables' python3 verify.py two-devices.db two-devices.json \
        raspi4_ms=nb201_hardware.csv:raspi4:latency_ms edgetpu_ms=nb201_hardware.csv:edgetpu:latency_ms:max=1:limit
    expect 'what the Edge TPU cannot run is ruled out, never the cheapest' [ "$(cat missing)" -gt 0 ]
    expect 'published energy beside latency' python3 verify.py energy-latency.db energy-latency.json \
        eyeriss_ms=nb201_hardware.csv:eyeriss:latency_ms eyeriss_mj=nb201_hardware.csv:eyeriss:energy_mj:max=1
fi
done_testing
