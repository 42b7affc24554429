#!/bin/bash
# The examples of deploy/ for clusters: the Slurm script, run as Slurm would run it but by this shell, brings a worker to a master with keys and
# hands on the signal before the time limit; the Kubernetes manifests are YAML, hang together, and start programs with options that they have.
set -u
. tests/support/tap.sh
. tests/support/cluster.sh
export PATH=$HWNAS_BUILD:$PATH

# --- Slurm
script=deploy/slurm/workers.sbatch
keys=$tap_folder/keys
hwnas keygen head --role master --folder "$keys" >/dev/null 2>&1 && hwnas keygen rack1 --role worker --folder "$keys" >/dev/null 2>&1
ok $? 'keys are made'
mkdir -m 755 "$tap_folder/allow"
install -m 644 "$keys/rack1" "$tap_folder/allow"
study s '{name: macs, source: macs}'
start s hwnas-master --study "$tap_folder/s.yaml" --db "$tap_folder/s.db" --progress --listen 'tcp://127.0.0.1:*' --key "$keys/head_secret" --allow "$tap_folder/allow" \
    --heartbeat-ms 200 --lease-ms 3000 --set strategy.generations=1000
master=$started
expect 'a master with keys listens' until_true grep -q 'listening address="*tcp' "$tap_folder/s.err"
connect=$(sed -n 's/.*listening address="*\(tcp[^ "]*\).*/\1/p' "$tap_folder/s.err")
same 'the script asks for a signal to the shell before the time is up' "$(grep -c '^#SBATCH --signal=B:TERM@' $script)" 1
batch() { # batch NAME VARIABLE...: starts the script as one task of an array; $started
    local name=$1
    shift
    env SLURM_CPUS_PER_TASK=2 SLURM_ARRAY_JOB_ID=17 SLURM_ARRAY_TASK_ID=3 "$@" $script >>"$tap_folder/$name.out" 2>>"$tap_folder/$name.err" &
    started=$!
    children="$children $started"
}
batch task HWNAS_CONNECT="$connect" HWNAS_KEYS="$keys"
task=$started
expect 'a task of the array registers under its own name, with a slot a CPU' until_true grep -q 'node=rack1.17-3 .*slots=2' "$tap_folder/s.err"
expect 'it computes' until_true scored s 3
kill -TERM "$task"
ended() { ! kill -0 "$task" 2>/dev/null; }
until_true ended || { pkill -9 -P "$task"; kill -9 "$task"; }
wait "$task"
same 'told to stop before the time is up, it ends with exit code 0' $? 0
expect 'its worker has said goodbye' until_true grep -q 'a peer has left .*rack1.17-3' "$tap_folder/s.err"
same 'and no attempt was lost' "$(grep -c 'an attempt came to nothing' "$tap_folder/s.err")" 0
hwnas keygen stranger --role worker --folder "$keys" >/dev/null 2>&1
batch stranger HWNAS_CONNECT="$connect" HWNAS_KEYS="$keys" HWNAS_KEY=stranger
wait "$started"
same 'a task whose key is not let in ends at once' $? 2
holds '... and says why' "$tap_folder/stranger.err" 'something is wrong'
batch lost HWNAS_KEYS="$keys"
wait "$started"
expect 'so does one that is told no master' [ $? -ne 0 ]
stop "$master"
same 'the master stops in order' "$stopped" 0

# --- Kubernetes
if /usr/bin/python3 -c 'import yaml' 2>/dev/null; then
    /usr/bin/python3 - >"$tap_folder/commands" <<'END'
import sys, yaml

documents = list(yaml.safe_load_all(open("deploy/kubernetes/hwnas.yaml")))
failed = []


def check(sentence, holds):
    if not holds:
        failed.append(sentence)


for document in documents:
    check("every document has version, kind and name", document["apiVersion"] and document["kind"] and document["metadata"]["name"])
    check("all but the namespace stand in it", document["kind"] == "Namespace" or document["metadata"]["namespace"] == "hwnas")
pods = {d["kind"]: d for d in documents if d["kind"] in ("StatefulSet", "Deployment")}
check("there is a master and there are workers", len(pods) == 2)
check("there is one master", pods["StatefulSet"]["spec"]["replicas"] == 1)
for each in pods.values():
    template = each["spec"]["template"]
    spec = template["spec"]
    check("labels are those selected", each["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"])
    check("nobody is root", spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0)
    check("no token of the cluster is in the pod", spec["automountServiceAccountToken"] is False)
    check("a worker has time to finish", spec["terminationGracePeriodSeconds"] > 30)
    volumes = {v["name"] for v in spec["volumes"]} | {v["metadata"]["name"] for v in each["spec"].get("volumeClaimTemplates", [])}
    for container in spec["initContainers"] + spec["containers"]:
        confined = container["securityContext"]
        check("every container is confined", confined["readOnlyRootFilesystem"] and not confined["allowPrivilegeEscalation"] and confined["capabilities"] == {"drop": ["ALL"]})
        check("every container has a limit of memory", "memory" in container["resources"]["limits"])
        check("what is mounted is there", {m["name"] for m in container["volumeMounts"]} <= volumes)
        check("no secret is in an environment", all("value" in e and "SECRET" not in e["name"] for e in container.get("env", [])))
master = pods["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
check("the master has probes", all(probe in master for probe in ("startupProbe", "livenessProbe", "readinessProbe")))
service = next(d for d in documents if d["kind"] == "Service")
check("the service leads to the master", service["spec"]["selector"] == pods["StatefulSet"]["spec"]["template"]["metadata"]["labels"])
for sentence in failed:
    print("# not so: " + sentence, file=sys.stderr)
for each in pods.values():
    print(" ".join("'%s'" % word for word in each["spec"]["template"]["spec"]["containers"][0]["command"]))
print(master["livenessProbe"]["exec"]["command"][2])
sys.exit(bool(failed))
END
    ok $? 'the manifests are YAML and hang together'
    grep '^.hwnas-' "$tap_folder/commands" | sed "s/'\(-[a-z-]*\)'/\n\1\n/g" | grep '^-' | sort -u >"$tap_folder/options"
    hwnas-master --help >"$tap_folder/help" && hwnas-worker --help >>"$tap_folder/help"
    while read -r option; do
        holds "the programs have the option $option" "$tap_folder/help" "$option="
    done <"$tap_folder/options"
    expect 'there were such options' [ "$(wc -l <"$tap_folder/options")" -ge 6 ]
    probe=$(tail -n 1 "$tap_folder/commands" | sed "s|ipc://[^ ]*|$address|")
    ! sh -c "$probe"
    ok $? 'the probe fails where no master answers'
    study t '{name: macs, source: macs}'
    start_master t
    expect 'a master listens' until_true [ -S "$tap_folder/socket/hwnas.sock" ]
    expect '... and the probe finds it alive' sh -c "$probe"
    stop "$master"
else
    ok 0 'the manifests are YAML and hang together # SKIP python3-yaml is not installed: apt-get install python3-yaml'
fi

[ $tap_failed -eq 0 ] || show_logs
done_testing
