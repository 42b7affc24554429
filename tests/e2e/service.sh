#!/bin/bash
# The programs as services: installed where systemd looks; units that systemd takes and rates as well confined; a whole search by
# programs that are so confined; and what they tell the service manager. No systemd runs here: its offline tools judge the units, and
# tests/support/sandbox.py puts a program under what a unit forbids.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
units=$tap_folder/usr/lib/systemd/system
skip() { # skip SENTENCE WHY
    ok 0 "$1 # SKIP $2"
}

# --- what is installed
expect 'what was built can be installed' scripts/install "$HWNAS_BUILD" "$tap_folder/usr"
for file in bin/hwnas bin/hwnas-master bin/hwnas-worker bin/hwnas-agent lib/sysusers.d/hwnas.conf lib/tmpfiles.d/hwnas.conf share/doc/hwnas/CLI.md \
    share/doc/hwnas/examples/studies/host-rmi.yaml share/doc/hwnas/examples/boards/edge-tpu-build.sh share/doc/hwnas/examples/systemd/worker.conf; do
    expect "it installs $file" [ -s "$tap_folder/usr/$file" ]
done
expect 'scripts of boards stay executable' [ -x "$tap_folder/usr/share/doc/hwnas/examples/boards/edge-tpu-build.sh" ]
for unit in hwnas-master@ hwnas-worker hwnas-agent@; do
    same "$unit.service starts the program that was installed" "$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$units/$unit.service")" "$tap_folder/usr/bin/${unit%@}"
    # boot_id says which processes share a machine; without it a host would measure while it computes.
    same "$unit.service leaves /proc/sys to be read" "$(grep -c '^ProcSubset=pid' "$units/$unit.service")" 0
    same "$unit.service holds no secret" "$(grep -ciE '(password|secret|token)[a-z]*=' "$units/$unit.service")" 0
    expect "$unit.service asks for a sign of life and restarts" grep -q '^WatchdogSec=' "$units/$unit.service"
done
scripts/install "$HWNAS_BUILD" /usr "$tap_folder/root"
holds 'a package has the units of its own prefix' "$tap_folder/root/usr/lib/systemd/system/hwnas-worker.service" 'ExecStart=/usr/bin/hwnas-worker '
same 'and nothing outside it' "$(ls "$tap_folder/root")" usr
says 2 'run make first' 'what was not built is not installed' scripts/install "$tap_folder/none" "$tap_folder/usr"

