#!/bin/bash
# `hwnas device check` and `calibrate`: what they print agrees with itself; what calibrate writes is what a study reads; nothing is
# written when something fails.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
out=$tap_folder/out
small='--channels 4 --cells 1'

# judge SENTENCE PYTHON: d is the JSON object of the last line of $out
judge() {
    python3 - "$out" <<END
import json, statistics, sys
d = json.loads(open(sys.argv[1]).read().splitlines()[-1])
sys.exit(not ($2))
END
    ok $? "$1"
}

# sim NAME SIMULATED-KEY: VALUE,...: a board that plays the made-up table latency.csv
python3 - "$tap_folder" <<'END'
import itertools, sys
with open(sys.argv[1] + "/latency.csv", "w") as latency, open(sys.argv[1] + "/accuracy.csv", "w") as accuracy:
    print("ops,latency_ms", file=latency)
    print("ops,score", file=accuracy)
    for genes in itertools.product("01234", repeat=6):
        ops = "".join(genes)
        print("%s,%.6f" % (ops, 1 + 1.3 * ops.count("3") + 0.5 * ops.count("2") + 0.4 * ops.count("4")), file=latency)
        print("%s,%d" % (ops, 10 * ops.count("3") + 5 * ops.count("2") + ops.count("4")), file=accuracy)
END
sim() {
    cat >"$tap_folder/$1.yaml" <<END
name: $1
board: toy
processor: sim
runtime: table
precision: f32
runner: simulated
simulated: {table: latency.csv, column: latency_ms, space: nb201, $2}
END
}

# --- check
"$hwnas" device check --rounds 2 -f json >"$out"
ok $? 'check ends well, whatever the rounds say'
judge 'it measured three networks of growing size twice each' \
    '[n["net"] for n in d["nets"]] == ["small", "middle", "heavy"] and all(len(n["rounds_ms"]) == 2 and min(n["rounds_ms"]) > 0 for n in d["nets"]) and d["nets"][0]["macs"] < d["nets"][1]["macs"] < d["nets"][2]["macs"]'
judge 'a headline is the median of its rounds and the spread how far they lie apart' \
    'all(abs(statistics.median(n["rounds_ms"]) - n["latency_ms"]) < 1e-9 and abs((max(n["rounds_ms"]) - min(n["rounds_ms"])) / n["latency_ms"] - n["spread"]) < 1e-9 for n in d["nets"])'
judge 'flagged means that rounds lie more than 5 % apart, that most were doubtful, or that the clock was slowed' \
    'd["flagged"] == any(n["spread"] > 0.05 or n["steady"] < 1 or n["verdict"] == "THROTTLED" for n in d["nets"])'
judge 'each net that differs is a problem with what to do about it' \
    'all(any(n["net"] in p and "check" in p for p in d["problems"]) for n in d["nets"] if n["verdict"] == "ROUNDS DIFFER")'
sim drifting 'drift: 0.03'
"$hwnas" device check --board "$tap_folder/drifting.yaml" -f json >"$out"
judge 'a board that slows down from one measurement to the next is flagged' 'd["flagged"] and d["board"] == "drifting" and len(d["nets"][0]["rounds_ms"]) == 5'
sim steady 'noise: 0.01'
"$hwnas" device check --board "$tap_folder/steady.yaml" -f json >"$out"
judge 'one whose samples scatter by 1 % is not' 'not d["flagged"] and all(n["steady"] == 5 for n in d["nets"])'
"$hwnas" device check --rounds 2 --board "$tap_folder/steady.yaml" -f csv >"$out" && [ "$(wc -l <"$out")" -eq 4 ] && [ "$(awk -F, '{ print NF }' "$out" | sort -u | wc -l)" -eq 1 ]
ok $? 'the CSV has a heading and a row a network'
"$hwnas" device check --rounds 2 --board "$tap_folder/steady.yaml" >"$out" && grep -q '^heavy ' "$out" && grep -q '^verdict ' "$out"
ok $? 'the table ends with a verdict'
sim broken 'fail: 1'
"$hwnas" device check --board "$tap_folder/broken.yaml" -f json >"$out"
same 'a board that measures nothing ends in exit code 1' $? 1
judge 'with a sentence for each network' 'all(n["verdict"] == "FAILED" and n["latency_ms"] is None for n in d["nets"]) and sum("could not be measured" in p for p in d["problems"]) == 3'
says 2 'none.yaml' 'a board file that is not there is told' "$hwnas" device check --board "$tap_folder/none.yaml"
says 2 '--rounds' 'one round says nothing and is refused' "$hwnas" device check --rounds 1

