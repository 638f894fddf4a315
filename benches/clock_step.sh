#!/usr/bin/env bash
# A receiver whose clock is wrong when it starts and is set right meanwhile (NTP comes late): webhooks must be refused before, and
# accepted afterwards, without a restart. Needs libfaketime (Debian: apt install libfaketime). SMOKE names the binary.
set -euo pipefail
smoke=${SMOKE:-target/release/smoke}
lib=$(ls /usr/lib/*/faketime/libfaketime.so.1 | head -1)
dir=$(mktemp -d); trap 'kill $receiver 2>/dev/null; rm -rf "$dir"' EXIT
export WEBHOOK_SECRET=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
echo "-1h" > "$dir/offset"
LD_PRELOAD=$lib FAKETIME_TIMESTAMP_FILE=$dir/offset FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 \
    "$smoke" receive --listen 127.0.0.1:0 --journal "$dir/j.jsonl" 2> "$dir/said" & receiver=$!
until url=$(grep -o 'http://[^,]*' "$dir/said"); do sleep 0.1; done
post() {
    local body='{"event":"payment_verified"}' now; now=$(date +%s%3N)
    local mac; mac=$(printf '%s.%s' "$now" "$body" | openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" -r | cut -d' ' -f1)
    curl -s -o /dev/null -w '%{http_code}' -d "$body" -H "X-Webhook-Signature: $mac" -H "X-Webhook-Event: payment_verified" \
        -H "X-Webhook-Timestamp: $now" -H "X-Webhook-Id: $(cat /proc/sys/kernel/random/uuid)" "$url"
}
before=$(post); echo "+0" > "$dir/offset"; sleep 2; after=$(post)
echo "clock an hour behind: $before; set right: $after"
curl -s "${url%/webhooks*}/healthz"; echo
[[ $before == 400 && $after == 200 ]] && grep -q wall_clock "$dir/j.jsonl"
