#!/bin/bash
# hwnas bench: a small matrix from a table that this test writes: its figures against brute force in Python, its files, its pictures through an
# XML parser, and what it says when it cannot run.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
rmi=$PWD/deploy/studies/host-rmi.yaml
cd "$tap_folder" || exit 1

python3 - <<'PY'
import itertools, random
random.seed(7)
with open("table.csv", "w") as out:
    out.write("ops,val,test,latency_ms,energy_mj\n")
    for ops in itertools.product("01234", repeat=6):
        quality = sum("024130"[int(o)] in "42" for o in ops) + sum({"0": 0, "1": 1, "2": 2, "3": 3, "4": 1}[o] for o in ops)
        latency = 0.5 + sum({"0": 0, "1": 0.1, "2": 0.5, "3": 1.25, "4": 0.4}[o] for o in ops)
        val = quality + random.random()
        out.write("%s,%.4f,%.4f,%.4f,%.4f\n" % ("".join(ops), val, val + random.uniform(-.5, .5), latency, 7 * latency + random.random()))
PY
cat >study.yaml <<'YAML'
name: made-up
space: nb201
strategy: {generations: 20}
fitness: {source: table, file: table.csv, column: val}
costs: [{name: latency_ms, source: table, file: table.csv}]
YAML
cat >published.csv <<'CSV'
setting,name,cost,value,error,source
2,Someone,,12.5,0.3,a paper
3,"S <1> & ""2""",,13.5,,another
9,Nobody,,1,,
,Someone,2.2,12,,a point of a front
CSV

# --- limits
$hwnas bench study.yaml --over costs.0.max=2,3,30% --over 'strategy.plain=as built:false,plain:true' --seeds 4 --jobs 1 \
    --test-column test --published published.csv --out limits >out 2>err
same 'a matrix runs' $? 0
holds 'its table has a row a search' out 'as built'
holds 'with the published figure beside' out '12.5 ±0.3 Someone'
holds 'a published row about no setting is noted' err "'9' are left out"
same 'no line is wider than 120 characters' "$(awk 'length($0) > 120' out | wc -l)" 0
same 'the folder holds figures and pictures' "$(ls limits | tr '\n' ' ')" \
    'curves.csv evaluations.svg fronts.csv limits.svg runs.csv summary.csv table.md '
cat >verify.py <<'PY'
import csv, statistics
def connected(ops):
    e = [o != "0" for o in ops]  # 1<-0 2<-0 2<-1 3<-0 3<-1 3<-2
    one, two = e[0], e[1] or (e[0] and e[2])
    return e[3] or (e[4] and one) or (e[5] and two)
rows = {r["ops"]: r for r in csv.DictReader(open("table.csv"))}
feasible = [r for r in rows.values() if connected(r["ops"])]
sorted_latency = sorted(float(r["latency_ms"]) for r in feasible)
def digits(arch):
    names = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    return "".join(str(names.index(op.split("~")[0])) for op in arch.replace("+", "").split("|") if op)
import math
limits = {"2": 2.0, "3": 3.0, "30%": sorted_latency[math.ceil(0.3 * len(sorted_latency)) - 1]}
runs = list(csv.DictReader(open("limits/runs.csv")))
assert len(runs) == 3 * 2 * 4
for run in runs:
    limit = limits[run["setting"]]
    best = max(float(r["val"]) for r in feasible if float(r["latency_ms"]) <= limit)
    found = rows[digits(run["best_arch"])]
    assert float(found["latency_ms"]) <= limit and float(run["latency_ms"]) == float(found["latency_ms"])
    assert abs(float(run["regret"]) - (best - float(found["val"]))) < 1e-9, run
    assert float(run["test"]) == float(found["test"])
    assert int(run["distinct"]) + int(run["cached"]) + int(run["skipped"]) == int(run["asked"])
for row in csv.DictReader(open("limits/summary.csv")):
    of = [float(r["regret"]) for r in runs if (r["setting"], r["strategy"]) == (row["setting"], row["strategy"])]
    assert len(of) == 4 and abs(statistics.mean(of) - float(row["regret_mean"])) < 1e-9
    assert abs(statistics.stdev(of) - float(row["regret_std"])) < 1e-9
    assert abs(statistics.median(of) - float(row["regret_median"])) < 1e-9
