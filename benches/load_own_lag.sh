#!/usr/bin/env bash
# Own lag of `smoke load webhooks` at open rates, with the default connections and with 64, in turns: what the generator itself adds.
# What it used of its core and waited for one stands beside it; a figure with `waited` above a few percent says more about the machine.
#
#   cargo build --release --bin smoke --bin bare_receiver
#   benches/load_own_lag.sh [ROUNDS] [SECONDS] [RATE…]          THREADS=1 BASE=path/to/another/smoke benches/load_own_lag.sh
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9} seconds=${2:-10}
shift $(( $# < 2 ? $# : 2 ))
rates=("${@:-10000}")
if [ $# -eq 0 ]; then rates=(2000 10000 20000 40000 60000); fi
. benches/bare_receiver.sh
threads=${THREADS:+--threads $THREADS}

measure() { # NAME BINARY RATE ARGUMENT…: appends "own_p99 connects busy waited" to a file
  local name=$1 binary=$2 rate=$3
  shift 3
  # Exit code 3 is a load that was late itself; its figures count all the same.
  "$binary" load webhooks --to "$url" --rate "$rate/s" --duration "${seconds}s" --artifacts "$work/out" \
    --report junit --quiet "$@" > "$work/log" 2>&1 || [ $? -eq 3 ] || { cat "$work/log"; exit 1; }
  python3 -c "
import json; a = json.load(open('$work/out/staging_load_output.json')); c = a['counters']
print(a['latency_ms']['own_lag']['p99'], c['connects'], c['generator_busy'] or 0, c['generator_waited'] or 0)" >> "$work/$name.$rate.txt"
}
for _ in $(seq "$rounds"); do
  for rate in "${rates[@]}"; do
    # shellcheck disable=SC2086
    measure default "$smoke" "$rate" $threads
    # shellcheck disable=SC2086
    measure 64 "$smoke" "$rate" --connections 64 $threads
    if [ -n "${BASE:-}" ]; then measure base "$BASE" "$rate"; fi
  done
done
python3 - "$work" "${rates[@]}" <<'PY'
import os, statistics as st, sys
print(f"{'':18}{'own lag p99, ms: median (least - most)':>42}{'worst quarter':>15}{'connections':>13}{'busy':>7}{'waited':>8}")
for rate in sys.argv[2:]:
    for name in ("base", "default", "64"):
        path = f"{sys.argv[1]}/{name}.{rate}.txt"
        if not os.path.exists(path):
            continue
        lag, connects, busy, waited = zip(*(map(float, line.split()) for line in open(path)))
        worst = sorted(lag)[-max(1, len(lag) // 4):]
        print(f"{rate + '/s ' + name:18}{st.median(lag):18.2f} ({min(lag):.2f} - {max(lag):.2f}){st.mean(worst):15.2f}"
              f"{st.median(connects):13.0f}{st.median(busy):7.2f}{st.median(waited):8.2f}")
PY
