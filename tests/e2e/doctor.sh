#!/bin/bash
# `hwnas doctor`: an installation that is as it should be has nothing wrong; then one thing at a time is made wrong, and it is found, named, and shows
# in the exit code. Nothing that is examined is changed.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
out=$tap_folder/out
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
mkdir "$tap_folder/bin"
cp "$HWNAS_BUILD"/hwnas "$HWNAS_BUILD"/hwnas-master "$HWNAS_BUILD"/hwnas-worker "$HWNAS_BUILD"/hwnas-agent "$tap_folder/bin"
doctor() { "$tap_folder/bin/hwnas" doctor "$@" >"$out" 2>"$tap_folder/err"; }
# finds SENTENCE CODE LEVEL AREA TEXT ARGUMENT...: that finding, and that exit code.
finds() {
    local sentence=$1 code=$2 level=$3 area=$4 text=$5
    shift 5
    doctor "$@"
    local got=$?
    grep -E "^$level +$area " "$out" | grep -qF -- "$text" && [ $got -eq "$code" ]
    local found=$?
    [ $found -eq 0 ] || { echo "# exit code $got"; sed 's/^/# /' "$out" "$tap_folder/err"; }
    ok $found "$sentence"
}
json() { # json SENTENCE PYTHON: d is the object
    python3 -c "import json, sys; d = json.loads(open(sys.argv[1]).read()); sys.exit(not ($2))" "$out"
    ok $? "$1"
}

# --- as it should be
cd "$tap_folder" || exit 1
doctor
code=$?
same 'this installation has nothing wrong' $code 0
[ $code -eq 0 ] || sed 's/^/# /' "$out"
for area in programs processor openblas memory limits clock sockets disk; do
    expect "it speaks of $area" grep -qE "^(fine|unknown|doubtful) +$area " "$out"
done
same 'all three programs are found and are of this version' "$(grep -c '^fine .*programs .*hwnas-[a-z]* [0-9]' "$out")" 3
same 'the last line counts' "$(tail -n 1 "$out" | grep -c ' 0 wrong, ')" 1
same 'nothing goes to standard error' "$(cat "$tap_folder/err")" ''
same 'nothing is left behind' "$(ls -A | grep -c doctor)" 0
doctor -q
same '-q leaves out what is fine' "$(grep -cE '^(fine|unknown) +[a-z]+ ' "$out" | tail -n 1)" "$(tail -n 1 "$out" | grep -cE '^(fine|unknown)')"
doctor -f json
same '-f json ends with the same exit code' $? 0
json 'it is one object that counts its findings' 'd["wrong"] == 0 and sum(d[k] for k in ("wrong", "doubtful", "unknown", "fine")) == len(d["findings"]) and all(f["level"] and f["area"] and f["sentence"] and "advice" in f for f in d["findings"])'
doctor -f csv && python3 -c 'import csv, sys; rows = list(csv.reader(open(sys.argv[1]))); sys.exit(not (rows[0] == ["level", "area", "sentence", "advice"] and len(rows) > 8 and all(len(row) == 4 for row in rows)))' "$out"
ok $? '-f csv is a table of four columns'
says 2 "'word'" 'an argument is refused' "$tap_folder/bin/hwnas" doctor word
says 2 'xml' 'a format that is none is refused' "$tap_folder/bin/hwnas" doctor -f xml

# --- programs
printf '#!/bin/sh\necho hwnas-worker 9.9.9\n' >bin/hwnas-worker
finds 'a program of another version is wrong' 1 wrong programs 'hwnas-worker 9.9.9'
printf '#!/bin/sh\nexit 1\n' >bin/hwnas-worker
finds 'one that does not start is wrong' 1 wrong programs 'hwnas-worker'
rm bin/hwnas-worker
PATH=/usr/bin:/bin finds 'one that is missing is doubtful' 0 doubtful programs 'hwnas-worker stands neither beside hwnas nor in PATH'
cp "$HWNAS_BUILD/hwnas-worker" bin

# --- OpenBLAS
case $("$tap_folder/bin/hwnas" device show) in
*isa=avx*) OPENBLAS_CORETYPE=Prescott finds 'an OpenBLAS held to a smaller core is doubtful' 0 doubtful openblas OPENBLAS_CORETYPE ;;
*) ok 0 'an OpenBLAS held to a smaller core is doubtful # SKIP this processor has no wider one' ;;
esac
OPENBLAS_L2_SIZE=1 finds 'so is one told a size of its cache' 0 doubtful openblas OPENBLAS_L2_SIZE

