#!/bin/sh
# Submits a load as an array of N shards and a merge that depends on it; prints both job ids.
#
#   WEBHOOK_SECRET=... deploy/slurm/submit.sh N TARGET STAGES EVIDENCE_DIR [SECONDS_UNTIL_START]
#
# All shards begin together, SECONDS_UNTIL_START (default 60) from now: long enough for all tasks to be running.
set -eu
n=$1 TARGET=$2 STAGES=$3 EVIDENCE=$4 wait=${5:-60}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$EVIDENCE"
START_AT=$(($(date +%s) + wait))
export TARGET STAGES EVIDENCE START_AT
array=$(sbatch --parsable --array=0-$((n - 1)) "$here/shard.sbatch")
merge=$(sbatch --parsable --dependency="afterany:$array" "$here/merge.sbatch")
echo "$array $merge"
