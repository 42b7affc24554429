#!/bin/bash
# Boards that lie, one way or another, beside honest ones: found, quarantined, said; nothing measured without a canary; and the study ends.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
cd "$tap_folder" || exit 1
python3 - <<'PY'
import itertools
with open("nb201.csv", "w") as out:
    print("ops,accuracy,latency_ms", file=out)
    for ops in itertools.product(range(5), repeat=6):
        print(f"{''.join(map(str, ops))},{sum((0, 4, 13, 21, 2)[o] * (9 + i) for i, o in enumerate(ops))},{2 + sum((1, 3, 20, 50, 9)[o] for o in ops) / 20}", file=out)
PY
key=raspi4-bcm2711-simulated-f32

# board NAME KEY=VALUE...: a board file whose samples take no time.
board() {
    local name=$1
    shift
    printf '%s\n' "name: $name" 'board: raspi4' 'processor: bcm2711' 'runtime: simulated' 'precision: f32' 'runner: simulated' \
        'simulated:' '  table: nb201.csv' '  space: nb201' '  column: latency_ms' '  noise: 0.02' '  spikes: 0.05' '  delay_s: 0.03' >"$name.yaml"
    sed -i '/^simulated:/i peak_macs_per_s: 2.4e10' "$name.yaml"
    for pair in "$@"; do printf '  %s: %s\n' "${pair%%=*}" "${pair#*=}" >>"$name.yaml"; done
}
start_board() { # start_board NAME
    start "$1" "$HWNAS_BUILD/hwnas-agent" --connect "$address" --board "$1.yaml" --name "agent-$1-$2"
}
# study_of NAME EVALUATIONS
study_of() {
    cat >"$1.yaml" <<END
name: $1
space: nb201
strategy: {name: random}
budget: {evaluations: $2}
fitness: {source: table, file: nb201.csv, column: accuracy}
costs: [{source: agent, name: latency_ms, device: $key}]
seed: 3
END
}
start() { # as cluster.sh's, with a program by its path
    local name=$1 program=$2
    shift 2
    case $program in */*) ;; *) program=$HWNAS_BUILD/$program ;; esac
    "$program" "$@" >>"$name.out" 2>>"$name.err" &
    started=$!
    children="$children $started"
}

# --- one of three boards begins to lie after a while.
study_of lies 150
board honest seed=1
board upright seed=2
board liar seed=3 lie=0.8 lie_after=23
board dreamer seed=5 lie=0.0001
start_master lies --canary-every 4
for name in liar dreamer; do start_board "$name" 1; done # first: what they do takes a while
for name in liar dreamer; do until_true grep -q "a board is quarantined board=$name " lies.err; done
for name in honest upright; do start_board "$name" 1; done
wait "$master"
same 'a study on four boards, one of which begins to lie and one tells nonsense, ends' $? 0
same 'the liars are quarantined, the others are not' "$(sql lies 'SELECT name, state FROM board ORDER BY name')" $'dreamer|quarantined\nhonest|trusted\nliar|quarantined\nupright|trusted'
expect 'the reason says how far off it is' [ "$(sql lies "SELECT reason LIKE '%where it used to take%(-%' FROM board WHERE name = 'liar'")" = 1 ]
same 'nothing that cannot be true is taken' "$(sql lies "SELECT count(*) FROM evaluation WHERE board = 'dreamer'")" 0
expect 'and what is wrong with it is said' grep -q 'warn .*a result is not believed board=dreamer .* reason=".* MACs is beyond the board' lies.err
same 'no candidate is left without a latency' "$(sql lies 'SELECT count(*) FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE connected AND value IS NULL')" 0
lied=$(sql lies "SELECT count(*) FROM evaluation WHERE board = 'liar' AND abs(value / json_extract(detail, '\$.tool.table_ms') - 1) > 0.1")
expect "what it lied about is at most what it may measure between two canaries ($lied)" [ "$lied" -le 4 ]
same 'and all of that came after its last good canary' "$(sql lies "SELECT count(*) FROM evaluation WHERE board = 'liar' AND abs(value / json_extract(detail, '\$.tool.table_ms') - 1) > 0.1 AND after_canary < (SELECT max(id) FROM canary WHERE board = 'liar' AND verdict = 'good')")" 0
same 'every board begins with a canary' "$(sql lies "SELECT count(*) FROM (SELECT board, min(id) AS first FROM lease GROUP BY board) JOIN lease ON id = first WHERE key IN (SELECT key FROM evaluation)")" 0
same 'in quarantine it measures nothing more' "$(sql lies "SELECT count(*) FROM lease l JOIN board b ON l.board = b.name JOIN evaluation e ON e.key = l.key WHERE b.name = 'liar' AND l.granted_wall_ms > b.since_wall_ms")" 0
expect 'between two canaries of a board there are at most four measurements' [ "$(sql lies "SELECT max(n) FROM (SELECT count(*) AS n FROM evaluation WHERE board <> '' GROUP BY board, after_canary)")" -le 5 ]
same 'all samples are different ones' "$(sql lies "SELECT count(*) - count(DISTINCT board || samples_digest) FROM evaluation WHERE kind = 'measure'")" 0
same 'waiting, building and running are timed apart' "$(sql lies "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND (queue_seconds IS NULL OR build_seconds IS NULL OR run_seconds IS NULL)")" 0
expect 'the log tells of it' grep -q 'warn .*a board is quarantined board=liar ' lies.err
for name in $children; do kill "$name" 2>/dev/null; done
wait

# --- a board that no longer is what it was, and no other: the study says what it waits for, also after a restart.
study_of alone 40
board only seed=4 lie=1.3 lie_after=15
start_master alone --canary-every 4
start_board only 1
waits() { progress alone waiting_for | grep -q "board only of device $key, which is quarantined since .* because .*hwnas device trust"; }
expect 'the progress says that it waits for a quarantined board, since when and why' until_true waits
stop "$master"
start_master alone --canary-every 4
expect 'it says so after a restart, too' until_true waits
stop "$master"
stop "$started"
[ $tap_failed -eq 0 ] || show_logs
done_testing
