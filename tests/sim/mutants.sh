#!/bin/bash
# mutants.sh [NAME]: rules broken on purpose, one at a time, in a copy of the sources: the simulated cluster must find each. Says at which
# seed. In make test-all alone, as it compiles: HWNAS_FULL=1, or a name.
. "$(dirname "$0")/../support/tap.sh"
[ "${HWNAS_FULL:-0}" = 1 ] || [ $# -gt 0 ] || { echo '1..0 # SKIP mutants are compiled in make test-all alone'; exit 0; }
root=$PWD only=${1:-}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
test=build/release/tests/sim/test_cluster_sim.t scenarios=build/release/tests/sim/test_cluster_scenarios.t
cp -a Makefile .clang-format common master worker tests proto scripts "$copy/"
mkdir -p "$copy/build/release"
cp -a "$root/build/release/." "$copy/build/release/"
# The copy is built where it lies; only what a mutant touches is compiled again.
export CCACHE_NOHASHDIR=1
build() { make -C "$copy" -s "$test" "$scenarios" >"$copy/log" 2>&1; }
expect 'the copy is built' build
expect 'as it is, it passes 100 seeds' env -C "$copy" SEEDS=100 "$copy/$test"

run() { # the first sentence that does not hold, of that program
    (cd "$copy" && SEEDS=1000 timeout 900 "$1") >"$copy/out" 2>&1
    sed -n "s/^.*\(SEED=[0-9]*\) .* ms: \(.*\)$/${1##*/} \1: \2/p; s/^.*\(Assertion.*failed\).*$/${1##*/}: \1/p" "$copy/out" | head -n 1
}
found=0
mutant() { # mutant NAME FILE FROM TO: FROM, a fixed text that stands in the file, becomes TO
    local name=$1 file=$copy/$2 seed
    [ -z "$only" ] || [ "$only" = "$name" ] || return 0
    cp -p "$file" "$copy/kept"
    FROM=$3 TO=$4 python3 -c 'import os, sys
path = sys.argv[1]
text = open(path).read()
assert text.count(os.environ["FROM"]) == 1, "the text to be changed stands there %d times" % text.count(os.environ["FROM"])
open(path, "w").write(text.replace(os.environ["FROM"], os.environ["TO"]))' "$file" 2>"$copy/log" && build
    same "$name: it is made" $? 0
    seed=$(run "$test")
    [ -n "$seed" ] || seed=$(run "$scenarios")
    [ -n "$seed" ] && found=$((found + 1))
    expect "$name: found" test -n "$seed"
    echo "# $name: ${seed:-not found}"
    cp -p "$copy/kept" "$file"
    touch "$file"
}

mutant 'acknowledged before the commit' master/coord.c 'crash_point("before-commit");' 'send_outbox(coord);'
mutant 'acknowledged while the store does not work' master/coord_messages.c \
    'acknowledge(coord, link, result->lease_id, WIRE_RETRY_LATER);' 'acknowledge(coord, link, result->lease_id, WIRE_ACCEPTED);'
mutant 'leases are not read back' master/coord.c 'for (size_t i = 0; i < count; i++)' 'for (size_t i = count; i < count; i++)'
mutant 'late measurements are taken' master/dispatch_message.c \
    'wire_role_of(task->kind) == WIRE_WORKER && result->outcome' 'result->outcome'
mutant 'epochs of time alone' master/store_lease.c 'max(epoch + 1, ?1) + ?2 WHERE' 'max(epoch + 1, ?1) + 0 * ?2 WHERE'
mutant 'peers keep their leases for too long' worker/ledger.c 'int64_t good_until_ms = sent_ms + (int64_t)ledger->lease_ms * 3 / 4;' \
    'int64_t good_until_ms = sent_ms + (int64_t)ledger->lease_ms * 3;'
mutant 'a stalled master renews what it gave away' master/coord_messages.c \
    'if (!coord_ended_in_vain(coord, drop->lease_ids[i]))' 'if (false)'
mutant 'a last commit that failed is forgotten' master/search_open.c \
    'search->finished = code == STATUS_OK && stored.state == STORE_STUDY_FINISHED;' '(void)stored;'
mutant 'restored leases are taken to be nowhere' master/dispatch_grant.c \
    'if (dispatch->nowhere.measuring + dispatch->nowhere.computing == 0)' 'if (true)'
mutant 'a host computes while it measures' master/dispatch_grant.c 'return host->measuring == 0 && (!host->measure_turn || alone);' \
    'return !host->measure_turn || alone;'
mutant 'no canary after connecting' master/dispatch_grant.c 'board->checked != board->connections ||' ''
mutant 'measurements are copied' master/dispatch_copy.c 'return is_score(lease->kind) && lease->granted_ms' 'return lease->granted_ms'
mutant 'the loser of two is not ended' master/dispatch_message.c 'while (task->lease != NULL) {' 'while (false) {'
mutant 'a value is used and not stored' master/search.c \
    'enum status_code code = store_evaluation_put(search->store, evaluation, &inserted, status);' \
    'enum status_code code = strcmp(evaluation->key, "8") < 0 ? store_evaluation_put(search->store, evaluation, &inserted, status) : STATUS_OK;'
mutant 'a late training counts without its weights' master/coord_messages.c \
    'if (result->artifact_bytes > 0 && (!open || artifact == NULL) && result->outcome == WIRE_OK)' 'if (false)'
mutant 'weights are not stored with their result' master/search.c 'if (code == STATUS_OK && artifact != NULL)' 'if (artifact == (const void *)1)'
mutant 'a study that ends leaves leases open' master/coord.c 'dispatch_finish(coord->dispatch);' 'dispatch_stop(coord->dispatch);'
echo "# $found mutants found"
done_testing
