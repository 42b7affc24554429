# cluster.sh: masters, workers and agents for the shell tests; sourced after tap.sh. Everything lives in $tap_folder; what is started
# here is ended when the test ends, whatever way it ends.
: "${HWNAS_BUILD:?is the folder with the programs: run the tests with scripts/run-tests}"
python3 tests/support/tiny_bundle.py "$tap_folder/tiny.bundle"
mkdir -m 700 "$tap_folder/socket"
address=ipc://$tap_folder/socket/hwnas.sock
children=

cluster_clean() {
    for child in $children; do kill -9 "$child" 2>/dev/null; done
    wait 2>/dev/null
    tap_clean
}
trap cluster_clean EXIT

# study NAME COSTS: a study by RMI on the tiny bundle: 8 + 3 * 7 candidates, about a tenth of a second each.
study() {
    cat >"$tap_folder/$1.yaml" <<END
name: $1
space: nb201
strategy: {name: evrsnas, population: 8, generations: 4, tournament: 3}
fitness: {source: rmi, bundle: tiny.bundle, protocol: rmi-fast-1}
costs: [$2]
network: {channels: 4, cells: 1, classes: 4, input_size: 8}
seed: 7
END
}

# start NAME PROGRAM ARGUMENT...: in the background; $started is its process, NAME.out and NAME.err what it says.
start() {
    local name=$1 program=$2
    shift 2
    "$HWNAS_BUILD/$program" "$@" >>"$tap_folder/$name.out" 2>>"$tap_folder/$name.err" &
    started=$!
    children="$children $started"
}

# start_master STUDY [ARGUMENT...]: on STUDY.db; progress in STUDY.out.
start_master() {
    local name=$1
    shift
    start "$name" hwnas-master --study "$tap_folder/$name.yaml" --db "$tap_folder/$name.db" --listen "$address" --progress \
        --heartbeat-ms 200 --lease-ms 3000 --canary-every 0 "$@"
    master=$started
}

start_worker() { # start_worker NAME [ARGUMENT...]
    local name=$1
    shift
    start "$name" hwnas-worker --connect "$address" --name "$name" --log-level debug "$@"
    worker=$started
}

# progress STUDY FIELD: of the last whole progress line.
progress() {
    python3 - "$tap_folder/$1.out" "$2" <<'END'
import json, sys
lines = [line for line in open(sys.argv[1]) if line.endswith("\n")]
print(json.loads(lines[-1])[sys.argv[2]] if lines else 0)
END
}

# scored STUDY N: the progress shows at least N candidates that have their fitness.
scored() {
    [ "$(progress "$1" scored)" -ge "$2" ]
}

# computed_by NAME: how many candidates the workers whose logs are NAME*.err have computed; computed NAME N: at least N.
computed_by() {
    cat "$tap_folder"/$1*.err 2>/dev/null | grep -c ' computed lease='
}
computed() {
    [ "$(computed_by "$1")" -ge "$2" ]
}

# held STUDY WORKER: the leases that the worker has told the master it has.
held() {
    "$HWNAS_BUILD/hwnas" study why "$1" --db "$tap_folder/$1.db" -f json | python3 -c '
import json, sys
print(*(lease["key"] for lease in json.load(sys.stdin)["leases"] if lease["node"] == sys.argv[1] and lease["confirmed"]))' "$2"
}

# caught STUDY WORKER PROCESS: the worker stands still (SIGSTOP) with a lease that the master knows it has. Else it goes on: between two
# leases its death would be no lost attempt.
caught() {
    local leases
    kill -STOP "$3"
    leases=$(held "$1" "$2")
    [ -n "$leases" ] && [ "$(held "$1" "$2")" = "$leases" ] && return
    kill -CONT "$3"
    return 1
}

front() { # front STUDY: best and front, as scripts see them
    progress "$1" best
    "$HWNAS_BUILD/hwnas" front "$1" --db "$tap_folder/$1.db" -f csv
}

sql() { # sql STUDY STATEMENT, when no master runs
    sqlite3 "$tap_folder/$1.db" "$2"
}

# stop PROCESS...: SIGTERM, and their last exit code in $stopped.
stop() {
    kill "$@" 2>/dev/null
    for process in "$@"; do
        wait "$process"
        stopped=$?
    done
}

show_logs() {
    for log in "$tap_folder"/*.err; do
        echo "# --- ${log##*/}"
        tail -n 6 "$log" | sed 's/^/# /'
    done
}
