#!/bin/bash
# Questions to a running master: what a verb would look up in the database, which the master holds. A master that is gone, stale words
# about one, names that cannot be, twenty questions in a row under load, a master killed while it answers.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
hwnas=$HWNAS_BUILD/hwnas
cd "$tap_folder" || exit 1

# judge SENTENCE PYTHON: d is the JSON object in the file out
judge() {
    python3 - out <<END
import json, sys
d = json.loads(open(sys.argv[1]).read())
sys.exit(not ($2))
END
    ok $? "$1"
}
word_of() { # word_of PROCESS: that master has said beside its database where it is; what was there before is of another
    [ "$(python3 -c 'import json; print(json.load(open("live.db.master"))["pid"])')" = "$1" ]
}
ask() { # ask ARGUMENT...: the answer in out; what is on standard error in err
    "$hwnas" "$@" >out 2>err
}

# --- a study that takes a while: workers come and go, so that it never ends while it is asked
study live '{name: macs, source: macs}'
sed -i 's/generations: 4/generations: 4000/' live.yaml
echo 'budget: {evaluations: 0}' >>live.yaml
start_master live
until_true test -e live.db.master
ask study why live --db live.db -f json
judge 'without a worker, why says so, and how to start one' 'd["live"] and [r["code"] for r in d["reasons"]] == ["no_worker"] and "hwnas-worker --connect" in d["reasons"][0]["todo"] and d["tasks"]["rmi"]["waiting"] == 8'
start_worker live-a
until_true scored live 10 # the first generation is told
same 'the master says beside its database where it is' "$(python3 -c 'import json; print(json.load(open("live.db.master"))["addresses"][0])')" "$address"
same 'to its user alone' "$(stat -c %a live.db.master)" 600
ask study list --db live.db -f json
judge 'the studies of a held database are listed by its master' '[s["study"] for s in d["studies"]] == ["live"] and d["studies"][0]["state"] == "running"'
ask study show live --db live.db -f json
judge 'a study that is running is shown with what it has found so far' 'd["summary"]["asked"] >= 8 and d["result"]["study"] == "live" and d["result"]["evaluations"]["asked"] == d["summary"]["asked"]'
ask study show live --db live.db
holds 'as a table, too' out 'candidates asked'
ask front live --db live.db -f csv
holds 'a front can be looked at while the search goes on' out 'arch,fitness,macs'
expect 'and has rows' [ "$(wc -l <out)" -gt 1 ]
ask device list --db live.db
holds 'so can the list of boards' out 'strikes'
says 2 "'lvie' is not in this database; it holds live" 'a mistyped study is told what there is' "$hwnas" front lvie --db live.db
says 2 "there is no board 'kitchen'" 'a board that is not there is not found' "$hwnas" device show kitchen --db live.db
says 2 'that is no name' 'what cannot be a name is refused before it is sent' "$hwnas" device show 'a b' --db live.db
says 2 'longer than any name' 'so is what is longer than any name' "$hwnas" study show "$(printf 'x%.0s' $(seq 100))" --db live.db
says 3 'stop that first' 'what a master does not do while it runs is refused, with the way there' "$hwnas" device withdraw kitchen --db live.db

says 3 'or work on a copy' 'nor is a network exported from under it' "$hwnas" export live --db live.db --onnx best.onnx

# --- why
busy() { ask study why live --db live.db -f json && grep -q '"code":"\(busy_workers\|computing\)"' out; }
expect 'with a worker at work, why says that it is busy' until_true busy
judge 'and who holds what, since when and until when' 'len(d["leases"]) == 1 and d["leases"][0]["node"] == "live-a" and d["leases"][0]["kind"] == "rmi" and d["leases"][0]["since"] <= d["leases"][0]["until"] and d["leases"][0]["arch"].startswith("|")'
ask study why live --db live.db
holds 'the table says it, too' out 'lease(s)'
ask study why live --db live.db -f csv
holds 'and CSV has the reasons' out 'study,state,code,sentence,todo'
until_true caught live live-a "$worker"
kill -9 "$worker"
wait "$worker" 2>/dev/null
lost() { ask study why live --db live.db -f json && grep -q '"how":"lost"' out && grep -q no_worker out; }
expect 'a worker that died is an attempt lost, with where and why' until_true lost
judge 'of a task that is wanted again' 'd["failures_in_all"] >= 1 and d["failures"][0]["node"] == "live-a" and d["failures"][0]["reason"] != "" and d["leases"] == []'
says 2 "'lvie' is not in this database" 'why a study waits that is not there, nobody knows' "$hwnas" study why lvie --db live.db
start_worker live-b