PY
expect 'every regret, limit and statistic is what brute force says' python3 verify.py
expect 'the pictures are well-formed XML' python3 -c '
import glob, xml.dom.minidom
for path in glob.glob("limits/*.svg"): xml.dom.minidom.parse(path)'
expect 'and hold neither scripts nor anything from elsewhere' sh -c '! grep -lE "<script|href|url\(http|@import" limits/*.svg'

# --- the same with other numbers of jobs, in other formats
$hwnas bench study.yaml --over costs.0.max=2,3,30% --over 'strategy.plain=as built:false,plain:true' --seeds 4 --jobs 7 \
    --test-column test --published published.csv --out again >second 2>err
expect 'the number of jobs changes no byte of the table' cmp -s out second
expect 'nor of any file' diff -r limits again
$hwnas bench study.yaml --seeds 2 -f json -q >json 2>err
same 'JSON is one object' "$(python3 -c 'import json; d=json.load(open("json")); print(d["study"], d["seeds"], len(d["searches"]), d["searches"][0]["asked"]["median"] > 0)')" \
    'made-up 2 1 True'
same 'quietly nothing is noted' "$(wc -c <err)" 0
same 'CSV has one row a search' "$($hwnas bench study.yaml --seeds 2 -f csv -q | wc -l)" 2

# --- names and limits that nobody looked at
long=$(printf 'é%.0s' {1..70})
$hwnas bench study.yaml --over "strategy.plain=$(printf 'x\377y\303|z'):false,x$long:true" --over "fitness.column=$long:val,b:test" --seeds 1 \
    --out names >out 2>err
same 'names may be any bytes' $? 0
expect 'pictures are well-formed XML all the same' python3 -c '
import glob, xml.dom.minidom
for path in glob.glob("names/*.svg"): xml.dom.minidom.parse(path)'
expect 'and tables are UTF-8' sh -c 'for file in out names/*; do python3 -c "import sys; open(sys.argv[1], encoding=\"utf-8\").read()" "$file" || exit 1; done'
same 'a bar in a name is none of the Markdown table' "$(sed -n 's/.*\(x?y?..z\).*/\1/p' names/table.md | head -n 1)" 'x?y?\|z'
$hwnas bench study.yaml --over costs.99999999999999.max=a:,b: --seeds 1 --out stray >out 2>err
same 'a limit that is left out everywhere may be of no cost' $? 0
same 'and is not drawn' "$(ls stray | grep -c '^limits.svg$')" 0
$hwnas bench study.yaml --over costs.0.max=none:,2,3 --seeds 1 --out some >out 2>err
same 'beside limits there may be none' "$?$(grep -c nan some/limits.svg)" 00

# --- fronts
$hwnas bench study.yaml --over strategy.mutation=0.1,0.4 --seeds 3 --reference max,2 --published published.csv --out fronts >out 2>err
same 'without limits fronts are compared' $? 0
same 'and drawn' "$(ls fronts | grep -c '^fronts.svg$')" 1
expect 'the reference and the true hypervolume are brute force'"'"'s' python3 - <<'PY'
import csv, re
exec(open("verify.py").read().split("sorted_latency")[0])
points = sorted((float(r["latency_ms"]), -float(r["val"])) for r in feasible)
reference = (max(p[0] for p in points), 2.0)
volume, best = 0.0, 2.0
for (latency, minus), (following, _) in zip(points, points[1:] + [(reference[0], 0)]):
    best = max(best, -minus)
    volume += (following - latency) * (best - 2.0)
text = open("out").read()
said = float(re.search(r"true hypervolume ([0-9.]+)", text).group(1))
assert abs(said - volume) < 1e-3 * volume, (said, volume)
assert ("(%g, 2)" % reference[0]) in text, reference
fronts = list(csv.DictReader(open("fronts/fronts.csv")))
true = [(float(r["latency_ms"]), float(r["fitness"])) for r in fronts if r["strategy"] == "true front"]
assert true == sorted(true) and all(a[1] < b[1] for a, b in zip(true, true[1:])) and len(true) > 3
PY

