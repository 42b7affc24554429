#!/bin/bash
# The command line of `hwnas` without a search: help, exit codes, messages, formats, tables and export.
set -u
. tests/support/tap.sh
hwnas=$HWNAS_BUILD/hwnas
cd "$tap_folder" || exit 1

# --- help and errors
for verb in run study front export table; do
    $hwnas $verb --help >out 2>err
    same "hwnas $verb --help exits 0" $? 0
    holds "hwnas $verb --help prints its usage on standard output" out "Usage: hwnas $verb"
    $hwnas help $verb >help.out 2>&1
    same "hwnas help $verb says the same" "$(cat help.out)" "$(cat out)"
done
for verb in list show resume; do
    $hwnas study $verb --help >out 2>err
    holds "hwnas study $verb --help prints its usage" out "Usage: hwnas study $verb"
done
$hwnas --help >out
holds 'hwnas --help lists the verbs' out 'print the non-dominated candidates of a study'
same 'hwnas --version prints one line' "$($hwnas --version | grep -cE '^hwnas [0-9]+\.[0-9]+\.[0-9]+$')" 1
says 2 'Usage: hwnas VERB' 'hwnas alone shows its usage and exits 2' "$hwnas"
says 2 'did you mean run?' 'a mistyped verb is answered with the nearest one' "$hwnas" rnu
says 2 'did you mean list?' 'a mistyped verb of study too' "$hwnas" study lst
says 2 'use table, csv or json' 'an unknown format is answered with the three words' "$hwnas" front s -f xml
says 2 'which study file?' 'run without a file says what is missing' "$hwnas" run
says 2 'unrecognized option' 'an unknown option exits 2' "$hwnas" run --wrokers 3
says 2 'whole number from 0 to' 'a wrong number of workers names the range' "$hwnas" run s.yaml --workers many
says 2 'error, warn, info or debug' 'a wrong log level names the four' "$hwnas" run s.yaml --log-level loud

# --- study files
table() { # table ROWS...: a table of figures
    printf 'arch_str,acc,latency_ms\n'
    printf '%s\n' "$@"
}
table '"|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",70,2' 000000,10,1 >acc.csv
cat >s.yaml <<'YAML'
name: s
space: nb201
fitness: {source: table, file: acc.csv, column: acc}
costs: [{name: latency_ms, source: table, file: acc.csv, max: 4.0}]
YAML
says 2 'nowhere.yaml' 'a missing study file is named' "$hwnas" run nowhere.yaml
sed 's/^costs/cots/' s.yaml >wrong.yaml
says 2 'wrong.yaml:4: cots: unknown key; did you mean costs?' 'an unknown key is refused with line and suggestion' "$hwnas" run wrong.yaml
says 2 '--set fitness.file: nowhere.csv is neither beside' 'a missing table of --set is named with its key' "$hwnas" run s.yaml --set fitness.file=nowhere.csv
sed 's/acc.csv, column/gone.csv, column/' s.yaml >gone.yaml
says 2 'gone.yaml:3: fitness.file: gone.csv is neither beside the study file' 'a missing table of the file is named with its line' "$hwnas" run gone.yaml
says 2 'has no column "ac"; the nearest one is "acc"' 'a wrong column is found before anything starts' "$hwnas" run s.yaml --set fitness.column=ac
says 2 'space' 'a wrong space is found before anything starts' "$hwnas" run s.yaml --set space=nb202
says 2 'evrsnas' 'a wrong strategy is answered with those there are' "$hwnas" run s.yaml --set strategy.name=random2
says 2 'cannot be written' 'a database in a folder that is not there is refused' "$hwnas" run s.yaml --db /nowhere/s.db
same 'none of these left a database' "$(ls *.db 2>/dev/null)" ''

# --- databases that are not there or not ours
says 2 'no such database' 'front of a missing database says so' "$hwnas" front s
says 2 'none.db' 'study list of a missing database names it' "$hwnas" study list --db none.db
same 'reading makes no database' "$(ls *.db 2>/dev/null)" ''
echo 'not a database, and long enough to be read as one: .............................................' >not.db
says 2 'not.db' 'a file that is no database is refused' "$hwnas" study list --db not.db
says 2 '--db FILE is needed' 'study list wants a database' "$hwnas" study list

# --- tables
same 'table show summarises as CSV' "$($hwnas table show acc.csv --column acc -f csv | cut -d, -f1-6)" $'column,rows,values,min,median,max\nacc,2,2,10,40,70'
same 'table show as JSON is one valid object' \
    "$($hwnas table show acc.csv --column latency_ms -f json | python3 -c 'import json,sys; d=json.load(sys.stdin); print(d["rows"], d["min"], d["max"])')" '2 1 2'