# --- many questions at once, under load
before=$(progress live scored)
for i in $(seq 1 20); do ask study show live --db live.db -f json || break; done
same 'twenty questions in a row are answered' "$i $(python3 -c 'import json; print(json.load(open("out"))["result"]["study"])')" '20 live'
askers=
for i in $(seq 1 20); do
    "$hwnas" study list --db live.db -f json >"many-$i" 2>>many.err &
    askers="$askers $!"
done
answered=0
for asker in $askers; do wait "$asker" && answered=$((answered + 1)); done
same 'so are twenty at once' "$answered" 20
expect 'and the search went on meanwhile' until_true scored live $((before + 4))
same 'nobody who asks counts as a peer' "$(progress live workers) $(progress live agents)" '1 0'

# --- backups: everything acknowledged before one was begun is in it, and it is sound
acknowledged() { # evaluations that were committed, and so acknowledged, before that line was printed
    progress live scored
}
copies=$(amount 3 50) sound=0 complete=0
for i in $(seq 1 "$copies"); do
    had=$(acknowledged)
    ask db backup --db live.db -o "copy-$i.db" -f json || break
    [ "$(sqlite3 "copy-$i.db" 'PRAGMA integrity_check')" = ok ] && sound=$((sound + 1))
    [ "$(sqlite3 "copy-$i.db" 'SELECT count(*) FROM evaluation')" -ge "$had" ] && complete=$((complete + 1))
    until_true scored live $((had + 2))
done
same 'backups under load: each passes the check' "$sound" "$copies"
same 'and has every result of before it was begun' "$complete" "$copies"
judge 'the answer says what was made' "d['copy'].endswith('/copy-$copies.db') and d['bytes'] > 0"
same 'a copy is a database like any other' "$("$hwnas" study list --db copy-1.db -f csv | tail -1 | cut -d, -f1)" live
says 3 'copy-1.db' 'a backup never takes the place of what is there' "$hwnas" db backup --db live.db -o copy-1.db
says 2 'its folder' 'nor can it be in a folder that is not there' "$hwnas" db backup --db live.db -o none/copy.db
says 2 '-o COPY is needed' 'it needs a name' "$hwnas" db backup --db live.db
ask db master --db live.db -f json
judge 'db master says who holds a database' "d['master'] == 'running' and d['pid'] == $master and d['study'] == 'live' and d['addresses'] == ['$address']"

# --- how much is logged
same 'at first the master tells nothing of each lease' "$(grep -c 'debug hwnas-master: leased ' live.err)" 0
ask db log-level debug --db live.db -f json
judge 'its log level can be asked for while it runs' 'd == {"before": "info", "level": "debug"}'
expect 'and is so at once' until_true grep -q 'debug hwnas-master: leased lease=[0-9]* key=[0-9a-f]* attempt=1 node=live-b$' live.err
says 2 'which level?' 'a level that is none is refused' "$hwnas" db log-level loud --db live.db
kill -USR2 "$worker"
expect 'a signal makes a worker tell less' until_true grep -q 'info  hwnas-worker: log level from=debug to=info$' live-b.err
kill -USR1 "$worker"
expect 'and more' until_true grep -q 'log level from=info to=debug$' live-b.err

# --- a master that is frozen; one that is gone
kill -STOP "$master"
says 1 'did not answer within 1 s' 'a master that is stopped is waited for as long as was said' "$hwnas" study list --db live.db --wait 1
"$hwnas" study show live --db live.db -f json >out 2>err &
asker=$!
kill -9 "$master"
wait "$master" 2>/dev/null
wait "$asker"
same 'a master killed while it is asked: the database is looked into instead' $? 0
judge 'with all that was stored' "d['summary']['asked'] >= 8"
expect 'its word is still there' test -e live.db.master
ask front live --db live.db -f csv
same 'but stale, so the database itself is opened' $? 0
ask study why live --db live.db -f json
judge 'why says that a master is missing, and how it goes on' '[r["code"] for r in d["reasons"]] == ["no_master"] and "hwnas study resume live" in d["reasons"][0]["todo"] and not d["live"]'
ask db master --db live.db
holds 'db master says so, too' out 'has ended'
ask db backup --db live.db -o quiet.db
same 'a database that nobody holds is copied by the verb itself' "$? $(sqlite3 quiet.db 'PRAGMA integrity_check')" '0 ok'
cp live.db copy.db && cp live.db.master copy.db.master
[ ! -e live.db-wal ] || cp live.db-wal copy.db-wal
ask study list --db copy.db -f json
judge 'a copy of database and word is no held database' '[s["study"] for s in d["studies"]] == ["live"]'
echo '{"pid": "me"}' >copy.db.master
ask study list --db copy.db
same 'nor does nonsense in its place do harm' $? 0

