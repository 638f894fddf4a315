#!/usr/bin/env bash
# A real observation window of two minutes: a receiver, the stand-in driven by the window itself, memo and artifact checked
# by the gate. Usage: benches/observe_window.sh [duration]. SMOKE names the binary when it is built elsewhere.
set -euo pipefail
duration=${1:-2m}
cd "$(dirname "$0")/.."
smoke=$(realpath "${SMOKE:-target/release/smoke}" 2>/dev/null || true)
[ -x "$smoke" ] || { cargo build --release --bin smoke && smoke=$(realpath target/release/smoke); }
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
"$smoke" secret > secret
"$smoke" receive --listen 127.0.0.1:0 --secret-file secret --journal journal.jsonl 2> log & pids+=($!)
for _ in $(seq 100); do grep -q receiving log && break; sleep 0.1; done
address=$(sed -n 's|.*http://\([^/ ]*\)/.*|\1|p' log | head -1)
export WEBHOOK_SECRET; WEBHOOK_SECRET=$(cat secret)
"$smoke" observe --duration "$duration" --journal journal.jsonl --probe "http://$address/healthz" \
  --drive payments=30/m,matches=12/m --artifacts artifacts
echo "observe: exit $?"
head -40 artifacts/staging_observation_memo.md
status=0
"$smoke" gate artifacts/staging_observation_output.json --secret-file secret || status=$?
echo "gate: exit $status (3: everything holds, and the stand-in is no evidence about staging)"
[ "$status" = 3 ]
