#!/bin/bash
# Simulated boards: what `hwnas device measure --board` says of them, and a search whose front is measured on two of them, one of which fails now and then.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
out=$tap_folder/out
device=pi-sim-1-f32

# judge SENTENCE PYTHON: d is the JSON object of the last line of $out
judge() {
    python3 - "$out" <<END
import json, sys
d = json.loads(open(sys.argv[1]).read().splitlines()[-1])
sys.exit(not ($2))
END
    ok $? "$1"
}

# board NAME KEY...: a board file; each KEY is a line of its `simulated` section, or with a leading + of the file itself.
board() {
    local name=$1 key
    shift
    {
        printf 'name: %s\nboard: pi\nprocessor: sim\nruntime: "1"\nprecision: f32\nrunner: simulated\n' "$name"
        for key; do case $key in +*) echo "${key#+}" ;; esac; done
        printf 'simulated:\n  table: table.csv\n  space: nb201\n  column: ms\n  energy: mj\n'
        for key; do case $key in +*) ;; *) echo "  $key" ;; esac; done
    } >"$tap_folder/$name.yaml"
}

python3 - >"$tap_folder/table.csv" <<'END'
import itertools
print("ops,score,ms,mj")
for genes in itertools.product("01234", repeat=6):
    g = "".join(genes)
    ms = 1 + 2.0 * g.count("3") + g.count("2") + 0.5 * g.count("4")
    print("%s,%d,%g,%g" % (g, 10 * g.count("3") + 5 * g.count("2") + g.count("4"), ms, 3 * ms))
END
cell='|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_3x3~2|' # 6.5 ms

board exact 'noise: 0'
"$hwnas" device measure --board "$tap_folder/exact.yaml" --arch "$cell" -f json >"$out"
ok $? 'a board without noise is measured'
judge 'what it says is what the table says, once' 'd["latency_ms"] == 6.5 and d["samples"] == 1 and d["energy_mj"] == 19.5 and d["steady"]'
judge 'under the key of the board file' "d['device'] == '$device'"
board noisy 'noise: 0.02' 'spikes: 0.1' 'seed: 3'
"$hwnas" device measure --board "$tap_folder/noisy.yaml" --arch "$cell" -f json >"$out"
judge 'a noisy board is within 2 % of the table' 'abs(d["latency_ms"] / 6.5 - 1) < 0.02 and d["samples"] >= 50 and abs(d["energy_mj"] / 19.5 - 1) < 0.3'
"$hwnas" device measure --board "$tap_folder/noisy.yaml" --arch "$cell" -f json >"$out.2"
strip() { sed 's/"run_seconds":[0-9.e-]*//; s/"build_seconds":[0-9.e-]*//' "$1"; }
same 'and says the same again, but for the time it took' "$(strip "$out.2")" "$(strip "$out")"
board hot 'noise: 0.02' '+measure: {mode: sustained, minutes: 0.2}'
"$hwnas" device measure --board "$tap_folder/hot.yaml" --arch "$cell" -f json >"$out"
judge 'sustained figures have a device key of their own' "d['device'] == '$device+sustained' and d['mode'] == 'sustained' and abs(d['seconds'] - 12) < 1"
board liar 'noise: 0' 'lie: 0.5'
"$hwnas" device measure --board "$tap_folder/liar.yaml" --arch "$cell" -f json >"$out"
judge 'a lying board lies, and its note holds the truth' 'd["latency_ms"] == 3.25 and d["tool"]["table_ms"] == 6.5'
board broken 'fail: 1'
says 1 'told to in 100 %' 'a board that fails says so' "$hwnas" device measure --board "$tap_folder/broken.yaml" --arch "$cell"
board wrong 'columm: x'
says 2 'column' 'a key that does not exist is refused with the one that was meant' "$hwnas" device show --board "$tap_folder/wrong.yaml"

cat >"$tap_folder/study.yaml" <<END
name: study
space: nb201
strategy: {name: evrsnas, generations: 5}
fitness: {source: table, file: table.csv, column: score}
costs:
  - {name: latency_ms, source: agent, device: $device}
seed: 1
END
board a 'noise: 0.02' 'fail: 0.2' 'seed: 1' # may end in quarantine: the other one carries on
board b 'noise: 0.02' 'seed: 2'
# The one that fails is alone until it has failed.
"$hwnas" run "$tap_folder/study.yaml" --db "$tap_folder/study.db" --board "$tap_folder/a.yaml" -q >"$out" 2>"$tap_folder/err" &
alone=$!
until_true grep -q 'an attempt came to nothing' "$tap_folder/study.log"
kill -INT $alone
wait $alone
"$hwnas" run "$tap_folder/study.yaml" --db "$tap_folder/study.db" --board "$tap_folder/a.yaml" --board "$tap_folder/b.yaml" -q -f json >"$out" 2>"$tap_folder/err"
ok $? 'a search on two boards, one of which fails now and then, ends well'
expect 'every latency is the table'"'"'s, within what two boards of 2 % noise may say' python3 - "$tap_folder" <<'END'
import csv, re, sqlite3, sys
digits = {"none": "0", "skip_connect": "1", "nor_conv_1x1": "2", "nor_conv_3x3": "3", "avg_pool_3x3": "4"}
table = {row["ops"]: float(row["ms"]) for row in csv.DictReader(open(sys.argv[1] + "/table.csv"))}
db = sqlite3.connect(sys.argv[1] + "/study.db")
rows = db.execute("SELECT arch, value, board FROM evaluation WHERE kind = 'measure' AND feasible").fetchall()
assert len(rows) >= 50 and {row[2] for row in rows} <= {"a", "b"}, rows
for arch, value, _ in rows:
    genes = "".join(digits[op] for op in re.findall(r"([a-z_0-9]+)~", arch))
    assert abs(value / table[genes] - 1) < 0.04, (arch, value, table[genes])
END
expect 'failed attempts are on record by their class' [ "$(sqlite3 "$tap_folder/study.db" "SELECT count(*) FROM lease WHERE state = 'failed' AND failure = 'crashed'")" -gt 0 ]
[ $tap_failed -eq 0 ] || sed 's/^/# /' "$tap_folder/err" | tail -20
done_testing