# --- limits, folders
(ulimit -n 40; finds 'too few open files are wrong' 1 wrong limits '40 open files'; exit $tap_failed)
[ $? -eq 0 ] || tap_failed=1
tap_number=$((tap_number + 1))
TMPDIR=/proc finds 'a folder that takes no sockets is wrong' 1 wrong sockets '/proc'
finds 'a folder that takes no database is wrong' 1 wrong disk '/proc' --db /proc/x.db

# --- the database
finds 'a database that is not there yet is fine' 0 fine database 'is not there yet' --db new.db
same '... and is not made' "$(ls | grep -c new.db)" 0
study s '{name: macs, source: macs}'
cd - >/dev/null || exit 1
start_master s
expect 'a master listens' until_true [ -S "$tap_folder/socket/hwnas.sock" ]
finds 'a database that a master holds is fine' 0 fine database "is held by a master (process $master, study s" --db "$tap_folder/s.db"
finds '... it answers' 0 fine connect 'a master answers' --connect "$address"
finds '... and is not disturbed where it listens' 0 doubtful listen 'somebody listens there already' --listen "$address"
finds '... it answers still' 0 fine connect 'a master answers' --connect "$address"
start_worker w
wait "$master"
same 'and its study ends as if nobody had looked' $? 0
stop "$worker"
finds 'its database is sound' 0 fine database '1 studies, 29 evaluations, 0 measurements' --db "$tap_folder/s.db"
before=$(sha256sum <"$tap_folder/s.db")
chmod 666 "$tap_folder/s.db"
finds 'one that others may change is wrong' 1 wrong database 'others may change it' --db "$tap_folder/s.db"
chmod 600 "$tap_folder/s.db"
same 'it is not changed' "$(sha256sum <"$tap_folder/s.db")" "$before"
head -c 5000 "$tap_folder/s.db" >"$tap_folder/cut.db" && chmod 600 "$tap_folder/cut.db"
finds 'a damaged one is wrong' 1 wrong database 'cut.db' --db "$tap_folder/cut.db"
echo 'something else' >"$tap_folder/text.db" && chmod 600 "$tap_folder/text.db"
finds 'so is one that is none' 1 wrong database 'text.db' --db "$tap_folder/text.db"
finds 'and a folder' 1 wrong database "$tap_folder/socket" --db "$tap_folder/socket"

# --- keys and addresses
keys=$tap_folder/keys
"$tap_folder/bin/hwnas" keygen head --role master --folder "$keys" >/dev/null 2>&1 && "$tap_folder/bin/hwnas" keygen rack --role worker --folder "$keys" >/dev/null 2>&1 &&
    "$tap_folder/bin/hwnas" keygen stranger --role worker --folder "$keys" >/dev/null 2>&1
ok $? 'keys are made'
mkdir -m 755 "$tap_folder/allow"
install -m 644 "$keys/rack" "$tap_folder/allow"
finds 'keys that fit are fine' 0 fine keys 'the half of the other' --key "$keys/head_secret" --allow "$tap_folder/allow" --server-key "$keys/head" --listen 'tcp://127.0.0.1:*'
finds 'an address beyond this machine without keys is wrong' 1 wrong listen 'tcp://0.0.0.0:5555' --listen tcp://0.0.0.0:5555
finds 'a worker without the key of its master is wrong' 1 wrong keys --server-key --key "$keys/rack_secret" --connect tcp://127.0.0.1:9
study locked '{name: macs, source: macs}'
start locked hwnas-master --study "$tap_folder/locked.yaml" --db "$tap_folder/locked.db" --listen 'tcp://127.0.0.1:*' --key "$keys/head_secret" --allow "$tap_folder/allow"
master=$started
expect 'a master with keys listens' until_true grep -q 'listening address="*tcp' "$tap_folder/locked.err"
tcp=$(sed -n 's/.*listening address="*\(tcp[^ "]*\).*/\1/p' "$tap_folder/locked.err")
finds 'it lets a key in that is listed' 0 fine connect 'lets this key in' --connect "$tcp" --key "$keys/rack_secret" --server-key "$keys/head"
finds 'and no other' 1 wrong connect "$tcp" --connect "$tcp" --key "$keys/stranger_secret" --server-key "$keys/head"
chmod 644 "$keys/rack_secret"
finds 'a secret key that others may read is wrong' 1 wrong keys 'rack_secret' --key "$keys/rack_secret" --server-key "$keys/head"
stop "$master"

# --- boards
finds 'a board file that an agent takes is fine' 0 fine board 'host' --board deploy/boards/host-builtin.yaml
printf 'name: x\nrunner: flying\n' >"$tap_folder/bad.yaml"
finds 'one that it does not take is wrong' 1 wrong board 'bad.yaml' --board "$tap_folder/bad.yaml"
finds 'so is one that is not there' 1 wrong board 'none.yaml' --board "$tap_folder/none.yaml"

[ $tap_failed -eq 0 ] || show_logs
done_testing