# --- what systemd says of it
exposure() { systemd-analyze security --offline=true --no-pager "$units/$1" 2>/dev/null | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p'; }
at_most() { awk -v got="$1" -v most="$2" 'BEGIN { exit !(got != "" && got <= most) }'; }
if command -v systemd-analyze >/dev/null; then
    for unit in hwnas-master@.service hwnas-worker.service hwnas-agent@.service; do
        systemd-analyze verify --man=no "$units/$unit" >"$tap_folder/verify" 2>&1
        code=$?
        sed 's/^/# /' "$tap_folder/verify"
        ok $code "systemd takes $unit"
        same "$unit: without a word" "$(cat "$tap_folder/verify")" ''
    done
    for unit in hwnas-master@.service hwnas-worker.service; do
        score=$(exposure $unit)
        expect "$unit is exposed by $score, at most 2.0" at_most "$score" 2.0
    done
    score=$(exposure hwnas-agent@.service)
    expect "hwnas-agent@.service, which has devices, by $score, at most 3.0" at_most "$score" 3.0
    printf '[Service]\nExecStart=/bin/true\n' >"$units/bare.service"
    ! at_most "$(exposure bare.service)" 2.0
    ok $? 'a unit that confines nothing is rated worse'
else
    skip 'systemd takes the units' 'systemd-analyze is not installed: apt-get install systemd'
    skip 'the units are exposed by at most 2.0' 'systemd-analyze is not installed: apt-get install systemd'
fi

# --- what the programs tell the service manager
tests/support/manager.py "$tap_folder/notify" "$tap_folder/told" &
children="$children $!"
expect 'a service manager listens' until_true [ -S "$tap_folder/notify" ]
told() { grep -qF -- "$1" "$tap_folder/told"; }
told_often() { [ "$(grep -cF -- "$1" "$tap_folder/told")" -ge "$2" ]; }
study s '{name: macs, source: macs}'
export NOTIFY_SOCKET=$tap_folder/notify WATCHDOG_USEC=300000
start_master s
expect 'a master says that it is ready' until_true told 'READY=1 STATUS=listening'
expect '... when its socket is there' [ -S "$tap_folder/socket/hwnas.sock" ]
expect '... that it lives, again and again' until_true told_often WATCHDOG=1 3
expect '... and how far it is' until_true told 'STATUS=s: 0 of '
: >"$tap_folder/told"
stop "$master"
same 'stopped, it ends with exit code 0' "$stopped" 0
expect '... and says so first' until_true told STOPPING=1
: >"$tap_folder/told"
unset WATCHDOG_USEC
start_worker w
expect 'a worker is ready without a master' until_true told 'READY=1 STATUS=waiting for a master'
start_master s
expect '... and says when it has one' until_true told 'STATUS=registered with the master'
wait "$master"
same 'the study ends' $? 0
same 'nobody says to live who was not asked' "$(grep -c WATCHDOG "$tap_folder/told")" 0
: >"$tap_folder/told"
stop "$worker"
expect 'a worker says that it stops' until_true told STOPPING=1
same '... and ends with exit code 0' "$stopped" 0
: >"$tap_folder/told"
"$HWNAS_BUILD/hwnas-master" --study "$tap_folder/s.yaml" --db "$tap_folder/s.db" --listen "$address" 2>/dev/null
same 'a study that is finished already ends with exit code 0' $? 0
expect '... and was ready: who ends without it has failed to start' until_true told READY=1
: >"$tap_folder/told"
"$HWNAS_BUILD/hwnas-master" --study "$tap_folder/none.yaml" --db "$tap_folder/s.db" --listen "$address" 2>/dev/null
expect 'a master that cannot start says why' until_true told 'none.yaml'
same '... and is not ready' "$(grep -c READY "$tap_folder/told")" 0
unset NOTIFY_SOCKET

# --- confined as the units say
lacking=
[ -r /usr/include/x86_64-linux-gnu/asm/unistd_64.h ] || [ "$(uname -m)" = aarch64 ] || lacking='no list of system calls for this machine'
command -v systemd-analyze >/dev/null || lacking='systemd-analyze is not installed: apt-get install systemd'
[ "$(basename "$HWNAS_BUILD")" = release ] || lacking='sanitizers call what the units forbid'
[ -n "$lacking" ] || tests/support/sandbox.py "$units/hwnas-worker.service" -- /bin/true 2>"$tap_folder/why" || lacking="$(head -n 1 "$tap_folder/why")"
if [ -n "$lacking" ]; then
    skip 'a whole search runs confined' "$lacking"
    done_testing
fi

# What is refused is refused: the sandbox is one.
confined() { tests/support/sandbox.py "$units/$1" --state "$tap_folder/state" -- "${@:2}"; }
mkdir -m 700 "$tap_folder/state"
refuses() { # refuses SENTENCE UNIT COMMAND...
    local sentence=$1
    shift
    ! confined "$@" >/dev/null 2>&1
    ok $? "$sentence"
}
python='import mmap, os, socket, sys'
expect 'what is allowed works there' confined hwnas-worker.service python3 -c "$python; socket.socket(socket.AF_INET); mmap.mmap(-1, 4096)"
for unit in hwnas-master@.service hwnas-worker.service; do
    refuses "$unit: no memory that is both written and executed" $unit python3 -c "$python; mmap.mmap(-1, 4096, prot=7)"
    refuses "$unit: no raw packets" $unit python3 -c "$python; socket.socket(17, 3)"
    refuses "$unit: no new namespaces" $unit unshare --user true
    refuses "$unit: no other priority" $unit python3 -c "$python; os.nice(-1)"
    refuses "$unit: no choice of CPUs" $unit python3 -c "$python; os.sched_setaffinity(0, os.sched_getaffinity(0))"
done
refuses 'hwnas-agent@.service: no raw packets' hwnas-agent@.service python3 -c "$python; socket.socket(17, 3)"
expect '... but a CPU of its own' confined hwnas-agent@.service python3 -c "$python; os.sched_setaffinity(0, os.sched_getaffinity(0))"
if [ "$(id -u)" -eq 0 ]; then
    for unit in hwnas-master@.service hwnas-worker.service hwnas-agent@.service; do
        refuses "$unit: nothing is written but its state" $unit touch /var/tmp/../lib/hwnas-was-here
        expect '... which is' confined $unit touch "$tap_folder/state/written"
        same "$unit: it is nobody and has no rights" "$(confined $unit sh -c 'id -u; grep -E "Cap(Prm|Eff|Bnd)" /proc/self/status | cut -f 2 | sort -u' | tr '\n' ' ')" '65534 0000000000000000 '
    done
    refuses 'hwnas-worker.service: no device but the usual' hwnas-worker.service sh -c 'ls /dev | grep -vE "^(null|zero|full|u?random|tty|pts|shm)$"'
else
    skip 'nothing is written but the state' 'only root can make mounts: run the tests as root'
fi
same 'the machine is known there by the same name' "$(confined hwnas-worker.service cat /proc/sys/kernel/random/boot_id)" "$(cat /proc/sys/kernel/random/boot_id)"

# A whole search: fitness by a worker, cost by an agent with a board's tool. The latency is the size of the model, so it comes out the same.
cp "$tap_folder/tiny.bundle" "$tap_folder/state"
cat >"$tap_folder/state/tool" <<'SH'
#!/bin/sh
case $1 in
--version) echo "the tool, version 1.2" ;;
convert) cp "$2" "$3" ;;
run) stat -c '{"latency_ms": [%s]}' "$2" ;;
esac
SH
chmod +x "$tap_folder/state/tool"
cat >"$tap_folder/state/board.yaml" <<'END'
name: good
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
  run: {argv: ['{here}/tool', run, '{model}']}
  parser: json
  environment: {PATH: /usr/bin:/bin}