# --- what methods answer
$hwnas bench study.yaml --set strategy.name=gradient --set strategy.sweep=1 --set strategy.warmup=40 --over strategy.lambda=0,1 --seeds 2 \
    --test-column test --out traded >out 2>err
same 'weights of a search by gradients are methods' $? 0
same 'what they return is drawn' "$(python3 -c 'import xml.dom.minidom as x; print(x.parse("traded/returned.svg").documentElement.tagName)')" svg
same 'other methods have no such picture' "$(ls fronts | grep -c returned)" 0
expect 'means of what they return, and the best at that cost, are brute force'"'"'s' python3 - <<'PY'
import csv, statistics
exec(open("verify.py").read().split("sorted_latency")[0])
exec("def digits" + open("verify.py").read().split("def digits")[1].split("import math")[0])
runs = list(csv.DictReader(open("traded/runs.csv")))
for said in csv.DictReader(open("traded/returned.csv")):
    mine = [rows[digits(r["returned_arch"])] for r in runs if r["strategy"] == said["strategy"]]
    assert int(said["runs"]) == len(mine) == 2
    for figure, column in (("cost", "latency_ms"), ("fitness", "val"), ("test", "test")):
        assert abs(float(said[figure]) - statistics.mean(float(r[column]) for r in mine)) < 1e-9, said
    within = [r for r in feasible if float(r["latency_ms"]) <= float(said["cost"])]
    assert float(said["best_fitness"]) == max(float(r["val"]) for r in within), said
    assert float(said["best_test"]) == max(float(r["test"]) for r in within), said
PY

# --- time
$hwnas bench study.yaml --set network.cells=1 --over strategy.mode=generations,steady --seeds 2 --seconds 60 --workers 5 --boards 2 \
    --slow-board 4 --out timed >out 2>err
same 'a cluster is simulated' $? 0
holds 'with the hours it would have taken' out 'hours'
same 'and a picture over them' "$(ls timed | grep -c '^hours.svg$')" 1

# --- what it cannot run
touch ref.bundle
says 2 'a bench trains nothing' 'a study scored by RMI is refused' "$hwnas" bench "$rmi" --set fitness.bundle=ref.bundle
sed 's/^costs.*/costs: [{source: agent}]/' study.yaml >agent.yaml
says 2 'a bench measures nothing' 'a study measured by an agent is refused' "$hwnas" bench agent.yaml
says 2 'mutation' 'an unknown key names the nearest' "$hwnas" bench study.yaml --over strategy.mutatoin=1
says 2 'has no values' 'an axis without values is refused' "$hwnas" bench study.yaml --over costs.0.max
says 2 'no architecture is better than it' 'a reference that measures nothing is refused' "$hwnas" bench study.yaml --reference 1,1000
says 2 'without --seconds' 'workers without time are refused' "$hwnas" bench study.yaml --workers 3
says 2 'nearest' 'an unknown test column names the nearest' "$hwnas" bench study.yaml --test-column tset
says 2 'no column "setting"' 'a file that holds no published figures is refused' "$hwnas" bench study.yaml --published table.csv
says 2 'cannot be made' 'a folder that cannot be made is refused' "$hwnas" bench study.yaml --out none/such
says 2 'which study file' 'no study is refused' "$hwnas" bench

# --- interrupted (a shell starts background jobs with SIGINT ignored)
env --default-signal=INT "$hwnas" bench study.yaml --over strategy.plain=true --set budget.evaluations=0 --set strategy.generations=100000 --seeds 50 --out never \
    >out 2>err &
bench=$!
until_true test -d never
kill -INT $bench
wait $bench
same 'interrupted it ends with 130' $? 130
holds 'says so' err 'interrupted; nothing was written'
same 'and has written nothing' "$(ls -A never | wc -l)$(wc -c <out)" 00
done_testing
