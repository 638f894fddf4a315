#!/usr/bin/env bash
# Sends a payment whose webhook is retried, and a load, to a collector that no one here wrote (rotel, from PyPI), and looks into what
# the collector says that it got: one trace with call, webhook, its attempts and the verdict. The messages are also read by the Python
# types of the specification (opentelemetry-proto).
#
#   deploy/telemetry/try-collector.sh SMOKE [VENV]     needs python3 with venv; everything is on loopback
set -euo pipefail
smoke=$(realpath "$1")
venv=${2:-${TMPDIR:-/tmp}/smoke-try-collector}
[ -d "$venv/bin" ] || { python3 -m venv "$venv" && "$venv/bin/pip" -q install --only-binary :all: rotel opentelemetry-proto; }
agent=$("$venv/bin/python" -c 'import os, rotel; print(os.path.join(os.path.dirname(rotel.__file__), "rotel-agent"))')
dir=$(mktemp -d) pids=() port=${PORT:-24318}
trap 'kill "${pids[@]}" 2> /dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
wait_for() { # what, file, pattern
  for _ in $(seq 200); do grep -aq "$3" "$2" 2> /dev/null && return; sleep 0.05; done
  echo "gave up waiting for $1" >&2; tail -5 "$2" >&2; exit 1
}

"$agent" start --otlp-http-endpoint "127.0.0.1:$port" --otlp-grpc-endpoint "127.0.0.1:$((port + 1))" --exporter blackhole \
  --pid-file "$dir/pid" --debug-log traces --debug-log metrics --debug-log-verbosity detailed > collector.log 2>&1 & pids+=($!)
wait_for "the collector" collector.log "Starting"

echo "== a run"
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port "$smoke" payments --flows 2 --inject 503x2@1 2> run.log > /dev/null || true
grep -E "^(traces|metrics)" run.log
wait_for "the traces" collector.log "attempt 3"
wait_for "the metrics" collector.log smoke.step.duration
python3 - collector.log <<'PY'
import re, sys
text = re.sub(r"\x1b\[[0-9;]*m", "", open(sys.argv[1], errors="replace").read())
spans = []
for part in re.split(r"\nSpan #\d+\n", text)[1:]:
    part = part.split("\nResourceSpans", 1)[0].split("\nMetric", 1)[0].split("\nResource SchemaURL", 1)[0]
    field = lambda name: (re.search(rf"^ *{name} *: ?(.*)$", part, re.M) or [None, ""])[1].strip()
    said = dict(re.findall(r"-> ([\w.]+): \w+\((.*?)\)", part))
    spans.append({"trace": field("Trace ID"), "parent": field("Parent ID"), "id": field("ID"), "name": field("Name"), **said})
retried = next(s["trace"] for s in spans if s["name"] == "attempt 3")
trace = [s for s in spans if s["trace"] == retried]
by_id = {s["id"]: s for s in trace}
def show(span, depth=0):
    more = {k: v for k, v in span.items() if k in ("http.response.status_code", "smoke.verdict", "smoke.flow.verdict", "smoke.delivery.fate", "smoke.fault")}
    print("  " * depth + span["name"], more or "")
    for child in (s for s in trace if s["parent"] == span["id"]):
        show(child, depth + 1)
roots = [s for s in trace if not s["parent"]]
assert len(roots) == 1, roots
show(roots[0])
names = [s["name"] for s in trace]
for name in ("payments flow", "submit-proof", "verify", "webhook payment_verified", "attempt 1", "attempt 2", "attempt 3"):
    assert name in names, f"{name} is not in {names}"
assert all(s["parent"] in by_id for s in trace if s["parent"]), "a parent is missing"
assert "smoke.verdict" in roots[0] and roots[0]["smoke.flow.verdict"] == "pass"
types = dict(re.findall(r"-> Name: (smoke\.[\w.]+)\n(?:.*\n){0,3}? *-> DataType: (\w+)", text))
print("metrics:", types)
assert types["smoke.webhook.latency"] == "Histogram" and types["smoke.webhooks"] == "Sum", types
PY

echo "== a receiver and a load"
"$smoke" secret > secret
OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:$port/v1/metrics "$smoke" receive --listen 127.0.0.1:0 --secret-file secret 2> receive.log & receiver=$!; pids+=($receiver)
wait_for "the receiver" receive.log receiving
url=$(sed -n 's|.* on \(http://[^,]*\),.*|\1|p' receive.log)
OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$port "$smoke" load webhooks --to "$url" --rate 50/s --duration 2s --secret-file secret --quiet
wait_for "the load's metrics" collector.log smoke.load.response
kill "$receiver"; wait "$receiver"
wait_for "the receiver's metrics" collector.log webhook_signature_checks
echo "the collector has smoke.load.* and webhook_*"

echo "== the types of the specification"
cat > keep.py <<'PY'
import http.server, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
import base64, json
class Keep(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        message = (ExportTraceServiceRequest if self.path.endswith("traces") else ExportMetricsServiceRequest)()
        value = json.loads(body)
        # OTLP writes ids in hex, where proto3's JSON has base64: the one difference (specification, "JSON Protobuf Encoding").
        def ids(node):
            if isinstance(node, dict):
                for key, child in node.items():
                    if key in ("traceId", "spanId", "parentSpanId"):
                        node[key] = base64.b64encode(bytes.fromhex(child)).decode()
                    else:
                        ids(child)
            elif isinstance(node, list):
                for child in node:
                    ids(child)
        ids(value)
        json_format.ParseDict(value, message)  # refuses a field that is not in the message
        print(self.path, message.ByteSize(), "bytes as protobuf", flush=True)
        self.send_response(200); self.send_header("content-length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Keep)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
PY
"$venv/bin/python" keep.py > parsed.log & pids+=($!)
wait_for "the parser" parsed.log http
OTEL_EXPORTER_OTLP_ENDPOINT=$(head -1 parsed.log) "$smoke" payments --flows 3 --misbehave drop-webhook@2 --within 300ms --quiet > /dev/null 2> run.log || true
if grep warning: run.log | grep telemetry; then exit 1; fi
tail -n +2 parsed.log
[ "$(tail -n +2 parsed.log | wc -l)" = 2 ]
echo "ALL GOOD"
