#!/bin/bash
# One study on three simulated boards and this machine, while boards are killed, frozen, cut off and slowed at random (SEED to try
# another order): it finishes, every front member is measured on all four, nothing is lost and nothing is counted twice.
set -u
. tests/support/tap.sh
: "${HWNAS_BUILD:?is the folder with the programs: run the tests with scripts/run-tests}"
root=$PWD
seed=${SEED:-4}
RANDOM=$seed
echo "# SEED=$seed"
cd "$tap_folder" || exit 1
boards='pi eye px'
children=
boards_clean() {
    touch over
    for child in $children $(pgrep -f -- "$tap_folder/[a-z]*[.]yaml"); do kill -9 "$child" 2>/dev/null; done
    wait 2>/dev/null
    tap_clean
}
trap boards_clean EXIT

# All cells, with figures of our own: a sum over the operations, another one for each board.
python3 - <<'END'
import itertools
ops = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
weights = {"accuracy": [0, 5, 11, 14, 6], "pi_ms": [.1, .3, 4, 9, 1.3], "eye_ms": [.05, .1, .7, .8, .9], "px_ms": [.2, .5, 1, 4, 3]}
with open("t.csv", "w") as out:
    out.write("arch_str," + ",".join(weights) + "\n")
    for a in itertools.product(range(5), repeat=6):
        n = [ops[op] for op in a]
        cell = "|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|" % tuple(n)
        out.write(cell + "," + ",".join("%.6g" % (1 + sum(w[op] * (1 + i / 9) for i, op in enumerate(a))) for w in weights.values()) + "\n")
END
for name in $boards; do
    cat >"$name.yaml" <<END
name: $name
board: sim
processor: $name
runtime: table1
precision: f32
runner: simulated
simulated: {table: t.csv, column: ${name}_ms, space: nb201, noise: 0.01, delay_s: 0.05, fail: 0.03, crash: 0.02}
END
done
cat >chaos.yaml <<'END'
name: chaos
space: nb201
strategy: {name: mohdnas, mode: steady, population: 8, generations: 4, in_flight: 10}
fitness: {source: table, file: t.csv, column: accuracy}
costs:
  - {name: pi_ms, source: agent, device: sim-pi-table1-f32}
  - {name: eye_ms, source: agent, device: sim-eye-table1-f32}
  - {name: px_ms, source: agent, device: sim-px-table1-f32}
  - {name: host_ms, source: agent, device: host}
network: {channels: 4, cells: 1, classes: 4, input_size: 8}
seed: 7
END

# --- the cluster
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$HWNAS_BUILD/hwnas" run chaos.yaml --listen "tcp://127.0.0.1:$port" --log-level info >out 2>err &
run=$!
children=$run
"$root/tests/support/relay.py" "$port" >relay.port &
relay=$!
children="$children $relay"
expect 'the relay listens' until_true test -s relay.port
# What a board does when its agent ends, whatever way: it starts it again.
keep() {
    until [ -e over ]; do
        "$HWNAS_BUILD/hwnas-agent" --board "$tap_folder/$1.yaml" --connect "tcp://127.0.0.1:$(cat relay.port)" 2>>"$1.err"
        printf '%s\n' $? >>"$1.ends"
    done
}
for name in $boards; do
    keep "$name" &
    children="$children $!"
done
agent_of() { pgrep -f -- "hwnas-agent --board $tap_folder/$1[.]yaml"; }
progress() { grep -o '[0-9]*/32 candidates' err | tail -n 1 | cut -d/ -f1; }
runs() { kill -0 $run 2>/dev/null; }
# moved FROM: the study has told a candidate more than that, or is over.
moved() { ! runs || [ "$(progress)" -gt "$1" ]; }

