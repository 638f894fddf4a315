#!/usr/bin/env bash
# Scrapes a real `smoke receive` with a real Prometheus over loopback, sends it good webhooks, forged ones and one with an e-mail
# address, and looks which of the alerts fire and whether each panel of the dashboard has data.
#
#   apt-get install --no-install-recommends prometheus jq && cargo build --release && deploy/grafana/try-prometheus.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
smoke=${SMOKE:-$here/../../target/release/smoke} port=${PORT:-19090}
dir=$(mktemp -d) pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
wait_for() { # what, command…
  local what=$1; shift
  for _ in $(seq 300); do "$@" > /dev/null 2>&1 && return; sleep 0.1; done
  echo "gave up waiting for $what" >&2; exit 1
}

promtool check rules "$here/alerts.yaml"
"$smoke" secret > secret
"$smoke" receive --listen 127.0.0.1:0 --secret-file secret --journal journal.jsonl 2> receive.log & pids+=($!)
wait_for "the receiver" grep -q receiving receive.log
url=$(sed -n 's|.*\(http://[^/]*\)/.*|\1|p' receive.log)
curl -sf "$url/metrics" | promtool check metrics
cat > prometheus.yml <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$here/alerts.yaml]
scrape_configs: [{job_name: smoke-receive, static_configs: [{targets: ['${url#http://}']}]}]
YAML
prometheus --config.file=prometheus.yml --storage.tsdb.path=data --web.listen-address="127.0.0.1:$port" 2> prometheus.log & pids+=($!)
ask() { curl -sfG "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" | jq -r "${2:-.data.result[0].value[1]}"; }
scraped() { [ "$(ask 'count_over_time(webhook_journal_writable[1m])')" -ge 2 ]; }
wait_for "two scrapes" scraped

send() { # body file, header file
  curl -s -o /dev/null -H "@$2" -H 'Content-Type: application/json' --data-binary "@$1" "$url/webhooks/inbound"
}
echo '{"event":"payment_verified","data":{"tournament_id":42}}' > good
echo '{"event":"payment_verified","data":{"email":"john.doe@gmail.com"}}' > leak
printf 'X-Webhook-Signature: %064d\n' 0 > forged
for body in good good good good leak; do "$smoke" sign --secret-file secret < "$body" > headers && send "$body" headers; done
for _ in 1 2 3 4 5; do send good forged; done

firing() { [ "$(ask "count(ALERTS{alertstate=\"firing\",alertname=\"$1\"})")" = 1 ]; }
for alert in WebhookPersonalData WebhookSignatureFailures; do wait_for "$alert" firing "$alert"; echo "fires: $alert"; done
share=$(ask 'sum(rate(webhook_signature_failures_total[5m])) / sum(rate(webhook_signature_checks_total[5m]))')
echo "share of invalid signatures: $share (5 of 10 were sent)"
awk -v s="$share" 'BEGIN { exit !(s > 0.49 && s < 0.51) }'
jq -r '.panels[] | .title as $t | .targets[]?.expr | [$t, .] | @tsv' "$here/webhooks.json" | while IFS=$'\t' read -r title query; do
  series=$(ask "$query" '.data.result | length')
  echo "panel $title: $series series"
  [ "$series" -gt 0 ]
done
kill "${pids[0]}"
seen_gone() { [ "$(ask 'up{job="smoke-receive"}')" = 0 ]; }
wait_for "the receiver's end to be seen" seen_gone
echo "ALL GOOD"
