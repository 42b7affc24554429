#!/bin/bash
# A small search that really computes, by `hwnas run` alone: the same answer with any number of workers and after kills, and a latency that
# an agent measured. The reference is made up, so this says nothing of how good the answer is.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas source=$PWD
tests/support/make_bundle.py "$tap_folder/ref.bundle" 8
cd "$tap_folder" || exit 1
cat >s.yaml <<'YAML'
name: s
space: nb201
strategy: {population: 4, generations: 3, tournament: 2}
fitness: {source: rmi, bundle: ref.bundle, protocol: rmi-fast, finalists: 0}
costs: [{source: macs, max: 120e6}]
seed: 3
YAML
answer() { sed 's/,"seconds":.*//' "$1"; }

$hwnas run s.yaml --db one.db --workers 1 -f json >one 2>err
same 'a search with one worker runs to its end' $? 0
same 'it finds something' "$(python3 -c 'import json; print(0 < json.load(open("one"))["best"]["costs"]["macs"] <= 120e6)')" True
# Fitness beside both networks' phi and the MACs that stand in the same database, and what it must be (common/combine.h).
cat >combined.py <<'PYTHON'
import json, math, re, sqlite3, sys
number = {key: [float(value) for value in values.split(",")] for key, values in
          re.findall(r"[.](\w+) = {?([-\d., ]*\d)}?[,}]", open(sys.argv[3]).read().split("finals_table")[0])}
def standard(part, value): return (value - number[part][0]) / number[part][1]
def near(phi): return -math.log(max(1 - phi / number["taps"][0], 1e-6))
db, rows = sqlite3.connect(sys.argv[1]), 0
for fitness, key, canonical, macs in db.execute(
        "SELECT fitness, fitness_key, canonical, value FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible AND arch = canonical").fetchall():
    first = db.execute("SELECT value FROM evaluation WHERE key = ?", [key]).fetchone()[0]
    others = [value for value, in db.execute("SELECT value FROM evaluation WHERE arch = ? AND key <> ?", [canonical, key])]
    if sys.argv[2] == "none":
        wanted = first
        assert not others, canonical
    else:
        both = 2 * standard("nearness", near(first)) + standard("deep_nearness", near(others[0]))
        wanted = both / number["both_spread"][0] + standard("log_macs", math.log(macs))
        assert len(others) == 1, canonical
    assert abs(fitness - wanted) < 1e-9, (fitness, wanted)
    rows += 1
print(rows > 0)
PYTHON
combined() { /usr/bin/python3 combined.py "$1" "$2" "$source/common/combine.c"; }
same 'its fitness is phi of two networks and MACs as one' "$(combined one.db macs+deep)" True
$hwnas run s.yaml --set fitness.combine=none --db alone.db --workers 2 -q >alone 2>err
same 'without combining it is phi' "$(combined alone.db none)" True
$hwnas run s.yaml --db alone.db --workers 1 >refused 2>err
same 'a study does not go on with another kind of fitness' "$? $(grep -c 'fitness.combine: none there, macs+deep here' err)" '3 1'
rm -f alone.db*
$hwnas run s.yaml --db three.db --workers 3 -f json >three 2>err
same 'three workers find the same' "$(answer three)" "$(answer one)"

