#!/usr/bin/env bash
# Holds the manifests against the published Kubernetes schemas, offline once the validator is installed, and against what
# the schemas do not say. `--strict` is essential: without it a misspelt field passes.
#
#   deploy/kubernetes/validate.sh [VENV]      needs python3 with venv; installs kubernetes-validate (PyPI) into VENV
set -euo pipefail
cd "$(dirname "$0")"
venv=${1:-${TMPDIR:-/tmp}/smoke-kubernetes-validate}
[ -x "$venv/bin/kubernetes-validate" ] || { python3 -m venv "$venv" && "$venv/bin/pip" -q install kubernetes-validate; }
for version in 1.28 1.31; do
  "$venv/bin/kubernetes-validate" --strict -k "$version" load.yaml merge.yaml receive.yaml
done
"$venv/bin/python" - <<'PY'
import yaml
job = yaml.safe_load(open("load.yaml"))["spec"]
merge = yaml.safe_load(open("merge.yaml"))["spec"]
pod = job["template"]["spec"]
env = {e["name"]: e["value"] for e in pod["containers"][0]["env"]}
assert job["completionMode"] == "Indexed", "without it there is no JOB_COMPLETION_INDEX"
assert job["completions"] == job["parallelism"] == int(env["SMOKE_SHARDS"]), "completions, parallelism and SMOKE_SHARDS differ"
assert pod["restartPolicy"] == merge["template"]["spec"]["restartPolicy"] == "Never"
assert merge["backoffLimit"] == 0, "a verdict is not tried again"
volume = lambda spec: spec["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
assert volume(job) == volume(merge), "shards and merge must share the volume"

parts = {p["kind"]: p for p in yaml.safe_load_all(open("receive.yaml"))}
deployment, receiver = parts["Deployment"]["spec"], parts["Deployment"]["spec"]["template"]["spec"]
labels = deployment["template"]["metadata"]["labels"]
for selector in (deployment["selector"]["matchLabels"], parts["Service"]["spec"]["selector"],
                 parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"], parts["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]):
    assert selector == labels, f"{selector} selects other pods than {labels}"
container = receiver["containers"][0]
assert deployment["replicas"] == 1 and deployment["strategy"]["type"] == "Recreate", "a journal has one writer"
assert receiver["volumes"][0]["persistentVolumeClaim"]["claimName"] == parts["PersistentVolumeClaim"]["metadata"]["name"]
mounts = [m["mountPath"] for m in container["volumeMounts"]]
paths = [a.split("=", 1)[1] for a in container["args"] if "=/" in a]
assert all(any(p.startswith(m + "/") for m in mounts) for p in paths), f"{paths} are not all on {mounts}"
port = container["ports"][0]
assert any(a == f"--listen=0.0.0.0:{port['containerPort']}" for a in container["args"])
assert all(rule["port"] == port["name"] for way in parts["NetworkPolicy"]["spec"]["ingress"] for rule in way["ports"])
drain = next(int(a.split("=")[1].rstrip("s")) for a in container["args"] if a.startswith("--drain"))
assert receiver["terminationGracePeriodSeconds"] > drain, "the pod is killed before it has drained"
assert not container.get("env"), "secrets come as files"
print("manifests agree with each other")
PY
