#!/bin/bash
# `hwnas run` as a keeper of processes: master and workers are played by small scripts beside a copy of `hwnas`, so that each way a
# process can end is tried.
set -u
. tests/support/tap.sh
cp "$HWNAS_BUILD/hwnas" "$tap_folder/hwnas"
tests/support/make_bundle.py "$tap_folder/ref.bundle"
cd "$tap_folder" || exit 1
export TMPDIR=$tap_folder/tmp OPENBLAS_CORETYPE=Haswell OPENBLAS_L2_SIZE=1
mkdir tmp state

cat >s.yaml <<'YAML'
name: s
space: nb201
fitness: {source: rmi, bundle: ref.bundle}
costs: [{source: agent, max: 4}]
YAML

# The scripts write down how they were started under state/, then do what the test says.
write_program() { # write_program NAME SHELL-CODE
    printf '#!/bin/bash\nstate=%q\n%s\n' "$tap_folder/state" "$2" >"$1"
    chmod +x "$1"
}
running='{"study":"s","state":"running","generation":1,"generations":100,"asked":20,"total":2000,"done":20,"fraction":0.01,"scored":19,"distinct":19,"best":null,"seconds":1,"eta_seconds":90,"waiting_for":""}'
finished='{"study":"s","state":"finished","generation":100,"generations":100,"asked":2000,"total":2000,"done":2000,"fraction":1,"scored":19,"distinct":19,"best":null,"seconds":1,"eta_seconds":null,"waiting_for":""}'
wait_for_term='trap "exit 0" TERM; while :; do read -r -t 60 <>$state/never; done'
mkfifo state/never
write_program hwnas-worker 'env >$state/$$.env; mv $state/$$.env $state/worker.env; printf "%s\n" "$*" >>$state/workers; '"$wait_for_term"
write_program hwnas-agent 'printf "%s\n" "$*" >>$state/agents; '"$wait_for_term"
lines() { [ "$(cat "state/$1" 2>/dev/null | wc -l)" -ge "$2" ]; }

# --- refused by the master
write_program hwnas-master 'printf "%s\n" "$*" >$state/master; echo "2026-01-01T00:00:00.000Z error hwnas-master: study s has other settings: strategy.population: 20 there, 30 here" >&2; exit 3'
says 3 'hwnas run: study s has other settings: strategy.population: 20 there, 30 here' 'what the master says is shown and its exit code returned' \
    ./hwnas run s.yaml --set seed=7 --workers 2
same 'a refused study starts no worker' "$(cat state/workers 2>/dev/null)" ''
holds 'the master is told the study' state/master '--study s.yaml --db s.db --listen ipc://'
holds 'the master is told the settings changed on the command line' state/master '--set seed=7'
holds 'what the master logs stands beside the database' s.log 'other settings'
same 'the private folder is gone' "$(ls tmp)" ''
same 'nothing was printed on standard output' "$(cat out)" ''

# --- boards
write_program hwnas-master 'printf "%s\n" "$*" >$state/master; '"echo '$running'; $wait_for_term"
write_program hwnas-agent 'printf "%s\n" "$*" >>$state/agents; case "$*" in *bad.yaml*) exit 2 ;; esac; '"$wait_for_term"
printf 'architecture,ms\nx,1\n' >t.csv
for name in good bad; do
    printf 'name: %s\nboard: b\nprocessor: p\nruntime: r\nprecision: f32\nrunner: simulated\nsimulated: {table: t.csv, column: ms, space: nb201}\n' $name >$name.yaml
