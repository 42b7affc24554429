#!/bin/bash
# Keys from end to end: keygen; a master that does not start without them; a whole study over CURVE with a worker, an agent, a key
# taken away and one added in mid-run; keys that are let in and say what they may not; an operator.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
hwnas=$HWNAS_BUILD/hwnas
here=$PWD
cd "$tap_folder" || exit 1

# --- keygen
mkdir -m 755 allow
for key in head:master alpha:worker beta:worker gamma:worker lab:agent attic:agent boss:operator stray:worker; do
    "$hwnas" keygen "${key%:*}" --role "${key#*:}" >"${key%:*}.fingerprint" 2>>keygen.err || echo "# keygen $key failed"
done
cp keys/alpha keys/beta keys/lab keys/attic keys/boss allow/
finger() { cat "$1.fingerprint"; }
same 'a secret file is its owner'"'"'s alone, and so is the folder' "$(stat -c %a keys/alpha_secret keys)" $'600\n700'
same 'keygen prints a fingerprint' "$(grep -cE '^([0-9a-f]{4}-){7}[0-9a-f]{4}$' alpha.fingerprint)" 1
same 'and no key' "$(cat ./*.fingerprint keygen.err | grep -cF -e "$(sed -n 's/.*public-key = "\(.*\)"/\1/p' keys/alpha)" -e "$(sed -n 's/.*secret-key = "\(.*\)"/\1/p' keys/alpha_secret)")" 0
says 3 'is not written over' 'a key that is there is not written over' "$hwnas" keygen alpha --role worker
says 2 'cannot be a key' 'a name with a dot is refused' "$hwnas" keygen a.b --role worker
says 2 '--role' 'a role that is none is refused' "$hwnas" keygen x --role king
same 'the allow-list is shown with fingerprints' "$("$hwnas" keygen --list allow -f csv | sed -n 's/^alpha,worker,//p')" "$(finger alpha)"

# --- what does not start
study over '{name: macs, source: macs}, {name: pi_ms, source: agent, device: sim-pi-table1-f32}'
master_says() { # master_says TEXT SENTENCE ARGUMENT...: exit code 2, and no database is made
    local text=$1 sentence=$2
    shift 2
    says 2 "$text" "$sentence" "$HWNAS_BUILD/hwnas-master" --study over.yaml --db refused.db "$@"
    [ ! -e refused.db ] || ok 1 'and nothing was made'
}
master_says 'hwnas keygen' 'without keys a master does not listen beyond this machine' --listen 'tcp://*:0'
master_says 'go together' 'with a key and no list it does not start' --listen 'tcp://*:0' --key keys/head_secret
master_says 'go together' 'with a list and no key it does not start' --listen 'tcp://*:0' --allow allow
master_says 'role worker' 'with a key of another role it does not start' --listen 'tcp://*:0' --key keys/alpha_secret --allow allow
master_says 'chmod 600' 'with a public file it does not start' --listen 'tcp://*:0' --key keys/head --allow allow
cp keys/head_secret wide_secret && chmod 640 wide_secret
master_says 'chmod 600' 'with a secret file that a group may read it does not start' --listen 'tcp://*:0' --key wide_secret --allow allow
ln -s keys/head_secret link_secret
master_says 'symbolic link' 'with a link it does not start' --listen 'tcp://*:0' --key link_secret --allow allow
master_says 'SECRET' 'with secrets in the list it does not start' --listen 'tcp://*:0' --key keys/head_secret --allow keys
mkdir -m 777 open && chmod 777 open
master_says 'others may put keys' 'with a list that others may add to it does not start' --listen 'tcp://*:0' --key keys/head_secret --allow open
says 2 'go together' 'a worker with a key wants to know its master' "$HWNAS_BUILD/hwnas-worker" --connect tcp://127.0.0.1:1 --key keys/alpha_secret
says 2 'role agent' 'a worker does not take an agent'"'"'s key' \
    "$HWNAS_BUILD/hwnas-worker" --connect tcp://127.0.0.1:1 --key keys/lab_secret --server-key keys/head
says 2 'not a master' 'a worker does not take another worker for its master' \
    "$HWNAS_BUILD/hwnas-worker" --connect tcp://127.0.0.1:1 --key keys/alpha_secret --server-key keys/beta
says 2 'takes no keys' 'keys and a socket do not go together' \
    "$HWNAS_BUILD/hwnas-agent" --connect "$address" --key keys/lab_secret --server-key keys/head
says 2 'go together' 'run does not start with half of them either' "$hwnas" run over.yaml --db refused.db --listen 'tcp://*:0' --key keys/head_secret

