#!/usr/bin/env bash
# `smoke receive --fsync` beside the same without it, in turns: throughput of `load webhooks --rate max` with 1, 16 and 64 connections, and
# p99 of the response at 2,000/s. The figures are those of the disk that holds the folder for temporary files (TMPDIR).
#
#   cargo build --release --bin smoke
#   benches/receive_fsync.sh [ROUNDS] [SECONDS]          SMOKE=path/to/smoke benches/receive_fsync.sh
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9} seconds=${2:-3} smoke=${SMOKE:-target/release/smoke}
work=$(mktemp -d)
export WEBHOOK_SECRET=3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5
pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$work"' EXIT
start() { # NAME ARGUMENT…: a receiver whose URL is in $work/NAME.url
  local name=$1
  shift
  "$smoke" receive --listen 127.0.0.1:0 --journal "$work/$name.jsonl" "$@" 2> "$work/$name.log" & pids+=($!)
  for _ in $(seq 100); do
    if grep -q receiving "$work/$name.log"; then break; fi
    sleep 0.1
  done
  sed -n 's|.*\(http://[^, ]*\).*|\1|p' "$work/$name.log" | head -1 > "$work/$name.url"
}
start plain
start fsync --fsync
measure() { # NAME COLUMN ARGUMENT…: appends "requests_per_second p99_ms" to a file
  local name=$1 column=$2
  shift 2
  "$smoke" load webhooks --to "$(cat "$work/$name.url")" --duration "${seconds}s" --threads 1 --artifacts "$work/out" --report junit \
    --quiet "$@" > "$work/load.log" 2>&1 || [ $? -eq 3 ] || [ $? -eq 1 ] || { cat "$work/load.log"; exit 1; }
  python3 -c "
import json; a = json.load(open('$work/out/staging_load_output.json')); assert a['counters']['failed'] == 0, a['counters']
times = a['latency_ms'].get('response') or a['latency_ms']['service']
print(a['counters']['ok'] / $seconds, times['p99'])" >> "$work/$name.$column.txt"
}
for _ in $(seq "$rounds"); do
  for connections in 1 16 64; do
    for name in plain fsync; do measure $name $connections --rate max --connections $connections; done
  done
  for name in plain fsync; do measure $name open --rate 2000/s; done
done
python3 - "$work" <<'PY'
import statistics as st, sys
for column in ("1", "16", "64", "open"):
    plain, fsync = ([tuple(map(float, line.split())) for line in open(f"{sys.argv[1]}/{name}.{column}.txt")] for name in ("plain", "fsync"))
    if column == "open":
        for name, rows in (("without", plain), ("--fsync", fsync)):
            p99 = [p for _, p in rows]
            print(f"2000/s {name}: p99 {st.median(p99):.2f} ms ({min(p99):.2f} - {max(p99):.2f})")
        continue
    ratio = sorted(f[0] / p[0] for p, f in zip(plain, fsync))
    quarter = max(1, len(ratio) // 4)
    print(f"{column:>2} connections: {st.median(f[0] for f in fsync):.0f}/s of {st.median(p[0] for p in plain):.0f}/s, ratio "
          f"{st.median(ratio):.2f} ({ratio[0]:.2f} - {ratio[-1]:.2f}, worst quarter {st.mean(ratio[:quarter]):.2f})")
PY
