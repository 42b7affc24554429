#!/bin/bash
# One search by RMI with real processes: the outcome does not depend on how many workers there are, nor on their deaths.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
macs='{name: macs, source: macs}'

run_with() { # run_with STUDY WORKER_ARGUMENTS...: one worker for each argument
    local name=$1 workers=
    shift
    study "$name" "$macs"
    for slots in "$@"; do
        start_worker "$name-w$((++number))" --slots "$slots"
        workers="$workers $worker"
    done
    start_master "$name"
    wait "$master"
    finished=$?
    stop $workers
}
number=0

run_with one 1
same 'a study ends with exit code 0' "$finished" 0
same 'a worker told to stop ends with exit code 0' "$stopped" 0
same 'every distinct candidate was evaluated' "$(sql one 'SELECT count(*) FROM evaluation')" "$(progress one distinct)"
same 'no lease is left open' "$(sql one "SELECT count(*) FROM lease WHERE state = 'open'")" 0
same 'nothing was evaluated twice' "$(sql one "SELECT count(*) FROM lease WHERE state = 'done'")" "$(sql one 'SELECT count(*) FROM evaluation')"
same 'the whole trace is kept' "$(sql one "SELECT DISTINCT json_array_length(detail, '\$.trace') FROM evaluation WHERE feasible")" 51
wanted=$(front one)

run_with two 1 1
same 'two workers: the same best and front' "$(front two)" "$wanted"
run_with four 1 1 1 1
same 'four workers: the same best and front' "$(front four)" "$wanted"
run_with slots 3
same 'one worker with three slots: the same best and front' "$(front slots)" "$wanted"

# Of four workers none is idle. So small a search may end before the last has come: this one goes on until each has had its share.
study shared "$macs"
start_master shared --set strategy.generations=1000
sharing=
for each in a b c d; do
    start_worker "shared-$each"
    sharing="$sharing $worker"
done
for each in a b c d; do expect "of four workers, $each works" until_true computed "shared-$each" 2; done
expect 'and the search has not ended yet' kill -0 "$master"
stop "$master"
stop $sharing

# A worker that is killed: what it had is given to the other when its lease has run out.
study killed "$macs"
start_master killed
start_worker killed-a
victim=$worker
expect 'the worker computes' until_true computed killed-a 3
until_true caught killed killed-a "$victim"
kill -9 "$victim"
wait "$victim" 2>/dev/null
start_worker killed-b
wait "$master"
stop "$worker"
same 'a worker killed: the same best and front' "$(front killed)" "$wanted"
same 'the task it had is noted as lost' "$(sql killed "SELECT count(*) FROM lease WHERE state = 'lost' AND node = 'killed-a'")" 1

# The same name again: the new process takes the old one's place, without waiting for leases to run out.
study again "$macs"
start_master again
start_worker again
victim=$worker
expect 'the worker computes' until_true computed again 3
kill -9 "$victim"
wait "$victim" 2>/dev/null
start_worker again
wait "$master"
stop "$worker"
same 'a worker killed and started again: the same best and front' "$(front again)" "$wanted"

# A worker told to stop in the middle hands back or finishes what it has; no attempt is counted.
study drained "$macs"
start_master drained
start_worker drained-a --slots 2
first=$worker
expect 'the worker computes' until_true computed drained-a 3
stop "$first"
same 'a worker that is drained ends with exit code 0' "$stopped" 0
start_worker drained-b
wait "$master"
stop "$worker"
same 'a worker drained: the same best and front' "$(front drained)" "$wanted"
same 'no attempt was lost by it' "$(sql drained "SELECT count(*) FROM lease WHERE state IN ('lost', 'failed')")" 0

# Refusals.
says 2 'beyond this machine' 'a worker does not connect beyond this machine' "$HWNAS_BUILD/hwnas-worker" --connect tcp://10.1.2.3:5000
says 2 'beyond this machine' 'a master does not listen beyond this machine' \
    "$HWNAS_BUILD/hwnas-master" --study "$tap_folder/one.yaml" --set name=other --db "$tap_folder/other.db" --listen 'tcp://*:5000'
says 2 'needs workers' 'a master that needs workers wants an address' \
    "$HWNAS_BUILD/hwnas-master" --study "$tap_folder/one.yaml" --set name=other --db "$tap_folder/other.db"

# One worker, two masters with databases of their own: lease numbers begin anew, and the worker is not misled by that.
study before "$macs"
study after "$macs"
start_worker loyal
start_master before
wait "$master"
start_master after
wait "$master"
stop "$worker"
same 'a worker that goes to another database: the same best and front' "$(front after)" "$wanted"
same 'and takes every task at once' "$(sql after "SELECT count(*) FROM lease WHERE state <> 'done'")" 0

[ $tap_failed -eq 0 ] || show_logs
done_testing