# --- the trouble: one thing after every candidate or so
expect 'the search begins' until_true moved 0
kills=0 freezes=0 cuts=0 slowed=0 host_kills=0
while runs; do
    now=$(progress)
    set -- $boards
    shift $((RANDOM % 3))
    kind=$((RANDOM % 5))
    # First one of each that has to have been, until it has: a board that has just ended has no agent for a moment.
    [ $slowed -gt 0 ] || kind=3
    [ $cuts -gt 0 ] || kind=2
    [ $freezes -gt 0 ] || kind=1
    [ $kills -gt 0 ] || kind=0
    case $kind in
    0) kill -9 $(agent_of "$1") 2>/dev/null && kills=$((kills + 1)) ;;
    1) # frozen until the others have gone on without it, or for a second
        frozen=$(agent_of "$1")
        kill -STOP $frozen 2>/dev/null && freezes=$((freezes + 1))
        for _ in 1 2 3 4 5 6 7 8 9 10; do moved "$now" || sleep 0.1; done
        kill -CONT $frozen 2>/dev/null
        ;;
    2) kill -USR1 $relay && cuts=$((cuts + 1)) ;;
    3) # a board that takes longer from now on
        sed -i "s/delay_s: [0-9.]*/delay_s: 0.$((RANDOM % 3))/" "$1.yaml"
        kill -TERM $(agent_of "$1") 2>/dev/null && slowed=$((slowed + 1))
        ;;
    4) # this machine's agent; `hwnas run` starts it again, five times a minute
        [ $host_kills -lt 2 ] && pkill -9 -P $run -f hwnas-agent && host_kills=$((host_kills + 1))
        ;;
    esac
    tries=0
    until moved "$now" || [ $((tries += 1)) -gt 40 ]; do sleep 0.05; done
done
wait $run
same 'the study ends with exit code 0' $? 0
touch over
echo "# killed $kills times, frozen $freezes, cut off $cuts, slowed $slowed; this machine's agent killed $host_kills times"
expect 'boards were killed, frozen, cut off and slowed' [ $((kills * freezes * cuts * slowed)) -gt 0 ]

# --- what came out
sql() { sqlite3 chaos.db "$1"; }
# Canaries have one key for each board, and are no evaluations.
same 'nothing is counted twice: no measurement was done by two leases' \
    "$(sql "SELECT count(*) FROM (SELECT key FROM lease JOIN evaluation USING (key) WHERE lease.state = 'done' GROUP BY key HAVING count(*) > 1)")" 0
same 'every measurement came of a lease that was done' \
    "$(sql "SELECT count(*) FROM evaluation WHERE feasible AND key NOT IN (SELECT key FROM lease WHERE state = 'done')")" 0
same 'no lease is left open' "$(sql "SELECT count(*) FROM lease WHERE state = 'open'")" 0
same 'every candidate that was asked has been told' "$(sql 'SELECT count(*) FROM candidate')" 32
same 'each of the four boards was checked with a canary before it was believed' \
    "$(sql 'SELECT count(DISTINCT board) FROM canary')" 4
same 'every measurement is of a known board' \
    "$(sql "SELECT count(*) FROM evaluation WHERE feasible AND board NOT IN (SELECT name FROM board)")" 0
expect 'leases were lost or failed, and others took their place' [ "$(sql "SELECT count(*) FROM lease WHERE state IN ('lost', 'failed')")" -gt 0 ]
"$HWNAS_BUILD/hwnas" front chaos --db chaos.db -f json >front.json
python3 - <<'END' >verdicts
import csv, json, sqlite3
table = {row["arch_str"]: row for row in csv.DictReader(open("t.csv"))}
front = json.load(open("front.json"))["front"]
print("front members:", len(front) > 0)
print("all measured:", all(len(m["costs"]) == 4 and all(v is not None and v > 0 for v in m["costs"].values()) for m in front))
near = lambda got, want: abs(got - want) <= 0.02 * want
db = sqlite3.connect("chaos.db")
wrong = [r for r in db.execute("SELECT canonical, position, value FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible AND position < 3")
         if not near(r[2], float(table[r[0]][("pi_ms", "eye_ms", "px_ms")[r[1]]]))]
print("true figures:", not wrong)
rows = {}
for ask, arch, fitness, position, value in db.execute(
        "SELECT ask, arch, fitness, position, value FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible"):
    rows.setdefault(ask, (arch, [-fitness, 0, 0, 0, 0]))[1][position + 1] = value
points = {tuple(p): a for a, p in rows.values()}
best = {a for p, a in points.items() if not any(q != p and all(x <= y for x, y in zip(q, p)) for q in points)}
print("front recomputed:", best == {m["arch"] for m in front})
END
for fact in 'front members' 'all measured' 'true figures' 'front recomputed'; do
    holds "$fact" verdicts "$fact: True"
done
# The search that goes on has nothing left to do, and says the same.
"$HWNAS_BUILD/hwnas" run chaos.yaml -q -f json >again 2>>err
same 'the finished study says the same again, without measuring' "$(python3 -c 'import json; print(json.load(open("again"))["front"] == json.load(open("front.json"))["front"])')" True
[ $tap_failed -eq 0 ] || { tail -n 20 err chaos.log | sed 's/^/# /'; }
done_testing
