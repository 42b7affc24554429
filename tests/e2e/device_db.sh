#!/bin/bash
# `hwnas device` on a database: boards are listed, put into quarantine, trusted, forgotten; why a measurement waits; and what a board
# that lied measured is taken back, so that the study ends as if it had never lied.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
hwnas=$HWNAS_BUILD/hwnas
cd "$tap_folder" || exit 1
key=tpu-sim-table-f32

# --- a made-up device: its table, and two boards of it, one of which says 1.7 times what is true of what it measures
python3 - <<'END'
import itertools, random
random.seed(3)
with open("score.csv", "w") as score, open("latency.csv", "w") as latency:
    print("ops,score", file=score)
    print("ops,latency_ms", file=latency)
    for genes in itertools.product("01234", repeat=6):
        ops = "".join(genes)
        work = 40 * ops.count("3") + 10 * ops.count("2") + 3 * ops.count("4")
        print("%s,%.6f" % (ops, work + random.random()), file=score)
        print("%s,%.6f" % (ops, 1 + work / 40), file=latency)
END
board() { # board NAME [SIMULATED-KEY: VALUE,...]
    cat >"board-$1.yaml" <<END
name: $1
board: tpu
processor: sim
runtime: table
precision: f32
deterministic: true
runner: simulated
simulated: {table: latency.csv, column: latency_ms, space: nb201, noise: 0, spikes: 0${2:+, $2}}
END
}
board honest ''
board liar 'lie: 1.7'
searching() { # searching NAME: a study whose latency is measured on the device
    cat >"$1.yaml" <<END
name: $1
space: nb201
strategy: {name: evrsnas, population: 10, generations: 6}
fitness: {source: table, file: score.csv, column: score}
costs: [{name: latency_ms, source: agent, device: $key, max: 4}]
seed: 5
END
}
finish() { # finish STUDY BOARD: runs it to its end with one agent
    local name=$1 agent
    shift
    start_master "$name" --canary-every 5
    start "agent-$name" hwnas-agent --connect "$address" --board "board-$1.yaml"
    agent=$started
    wait "$master"
    let_go "$agent"
}
let_go() { # an agent that owes a result to a master that is gone would wait for it
    kill -9 "$1" && wait "$1" 2>/dev/null
}
# judge SENTENCE PYTHON: d is the JSON object in the file out
judge() {
    python3 - out <<END
import json, sys
d = json.loads(open(sys.argv[1]).read().splitlines()[-1])
sys.exit(not ($2))
END
    ok $? "$1"
}
boards() { # boards PYTHON: of the list of liar.db
    "$hwnas" device list --db liar.db -f json >out && python3 -c "
import json
boards = {b['board']: b for b in json.load(open('out'))['boards']}
print($1)"
}

searching truth
finish truth honest
"$hwnas" front truth --db truth.db -f csv >truth.front
searching liar
finish liar liar
expect 'a lying board leads the search astray' sh -c '! "$1" front liar --db liar.db -f csv | cmp -s - truth.front' sh "$hwnas"