# --- calibrate
says 2 '-o FILE.csv' 'calibrate asks where to write' "$hwnas" device calibrate
says 2 'must end in .csv' 'a file that is not called .csv is refused' "$hwnas" device calibrate -o "$tap_folder/x"
says 2 'cannot be written' 'a folder that is not there is refused before anything is measured' "$hwnas" device calibrate -o "$tap_folder/no/x.csv"
says 2 '--as lut' 'a table of a space that cannot be listed is refused' "$hwnas" device calibrate --space fbnet --as table -o "$tap_folder/x.csv"
says 2 '--nets' 'nine networks are too few' "$hwnas" device calibrate --nets 9 -o "$tap_folder/x.csv"
says 1 'too few to fit and to judge' 'a board that measures nothing cannot be calibrated' "$hwnas" device calibrate -q --board "$tap_folder/broken.yaml" -o "$tap_folder/x.csv"
same 'nothing was written by any of them' "$(cd "$tap_folder" && ls x.csv x.json 2>/dev/null)" ''

# shellcheck disable=SC2086  # two options
"$hwnas" device calibrate --nets 10 --held-out 5 $small -q -o "$tap_folder/lut.csv" -f json >"$out"
ok $? 'calibrate ends well'
judge 'it measured what was asked for' 'len(d["nets"]) == 15 and sum(n["fitted"] for n in d["nets"]) == 10 and len({n["arch"] for n in d["nets"]}) == 15'
judge 'the held-out error is that of the networks that were not fitted' \
    'abs(statistics.median(abs(n["kernels_ms"] / n["latency_ms"] - 1) for n in d["nets"] if not n["fitted"]) - d["held_out"]["kernels"]["median"]) < 1e-9'
judge 'sums that do not hold are warned of, with what to use instead' 'd["held_out"]["lut"]["holds"] or any("source: agent" in w for w in d["warnings"])'
expect 'the file beside holds the same and a date' python3 - "$out" "$tap_folder/lut.json" <<'END'
import json, sys
printed, kept = (json.loads(open(f).read()) for f in sys.argv[1:])
assert kept.pop("written").startswith("20") and kept == printed
END
# shellcheck disable=SC2016
arch=$(python3 -c 'import json; print(json.load(open("'"$out"'"))["nets"][0]["arch"])')
"$hwnas" table show "$tap_folder/lut.csv" --lut --column latency_ms --arch "$arch" -f json >"$tap_folder/value"
ok $? 'the look-up table is one that studies can read'
expect 'and adds up to what calibrate says of a network' python3 - "$out" "$tap_folder/value" <<'END'
import json, sys
d, value = (json.loads(open(f).read()) for f in sys.argv[1:])
assert abs(d["nets"][0]["lut_ms"] - value["latency_ms"]) < 1e-9
END
"$hwnas" device calibrate --board "$tap_folder/steady.yaml" -q -o "$tap_folder/lut.csv" -f json >"$out"
judge 'sums of operations are found on a board whose latency is one, without a warning' \
    'd["held_out"]["lut"]["holds"] and d["held_out"]["lut"]["median"] < 0.01 and d["warnings"] == []'
"$hwnas" device calibrate --board "$tap_folder/steady.yaml" -q --as table -o "$tap_folder/table.csv" >"$out"
ok $? 'a table of all networks is written too'
holds 'whoever chose the wrong form is told the right one' "$out" '`--as lut` holds here'
"$hwnas" table show "$tap_folder/table.csv" --column latency_ms -f json >"$tap_folder/value"
same 'it has a row for each of the 15,284 connected cells' "$(python3 -c 'import json; print(json.load(open("'"$tap_folder/value"'"))["rows"])')" 15284

# --- a study runs with either
for source in lut table; do
    cat >"$tap_folder/$source.yaml" <<END
name: $source
space: nb201
strategy: {name: evrsnas, generations: 10}
fitness: {source: table, file: accuracy.csv, column: score}
costs:
  - {name: latency_ms, source: $source, file: $source.csv}
seed: 1
END
    "$hwnas" run "$tap_folder/$source.yaml" --db "$tap_folder/$source.db" -q -f json >"$out" 2>"$tap_folder/err"
    ok $? "a study with source: $source runs with the file"
    expect "its latencies are those of the file ($source)" python3 - "$hwnas" "$out" "$tap_folder/$source.csv" <<'END'
import json, subprocess, sys
best = json.loads(open(sys.argv[2]).read())["best"]
lut = ["--lut"] if sys.argv[3].endswith("lut.csv") else []
shown = subprocess.run([sys.argv[1], "table", "show", sys.argv[3], "--column", "latency_ms", "--arch", best["arch"], "-f", "json"] + lut, capture_output=True)
assert json.loads(shown.stdout)["latency_ms"] == best["costs"]["latency_ms"]
END
done
done_testing
