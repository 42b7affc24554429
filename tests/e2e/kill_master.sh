#!/bin/bash
# kill -9 the master again and again: the workers keep what they compute, the search goes on by itself and ends with the same answer.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
macs='{name: macs, source: macs}'
workers=2 kills=4
long='--set strategy.generations=12' # so that it does not end before the last kill

study whole "$macs"
start_worker whole-a
a=$worker
start_worker whole-b
b=$worker
# shellcheck disable=SC2086  # a list of words on purpose
start_master whole $long
wait "$master"
stop "$a" "$b"
wanted=$(front whole)

study killed "$macs"
start_worker killed-a
a=$worker
start_worker killed-b
b=$worker
listened() { # listened N: so many masters have listened
    [ "$(grep -c ': listening address=' "$tap_folder/killed.err")" -ge "$1" ]
}
for kill in $(seq 1 $kills); do
    # shellcheck disable=SC2086
    start_master killed $long
    until_true listened "$kill" # what was computed by then may be enough for this kill already
    expect "kill $kill: work goes on" until_true computed killed- $((kill * 4))
    kill -9 "$master"
    wait "$master" 2>/dev/null
done
# shellcheck disable=SC2086
start_master killed $long
wait "$master"
same 'the last master ends with exit code 0' $? 0
stop "$a" "$b"
same 'the same best and front' "$(front killed)" "$wanted"
same 'as many evaluations as without kills' "$(sql killed 'SELECT count(*) FROM evaluation')" "$(sql whole 'SELECT count(*) FROM evaluation')"
same 'every evaluation came through one lease' "$(sql killed "SELECT count(*) FROM lease WHERE state = 'done'")" "$(sql killed 'SELECT count(*) FROM evaluation')"
same 'no lease is left open' "$(sql killed "SELECT count(*) FROM lease WHERE state = 'open'")" 0
same 'a restart of the master is nobody'"'"'s lost attempt' "$(sql killed "SELECT count(*) FROM lease WHERE state IN ('lost', 'failed')")" 0
computed_twice=$(($(computed_by killed-) - $(sql killed 'SELECT count(*) FROM evaluation')))
echo "# computed beyond the number of evaluations: $computed_twice"
expect 'nothing was computed twice but what was in flight' [ "$computed_twice" -le $((workers * kills)) ]
same 'the master started as often as it should have' "$(grep -c ': listening address=' "$tap_folder/killed.err")" $((kills + 1))
same 'the database is sound' "$(sql killed 'PRAGMA integrity_check')" ok

[ $tap_failed -eq 0 ] || show_logs
done_testing