# --- killed: a worker, then everything
scored() { grep -q " [1-9][0-9]* scored" "$1"; }
$hwnas run s.yaml --db killed.db --workers 1 -f json >killed 2>killed.err &
pid=$!
until_true scored killed.err
worker=$(pgrep -P $pid -f hwnas-worker)
kill -9 "$worker"
until_true grep -q 'was ended by signal 9' killed.err
holds 'a killed worker is started again' killed.err 'hwnas-worker 1 was ended by signal 9 (Killed); it is started again'
children=$(pgrep -P $pid)
kill -9 $pid
{ wait $pid; } 2>/dev/null
gone() {
    local child
    for child in $children; do [ ! -d "/proc/$child" ] || return 1; done
}
until_true gone
ok $? 'when hwnas is killed its children end too'
same 'no result was printed' "$(cat killed)" ''
$hwnas run s.yaml --db killed.db --workers 2 -f json >killed 2>err
same 'run again it ends with the same answer' "$(answer killed)" "$(answer one)"
evaluations() { /usr/bin/python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM evaluation").fetchone())' "$1"; }
same 'every distinct candidate was evaluated once by each network' "$(evaluations one.db)" "$(python3 -c 'import json; print(2 * json.load(open("one"))["evaluations"]["distinct"])')"
same 'with as many evaluations as the whole search had' "$(evaluations killed.db)" "$(evaluations one.db)"

# --- the settings and the bundle are in the database
$hwnas run s.yaml --db alone.db --workers 1 -f json >alone 2>alone.err &
pid=$!
until_true scored alone.err
kill -INT $pid
wait $pid
same 'a search stopped by Ctrl-C exits 130' $? 130
mv ref.bundle away.bundle
$hwnas study resume s --db alone.db --workers 2 -f json >alone 2>err
same 'it is resumed without its study file and bundle, to the same answer' "$(answer alone)" "$(answer one)"
mv away.bundle ref.bundle

# --- a study of the time when rmi-fast had other numbers and nothing was combined goes on with those
then=(--set fitness.protocol=rmi-fast-1 --set fitness.combine=none)
$hwnas run s.yaml "${then[@]}" --db then.db --workers 2 -f json >then 2>err
$hwnas run s.yaml "${then[@]}" --db old.db --workers 1 -f json >old 2>old.err &
pid=$!
until_true scored old.err
kill -INT $pid
wait $pid
/usr/bin/python3 -c 'import re, sqlite3
with sqlite3.connect("old.db") as db:
    settings = db.execute("SELECT settings FROM study").fetchone()[0]
    db.execute("UPDATE study SET settings = ?", [re.sub("  combine: none\n", "", settings.replace("rmi-fast-1", "rmi-fast"))])'
$hwnas run s.yaml --db old.db --workers 1 >refused 2>err
same 'by a study file that means other numbers today it is refused' "$? $(grep -c 'fitness.protocol: rmi-fast-1 there, rmi-fast-2 here' err)" '3 1'
$hwnas study resume s --db old.db --workers 2 -f json >old 2>err
same 'by its name it is resumed, to the answer of then' "$(answer old)" "$(answer then)"

# --- another study on the same database looks up what is known
$hwnas run s.yaml --db one.db --set name=t --workers 1 -f json >t 2>err
same 'a second study of the same settings finds the same' "$(answer t | sed 's/"study":"t"/"study":"s"/')" "$(answer one)"
same 'and evaluates nothing anew' "$(evaluations one.db)" "$(evaluations three.db)"

# --- finals: the same search, and its two best scored once more
finals=(--set name=f --set fitness.finalists=2)
cp one.db final.db
cp one.db broken.db
$hwnas run s.yaml "${finals[@]}" --db final.db --workers 2 -f json >final 2>final.err
same 'a search with finals runs to its end' $? 0
search() { python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(r["best"], r["front"][0]["arch"], r["evaluations"])' "$1"; }
same 'the search finds the same as without' "$(search final)" "$(search one)"
cat >finals.py <<'PYTHON'
import json, math, re, sqlite3, sys
report, source = json.load(open(sys.argv[1])), open(sys.argv[3]).read()
row = re.search(r'"rmi-fast-2",\s*[{][.]name = "final-1".*?[}][}],', source, re.S).group(0)
number = {key: [float(value) for value in values.split(",")] for key, values in re.findall(r"[.](\w+) = {?([-\d., ]*\d)}?[,}]", row)}
def standard(part, value): return (value - number[part][0]) / number[part][1]
db = sqlite3.connect(sys.argv[2])
listed = report["finalists"]["list"]
assert report["finalists"]["in_all"] == report["finalists"]["scored"] == 2 == len(listed)
assert [listed[0]["final"], sorted(f["place"] for f in listed)] == [max(f["final"] for f in listed), [1, 2]]
assert report["final"] == listed[0], "the first is chosen"
for finalist in listed:
    canonical, macs = db.execute("SELECT canonical, value FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE arch = ?", [finalist["arch"]]).fetchone()
    steps = lambda detail: len(json.loads(detail)["trace"])
    draws = [value for value, detail in db.execute("SELECT value, detail FROM evaluation WHERE arch = ?", [canonical]) if steps(detail) > 21]
    assert len(draws) == number["draws"][0], draws
    near = sum(-math.log(max(1 - phi / number["taps"][0], 1e-6)) for phi in draws) / len(draws)
    assert abs(standard("nearness", near) + standard("log_macs", math.log(macs)) - finalist["final"]) < 1e-9
print(True)
PYTHON
same 'the final score is the mean of fresh draws, with MACs' "$(/usr/bin/python3 finals.py final final.db "$source/common/combine.c")" True
holds 'the progress says how many finalists are scored' final.err 'finalists 2 of 2 scored'
$hwnas study show f --db final.db >shown
holds 'study show tells who was chosen' shown 'chosen by the finals, of the 2 best'
$hwnas export f --db final.db --onnx f.onnx 2>err
same 'and that is what is exported' "$(grep -cF "$(python3 -c 'import json; print(json.load(open("final"))["final"]["arch"])')" err)" 1
$hwnas run s.yaml "${finals[@]}" --db broken.db --workers 1 -f json >broken 2>broken.err &
pid=$!
in_the_finals() { # one draw is there at least, and one is not
    $hwnas study why f --db broken.db >why 2>/dev/null && grep -q 'of 2 finalists scored' why && grep -Eq '^rmi +[1-4] ' why
}
until_true in_the_finals
children=$(pgrep -P $pid)
kill -9 $pid
{ wait $pid; } 2>/dev/null
until_true gone
$hwnas study why f --db broken.db >why
same 'study why tells how far the finals are' "$(grep -c ' candidates told, [01] of 2 finalists scored$' why)" 1
$hwnas run s.yaml "${finals[@]}" --db broken.db --workers 2 -f json >broken 2>err
same 'killed in the finals and run again it ends with the same answer' "$(answer broken)" "$(answer final)"
same 'and no evaluation was lost or made twice' "$(evaluations broken.db)" "$(evaluations final.db)"

# --- latency measured here
$hwnas run s.yaml --db agent.db --workers 1 --canary-every 0 --set name=measured --set strategy.population=2 --set strategy.generations=1 \
    --set strategy.elites=0 --set network.cells=1 --set costs.0.source=agent --set costs.0.max=1000 -f json >measured 2>err
same 'a search with a measured cost runs to its end' $? 0
same 'the latency is a number above 0' "$(python3 -c 'import json; print(json.load(open("measured"))["best"]["costs"]["latency_ms"] > 0)')" True

done_testing
