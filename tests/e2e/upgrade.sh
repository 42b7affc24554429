#!/bin/bash
# A database of an older version: a study that was half done in it goes on and ends as if it had been begun with this one.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
schema=$PWD/master/schema.sql
cd "$tap_folder" || exit 1
python3 - <<'PY'
import itertools
with open("accuracy.csv", "w") as out:
    print("ops,accuracy,latency_ms", file=out)
    for ops in itertools.product(range(5), repeat=6):
        print(f"{''.join(map(str, ops))},{sum((0, 4, 13, 21, 2)[o] * (9 + i) for i, o in enumerate(ops))},{sum((1, 3, 20, 50, 9)[o] for o in ops)}", file=out)
PY
cat >aged.yaml <<'END'
name: aged
space: nb201
strategy: {name: evrsnas, population: 12, generations: 20}
fitness: {source: table, file: accuracy.csv, column: accuracy}
costs: [{source: table, name: latency_ms, file: accuracy.csv, max: 150}]
END
$hwnas run aged.yaml --db whole.db -f json >whole 2>err
same 'a study is run with this version' $? 0

# What version 1 would have left behind after 100 candidates.
sqlite3 aged.db <"$schema"
sqlite3 aged.db <<'END'
ATTACH 'whole.db' AS whole;
INSERT INTO study SELECT id, name, settings, files, 'running', created_wall_ms, 0, 0.5 FROM whole.study;
INSERT INTO candidate SELECT study_id, ask, genes, arch, canonical, fitness_key, cached, skipped, connected, feasible, fitness, satisfies FROM whole.candidate WHERE ask < 100;
INSERT INTO candidate_cost SELECT study_id, ask, position, value FROM whole.candidate_cost WHERE ask < 100;
END
cp aged.db resumed.db
cp aged.db read.db
without_seconds() { sed 's/,"seconds":.*//' "$1"; }
says 2 'hwnas study resume' 'a reader refuses it and says what to do' "$hwnas" front aged --db read.db
expect 'and leaves it as it was' cmp -s aged.db read.db
$hwnas study resume aged --db resumed.db -f json >resumed 2>err
same 'study resume goes on from it' $? 0
same 'and ends with the same answer' "$(without_seconds resumed)" "$(without_seconds whole)"
same 'a copy of the old version stays beside it' "$(sqlite3 resumed.db.schema1 'PRAGMA user_version; SELECT count(*) FROM candidate')" "$(printf '1\n100')"
same 'no cost was lost on the way' "$(sqlite3 resumed.db 'SELECT count(*), sum(value) FROM candidate_cost; PRAGMA foreign_key_check; PRAGMA integrity_check')" \
    "$(sqlite3 whole.db 'SELECT count(*), sum(value) FROM candidate_cost; PRAGMA foreign_key_check; PRAGMA integrity_check')"
$hwnas run aged.yaml --db aged.db -f json >run 2>err
same 'so does the command that began it' "$(without_seconds run)" "$(without_seconds whole)"
done_testing
