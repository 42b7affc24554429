#!/bin/bash
# Latency measured by an agent beside two workers on one host: everything is measured, and never while a worker computes.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh

study measured '{name: latency_ms, source: agent, device: host}, {name: macs, source: macs}'
start_master measured --set strategy.generations=2
expect 'the master says what it waits for' until_true grep -q 'a worker: none is connected' "$tap_folder/measured.out"
start_worker measured-a
a=$worker
start_worker measured-b
b=$worker
expect 'the master says that it waits for an agent' until_true grep -q 'an agent on this host: none is connected' "$tap_folder/measured.out"
start agent hwnas-agent --connect "$address" --name agent
agent=$started
wait "$master"
same 'the study ends with exit code 0' $? 0
stop "$agent"
same 'an agent told to stop ends with exit code 0' "$stopped" 0
stop "$a" "$b"

feasible=$(sql measured "SELECT count(*) FROM candidate WHERE feasible")
same 'every feasible candidate has a latency' "$(sql measured 'SELECT count(*) FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible AND position = 0 AND value > 0')" "$feasible"
expect 'some are feasible' [ "$feasible" -gt 0 ]
same 'raw samples are kept with every measurement' "$(sql measured "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND feasible AND json_array_length(detail, '\$.samples_ms') < 10")" 0
same 'and the device they were taken on' "$(sql measured "SELECT count(DISTINCT device_key) FROM evaluation WHERE kind = 'measure' AND device_key <> ''")" 1
same 'no measurement was leased while a worker on the host held a lease' "$(sql measured "
    SELECT count(*) FROM lease m JOIN lease w JOIN evaluation me ON me.key = m.key JOIN evaluation we ON we.key = w.key
    WHERE me.kind = 'measure' AND we.kind = 'rmi' AND m.granted_wall_ms < w.closed_wall_ms AND w.granted_wall_ms < m.closed_wall_ms")" 0
same 'and never two at once' "$(sql measured "
    SELECT count(*) FROM lease m JOIN lease n JOIN evaluation me ON me.key = m.key JOIN evaluation ne ON ne.key = n.key
    WHERE m.id < n.id AND me.kind = 'measure' AND ne.kind = 'measure' AND m.granted_wall_ms < n.closed_wall_ms AND n.granted_wall_ms < m.closed_wall_ms")" 0

[ $tap_failed -eq 0 ] || show_logs
done_testing
