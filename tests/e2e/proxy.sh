#!/bin/bash
# scripts/proxy: the constants of common/combine.c are those that the kept scores give, its options stand where docs/PROXY.md has them, and what it
# cannot use it refuses with a sentence, before anything kept is touched.
set -u
[ -r ../shared/data/nb201_accuracy.csv ] || { echo '1..0 # SKIP ../shared/data is absent'; exit 0; }
. tests/support/tap.sh
kept=$tap_folder/proxy.csv
cp docs/results/proxy.csv "$kept"

scripts/proxy scale --data ../shared/data >"$tap_folder/scale"
same 'scale ends with exit code 0' $? 0
constants() { # constants PATTERN: mean and spread of the line with it, as combine.c writes them
    sed -n "s/.*$1.*mean \([0-9.]*\), spread \([0-9.]*\).*/{\1, \2}/p" "$tap_folder/scale"
}
holds 'combine.c has what the shallow network has' common/combine.c ".nearness = $(constants '^1 cell, 16 channels, seed 0, 21 passes')"
holds '... and the deep one' common/combine.c ".deep_nearness = $(constants '^5 cells, 8 channels, seed 0, 16 passes')"
holds '... and the network of the finals' common/combine.c ".nearness = $(constants '^5 cells, 16 channels, seed 0, 41 passes')"
holds '... and both together' common/combine.c ".both_spread = $(sed -n 's/^both networks: spread \([0-9.]*\).*/\1/p' "$tap_folder/scale")"
holds '... and MACs' common/combine.c ".log_macs = $(constants '^ln MACs')"

says 2 'required: command' 'without a command it says what there is' scripts/proxy
says 2 'none/nb201_accuracy.csv' 'tables that are not there are refused' scripts/proxy report --write --data "$tap_folder/none"
printf 'ops,cells\n333333,1\n' >"$tap_folder/lacking.csv"
says 2 "lacks 'channels'" 'so is a file of scores without a column' scripts/proxy scale --data ../shared/data --kept "$tap_folder/lacking.csv"
says 2 'holds no traces' 'and a folder without traces' scripts/proxy keep "$tap_folder" --data ../shared/data --kept "$kept"
expect 'what was kept stays' cmp -s docs/results/proxy.csv "$kept"

done_testing