# --- a whole study
cat >pi.yaml <<'END'
name: kitchen
board: sim
processor: pi
runtime: table1
precision: f32
runner: simulated
simulated: {table: t.csv, column: pi_ms, space: nb201, noise: 0}
END
python3 - >t.csv <<'END'
import itertools
ops = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
cost = [0.1, 0.2, 1.0, 2.0, 0.5]
print("arch_str,pi_ms")
for cell in itertools.product(range(5), repeat=6):
    o = [ops[i] for i in cell]
    print("|%s~0|+|%s~0|%s~1|+|%s~0|%s~1|%s~2|,%.2f" % (*o, 1 + sum(cost[i] for i in cell)))
END
# with_keys NAME PROGRAM KEY ARGUMENT...
with_keys() {
    local name=$1 program=$2 key=$3
    shift 3
    start "$name" "$program" --connect "$tcp" --key "keys/${key}_secret" --server-key keys/head --log-level debug "$@"
}
# open_master STUDY ARGUMENT...: on a port of its own choice, in $tcp
open_master() {
    local name=$1
    shift
    start "$name" hwnas-master --study "$name.yaml" --db "$name.db" --listen 'tcp://127.0.0.1:*' --key keys/head_secret --allow allow \
        --progress --log-level debug --heartbeat-ms 200 --canary-every 0 "$@"
    master=$started
    until_true grep -q 'listening address=tcp.* with=keys' "$name.err" || sed 's/^/# /' "$name.err"
    tcp=$(sed -n 's/.*listening address=\([^ ]*\).*/\1/p' "$name.err" | head -n 1)
}
logged() { grep -qE -- "$2" "$1.err"; }

sed -i 's/generations: 4/generations: 12/' over.yaml
open_master over --lease-ms 3000
with_keys gamma hwnas-worker gamma
gamma=$started
start plain hwnas-worker --connect "$tcp"
plain=$started
expect 'a key that is not listed is refused, and told so with its fingerprint' until_true logged gamma "refuses the key gamma .*$(finger gamma)"
expect 'the master logs that fingerprint' until_true logged over "refused a key that is not on the list .*fingerprint=$(finger gamma)"
expect 'a worker without a key is told what is missing' until_true logged plain '--server-key'
with_keys beta hwnas-worker beta --name beta.w
beta=$started
with_keys lab hwnas-agent lab --board pi.yaml
lab=$started
expect 'a worker with a listed key works' until_true computed beta 3
rm allow/beta
cp keys/gamma allow/
kill -HUP "$master"
expect 'a key that is taken off the list is out in mid-run' until_true logged over "is out node=beta\.w fingerprint=$(finger beta)"
out_ms=$(date +%s%3N)
expect 'a key that is put on the list gets in by itself' until_true logged gamma 'registered with the master'
wait "$master"
same 'the study ends with exit code 0' "$?" 0
stop "$beta" "$lab" "$gamma" "$plain"
same 'the worker that was locked out is told that it is' "$(grep -c 'refuses the key beta' beta.err | sed 's/[1-9][0-9]*/some/')" some
same 'what it had reported before is kept' "$(sql over "SELECT count(*) >= 2 FROM evaluation WHERE node = 'beta.w'")" 1
same 'nothing of it was taken afterwards' "$(sql over "SELECT count(*) FROM evaluation WHERE node = 'beta.w' AND wall_ms > $out_ms")" 0
same 'the worker that was added did the rest' "$(sql over "SELECT count(*) > 0 FROM evaluation WHERE node LIKE 'gamma.%-worker-%'")" 1
same 'the agent with a key measured' "$(sql over "SELECT count(*) > 0 FROM evaluation WHERE node = 'lab.kitchen-agent'")" 1
same 'nobody else did anything' "$(sql over "SELECT count(*) FROM evaluation WHERE node NOT LIKE 'gamma.%' AND node NOT LIKE 'beta.%' AND node NOT LIKE 'lab.%'")" 0
same 'no attempt was lost by it' "$(sql over "SELECT count(*) FROM lease WHERE state IN ('lost', 'failed')")" 0
same 'no lease is left open' "$(sql over "SELECT count(*) FROM lease WHERE state = 'open'")" 0
study local '{name: macs, source: macs}, {name: pi_ms, source: agent, device: sim-pi-table1-f32}'
sed -i 's/generations: 4/generations: 12/' local.yaml
"$hwnas" run local.yaml --db local.db --workers 1 --board pi.yaml --canary-every 0 -q --listen 'tcp://127.0.0.1:*' --key keys/head_secret \
    --allow allow >/dev/null 2>&1
