#!/bin/bash
# scripts/check finds each kind of violation, planted one at a time in a copy of the sources, and nothing in the sources as they are.
set -u
. tests/support/tap.sh

# A small project that keeps the rules: the checker itself and a few files of each folder.
mkdir "$tap_folder/pristine"
tar -cf - scripts/check common/status.[ch] common/clock.[ch] master/hwnas_main.c master/pareto.[ch] worker/measure.[ch] worker/engine/blas.[ch] \
    tests/support/test.h tests/e2e/device.sh .clang-format | tar -xf - -C "$tap_folder/pristine"

fresh_tree() {
    rm -rf "$tap_folder/tree" && cp -r "$tap_folder/pristine" "$tap_folder/tree" && mkdir -p "$tap_folder/tree/tests/unit"
}

# planted SENTENCE FILE TEXT COMPLAINT: FILE with TEXT appended (a new file starts with a comment) makes check name it and fail.
planted() {
    fresh_tree
    [ -e "$tap_folder/tree/$2" ] || echo '/* planted */' >"$tap_folder/tree/$2"
    printf '%b\n' "$3" >>"$tap_folder/tree/$2"
    "$tap_folder/tree/scripts/check" rules >"$tap_folder/said" 2>&1
    if [ $? -eq 1 ] && grep -F "$2:" "$tap_folder/said" | grep -qF "$4"; then
        ok 0 "$1"
    else
        sed 's/^/# /' "$tap_folder/said"
        ok 1 "$1"
    fi
}

scripts/check >"$tap_folder/said" 2>&1
code=$?
sed 's/^/# /' "$tap_folder/said"
ok $code 'the sources keep the rules'
fresh_tree
expect 'so does the small project before anything is planted' "$tap_folder/tree/scripts/check" rules

planted 'sqlite3.h outside the store is refused' master/planted.c '#include <sqlite3.h>' 'master/store alone'
planted 'zmq.h outside the bus is refused' worker/planted.c '#include <zmq.h>' 'common/bus alone'
planted 'cblas.h outside the engine is refused' worker/planted.c '#include <cblas.h>' 'worker/engine/ alone'
planted 'the generated messages outside wire are refused' master/planted.c '#include "hwnas.pb-c.h"' 'common/wire alone'
planted 'the generated ONNX header outside net_onnx is refused' common/planted.c '#include "onnx.pb-c.h"' 'common/net_onnx alone'
planted 'cyaml outside config is refused' master/planted.c '#include <cyaml/cyaml.h>' 'common/config alone'
planted 'yaml outside config is refused' master/planted.c '# include <yaml.h>' 'common/config alone'
planted 'sodium outside digest and keys is refused' worker/planted.c '#include <sodium.h>' 'common/digest and common/keys alone'
planted 'common that includes master is refused' common/planted.c '#include "master/store.h"' 'common includes nothing of'
planted 'common that includes worker is refused' common/planted.h '#include "worker/data.h"' 'common includes nothing of'
planted 'master that includes worker is refused' master/planted.c '#include "worker/evaluate.h"' 'master never includes worker'
planted 'another main than that of hwnas may not include the verbs of worker' master/planted_main.c \
    '#include "worker/cli_rmi.h"' 'master never includes worker'
planted 'even the main of hwnas includes nothing else of worker' master/hwnas_main.c '#include "worker/evaluate.h"' 'master never includes worker'
planted 'worker that includes master is refused' worker/planted.c '#include "master/store.h"' 'worker never includes master'
planted 'the engine that includes the rest of worker is refused' worker/engine/planted.c '#include "worker/rmi.h"' 'nothing under worker/engine/'
planted 'a header named from its own folder is refused' worker/planted.c '#include "measure.h"' 'from the project root'
planted 'the product that includes tests is refused' worker/planted.c '#include "tests/support/test.h"' 'nothing of tests/'
planted 'a pure module that includes the clock is refused' worker/measure.c '#include "common/clock.h"' 'takes the time as an argument'
planted 'exit outside a main is refused' master/planted.c 'void f(void)\n{\n    exit(1);\n}' 'only a main calls exit()'
planted 'a sleep in a test is refused' tests/unit/test_planted.c 'void f(void)\n{\n    usleep(10);\n}' 'no sleeping'
planted 'a sleep of seconds in a shell test is refused' tests/e2e/planted.sh '#!/bin/sh\nsleep 2' 'no sleeping'
planted 'rand is refused' master/planted.c 'int f(void)\n{\n    return rand();\n}' 'chance comes from common/rng'
planted 'a library that prints is refused' common/planted.c 'void f(void)\n{\n    printf("x");\n}' 'a library does not print'
planted 'a public name without its prefix is refused' common/planted.h \
    '#ifndef HWNAS_COMMON_PLANTED_H\n#define HWNAS_COMMON_PLANTED_H\nint other_name(int x);\n#endif' 'public name other_name'
planted 'a wrong include guard is refused' common/planted.h '#ifndef PLANTED_H\n#define PLANTED_H\n#endif' 'include guard'
planted 'unfinished work is refused' master/planted.c '/* TO''DO: more */' 'finish it or leave it out'
planted 'a script that does not parse is refused' scripts/check-planted '#!/bin/sh\nif' 'executable'

fresh_tree
printf '%s\n' '/* planted: exit(1) and usleep(5) stand in a comment. */' 'const char *planted = "exit(1); sleep(5)";' \
    >"$tap_folder/tree/common/planted.c"
expect 'what stands in comments and strings is no call' "$tap_folder/tree/scripts/check" rules

if [ "$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')" = 14 ]; then
    printf '/* planted */\nint  planted( void );\n' >"$tap_folder/tree/common/planted.c"
    ! "$tap_folder/tree/scripts/check" format >"$tap_folder/said" 2>&1
    ok $? 'badly formatted code is refused'
else
    ok 0 'badly formatted code is refused # SKIP clang-format 14 is not installed'
fi
done_testing
