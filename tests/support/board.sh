# board.sh: the agent of a board's architecture, run by qemu-user beside a master of this machine: sourced by tests/e2e/arm64.sh and
# armhf.sh, which set $arch and $emulator. Skips as a whole, saying what to install, where the board's programs cannot be built.
: "${HWNAS_BUILD:?is the folder with the programs: run the tests with scripts/run-tests}"
lacking=$(scripts/install-deps --have "$arch") || { echo "1..0 # SKIP $lacking"; exit 0; }
board=$(dirname "$HWNAS_BUILD")/$arch-release
if [ "$(basename "$HWNAS_BUILD")" != release ]; then
    echo "1..0 # SKIP programs for boards are tested with the release flavour"
    exit 0
fi
. tests/support/tap.sh
. tests/support/cluster.sh
export QEMU_LD_PREFIX
QEMU_LD_PREFIX=$(scripts/install-deps --sysroot "$arch")

# passes SENTENCE TEST [NAME=VALUE...]: the C program ends well on the board.
passes() {
    local sentence=$1 program=$board/tests/unit/$2.t
    shift 2
    env "$@" $emulator "$program" >"$tap_folder/unit.out" 2>&1
    local code=$?
    [ $code -eq 0 ] || grep -v '^ok' "$tap_folder/unit.out" | sed 's/^/# /' | head -20
    ok $code "$sentence"
    expect '... and did run' grep -q '^ok' "$tap_folder/unit.out"
}

passes 'every operator agrees with its naive twin' test_engine_ops ENGINE_OPS=inference
passes 'logits are those of an independent model' test_space_fbnet 'TEST_ONLY=logits_*'
passes 'sizes do not wrap around' test_engine 'TEST_ONLY=sizes_*'
passes 'processors have their names, folders are read' test_conditions
passes 'messages are the same bytes' test_wire
passes 'files of tensors are read and refused as elsewhere' test_tensorfile

# --- the agent: one file, at a master of another architecture
agent=$board/hwnas-agent
same 'it is one file that asks for no library' "$(readelf -d "$agent" | grep -c NEEDED)" 0
python3 - >"$tap_folder/table.csv" <<'PY'
import itertools
print("ops,val")
for ops in itertools.product("01234", repeat=6):
    print("".join(ops) + ",%d" % sum((3 * i + int(o)) % 7 for i, o in enumerate(ops)))
PY
table_study() { # table_study NAME DEVICE
    cat >"$tap_folder/$1.yaml" <<END
name: $1
space: nb201
strategy: {name: evrsnas, population: 4, generations: 1, tournament: 2}
fitness: {source: table, file: table.csv, column: val}
costs: [{name: latency_ms, source: agent, device: $2}]
network: {channels: 4, cells: 1, classes: 4, input_size: 8}
seed: 7
END
}
start_agent() { # start_agent ADDRESS [ARGUMENT...]
    local there=$1
    shift
    # shellcheck disable=SC2086  # the emulator is a program and its options
    $emulator "$agent" --connect "$there" "$@" >>"$tap_folder/agent.out" 2>>"$tap_folder/agent.err" &
    agent_process=$!
    children="$children $agent_process"
}
start_agent "$address" --name board-agent
expect 'it says what it measures' until_true grep -q 'device=[^ ]*-f32' "$tap_folder/agent.err"
key=$(sed -n 's/.*device=\([^ ]*-f32\).*/\1/p' "$tap_folder/agent.err" | head -n 1)
expect 'its key names NEON' [ "${key%+neon-f32}" != "$key" ]
stop "$agent_process"
same 'an agent told to stop before it has a master ends with exit code 0' "$stopped" 0
table_study measured "$key"
mkdir -m 755 "$tap_folder/allow"
for pair in head:master board:agent; do
    "$HWNAS_BUILD/hwnas" keygen "${pair%:*}" --role "${pair#*:}" --folder "$tap_folder/keys" >>"$tap_folder/keygen.out" 2>&1
done
cp "$tap_folder/keys/board" "$tap_folder/allow/"
start_master measured --listen 'tcp://127.0.0.1:*' --key "$tap_folder/keys/head_secret" --allow "$tap_folder/allow"
expect 'a master listens with keys' until_true grep -q 'listening address=tcp.* with=keys' "$tap_folder/measured.err"
start_agent "$(sed -n 's/.*listening address=\(tcp[^ ]*\).*/\1/p' "$tap_folder/measured.err" | head -n 1)" \
    --key "$tap_folder/keys/board_secret" --server-key "$tap_folder/keys/head"
wait "$master"
same 'the study of its key ends with exit code 0' $? 0
stop "$agent_process"
same 'an agent told to stop ends with exit code 0' "$stopped" 0
feasible=$(sql measured "SELECT count(*) FROM candidate WHERE feasible")
expect 'some candidates are feasible' [ "$feasible" -gt 0 ]
same 'each of them has a latency' "$(sql measured 'SELECT count(*) FROM candidate JOIN candidate_cost USING (study_id, ask) WHERE feasible AND position = 0 AND value > 0')" "$feasible"
same 'by an agent that its key named' "$(sql measured "SELECT count(*) FROM lease WHERE node NOT LIKE 'board.%-agent-%'")" 0
same 'measured on that device' "$(sql measured "SELECT DISTINCT device_key FROM evaluation WHERE kind = 'measure' AND feasible")" "$key"
expect 'under the conditions of that machine' [ "$(sql measured "SELECT count(*) FROM evaluation WHERE kind = 'measure' AND detail LIKE '%isa=neon%'")" -gt 0 ]

[ $tap_failed -eq 0 ] || show_logs
done_testing
