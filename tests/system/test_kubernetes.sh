#!/usr/bin/env bash
# launch/mpijob.yaml and launch/Dockerfile, as far as they can be looked at without Kubernetes: that the numbers fit together, and what
# the launcher's script does with mpirun's exit codes and signals (with a stand-in for mpirun).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

for python in python3 /usr/bin/python3 ''; do
    [ -z "$python" ] || ! "$python" -c 'import yaml' 2>/dev/null || break
done
[ -n "$python" ] || skip "there is no Python with yaml on this machine"

"$python" - "$source/launch/mpijob.yaml" >script 2>err <<'PY' || fail "launch/mpijob.yaml: $(cat err)"
import re, sys, yaml
job = yaml.safe_load(open(sys.argv[1]))
assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v2beta1", "MPIJob")
spec, roles = job["spec"], job["spec"]["mpiReplicaSpecs"]
assert set(roles) == {"Launcher", "Worker"}
launcher, worker = (roles[r]["template"]["spec"]["containers"][0] for r in ("Launcher", "Worker"))
script = launcher["args"][0]
ranks = int(re.search(r"-np (\d+)", script)[1])
threads = int(re.search(r"OMP_NUM_THREADS=(\d+)", script)[1])
assert ranks == spec["slotsPerWorker"] * roles["Worker"]["replicas"], "ranks"
assert threads * spec["slotsPerWorker"] == int(worker["resources"]["limits"]["cpu"]), "threads"
assert launcher["image"] == worker["image"], "images"
for role in roles.values():
    pod = role["template"]["spec"]
    mounts = {m["name"] for c in pod["containers"] for m in c["volumeMounts"]}
    assert mounts == {v["name"] for v in pod["volumes"]}, "volumes"
print(script)
PY
"$python" - "$source/launch/mpijob.yaml" "$source/launch/Dockerfile" <<'PY' || fail "the Dockerfile and mpijob.yaml disagree"
import sys
job, image = (open(f).read() for f in sys.argv[1:])
assert "port=2222" in image and "port: 2222" in job
assert "/home/mpiuser/.sshd_config" in image and "/home/mpiuser/.sshd_config" in job
assert "--uid 1000" in image and job.count("runAsUser: 1000") == 2
PY

# A stand-in: notes its arguments, leaves with the next of CODES, or waits for SIGUSR1.
cat >mpirun <<'END'
#!/bin/bash
echo "$@" >>calls
read -r code <codes
sed -i 1d codes
[ "$code" = wait ] || exit "$code"
trap 'exit 85' USR1
touch waiting
for i in $(seq 600); do sleep 0.1; done
exit 1
END
chmod +x mpirun
export PATH=$tmp:$PATH CONFIG=some.ini

# launcher CODE CALLS CODES...: exit code and number of starts, when mpirun leaves with CODES.
launcher()
{
    local code=$1 calls=$2
    shift 2
    rm -f calls
    printf '%s\n' "$@" >codes
    expect_exit "$code" bash script
    [ "$(wc -l <calls)" = "$calls" ] || fail "mpirun: $*: $(cat calls)"
    head -n 1 calls | grep -q -- '--resume some.ini$' || fail "the first start does not resume: $(cat calls)"
    [ "$(grep -c -- --resume calls)" = 1 ] || fail "the second start resumes: $(cat calls)"
}
launcher 0 1 0
launcher 0 2 4 0
launcher 4 2 4 4
launcher 2 1 2
launcher 137 1 137

echo wait >codes
bash script >out 2>err </dev/null &
pid=$!
wait_for 30 test -e waiting || fail "it did not start"
kill -TERM $pid
wait $pid
code=$?
[ $code = 85 ] || fail "SIGTERM: exit code $code"
finish
