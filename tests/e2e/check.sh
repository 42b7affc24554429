#!/bin/bash
# scripts/check finds each kind of violation, planted one at a time in a copy of the sources, and nothing in the sources as they are.
set -u
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/pristine"
tar -cf - --exclude=./build --exclude=./.git --exclude=./demo . | tar -xf - -C "$copy/pristine"

number=0
result() { # result STATUS SENTENCE: status 0 is a pass
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then echo "ok $number - $2"; else echo "not ok $number - $2"; fi
}

# planted SENTENCE FILE TEXT COMPLAINT: FILE with TEXT appended (a new file starts with a comment) makes check name it and fail.
planted() {
    local said code
    rm -rf "$copy/tree" && cp -r "$copy/pristine" "$copy/tree"
    [ -e "$copy/tree/$2" ] || echo '/* planted */' >"$copy/tree/$2"
    printf '%b\n' "$3" >>"$copy/tree/$2"
    said=$("$copy/tree/scripts/check" rules 2>&1)
    code=$?
    if [ $code -eq 1 ] && grep -qF "$2:" <<<"$said" && grep -qF "$4" <<<"$said"; then
        result 0 "$1"
    else
        sed 's/^/# /' <<<"$said"
        result 1 "$1 (exit $code)"
    fi
}

scripts/check >"$copy/said" 2>&1
code=$?
sed 's/^/# /' "$copy/said"
result $code 'the sources keep the rules'

planted 'sqlite3.h outside the store is refused' master/planted.c '#include <sqlite3.h>' 'master/store alone'
planted 'zmq.h outside the bus is refused' worker/planted.c '#include <zmq.h>' 'common/bus alone'
planted 'cblas.h outside the engine is refused' worker/planted.c '#include <cblas.h>' 'worker/engine/ alone'
planted 'the generated messages outside wire are refused' master/planted.c '#include "hwnas.pb-c.h"' 'common/wire alone'
planted 'the generated ONNX header outside net_onnx is refused' common/planted.c '#include "onnx.pb-c.h"' 'common/net_onnx alone'
planted 'cyaml outside config is refused' master/planted.c '#include <cyaml/cyaml.h>' 'common/config alone'
planted 'yaml outside config is refused' master/planted.c '# include <yaml.h>' 'common/config alone'
planted 'sodium outside digest is refused' worker/planted.c '#include <sodium.h>' 'common/digest alone'
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

rm -rf "$copy/tree" && cp -r "$copy/pristine" "$copy/tree"
printf '%s\n' '/* planted: exit(1) and usleep(5) stand in a comment, "TO' 'DO" not. */' 'const char *planted = "exit(1); sleep(5)";' \
    >"$copy/tree/common/planted.c"
"$copy/tree/scripts/check" rules >/dev/null 2>&1
result $? 'what stands in comments and strings is no call'

if [ "$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')" = 14 ]; then
    printf '/* planted */\nint  planted( void );\n' >"$copy/tree/common/planted.c"
    ! "$copy/tree/scripts/check" format >/dev/null 2>&1
    result $? 'badly formatted code is refused'
else
    result 0 'badly formatted code is refused # SKIP clang-format 14 is not installed'
fi
echo "1..$number"
