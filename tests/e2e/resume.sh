#!/bin/bash
# A study that is stopped goes on where it stood; another master, other settings and other files are refused.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
macs='{name: macs, source: macs}'

study whole "$macs"
start_worker worker
peer=$worker
start_master whole
wait "$master"
wanted=$(front whole)

# The worker of the first study goes on with the next: masters come and go.
study parts "$macs"
start_master parts --lease-ms 20000
expect 'the worker serves the next master' until_true scored parts 2
until_true caught parts worker "$peer" # the search is not to end meanwhile
says 3 'another' 'a second master on the same database is refused' \
    "$HWNAS_BUILD/hwnas-master" --study "$tap_folder/parts.yaml" --db "$tap_folder/parts.db" --listen "ipc://$tap_folder/socket/second.sock"
stop "$master"
same 'a master told to stop ends with exit code 0' "$stopped" 0
expect 'the study is not finished' [ "$(sql parts 'SELECT state FROM study')" = running ]
says 3 'strategy.generations: 4 there, 5 here' 'other settings are refused, and the difference shown' \
    "$HWNAS_BUILD/hwnas-master" --study "$tap_folder/parts.yaml" --db "$tap_folder/parts.db" --listen "$address" --set strategy.generations=5
mv "$tap_folder/tiny.bundle" "$tap_folder/kept.bundle"
python3 tests/support/tiny_bundle.py "$tap_folder/tiny.bundle" 2
says 3 'have changed since it was begun' 'another bundle under the same path is refused' \
    "$HWNAS_BUILD/hwnas-master" --study "$tap_folder/parts.yaml" --db "$tap_folder/parts.db" --listen "$address"
rm "$tap_folder/tiny.bundle"
kill -CONT "$peer"

# The study's own file and its bundle are gone: what is in the database is enough.
start parts hwnas-master --resume parts --db "$tap_folder/parts.db" --listen "$address" --progress --heartbeat-ms 200 --lease-ms 3000
wait "$started"
same 'a resumed study ends with exit code 0' $? 0
same 'stopped and resumed: the same best and front' "$(front parts)" "$wanted"
same 'nothing was evaluated twice' "$(sql parts "SELECT count(*) FROM lease WHERE state = 'done'")" "$(sql parts 'SELECT count(*) FROM evaluation')"
start parts hwnas-master --resume parts --db "$tap_folder/parts.db" --progress
wait "$started"
same 'a finished study ends at once' $? 0
same 'and shows its result' "$(progress parts state)" finished
stop "$peer"
same 'the worker outlived its masters' "$stopped" 0

# A second study in the same database uses what the first has evaluated.
mv "$tap_folder/kept.bundle" "$tap_folder/tiny.bundle"
study later "$macs"
cp "$tap_folder/parts.db" "$tap_folder/later.db"
start_master later
wait "$master"
same 'a study whose values are all known needs no worker' "$(front later)" "$wanted"

[ $tap_failed -eq 0 ] || show_logs
done_testing
