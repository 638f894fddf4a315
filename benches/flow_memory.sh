#!/usr/bin/env bash
# Memory of `smoke load payments` for each flow that is planned, before the first one begins: two data files, one ten times as long, with
# users who have nothing in common.
#
#   cargo build --release --bin smoke --bin bare_receiver
#   benches/flow_memory.sh [FLOWS]
set -euo pipefail
cd "$(dirname "$0")/.."
flows=${1:-100000}
smoke=${SMOKE:-target/release/smoke} receiver=${RECEIVER:-target/release/bare_receiver}
work=$(mktemp -d)
export WEBHOOK_SECRET=3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5 STAFF_USERNAME=staff STAFF_PASSWORD=of-a-bench
"$receiver" > "$work/url" & pid=$!
trap 'kill $pid; rm -rf "$work"' EXIT
for _ in $(seq 50); do [ -s "$work/url" ] && break; sleep 0.1; done
resident() { # FLOWS: KiB while the load waits for its beginning
  python3 - "$1" > "$work/rows.csv" <<'PY'
import hashlib, sys
print("payment_id,registration_id,tournament_id,tournament_slug,tournament_name,amount_bdt,user_username,user_email,user_password,user_display_name,user_phone")
for i in range(int(sys.argv[1])):
    h = hashlib.sha256(str(i).encode()).hexdigest()
    print(f"{501+i},{301+i},{101+i},smoke-pay-{i:06d},Smoke Pay {i:06d},500,{h[:10]},{h[:10]}@{h[10:16]}.example,{h[16:32]},"
          f"{h[32:38].title()} {h[38:44].title()},+88017{int(h[44:52], 16) % 10**8:08d}")
PY
  # An earlier load has said in it that it begins.
  rm -f "$work/log"
  "$smoke" load payments --staging "$(sed 's|/hook||' "$work/url")" --data "$work/rows.csv" --rate "$1/m" --duration 60s \
    --start-at +1h --artifacts "$work/out" > "$work/log" 2>&1 & local load=$!
  until grep -qs "beginning at" "$work/log"; do kill -0 "$load" || { cat "$work/log" >&2; exit 1; }; sleep 0.2; done
  sleep 1
  awk '/VmRSS/ {rss = $2} /VmHWM/ {most = $2} END {print rss, most}' "/proc/$load/status"
  kill -TERM "$load"
  wait "$load" || true
}
few=$(resident $((flows / 10)))
many=$(resident "$flows")
python3 - "$flows" $few $many <<'PY'
import sys
flows, few, few_most, many, many_most = map(int, sys.argv[1:])
for name, a, b in (("resident", few, many), ("at most on the way", few_most, many_most)):
    print(f"{name}: {a / 1024:.0f} MiB for {flows // 10} flows, {b / 1024:.0f} MiB for {flows}: {(b - a) * 1024 / (flows - flows // 10):.0f} bytes for each")
PY