same 'table show looks one architecture up' "$($hwnas table show acc.csv --column acc --arch 300100 -f csv | tail -1 | sed 's/.*,//')" 70
says 2 'has no acc for' 'an architecture that is not in the table is named' "$hwnas" table show acc.csv --column acc --arch 111111
says 2 'a file and --column are needed' 'table show wants a column' "$hwnas" table show acc.csv
python3 -c '
import itertools
print("ops,ms")
for ops in itertools.product("01234", repeat=6):
    if ops[0] != "4":
        print("%s,%g" % ("".join(ops), 1 + sum((0, 0.5, 2, 6, 1)[int(o)] for o in ops)))' >sums.csv
same 'table predict learns sums from a sample' "$($hwnas table predict sums.csv --column ms --samples 200 --seeds 1 --model ridge -f json |
    python3 -c 'import json,sys; p=json.load(sys.stdin)["predictions"][0]; print(p["samples"], p["error_percent"] < 1, p["rank"] > .99, p["chosen"])')" \
    '200 True True ridge 1'
same 'table predict has a dash for what there is not' "$($hwnas table predict sums.csv --column ms --samples 5 --seeds 1 --model ridge |
    awk 'NR == 4 {print $1, $NF, $(NF - 1), $(NF - 2)}')" '5 1 ridge -'
says 2 'leave fewer than 100 to predict' 'table predict needs rows to predict' "$hwnas" table predict sums.csv --column ms --samples 12450
says 2 'none of ridge, kernel and mlp' 'table predict knows its models' "$hwnas" table predict sums.csv --column ms --model forest
says 2 'belong to predict' 'table show has no samples' "$hwnas" table show sums.csv --column ms --samples 10
{ echo layer,op,ms; echo -1,-1,1; for layer in 0 1 2 3 4 5; do for op in 0 1 2 3 4; do echo "$layer,$op,$op"; done; done; } >lut.csv
same 'table show --lut has the whole space'"'s range" "$($hwnas table show lut.csv --column ms --lut -f csv | cut -d, -f1-6)" $'column,rows,values,min,median,max\nms,31,31,1,,25'
same 'table show --lut adds up' "$($hwnas table show lut.csv --column ms --lut --arch 012340 -f csv | tail -1 | sed 's/.*,//')" 11
mkfifo pipe.csv
says 2 'pipe.csv: is not a regular file' 'a pipe in place of a table is refused, and not waited for' timeout 20 "$hwnas" table show pipe.csv --column acc
says 2 'is a look-up table (layer, op)' 'a look-up table that is read as another says so' "$hwnas" table show lut.csv --column ms
says 2 'has no column "acc"; the nearest one is' 'a wrong column of a look-up table is told the nearest' "$hwnas" table show lut.csv --column acc --lut

if [ -c /dev/full ]; then
    for command in 'device show' 'device show -f csv' 'device show -f json' 'table show acc.csv --column acc' '--version' '--help'; do
        # shellcheck disable=SC2086
        $hwnas $command >/dev/full 2>err
        same "hwnas $command fails where standard output takes nothing" $? 1
    done
fi

# --- export
$hwnas export --arch 421211 --onnx a.onnx 2>err
same 'export writes an ONNX file' "$? $(test -s a.onnx && echo there)" '0 there'
holds 'export says what it wrote' err '15.65 M multiply-accumulates'
$hwnas export --arch 421211 --onnx b.onnx 2>err
expect 'the same seed gives the same bytes' cmp -s a.onnx b.onnx
$hwnas export --arch 421211 --onnx /dev/fd/1 2>err | cmp -s a.onnx -
same 'a pipe takes them as well as a file' $? 0
$hwnas export --arch 421211 --onnx c.onnx --seed 2 2>err
cmp -s a.onnx c.onnx
same 'another seed gives others' $? 1
if /usr/bin/python3 -c 'import onnx' 2>/dev/null; then
    expect 'the ONNX checker accepts it' /usr/bin/python3 -c 'import onnx; onnx.checker.check_model(onnx.load("a.onnx"), full_check=True)'
fi
says 2 'disconnected' 'a disconnected architecture is refused' "$hwnas" export --arch 000000 --onnx d.onnx
says 2 '--onnx OUT.onnx and a study or --arch are needed' 'export without a subject says what it needs' "$hwnas" export --onnx d.onnx
says 2 'character 1' 'a wrong architecture is refused with its place' "$hwnas" export --arch 921211 --onnx d.onnx
says 2 'nowhere.safetensors' 'missing weights are named' "$hwnas" export --arch 421211 --onnx d.onnx --weights nowhere.safetensors
same 'nothing refused left a file' "$(ls d.onnx 2>/dev/null)" ''

done_testing