done
says 2 "both boards have the name 'good'" 'two files of one board are refused' ./hwnas run s.yaml --board good.yaml --board good.yaml
says 2 'none.yaml' 'a board file that is not there is refused' ./hwnas run s.yaml --board none.yaml
says 2 '--listen' 'an address that nobody can listen at is refused' ./hwnas run s.yaml --listen tcp://8.8.8.8:1
./hwnas run s.yaml --workers 0 --listen ipc://$tap_folder/more.sock --board good.yaml --board bad.yaml --set 'costs.0.device=b-p-r-f32' >out 2>err &
pid=$!
until_true lines agents 2
ok $? 'an agent is started for each board'
until_true grep -q 'hwnas-agent of bad.yaml ended with exit code 2; it is left alone' err
ok $? 'an agent that refuses its board file is not started again'
kill -INT $pid
wait $pid
same 'and the run goes on without it' $? 130
same 'no agent was started for this machine' "$(grep -vc -- '--board' state/agents)" 0
holds 'each has its board file' state/agents '--board good.yaml'
holds 'the master listens where it was told, too' state/master "--listen ipc://$tap_folder/more.sock"
rm -f state/* && mkfifo state/never
write_program hwnas-agent 'printf "%s\n" "$*" >>$state/agents; '"$wait_for_term"

# --- stopped by a person
write_program hwnas-master "echo '$running'; ${wait_for_term/exit 0/echo stopped >\$state/stopped; exit 0}"
./hwnas run s.yaml --workers 3 >out 2>err &
pid=$!
until_true lines workers 3
ok $? 'workers are started once the study runs, as many as asked for'
until_true lines agents 1
ok $? 'an agent is started where a cost is measured'
holds 'workers are given the socket' state/workers "--connect ipc://$TMPDIR/hwnas-"
holds 'workers end with their parent' state/workers '--exit-with-parent'
holds 'workers compute with one thread' state/worker.env 'OPENBLAS_NUM_THREADS=1'
same 'workers are not held to an old kernel' "$(grep -c '^OPENBLAS_CORETYPE\|^OPENBLAS_L2_SIZE' state/worker.env)" 0
same 'the socket stands in a folder of its own, closed to others' "$(stat -c %a tmp/hwnas-*)" 700
kill -INT $pid
wait $pid
same 'an interrupted run exits 130' $? 130
holds 'and says how to go on' err 'stopped; run the same command to go on'
same 'the master was asked to stop' "$(cat state/stopped)" stopped
holds 'progress went to standard error' err 's: 1 %  ETA 1:30  19 scored  generation 1/100'
same 'nothing of it went to standard output' "$(cat out)" ''
same 'no child is left' "$(pgrep -f "$tap_folder/hwnas-" | wc -l)" 0
same 'the private folder is gone again' "$(ls tmp)" ''

# --- on a terminal
on_terminal() { # on_terminal COMMAND...: what it writes to a terminal, in the file `screen`
    python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' "$@" >screen 2>&1 </dev/null
}
write_program hwnas-master "echo '$running'; echo '${running/100/200}'; echo 'hwnas-master: enough' >&2; exit 1"
TERM=xterm on_terminal ./hwnas run s.yaml --workers 1
holds 'a terminal gets a display that is redrawn' screen $'\x1b[1A\x1b[J'
holds 'with colour' screen $'\x1b[32m'
holds 'and the sentence of a failure below it' screen 'hwnas run: enough'
TERM=xterm NO_COLOR=1 on_terminal ./hwnas run s.yaml --workers 1
same 'NO_COLOR leaves the colour out' "$(grep -c $'\x1b\\[32m' screen)" 0
holds 'but not the display' screen $'\x1b[1A\x1b[J'
TERM=dumb on_terminal ./hwnas run s.yaml --workers 1
same 'a dumb terminal gets plain lines' "$(grep -c $'\x1b' screen)" 0

# --- workers that end
rm -f state/workers
write_program hwnas-master "echo '$running'; $wait_for_term"
write_program hwnas-worker 'echo "$$" >>$state/workers; [ "$(wc -l <$state/workers)" -gt 2 ] || kill -9 $$; '"$wait_for_term"
./hwnas run s.yaml --workers 1 >out 2>err &
pid=$!
until_true lines workers 3
ok $? 'a worker that is killed is started again'
kill -TERM $pid
wait $pid
holds 'and that is said' err 'hwnas-worker 1 was ended by signal 9 (Killed); it is started again'

rm -f state/workers
sed -i 's/^costs.*/costs: [{source: macs}]/' s.yaml
write_program hwnas-worker 'echo "$$" >>$state/workers; echo "no memory at all" >&2; exit 7'
says 1 'hwnas-worker keeps ending; s.log says why' 'a run whose workers keep ending gives up' ./hwnas run s.yaml --workers 1
same 'after five new starts' "$(wc -l <state/workers)" 6
holds 'and each end is told' err 'hwnas-worker 1 ended with exit code 7'
holds 'and the log says why' s.log 'no memory at all'

# --- the master ends
write_program hwnas-master 'kill -9 $$'
says 1 'hwnas-master was ended by signal 9' 'a killed master is told, with what to do' ./hwnas run s.yaml --workers 1
write_program hwnas-master 'exit 1'
says 1 'hwnas-master ended with exit code 1; see s.log' 'a master that ends without a word points to the log' ./hwnas run s.yaml --workers 1
write_program hwnas-master "echo '$finished'; exit 0"
rm -f state/workers
./hwnas run s.yaml --workers 1 >out 2>err
same 'a finished study starts no worker' "$(cat state/workers 2>/dev/null)" ''
./hwnas run s.yaml -q >out 2>err
same 'quiet shows no progress' "$(grep -c generation err)" 0
rm hwnas-master
says 1 'hwnas-master cannot be started' 'a missing program is told' env PATH=/usr/bin:/bin ./hwnas run s.yaml
same 'nothing is left in the temporary folder' "$(ls tmp)" ''

# --- the checks before
says 2 'needs workers' 'no workers for a fitness that needs them is refused' ./hwnas run s.yaml --workers 0
printf 'x' >ref.bundle
says 2 'ref.bundle: ' 'a damaged bundle is found before anything starts' ./hwnas run s.yaml

done_testing
