#!/bin/bash
# `hwnas device`: what it prints is well-formed, agrees with itself, and wrong input ends in exit code 2 with a sentence.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
out=$tap_folder/out
cell='|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|'
small='--channels 4 --cells 1'

# judge SENTENCE PYTHON: d is the JSON object of the last line of $out
judge() {
    python3 - "$out" <<END
import json, statistics, sys
d = json.loads(open(sys.argv[1]).read().splitlines()[-1])
sys.exit(not ($2))
END
    ok $? "$1"
}
# refused SENTENCE TEXT ARGUMENT...: exit code 2, TEXT on standard error, nothing on standard output.
refused() {
    local sentence=$1 text=$2
    shift 2
    says 2 "$text" "$sentence" "$hwnas" "$@"
    same "$sentence: nothing on standard output" "$(cat "$out")" ''
}

"$hwnas" device --help >"$out" && grep -q measure "$out"
ok $? 'help lists the commands'
"$hwnas" device measure --help >"$out" && grep -q -- --arch "$out"
ok $? 'help of a command lists its options'

"$hwnas" device show -f json >"$out"
ok $? 'show ends well'
judge 'show names the device, conditions and warnings' 'd["device"].startswith("host-") and "isa=" in d["conditions"] and isinstance(d["warnings"], list)'
device=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["device"])' "$out")
"$hwnas" device show >"$out" && grep -qF "$device" "$out"
ok $? 'the table names the same device'
"$hwnas" device show -f csv >"$out" && grep -qxF "device,$device" "$out"
ok $? 'so does the CSV'

# shellcheck disable=SC2086  # two options
"$hwnas" device measure --arch "$cell" $small -f json >"$out"
ok $? 'measure ends well'
judge 'the device of the measurement is the device shown' "d['device'] == '$device'"
judge 'all samples are there and positive' 'len(d["samples_ms"]) == d["samples"] >= 10 and min(d["samples_ms"]) > 0'
judge 'the headline is the median of five window medians, computed again from the samples' \
    'abs(statistics.median(statistics.median(d["samples_ms"][i*d["samples"]//5:(i+1)*d["samples"]//5]) for i in range(5)) - d["latency_ms"]) < 2e-6'
judge 'the MAD is that of the samples' \
    'abs(statistics.median(abs(x - statistics.median(d["samples_ms"])) for x in d["samples_ms"]) - d["mad_ms"]) < 2e-6'
judge 'steady means that nothing is doubtful' 'd["steady"] == (d["steady_start"] and not any(d[doubt] for doubt in ("drifting", "unstable", "summary_only", "hot_start")))'
judge 'the mode is the default, and no board was there to say that it throttled' 'd["mode"] == "quick" and d["discarded"] == 0 and not d["throttled"]'
judge 'the windows are those of the headline' 'len(d["windows_ms"]) == 5 and statistics.median(d["windows_ms"]) == d["latency_ms"]'
judge 'a doubtful first attempt, and only that, was repeated' 'd["attempts"] == 2 or d["steady"]'
judge 'the architecture is printed as it was given' "d['arch'] == '$cell'"

# shellcheck disable=SC2086
"$hwnas" device measure --arch "$cell" $small --cpu "$(taskset -cp $$ | sed 's/.*[ ,-]//')" -f csv >"$out" &&
    [ "$(wc -l <"$out")" -eq 2 ] && [ "$(awk -F, '{ print NF }' "$out" | sort -u | wc -l)" -eq 1 ]
ok $? 'the CSV has a header and one row of as many fields; a CPU can be chosen'
# shellcheck disable=SC2086
"$hwnas" device measure --arch "$cell" $small >"$out" && grep -q '^latency_ms ' "$out" && grep -q '^verdict ' "$out"
ok $? 'the table shows the headline and the verdict'

refused 'a command that does not exist is refused' "'fly'" device fly
refused 'a broken architecture is refused' 'nor_conv_9x9' device measure --arch '|nor_conv_9x9~0|'
refused 'a disconnected architecture is refused' 'hwnas device measure:' device measure \
    --arch '|none~0|+|none~0|none~1|+|none~0|none~1|none~2|'
refused 'an unknown space is refused' 'mars' device measure --arch "$cell" --space mars
refused 'a missing architecture is asked for' '--arch' device measure
refused 'a CPU that is not there is refused' 'CPU 4000' device show --cpu 4000
refused 'a format that does not exist is refused' 'xml' device show -f xml
done_testing
