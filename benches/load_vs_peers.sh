#!/usr/bin/env bash
# Processor time and throughput of `smoke load webhooks` (unique signed webhooks) against wrk and hey (a constant
# unsigned POST): same receiver, same connections, turns taken within one run on one machine. Prints ratios. wrk is needed; hey,
# and an older smoke at BASE, take their turns where they are there. THREADS is smoke's --threads; wrk and hey have one.
#
#   apt-get install wrk && cargo build --release --bin smoke --bin bare_receiver
#   benches/load_vs_peers.sh [ROUNDS] [SECONDS] [CONNECTIONS]           THREADS=1 BASE=path/to/another/smoke benches/load_vs_peers.sh
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} seconds=${2:-5} connections=${3:-32}
. benches/bare_receiver.sh

# As long as a webhook of ours is.
body="$work/body.json"
printf '{"event":"payment_verified","data":{"event":"payment_verified","title":"Load 00000000 000000000000","body":"Webhook 000000000000 of the load 00000000. Nobody was notified.","url":"/tournaments/load-00000000-000000000000/","recipient_count":1,"tournament_id":1000000000,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}' > "$body"
cat > "$work/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open("$body"):read("*a")
done = function(summary) io.stderr:write("REQUESTS ", summary.requests, "\n") end
LUA

TIMEFORMAT='%U %S %R'
measure() { # name, command…: appends "cpu_us_per_request requests_per_second" to a file
  local name=$1; shift
  { time "$@" > "$work/out" 2> "$work/err"; } 2> "$work/time" || [ $? -eq 3 ] || { cat "$work/err"; exit 1; }
  local requests
  case $name in
    smoke|base) requests=$(python3 -c "import json;print(json.load(open('$work/smoke/staging_load_output.json'))['counters']['attempts'])") ;;
    wrk) requests=$(sed -n 's/^REQUESTS //p' "$work/err") ;;
    hey) requests=$(sed -n 's/.*\[200\][[:space:]]*\([0-9]*\) responses.*/\1/p' "$work/out") ;;
  esac
  python3 -c "u,s,r=map(float,open('$work/time').read().split()); n=$requests; print(f'{(u+s)/n*1e6:.3f} {n/$seconds:.0f}')" \
    >> "$work/$name.txt"
}
load() { # NAME BINARY ARGUMENT…: a load by smoke; exit code 3 is one that was late itself, its figures count all the same
  local name=$1 binary=$2
  shift 2
  measure "$name" "$binary" load webhooks --to "$url" --rate max --connections "$connections" --duration "${seconds}s" \
    --artifacts "$work/smoke" --report junit --quiet "$@"
}
for _ in $(seq "$rounds"); do
  measure wrk wrk -t1 -c"$connections" -d"${seconds}s" -s "$work/post.lua" "$url"
  # shellcheck disable=SC2086
  load smoke "$smoke" ${THREADS:+--threads $THREADS}
  if [ -n "${BASE:-}" ]; then load base "$BASE"; fi
  if [ -n "$(command -v hey)" ]; then measure hey hey -c "$connections" -z "${seconds}s" -cpus 1 -m POST -T application/json -D "$body" "$url"; fi
done
python3 - "$work" <<'PY'
import os, statistics as st, sys
path = "{}/{}.txt".format
rows = {n: [tuple(map(float, l.split())) for l in open(path(sys.argv[1], n))]
        for n in ("wrk", "smoke", "base", "hey") if os.path.exists(path(sys.argv[1], n))}
print(f"{'':8}{'cpu µs/request':>28}{'requests/s':>24}")
for name, runs in rows.items():
    cpu, rps = zip(*runs)
    print(f"{name:8}{st.median(cpu):12.2f} ({min(cpu):.2f} - {max(cpu):.2f}){st.median(rps):14.0f} ({min(rps):.0f} - {max(rps):.0f})")
# The rounds are paired: what else the machine did meanwhile hit all alike.
for peer in rows.keys() - {"smoke"}:
    cpu, rps = (sorted(s[i] / p[i] for s, p in zip(rows["smoke"], rows[peer])) for i in (0, 1))
    quarter = max(1, len(cpu) // 4)
    print(f"smoke / {peer}: {st.median(cpu):.2f} x the processor time for each request ({cpu[0]:.2f} - {cpu[-1]:.2f}, "
          f"worst quarter {st.mean(cpu[-quarter:]):.2f}), {st.median(rps):.2f} x the throughput ({rps[0]:.2f} - {rps[-1]:.2f}, "
          f"worst quarter {st.mean(rps[:quarter]):.2f})")
PY
