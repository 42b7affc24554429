#!/bin/bash
# Steady mode: a slow peer holds nobody up; kill -9 of the master loses nothing, and the stored order of tells replays.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
steady='--set strategy.mode=steady --set strategy.in_flight=4'
macs='{name: macs, source: macs}'

# --- one worker stands still with what it holds; the other goes on to the end.
study stuck "$macs"
start_worker stuck-slow
slow=$worker
# shellcheck disable=SC2086  # a list of words on purpose
start_master stuck $steady --set strategy.generations=10 --lease-ms 60000 --copy-after-ms 0
expect 'the first worker computes' until_true computed stuck-slow 3
until_true caught stuck stuck-slow "$slow" # it stands still
start_worker stuck-quick
quick=$worker
total=$((8 * 10))
all_but_one() { [ "$(progress stuck done | cut -d. -f1)" -ge $((total - 1)) ] && [ "$(progress stuck running)" = 1 ]; }
expect 'all but one of the candidates are done while a worker stands still' until_true all_but_one
same 'and the study is not finished' "$(progress stuck state)" running
kill -CONT "$slow"
wait "$master"
same 'it ends when the last one is done' $? 0
kill -9 "$slow" "$quick" # one that stood still may wait for an acknowledgement that went to its connection of before
wait "$slow" "$quick" 2>/dev/null
same 'every ask was told once' "$(sql stuck 'SELECT count(*), count(DISTINCT told), max(told), max(ask) FROM candidate')" "$total|$total|$((total - 1))|$((total - 1))"
same 'the one that was held up was told last' "$(sql stuck "SELECT told FROM candidate JOIN lease ON key = fitness_key WHERE node = 'stuck-slow' AND state = 'done' ORDER BY closed_wall_ms DESC LIMIT 1")" $((total - 1))
expect 'it had been asked long before' [ "$(sql stuck 'SELECT ask FROM candidate ORDER BY told DESC LIMIT 1')" -lt $((total - 4)) ]

# --- the master is killed again and again, with a worker and an agent, which measures while the worker waits.
study killed "{name: latency_ms, source: agent, device: host}, $macs"
told_rows() { sqlite3 "$1" 'SELECT ask, told, arch, cached, skipped, feasible, fitness, satisfies FROM candidate ORDER BY told'; }
start_worker killed-worker
peer=$worker
start killed-agent hwnas-agent --connect "$address" --name killed-agent --log-level debug
agent=$started
small='--set strategy.population=4 --set strategy.tournament=2 --set strategy.generations=3'
kills=2 before=0
for kill in $(seq 1 $kills); do
    # shellcheck disable=SC2086
    start_master killed $steady $small
    more_told() { [ "$(progress killed done | cut -d. -f1)" -ge $((before + 3)) ]; }
    expect "kill $kill: candidates are told" until_true more_told
    kill -9 "$master"
    wait "$master" 2>/dev/null
    cp "$tap_folder/killed.db" "$tap_folder/kill$kill.db"
    [ -e "$tap_folder/killed.db-wal" ] && cp "$tap_folder/killed.db-wal" "$tap_folder/kill$kill.db-wal"
    told_rows "$tap_folder/kill$kill.db" >"$tap_folder/told$kill"
    before=$(wc -l <"$tap_folder/told$kill")
done
# shellcheck disable=SC2086
start_master killed $steady $small
wait "$master"
same 'the last master ends with exit code 0' $? 0
stop "$peer" "$agent"
told_rows "$tap_folder/killed.db" >"$tap_folder/told"
for kill in $(seq 1 $kills); do
    head -n "$(wc -l <"$tap_folder/told$kill")" "$tap_folder/told" | cmp -s - "$tap_folder/told$kill"
    same "what was told before kill $kill stands as it was" $? 0
done
same 'every ask was told once' "$(sql killed 'SELECT count(*), count(DISTINCT told), max(told), max(ask) FROM candidate')" '12|12|11|11'
same 'every evaluation came through one lease' "$(sql killed "SELECT count(*) FROM lease WHERE state = 'done'")" "$(sql killed 'SELECT count(*) FROM evaluation')"
same 'no lease is left open' "$(sql killed "SELECT count(*) FROM lease WHERE state = 'open'")" 0
computed_twice=$(($(computed_by killed-) - $(sql killed 'SELECT count(*) FROM evaluation')))
echo "# computed beyond the number of evaluations: $computed_twice"
expect 'nothing was computed twice but what was in flight' [ "$computed_twice" -le $((2 * kills)) ]
expect 'every feasible candidate has its latency' [ "$(sql killed 'SELECT count(*) FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible AND position = 0 AND value IS NULL')" = 0 ]

# --- the stored order of tells is the search: replayed from its beginning it makes the same asks, and in another order it does not.
sql killed 'DELETE FROM snapshot'
start replay hwnas-master --resume killed --db "$tap_folder/killed.db" --progress
wait "$started"
same 'the stored sequence replays from its beginning' $? 0
holds 'to its end' "$tap_folder/replay.out" '"state":"finished"'
last=$(sql killed 'SELECT told FROM candidate ORDER BY ask DESC LIMIT 1')
sql killed "UPDATE candidate SET told = 99 WHERE told = 0; UPDATE candidate SET told = 0 WHERE told = $last; UPDATE candidate SET told = $last WHERE told = 99"
says 3 'do not ask for it then' 'told in another order, it is another search' "$HWNAS_BUILD/hwnas-master" --resume killed --db "$tap_folder/killed.db"

[ $tap_failed -eq 0 ] || show_logs
done_testing