# --- somebody else holds it
python3 - live.db <<'END' &
import signal, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("BEGIN IMMEDIATE")
open("held", "w").close()
signal.pause()
END
holder=$!
children="$children $holder"
until_true test -e held
says 3 'live.db.master: is stale' 'held by another program: the stale word is named as such' "$hwnas" study list --db live.db
kill "$holder"
wait "$holder" 2>/dev/null

# --- with keys: operators may ask, nobody else
for key in 'head master' 'op operator' 'rack worker' 'stranger operator'; do
    # shellcheck disable=SC2086
    set -- $key
    "$hwnas" keygen "$1" --role "$2" >/dev/null
done
install -d -m 755 allow
install -m 644 keys/op keys/rack allow
start_keyed() {
    start live hwnas-master --study live.yaml --db live.db --listen 'tcp://127.0.0.1:*' --key keys/head_secret --allow allow --progress
    master=$started
}
start_keyed
until_true word_of "$master"
keyed=$(python3 -c 'import json; print(json.load(open("live.db.master"))["addresses"][0])')
says 3 'answers nobody without a key' 'a master that wants keys is not asked without one' "$hwnas" study list --db live.db
ask study why live --db live.db --key keys/op_secret --server-key keys/head -f json
judge 'an operator with a key is answered' 'd["study"] == "live" and d["live"]'
ask study list --connect "$keyed" --key keys/op_secret --server-key keys/head -f json
judge 'from anywhere, without the database' '[s["study"] for s in d["studies"]] == ["live"]'
says 2 'role worker' 'a worker is not' "$hwnas" study list --connect "$keyed" --key keys/rack_secret --server-key keys/head
expect 'a key that is not let in gets nothing' sh -c '! "$@" >out 2>err' sh "$hwnas" study list --connect "$keyed" --key keys/stranger_secret --server-key keys/head --wait 3
expect 'nor is it said of the database' sh -c '! grep -q live out err'
says 2 'goes beside the database' 'with a key a copy is made beside the database alone' "$hwnas" db backup --connect "$keyed" --key keys/op_secret --server-key keys/head -o /tmp/hwnas-elsewhere.db
ask db backup --connect "$keyed" --key keys/op_secret --server-key keys/head -o "$(realpath .)/keyed.db"
same 'there it is' "$? $(sqlite3 keyed.db 'PRAGMA integrity_check')" '0 ok'
stop "$master"

# --- back again
start_master live
until_true word_of "$master"
until_true "$hwnas" study list --db live.db
stop "$master"
same 'the master ends in order' $stopped 0
expect 'and takes its word along' test ! -e live.db.master
# --- the embedded cluster of `hwnas run`, on a socket of its own
study embedded '{name: macs, source: macs}'
sed -i 's/generations: 4/generations: 4000/' embedded.yaml
echo 'budget: {evaluations: 0}' >>embedded.yaml
"$hwnas" run embedded.yaml --db embedded.db --workers 1 -q >/dev/null 2>&1 &
run=$!
children="$children $run"
reached() { ask study why embedded --db embedded.db -f json && grep -q '"workers":1' out; }
expect 'a search by hwnas run is asked as any other' until_true reached
judge 'it is told that it is at work' 'd["live"] and d["state"] == "running"'
kill -USR1 "$run"
expect 'a signal to hwnas run reaches its master' until_true grep -q 'hwnas-master: log level from=info to=debug' embedded.log
expect 'and its worker' until_true grep -q 'hwnas-worker: log level from=info to=debug' embedded.log
kill "$run"
wait "$run"
same 'stopped, it leaves no word behind' "$(ls embedded.db.master 2>/dev/null)" ''

study short '{name: macs, source: macs}'
start_master short
start_worker short-a
wait "$master"
ask study why short --db short.db -f json
judge 'a finished study waits for nothing' 'd["state"] == "finished" and [r["code"] for r in d["reasons"]] == ["finished"]'
says 2 'no such database' 'a database that is not there is held by nobody' "$hwnas" study list --db none.db
echo 'no database' >wrong.db
says 2 'no master holds it' 'without a master there is no log level to change' "$hwnas" db log-level debug --db live.db
says 2 'wrong.db' 'what is no database is none' "$hwnas" study list --db wrong.db

[ $tap_failed -eq 0 ] || show_logs
done_testing
