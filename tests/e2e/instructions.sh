#!/bin/bash
# The engine does not become slower unnoticed: the instructions of one RMI evaluation and of inferences of a small net, on instruction
# sets that every CPU or callgrind has, are within 5 % of those recorded in instructions.txt. Times would depend on the machine;
# instructions do not. `tests/e2e/instructions.sh --record 'why'` writes the counts of now into that file.
set -u
. tests/support/tap.sh
build=${HWNAS_BUILD:-build/release}
recorded=tests/e2e/instructions.txt
if [ "$(basename "$build")" != release ]; then
    echo "1..0 # SKIP instructions are counted in the release flavour"
    exit 0
fi
command -v valgrind >/dev/null || { echo "1..0 # SKIP INSTRUCTIONS ARE NOT COUNTED: valgrind is not installed (apt-get install valgrind)"; exit 0; }
if [ "$(uname -m)" != x86_64 ]; then
    echo "1..0 # SKIP instructions are recorded for x86-64"
    exit 0
fi

# instructions_of WHAT ISA: OpenBLAS and the C library choose their code by what callgrind says the CPU is; OpenBLAS is told besides.
instructions_of() {
    local core=Nehalem
    [ "$2" = portable ] || core=Haswell
    OPENBLAS_CORETYPE=$core OPENBLAS_NUM_THREADS=1 valgrind --tool=callgrind --toggle-collect="count_$1" --callgrind-out-file=/dev/null \
        "$build/tests/bench/bench_count" "$1" "$2" >"$tap_folder/out" 2>&1
    sed -n 's/^==[0-9]*== Collected : //p' "$tap_folder/out"
}

# judge WAS IS: same, more or fewer; 5 % are the same.
judge() {
    if [ $(($2 * 100)) -gt $(($1 * 105)) ]; then echo more; elif [ $(($2 * 100)) -lt $(($1 * 95)) ]; then echo fewer; else echo same; fi
}

measured="evaluation:portable inference:portable"
if grep -q '^flags.* avx2 .*' /proc/cpuinfo && grep -q '^flags.* fma ' /proc/cpuinfo; then
    measured="$measured evaluation:avx2 inference:avx2"
else
    echo '# this CPU has no AVX2: counted on the portable flavour alone'
fi

if [ "${1:-}" = --record ]; then
    [ -n "${2:-}" ] || { echo "usage: tests/e2e/instructions.sh --record 'why the counts change'" >&2; exit 2; }
    sed -n '1,/^# what/p' "$recorded" >"$tap_folder/new"
    for each in $measured; do
        count=$(instructions_of "${each%:*}" "${each#*:}")
        [ -n "$count" ] || { cat "$tap_folder/out" >&2; exit 1; }
        printf '%-12s %-9s %s\n' "${each%:*}" "${each#*:}" "$count" >>"$tap_folder/new"
    done
    printf '# why they last changed: %s\n' "$2" >>"$tap_folder/new"
    cat "$tap_folder/new" >"$recorded"
    exit 0
fi

same 'a twentieth more is the same' "$(judge 100 105)" same
same 'beyond, there are more' "$(judge 1000 1051)" more
same 'a twentieth less is the same' "$(judge 100 95)" same
same 'beyond, there are fewer' "$(judge 1000 949)" fewer

for each in $measured; do
    what=${each%:*} isa=${each#*:}
    was=$(awk -v what="$what" -v isa="$isa" '$1 == what && $2 == isa { print $3 }' "$recorded")
    is=$(instructions_of "$what" "$isa")
    if [ -z "$was" ] || [ -z "$is" ]; then
        echo "# recorded: '$was' in $recorded, counted: '$is'"
        sed 's/^/# /' "$tap_folder/out" | tail -20
        ok 1 "the $what on $isa is recorded and counted"
        continue
    fi
    echo "# $what on $isa: $is instructions, recorded $was"
    verdict=$(judge "$was" "$is")
    case $verdict in
    more) echo "# The engine needs more than before. Mend that, or where the instructions buy something, say what:"
        echo "# tests/e2e/instructions.sh --record 'why', and commit $recorded" ;;
    fewer) echo "# It needs fewer: keep that. tests/e2e/instructions.sh --record 'why', and commit $recorded" ;;
    esac
    same "the $what on $isa needs the instructions it needed" "$verdict" same
done
done_testing
