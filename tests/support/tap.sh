# tap.sh: what the shell tests share; sourced with `. tests/support/tap.sh`. Prints TAP; the last line of a test is `done_testing`.
tap_number=0 tap_failed=0

# ok STATUS SENTENCE: 0 is a pass.
ok() {
    tap_number=$((tap_number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tap_number - $2"
    else
        tap_failed=1
        echo "not ok $tap_number - $2"
    fi
}

# expect SENTENCE COMMAND...: the command succeeds.
expect() {
    local sentence=$1
    shift
    "$@"
    ok $? "$sentence"
}

# same SENTENCE GOT WANTED
same() {
    [ "$2" = "$3" ] || printf '# got:    %s\n# wanted: %s\n' "$2" "$3"
    [ "$2" = "$3" ]
    ok $? "$1"
}

# holds SENTENCE FILE TEXT: the file holds the text.
holds() {
    grep -qF -- "$3" "$2" || { echo "# $2 lacks: $3"; sed 's/^/# /' "$2" | head -20; }
    grep -qF -- "$3" "$2"
    ok $? "$1"
}

# says CODE TEXT SENTENCE COMMAND...: the command ends with that exit code and that text on standard error.
says() {
    local code=$1 text=$2 sentence=$3 got
    shift 3
    "$@" >"$tap_folder/out" 2>"$tap_folder/err"
    got=$?
    if [ $got -eq "$code" ] && grep -qF -- "$text" "$tap_folder/err"; then
        ok 0 "$sentence"
    else
        echo "# exit code $got, wanted $code with: $text"
        sed 's/^/# /' "$tap_folder/err" | head -20
        ok 1 "$sentence"
    fi
}

# until_true COMMAND...: polls until it succeeds; fails after about a minute and a half, for machines that do other things too.
until_true() {
    local tries=0
    while ! "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 1800 ] || return 1
        sleep 0.05
    done
}

# amount QUICK FULL: how often something is repeated: QUICK in make test, FULL in make test-all (HWNAS_FULL=1).
amount() {
    if [ -n "${HWNAS_FULL:-}" ]; then echo "$2"; else echo "$1"; fi
}

done_testing() {
    echo "1..$tap_number"
    exit $tap_failed
}

tap_folder=$(mktemp -d)
tap_clean() {
    rm -rf "$tap_folder"
}
trap tap_clean EXIT