# --- list and show
same 'the board is listed under its name' "$(boards 'sorted(boards)')" "['liar']"
same 'with its device' "$(boards 'boards["liar"]["device"]')" $key
same 'trusted, for all anybody knows' "$(boards 'boards["liar"]["state"]')" trusted
measured=$(sql liar "SELECT count(*) FROM evaluation WHERE kind = 'measure'")
same 'with all that was measured' "$(boards 'boards["liar"]["measurements"]')" "$measured"
"$hwnas" device list --db liar.db -f csv >out
same 'the CSV has a heading and a row a board, of as many fields' "$(awk -F, '{ print NF }' out | sort | uniq -c | tr -s ' ')" ' 2 10'
"$hwnas" device list --db liar.db >out
holds 'the table names it' out liar
"$hwnas" device show liar --db liar.db -f json >out
judge 'show says how long it queued and ran' 'd["mean_seconds"]["run"] is None or d["mean_seconds"]["run"] >= 0'
judge 'show has its canaries, the last of them by itself, too' 'd["canaries"][-1] == d["last_canary"] and d["last_canary"]["verdict"] == "good"'
judge 'the level is that of the canaries' 'd["baseline_ms"] == d["canaries"][0]["latency_ms"] and d["drift"] == 0'
"$hwnas" device show $key --db liar.db >out
holds 'a device key that one board has stands for it' out 'board        liar'
"$hwnas" device show liar --db liar.db -f csv >out
same 'show as CSV has a row a canary' "$(($(wc -l <out) - 1))" "$(sql liar 'SELECT count(*) FROM canary')"
says 2 'did you mean liar?' 'a mistyped name gets the nearest' "$hwnas" device show lair --db liar.db
says 2 'no such database' 'a database that is not there is not made' "$hwnas" device quarantine liar --reason x --db none.db
expect 'and is still not there' test ! -e none.db
says 2 '--db' 'list needs a database' "$hwnas" device list
says 2 'which board?' 'trust needs a board' "$hwnas" device trust --db liar.db
says 2 '--reason' 'quarantine needs a reason' "$hwnas" device quarantine liar --db liar.db

# --- quarantine, why, trust
"$hwnas" device quarantine liar --reason 'says 1.7 times the truth' --db liar.db >out
ok $? 'a board is put into quarantine'
same 'it is listed so' "$(boards 'boards["liar"]["state"]')" quarantined
same 'with the reason' "$(boards 'boards["liar"]["reason"]')" 'says 1.7 times the truth'

# --- withdraw
says 2 'last-good, all, or a time' 'nonsense as a time is refused' "$hwnas" device withdraw liar --since yesterday --db liar.db
"$hwnas" device trust liar --db liar.db >out
ok $? 'trust ends it'
same 'and is listed so, too' "$(boards 'boards["liar"]["state"], boards["liar"]["drift"]')" 'trusted None'
expect 'a new level has no canaries yet, the old ones are kept' [ "$(sql liar 'SELECT count(*) FROM canary')" -gt 0 ]
"$hwnas" device quarantine liar --reason 'says 1.7 times the truth' --db liar.db >out
"$hwnas" device withdraw liar --since 2001-01-01 --reason 'it lied' --db liar.db -f json >out
judge 'before the first canary nothing is believed: all is taken back' "d['measurements'] == $measured and d['since'] is None"
judge 'the study goes back to before the first candidate' 'd["studies"] == [{"study": "liar", "before": 55, "after": 0}]'
same 'what was taken back is kept' "$(sql liar "SELECT count(*) FROM withdrawn WHERE withdrawn_because = 'it lied'")" "$measured"
same 'the study is running again' "$("$hwnas" study list --db liar.db -f csv | tail -1 | cut -d, -f1,2)" liar,running
"$hwnas" device why liar --db liar.db -f json >out
judge 'why says that each of the first generation waits for a board in quarantine, and for what reason' \
    'len(d["waiting"]) == 10 - 10 + len({w["arch"] for w in d["waiting"]}) > 0 and all("quarantined" in w["waits_for"] and "1.7 times" in w["waits_for"] for w in d["waiting"])'
judge 'and how many stand before it' '[w["before"] for w in d["waiting"]] == list(range(len(d["waiting"])))'
same 'asking changed nothing' "$(sql liar 'SELECT count(*) FROM candidate')" 0
"$hwnas" device why liar --db liar.db >out
holds 'the table says what would help' out 'hwnas device trust liar --db liar.db'
"$hwnas" device forget liar --db liar.db >out
ok $? 'a board is forgotten'
"$hwnas" device why liar --db liar.db -f csv >out
holds 'then its device was never there' out "no board of device $key has ever been connected"

# --- and on: as if it had never lied
finish liar honest
same 'the study ends with the honest board' "$(progress liar state)" finished
expect 'with the front of a study whose board never lied' sh -c '"$1" front liar --db liar.db -f csv | cmp - truth.front' sh "$hwnas"
history="SELECT ask, arch, fitness, (SELECT group_concat(value) FROM candidate_cost k WHERE k.study_id = c.study_id AND k.ask = c.ask) FROM candidate c ORDER BY told"
same 'and with its whole history' "$(sql liar "$history" | sha256sum)" "$(sql truth "$history" | sha256sum)"

