#!/usr/bin/env bash
# Runs the array and its merge on a real Slurm of one machine, in a directory, over loopback, without root, and holds the merged
# evidence against an unsharded run of the same schedule. It ends only what it started.
#
#   apt-get install --no-install-recommends slurm-wlm munge && cargo build --release --bin smoke --bin bare_receiver
#   deploy/slurm/try-one-machine.sh          (SMOKE=..., RECEIVER=... for other binaries)
set -euo pipefail
for needed in munged slurmctld slurmd sbatch; do
  command -v "$needed" > /dev/null || { echo "try-one-machine.sh: $needed is not there; see the top of this file" >&2; exit 2; }
done
root=$(cd "$(dirname "$0")/../.." && pwd)
export SMOKE=${SMOKE:-$root/target/release/smoke}
receiver=${RECEIVER:-$root/target/release/bare_receiver}
export WEBHOOK_SECRET=${WEBHOOK_SECRET:-$("$SMOKE" secret)}
dir=$(mktemp -d) port=${PORT:-26817} pids=()
export SLURM_CONF=$dir/slurm.conf
cd "$dir"

stop() {
  timeout 10 scancel -u "$(id -un)" 2> /dev/null || true
  for _ in $(seq 100); do [ -z "$(timeout 5 squeue -h 2> /dev/null)" ] && break; sleep 0.1; done
  for pid in "${pids[@]}"; do
    kill "$pid" 2> /dev/null || true
    # A zombie is dead too, whatever kill -0 says.
    for _ in $(seq 100); do case "$(ps -o stat= -p "$pid")" in '' | Z*) break ;; esac; sleep 0.1; done
  done
  rm -rf "$dir"
}
trap stop EXIT
wait_for() { # seconds, command…
  local tenths=$(($1 * 10)); shift
  for _ in $(seq "$tenths"); do "$@" && return; sleep 0.1; done
  echo "gave up waiting for: $*" >&2; return 1
}

mkdir state spool
cat > slurm.conf <<CONF
ClusterName=try
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$dir/munge.socket,cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=4000
PartitionName=p Nodes=ALL Default=YES
CONF
(umask 077; head -c 128 /dev/urandom > munge.key)
munged --force -F -S "$dir/munge.socket" --key-file "$dir/munge.key" --pid-file "$dir/munged.pid" \
  --seed-file "$dir/munge.seed" --log-file "$dir/munged.log" > munged.out 2>&1 & pids+=($!)
wait_for 10 test -S munge.socket
slurmctld -D > ctld.out 2>&1 & pids+=($!)
slurmd -D > slurmd.out 2>&1 & pids+=($!)
idle() { [ "$(timeout 5 sinfo -h -o %T 2> /dev/null)" = idle ]; }
wait_for 20 idle
"$receiver" > url & pids+=($!)
wait_for 5 test -s url
url=$(cat url) stages=0-400/s:2s,400/s:3s
echo "slurm is up, receiver at $url"

echo "== unsharded"
"$SMOKE" load webhooks --to "$url" --stages "$stages" --artifacts "$dir/whole" --quiet
echo "== array of 4, dependent merge"
evidence=$dir/evidence
jobs=$("$root/deploy/slurm/submit.sh" 4 "$url" "$stages" "$evidence" 8)
echo "jobs $jobs"
wait_for 90 test -f "$evidence/verdict"
echo "merge says $(cat "$evidence/verdict")"
compare() { python3 - "$dir/whole" "$evidence/merged" <<'PY'
import json, sys
whole, merged = (json.load(open(f"{d}/staging_load_output.json")) for d in sys.argv[1:])
for key in ("started", "done", "ok", "failed", "dropped"):
    print(f"{key:8} whole {whole['counters'][key]:6} merged {merged['counters'][key]:6}")
    assert whole["counters"][key] == merged["counters"][key], key
assert whole["load"]["schedule"] == merged["load"]["schedule"] and whole["load"]["total"] == merged["load"]["total"]
assert [s["index"] for s in merged["shards"]] == [0, 1, 2, 3] and not merged["missing_shards"]
assert merged["latency_ms"]["response"]["samples"] == whole["latency_ms"]["response"]["samples"]
print("p95 ms: whole", whole["latency_ms"]["response"]["p95"], "merged", merged["latency_ms"]["response"]["p95"])
print("notes:", merged["notes"])
PY
}
compare

echo "== shard 2 again, alone: refused without the number of shards, replaces its part with it"
again() { # environment…: prints the log of a re-submitted shard 2
  local job
  job=$(env TARGET="$url" STAGES="$stages" EVIDENCE="$evidence" "$@" sbatch --parsable --array=2 --output="$dir/again.log" \
    "$root/deploy/slurm/shard.sbatch")
  gone() { [ -z "$(timeout 5 squeue -h -j "$job" 2> /dev/null)" ]; }
  wait_for 60 gone
  timeout 5 scontrol show job "$job" | grep -o 'ExitCode=[0-9]*' | head -1
}
again A=1 | grep -q ExitCode=2 && grep -q "not the number of shards" "$dir/again.log" && echo "refused, as it must be"
again SMOKE_SHARDS=4 | grep -q ExitCode=0 && echo "ran again"
"$SMOKE" merge "$evidence" --artifacts "$evidence/merged" --quiet > "$dir/merged.log" && exit 1 || [ $? -eq 3 ]
grep "ran together for 0.0 s" "$dir/merged.log" && echo "a shard that ran after the others is unproven"
compare
rm -r "$evidence/shard-1-of-4"
"$SMOKE" merge "$evidence" --artifacts "$evidence/merged" --quiet && exit 1 || [ $? -eq 3 ] && echo "a missing shard is unproven"
echo "ALL GOOD"
