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
  "$venv/bin/kubernetes-validate" --strict -k "$version" load.yaml merge.yaml
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
print("manifests agree with each other")
PY