END
study free '{name: latency_ms, source: agent, device: bench-sh-tool1.2-f32}'
sed 's/^name: free/name: confined/' "$tap_folder/free.yaml" >"$tap_folder/state/confined.yaml"
export XDG_CACHE_HOME=$tap_folder/cache
start_worker free-worker
start free-agent hwnas-agent --connect "$address" --board "$tap_folder/state/board.yaml"
agent=$started
start_master free
wait "$master"
same 'a study ends where nothing is forbidden' $? 0
stop "$worker" "$agent"

# --kill: a call that the unit does not allow ends the program instead of being refused, so none goes unnoticed.
start_confined() { # start_confined NAME UNIT ARGUMENT...
    local name=$1 unit=$2
    shift 2
    tests/support/sandbox.py "$units/$unit" --kill --list --state "$tap_folder/state" --state "$tap_folder/socket" -- "$@" >>"$tap_folder/$name.out" 2>>"$tap_folder/$name.err" &
    started=$!
    children="$children $started"
}
export XDG_CACHE_HOME=$tap_folder/state/cache OPENBLAS_NUM_THREADS=1
# Not before the master is up: what becomes somebody else's folder is then that user's alone.
start_confined confined-master hwnas-master@.service "$tap_folder/usr/bin/hwnas-master" --study "$tap_folder/state/confined.yaml" --db "$tap_folder/state/confined.db" \
    --listen "$address" --listen 'tcp://127.0.0.1:*' --canary-every 0 --heartbeat-ms 200 --lease-ms 3000
master=$started
expect 'a confined master listens, by tcp too' until_true grep -q 'listening address="*tcp://127.0.0.1' "$tap_folder/confined-master.err"
start_confined confined-worker hwnas-worker.service "$tap_folder/usr/bin/hwnas-worker" --connect "$(sed -n 's/.*listening address="*\(tcp[^ "]*\).*/\1/p' "$tap_folder/confined-master.err")" --slots 2
worker=$started
start_confined confined-agent hwnas-agent@.service "$tap_folder/usr/bin/hwnas-agent" --connect "$address" --board "$tap_folder/state/board.yaml"
agent=$started
ended() { ! kill -0 "$master" 2>/dev/null; }
until_true ended || until_true ended || until_true ended || until_true ended || kill -9 "$master" "$worker" "$agent"
wait "$master"
same 'a confined master finishes the study' $? 0
stop "$worker"
same 'a confined worker stops in order' "$stopped" 0
stop "$agent"
same 'so does a confined agent' "$stopped" 0
cp "$tap_folder/state/confined.db" "$tap_folder/confined.db" && chmod 600 "$tap_folder/confined.db"
result_of() { "$HWNAS_BUILD/hwnas" front "$1" --db "$tap_folder/$1.db" -f csv; }
expect 'the front is not empty' [ "$(result_of confined | wc -l)" -gt 1 ]
same 'and is that of the free study' "$(result_of confined)" "$(result_of free)"
confined hwnas-agent@.service "$tap_folder/usr/bin/hwnas" device measure --arch '|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|' \
    --channels 4 --cells 1 -f csv >"$tap_folder/measured" 2>"$tap_folder/err"
ok $? 'this machine itself can be measured from there'

[ $tap_failed -eq 0 ] || show_logs
done_testing
