#!/bin/bash
# The programs are built so that a memory error is harder to make use of: what the linker and the compiler were told can be seen in
# the files. The checks themselves are tried on a program that is built with none of it.
set -u
. tests/support/tap.sh
if [ "$(basename "$HWNAS_BUILD")" != release ]; then
    echo "1..0 # SKIP sanitizer flavours are built without hardening"
    exit 0
fi
command -v readelf >/dev/null || { echo "1..0 # SKIP readelf is not installed: apt-get install binutils"; exit 0; }

is_pie() { readelf -hW "$1" | grep -q 'Type: *DYN' && readelf -dW "$1" | grep -q 'FLAGS_1.*PIE'; }
binds_now() { readelf -dW "$1" | grep -q 'FLAGS.*NOW'; }
has_relro() { readelf -lW "$1" | grep -q GNU_RELRO; }
no_executable_stack() { readelf -lW "$1" | grep GNU_STACK | grep -qv 'E '; }
nothing_writable_is_executable() { ! readelf -lW "$1" | grep -E 'LOAD.* RWE '; }
# The code has pages of its own: the first segment, with the headers, cannot be executed.
code_is_separate() { readelf -lW "$1" | grep LOAD | head -n 1 | grep -q ' R  '; }
no_rpath() { ! readelf -dW "$1" | grep -E 'RPATH|RUNPATH|TEXTREL'; }
# readelf goes to a file first: a pipe that grep leaves early is no failure of readelf.
symbols_of() { readelf -W --dyn-syms "$1" >"$tap_folder/symbols"; }
has_canaries() { symbols_of "$1" && grep -q __stack_chk_fail "$tap_folder/symbols"; }
is_fortified() { symbols_of "$1" && grep -q '__snprintf_chk' "$tap_folder/symbols" && grep -q '__mem[a-z]*_chk' "$tap_folder/symbols"; }
# The compiler writes its options into what debuggers read, once for each source: all of ours have the flag but the kernels, whose
# options end with its opposite. Sources of the C library's start files are not ours.
compiled_with() { # FLAG PROGRAM
    readelf --debug-dump=info --dwarf-depth=1 "$2" 2>/dev/null | grep -E 'DW_AT_producer.*GNU C(11|17)' | grep -v uninitialized >"$tap_folder/producers"
    [ -s "$tap_folder/producers" ] && ! grep -qv -- "$1" "$tap_folder/producers"
}
zeroes_variables() { compiled_with '-ftrivial-auto-var-init=zero' "$1"; }
probes_stack() { compiled_with '-fstack-clash-protection' "$1"; }
marks_branches() {
    case $(uname -m) in
    aarch64) compiled_with '-mbranch-protection=standard' "$1" ;;
    *) compiled_with '-fcf-protection=full' "$1" ;;
    esac
}

checks='is_pie binds_now has_relro no_executable_stack nothing_writable_is_executable code_is_separate no_rpath has_canaries is_fortified
    zeroes_variables probes_stack'
case $(uname -m) in x86_64 | aarch64) checks="$checks marks_branches" ;; esac

for program in hwnas hwnas-master hwnas-worker hwnas-agent; do
    for check in $checks; do
        expect "$program: ${check//_/ }" $check "$HWNAS_BUILD/$program"
    done
done

printf '#include <stdio.h>\n#include <string.h>\nint main(int c, char **v) { char b[64]; strcpy(b, v[c - 1]); return puts(b); }\n' >"$tap_folder/soft.c"
soft() { # soft NAME LINKER-OPTION...
    local name=$1
    shift
    gcc -O2 -g -std=gnu11 -fno-stack-protector -U_FORTIFY_SOURCE -no-pie "$tap_folder/soft.c" "$@" -o "$tap_folder/$name"
}
expect 'a program can be built with none of it' soft soft -Wl,-z,norelro,-z,lazy,-z,execstack,-z,noseparate-code,-rpath,/nowhere
echo 'int main(void) { return 0; }' >"$tap_folder/softer.c"
expect '... and one whose code can be written' gcc -nostdlib -static -Wl,--omagic,--no-warn-rwx-segments -e main "$tap_folder/softer.c" -o "$tap_folder/softer"
for check in $checks; do
    program=soft
    [ $check != nothing_writable_is_executable ] || program=softer
    ! $check "$tap_folder/$program" >/dev/null
    ok $? "that program fails: ${check//_/ }"
done
done_testing
