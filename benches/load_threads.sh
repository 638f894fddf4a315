#!/usr/bin/env bash
# `smoke load webhooks --rate max` with one thread and with N (default: the cores), in turns. The receiver has one thread and shares the
# cores, so throughput says little on a small machine: beside it stands the processor time of the generator for each request, which
# has to stay as it is when the work is split.
#
#   cargo build --release --bin smoke --bin bare_receiver
#   benches/load_threads.sh [ROUNDS] [SECONDS] [THREADS] [CONNECTIONS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-9} seconds=${2:-5} threads=${3:-$(nproc)} connections=${4:-64}
. benches/bare_receiver.sh
TIMEFORMAT='%U %S %R'
measure() { # THREADS: appends "cpu_us_per_request requests_per_second" to a file
  { time "$smoke" load webhooks --to "$url" --rate max --connections "$connections" --duration "${seconds}s" \
    --threads "$1" --artifacts "$work/out" --report junit --quiet > "$work/log" 2>&1; } 2> "$work/time" || [ $? -eq 3 ] || { cat "$work/log"; exit 1; }
  python3 -c "
import json; n = json.load(open('$work/out/staging_load_output.json'))['counters']['attempts']
u, s, r = map(float, open('$work/time').read().split()); print((u + s) / n * 1e6, n / $seconds)" >> "$work/$1.txt"
}
for _ in $(seq "$rounds"); do
  measure 1
  measure "$threads"
done
python3 - "$work" "$threads" <<'PY'
import statistics as st, sys
one, more = ([tuple(map(float, line.split())) for line in open(f"{sys.argv[1]}/{n}.txt")] for n in ("1", sys.argv[2]))
for name, rows in (("1 thread", one), (f"{sys.argv[2]} threads", more)):
    cpu, rps = zip(*rows)
    print(f"{name:12}{st.median(cpu):8.2f} us/request ({min(cpu):.2f} - {max(cpu):.2f}){st.median(rps):10.0f}/s ({min(rps):.0f} - {max(rps):.0f})")
# The rounds are paired: what else the machine did meanwhile hit both alike.
cpu, rps = ([m[i] / o[i] for o, m in zip(one, more)] for i in (0, 1))
quarter = max(1, len(rps) // 4)
print(f"ratio: {st.median(cpu):.2f} x the processor time for each request, {st.median(rps):.2f} x the throughput "
      f"(worst quarter {st.mean(sorted(rps)[:quarter]):.2f})")
PY