same 'hwnas run listens with keys beside its own socket, where none are needed' \
    "$(grep -oE 'listening address=(ipc|tcp)|with=keys' local.log | tr '\n' ' ')" 'listening address=ipc listening address=tcp with=keys '
same 'best and front are those of the same study on one machine' "$("$hwnas" front over --db over.db -f csv)" "$("$hwnas" front local --db local.db -f csv)"
expect 'and there is one' [ "$("$hwnas" front over --db over.db -f csv | wc -l)" -gt 1 ]

# --- keys that are let in and say what they may not, while beta (on the list again) computes. A key that says 16 such things is not
# heard for a minute, so each liar tells a dozen lies with a key of its own.
cp keys/beta allow/
rm allow/gamma
liars=$(amount 1 11) each=12
for i in $(seq "$liars"); do
    for role in worker agent operator; do
        for kind in name nobody role lease question board bundle heartbeat; do
            "$hwnas" keygen "$role-$kind-$i" --role $role >"$role-$kind-$i.fingerprint" 2>/dev/null
        done
    done
done
cp keys/{worker,agent,operator}-*[0-9] allow/
study lies '{name: macs, source: macs}'
sed -i 's/generations: 4/generations: 4000/' lies.yaml
echo 'budget: {evaluations: 0}' >>lies.yaml
open_master lies --lease-ms 60000
with_keys honest hwnas-worker beta --name beta.w
honest=$started
expect 'an honest worker works' until_true computed honest 2
kill -STOP "$honest" # what it holds stays its own for a minute
"$hwnas" study list --db lies.db --key keys/boss_secret --server-key keys/head >/dev/null 2>&1 # what it had said before has been heard now
lease=$(sed -n 's/.*lease=\([0-9]*\) .*node=beta\.w.*/\1/p' lies.err | tail -n 1)
attempts=0 lied=
lie() { # lie SENTENCE ROLE KIND [VICTIM]: KIND of the key's name; `nobody` is the kind `name`
    local sentence=$1 role=$2 kind=$3 victim=${4:-} got=0 i
    for i in $(seq "$liars"); do
        attempts=$((attempts + each)) lied="$lied $role-$kind-$i"
        [ "$("$HWNAS_BUILD/tests/support/intruder" "$tcp" "keys/$role-$kind-${i}_secret" keys/head "${kind/nobody/name}" $each "$victim" 2>&1)" = \
            "refused $each let_in 0" ] && got=$((got + 1))
    done
    same "$sentence" "$got of $liars" "$liars of $liars"
}
lie "a worker does not register under another's name" worker name beta.w
lie "nor under a name that is nobody's" worker nobody nobody
lie 'nor as an agent' worker role
lie "nor does it report a result for another's lease" worker lease "$lease"
lie "nor ask an operator's questions" worker question
lie 'an agent does not register as a worker' agent role
lie "nor for a board that belongs to another's key" agent board lab
lie 'nor fetch a bundle' agent bundle
lie 'an operator does not register' operator role
lie 'nor beat' operator heartbeat
same "each of the $attempts lies is in the log with the fingerprint of its key" \
    "$(sed -n 's/.*refused what a key may not say .* fingerprint=\([0-9a-f-]*\) .*/\1/p' lies.err | sort | uniq -c | sort -k 2 | tr -s ' ')" \
    "$(for name in $lied; do echo " $each $(finger "$name")"; done | sort -k 2)"
same 'no liar got a lease' "$(grep 'lease=' lies.err | grep -cE 'node=(worker|agent|operator|nobody)')" 0
kill -CONT "$honest"
computed_before=$(computed_count() { cat honest.err | grep -c ' in [0-9.]* s$'; }; computed_count)
expect 'the honest worker goes on' until_true computed honest "$((computed_before + 1))"

# --- an operator
says 3 'give --key' 'who asks a master with keys needs one' "$hwnas" study list --db lies.db
"$hwnas" study list --db lies.db --key keys/boss_secret --server-key keys/head -f csv >asked 2>&1
holds 'an operator is answered' asked 'lies'
says 2 'role worker' "a worker's key does not ask" "$hwnas" study list --db lies.db --key keys/alpha_secret --server-key keys/head
rm allow/boss
kill -HUP "$master"
expect 'the list is read again' until_true logged lies 'read again who is let in'
says 2 "$(finger boss)" 'an operator that is not on the list is told so' "$hwnas" study list --db lies.db --key keys/boss_secret --server-key keys/head --wait 5

stop "$honest" "$master"
same 'the master of liars stops in order' "$stopped" 0
same 'all results are the honest worker'"'"'s' "$(sql lies "SELECT DISTINCT node FROM evaluation")" beta.w

cd "$here" || exit 1
[ $tap_failed -eq 0 ] || show_logs
done_testing
