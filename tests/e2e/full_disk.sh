#!/bin/bash
# The database cannot be written for a while: nothing is acknowledged, nothing is lost, and the search goes on when it can be written again.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
if ! prlimit --version >/dev/null 2>&1; then
    echo '1..0 # SKIP prlimit is absent'
    exit 0
fi
macs='{name: macs, source: macs}'

study whole "$macs"
start_worker worker
peer=$worker
start_master whole
wait "$master"
wanted=$(front whole)

study full "$macs"
start_master full --lease-ms 60000
expect 'the study has begun' until_true scored full 2
kill -STOP "$peer" # the search is not to end before the disk is full
# As a full disk does, the limit makes writes fail; what the files have now may stay.
prlimit --pid "$master" --fsize=4096:unlimited
kill -CONT "$peer"
expect 'the master says what it waits for' until_true grep -q 'waiting_for":"the database: ' "$tap_folder/full.out"
before=$(progress full distinct)
expect 'it goes on living' kill -0 "$master"
prlimit --pid "$master" --fsize=unlimited:unlimited
wait "$master"
same 'it ends with exit code 0 when it can write again' $? 0
same 'the same best and front' "$(front full)" "$wanted"
same 'every evaluation came through one lease' "$(sql full "SELECT count(*) FROM lease WHERE state = 'done'")" "$(sql full 'SELECT count(*) FROM evaluation')"
same 'no attempt was lost by it' "$(sql full "SELECT count(*) FROM lease WHERE state IN ('lost', 'failed')")" 0
expect 'it came back by the way a restart does' grep -q 'the database can be written again' "$tap_folder/full.err"
same 'the database is sound' "$(sql full 'PRAGMA integrity_check')" ok
stop "$peer"
echo "# distinct when it stopped: $before"

[ $tap_failed -eq 0 ] || show_logs
done_testing
