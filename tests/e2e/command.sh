#!/bin/bash
# A board that is measured with its own tools, by a real agent: the build and the run step of a board file; what the tools do not know
# is infeasible there; what was built is not built again; the tools die with the agent.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
export XDG_CACHE_HOME=$tap_folder/cache TMPDIR=$tap_folder/tmp
mkdir "$TMPDIR"

# Latency is the size of the file in kilobytes; every third size or so has an operation that the tool does not know.
cat >"$tap_folder/tool" <<'SH'
#!/bin/sh
case $1 in
--version) echo "the tool, version 1.2" ;;
convert)
    echo built >>"$LOG"
    if [ $(($(stat -c %s "$2") % 3)) -eq 0 ]; then
        echo 'no kernel for operation Conv' >&2
        exit 3
    fi
    cp "$2" "$3"
    ;;
run) stat -c '{"latency_ms": [%s]}' "$2" ;;
hang)
    echo $$ >"$LOG.tool"
    setsid sh -c 'echo $$ >"$LOG.daemon"; exec timeout 300 tail -f /dev/null' &
    exec timeout 300 tail -f /dev/null
    ;;
esac
SH
chmod +x "$tap_folder/tool"
board() { # board NAME RUN-WORD
    cat >"$tap_folder/$1.yaml" <<END
name: $1
board: bench
processor: sh
runtime: tool
runtime_version: {argv: ['{here}/tool', --version], regex: 'version ([0-9.]+)'}
precision: f32
elsewhere: true
deterministic: true
runner: command
command:
  build: {argv: ['{here}/tool', convert, '{onnx}', '{model}'], output: net.bin}
  run: {argv: ['{here}/tool', $2, '{model}']}
  parser: json
  unsupported: 'no kernel for operation [A-Za-z]+'
  environment: {PATH: /usr/bin:/bin, LOG: $tap_folder/$1.log}
END
}
board good run
board stuck hang
start_peers() { # start_peers BOARD
    start_worker "$1-worker"
    start "$1-agent" hwnas-agent --connect "$address" --board "$tap_folder/$1.yaml"
    agent=$started
}
builds() { wc -l <"$tap_folder/good.log"; }

study first '{name: latency_ms, source: agent, device: bench-sh-tool1.2-f32}'
start_peers good
start_master first
wait "$master"
same 'a study that is measured by tools ends with exit code 0' $? 0
measured=$(sql first "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND feasible")
refused=$(sql first "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND NOT feasible")
expect 'some candidates were measured' [ "$measured" -gt 0 ]
expect 'some have an operation that the tool does not know' [ "$refused" -gt 0 ]
same 'and that is how they are kept' "$(sql first "SELECT DISTINCT failure FROM evaluation WHERE kind = 'measure' AND NOT feasible")" unsupported_op
same 'latencies are what the tool printed' "$(sql first "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND feasible AND value <> json_extract(detail, '\$.samples_ms[0]')")" 0
same 'the version it printed is kept' "$(sql first "SELECT DISTINCT json_extract(detail, '\$.tool.runtime') FROM evaluation WHERE kind = 'measure' AND feasible")" tool1.2
stop "$worker" "$agent"
same 'an agent of tools ends with exit code 0' "$stopped" 0
same 'it leaves no folder' "$(ls "$TMPDIR")" ''
built=$(builds)
expect 'the tool built each network once' [ "$built" -gt 0 -a "$built" -le $((measured + refused)) ]

study second '{name: latency_ms, source: agent, device: bench-sh-tool1.2-f32}'
start_peers good
start_master second
wait "$master"
same 'the same study in another database ends alike' $? 0
same 'with the same figures' "$(sql second "SELECT count(*), sum(value) FROM evaluation WHERE kind = 'measure' AND feasible")" \
    "$(sql first "SELECT count(*), sum(value) FROM evaluation WHERE kind = 'measure' AND feasible")"
expect 'only what cannot be built is tried again' [ $(($(builds) - built)) -le "$refused" ]
same 'what was built before is not built again' "$(sql second "SELECT DISTINCT json_extract(detail, '\$.build_cached') FROM evaluation WHERE kind = 'measure' AND feasible")" 1
stop "$worker" "$agent"

# --- an agent killed while its tool hangs
study third '{name: latency_ms, source: agent, device: bench-sh-tool1.2-f32}'
start_peers stuck
start_master third
expect 'the tool runs, and so does its daemon' until_true [ -s "$tap_folder/stuck.log.daemon" ]
tool=$(cat "$tap_folder/stuck.log.tool") daemon=$(cat "$tap_folder/stuck.log.daemon")
kill -9 "$agent"
gone() { ! kill -0 "$1" 2>/dev/null; }
expect 'the tool dies with the agent' until_true gone "$tool"
expect 'and its daemon too' until_true gone "$daemon"
stop "$master" "$worker"

[ $tap_failed -eq 0 ] || show_logs
done_testing