# --- half a study: only what is tainted goes. Boards that take their time, so that one can be exchanged for the other on the way.
board honest 'delay_s: 0.04'
searching half
start_master half --canary-every 5
start agent-half hwnas-agent --connect "$address" --board board-honest.yaml
agent=$started
until_true scored half 20
stop "$agent"
start agent-half hwnas-agent --connect "$address" --board board-liar.yaml
agent=$started
wait "$master"
let_go "$agent"
board honest ''
true_ones=$(sql half "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND board = 'honest'")
says 0 'hwnas study resume half --db half.db' 'withdraw names the study and the command that goes on' sh -c '"$1" device withdraw liar --since all --db half.db >&2' sh "$hwnas"
same 'what the honest board measured is still there' "$(sql half "SELECT count(*) FROM evaluation WHERE kind = 'measure'")" "$true_ones"
expect 'and so are the candidates before the first lie' [ "$(sql half 'SELECT count(*) FROM candidate')" -gt 10 ]
"$hwnas" device why half --db half.db >out
holds 'what waits for a board that is away is told when it was last seen' out 'board liar, last seen 20'
"$hwnas" device why truth --db truth.db >out
holds 'in a finished study nothing waits' out 'no measurement waits'
finish half honest
same 'resumed, it has the history of a study whose board never lied' "$(sql half "$history" | sha256sum)" "$(sql truth "$history" | sha256sum)"
"$hwnas" device forget honest --measurements --db half.db >out
ok $? 'a forgotten board can lose its measurements too'
same 'then none is left' "$(sql half "SELECT count(*) FROM evaluation WHERE kind = 'measure'")" 0

# --- held by a master
start_master half
until_true test -s half.db-wal
until_true test -e half.db.master
"$hwnas" device list --db half.db -f json >out
judge 'a master that holds the database lists its boards' '[b["board"] for b in d["boards"]] == ["liar"]'
says 3 'half.db' 'what takes results back is refused while a master holds the database' "$hwnas" device withdraw honest --db half.db
"$hwnas" device why half --db half.db -f json >out
judge 'why is answered by the master: nobody has come for what waits' \
    'len(d["waiting"]) > 0 and all("none is connected" in w["waits_for"] and "hwnas-agent --connect" in w["waits_for"] for w in d["waiting"])'
"$hwnas" study why half --db half.db -f json >out
judge 'so is study why, with what to do' 'd["live"] and [r["code"] for r in d["reasons"]] == ["no_agent"] and "hwnas-agent --connect" in d["reasons"][0]["todo"]'
start agent-half hwnas-agent --connect "$address" --board board-liar.yaml
agent=$started
boards_of_half() { "$hwnas" device list --db half.db -f csv | grep -q "^liar,$1,.*,$2"; }
"$hwnas" device quarantine liar --reason 'says 1.7 times the truth' --db half.db >out
ok $? 'a board is quarantined while the master runs'
same 'and is listed so at once' "$("$hwnas" device list --db half.db -f csv | grep '^liar,' | cut -d, -f3)" quarantined
quarantine_is_told() { "$hwnas" study why half --db half.db -f json >out && grep -q '"code":"quarantined"' out; }
expect 'then it gets nothing, and why says so' until_true quarantine_is_told
judge 'with the way to end it' '"hwnas device trust liar" in d["reasons"][0]["todo"] and d["quarantined"][0]["by_a_person"] and "1.7 times" in d["quarantined"][0]["reason"]'
before=$(progress half scored)
"$hwnas" device trust liar --db half.db >out
holds 'trust ends it, with the same words as without a master' out 'liar ('
goes_on() { "$hwnas" study why half --db half.db -f json >out && ! grep -q '"quarantined"' out || [ "$(progress half done)" != "$before" ]; }
expect 'and measurements go on' until_true goes_on
let_go "$agent"
stop "$master"

[ $tap_failed -eq 0 ] || show_logs
done_testing
