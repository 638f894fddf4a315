#!/usr/bin/env bash
# Throughput of `smoke receive` (verification and journal) beside a bare axum handler under the same wrk load, and the
# receiver's memory on the way. Usage: benches/receive.sh [seconds] [connections]; needs wrk.
# SMOKE and BARE name the two binaries when they are built elsewhere.
set -euo pipefail
seconds=${1:-10} connections=${2:-64} rounds=${ROUNDS:-3}
cd "$(dirname "$0")/.."
smoke=${SMOKE:-target/release/smoke} bare=${BARE:-target/release/bare_axum}
if [ ! -x "$smoke" ] || [ ! -x "$bare" ]; then
  cargo build --release --bin smoke --bin bare_axum
fi
dir=$(mktemp -d)
export SMOKE_BENCH_DIR=$dir
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT
"$smoke" secret > "$dir/secret"
printf '%s' '{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - Smoke Pay 00040","body":"Your payment for Smoke Pay 00040 has been verified. Your registration is now confirmed!","url":"/tournaments/smoke-pay-00040/","recipient_count":1,"tournament_id":42,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}' > "$dir/body"
"$bare" > "$dir/bare.address" & pids+=($!)
"$smoke" receive --listen 127.0.0.1:0 --secret-file "$dir/secret" --journal "$dir/journal.jsonl" --rotate-size 256MB \
  2> "$dir/receive.log" & receiver=$! && pids+=("$receiver")
for _ in $(seq 100); do
  if [ -s "$dir/bare.address" ] && grep -q receiving "$dir/receive.log"; then break; fi
  if ! kill -0 "$receiver" 2>/dev/null; then cat "$dir/receive.log"; exit 4; fi
  sleep 0.1
done
address=$(sed -n 's|.*http://\([^/]*\)/.*|\1|p' "$dir/receive.log")
rate() { wrk -t2 -c"$connections" -d"${seconds}s" -s benches/receive.lua "http://$1" | tee "$dir/last" | awk '/Requests\/sec/ {print $2}'; }
memory() { awk '/VmRSS/ {print $2}' "/proc/$receiver/status"; }
for round in $(seq "$rounds"); do
  "$smoke" sign --secret-file "$dir/secret" < "$dir/body" > "$dir/headers"
  theirs=$(rate "$(cat "$dir/bare.address")")
  ours=$(rate "$address")
  if grep -q "Non-2xx" "$dir/last"; then cat "$dir/last"; exit 1; fi
  echo "round $round: bare axum $theirs/s, smoke receive $ours/s, ratio $(awk "BEGIN {printf \"%.2f\", $ours / $theirs}"), memory $(memory) KiB"
  # One file is kept: the journal of a run at full speed is large.
  find "$dir" -name 'journal.jsonl.*' -delete
done
