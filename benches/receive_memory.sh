#!/usr/bin/env bash
# Memory of `smoke receive` while it takes webhooks that are all different: sampled until a million have come.
# Usage: benches/receive_memory.sh [webhooks]. SMOKE names the binary when it is built elsewhere. Journals go away as they fill.
set -euo pipefail
wanted=${1:-1000000}
cd "$(dirname "$0")/.."
smoke=${SMOKE:-target/release/smoke}
[ -x "$smoke" ] || cargo build --release --bin smoke
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
"$smoke" secret > "$dir/secret"
"$smoke" receive --listen 127.0.0.1:0 --secret-file "$dir/secret" --journal "$dir/journal.jsonl" --rotate-size 64MB \
  2> "$dir/log" & receiver=$! && pids+=("$receiver")
for _ in $(seq 100); do grep -q receiving "$dir/log" && break; sleep 0.1; done
address=$(sed -n 's|.*http://\([^/ ]*\)/.*|\1|p' "$dir/log" | head -1)
"$smoke" load webhooks --to "http://$address/webhooks/inbound" --secret-file "$dir/secret" --rate max --connections 32 \
  --duration 10m --quiet --artifacts "$dir/load" > "$dir/loaded" 2>&1 & load=$! && pids+=("$load")
webhooks() { curl -s "http://$address/metrics" | awk '/^webhook_delivery_attempts_total/ {n += $2} END {printf "%d", n}'; }
memory() { awk -v name="$1" '$1 == name ":" {print $2}' "/proc/$receiver/status"; }
first=0
while n=$(webhooks); do
  find "$dir" -name 'journal.jsonl.0*' -delete
  [ "$first" != 0 ] || [ "$n" -lt $((wanted / 4)) ] || first=$(memory VmRSS)
  echo "$n webhooks: $(memory VmRSS) KiB now, $(memory VmHWM) KiB at most"
  if [ "$n" -ge "$wanted" ]; then break; fi
  if ! kill -0 "$load" 2>/dev/null; then cat "$dir/loaded"; exit 1; fi
  sleep 2
done
echo "from a quarter of them on it grew by $(($(memory VmRSS) - first)) KiB"
