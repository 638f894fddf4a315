"""A small orders API that sends Standard Webhooks. Python's standard library only.

    API_TOKEN=… WEBHOOK_SECRET=whsec_… WEBHOOK_ENDPOINT=http://127.0.0.1:8787/hooks python3 orders_api.py 8000
"""
import base64, hashlib, hmac, json, os, re, sys, threading, time, urllib.error, urllib.request, uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN, ENDPOINT = os.environ["API_TOKEN"], os.environ["WEBHOOK_ENDPOINT"]
KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
PAUSES = [0, 5, 300]  # seconds before each attempt
ORDERS = {}


def send(event, data):
    """Posts a webhook until it is accepted, each attempt stamped and signed anew."""
    hook, body = f"msg_{uuid.uuid4().hex}", json.dumps({"type": event, "data": data}).encode()
    for pause in PAUSES:
        time.sleep(pause)
        now = str(int(time.time()))
        mac = hmac.new(KEY, f"{hook}.{now}.".encode() + body, hashlib.sha256).digest()
        headers = {"Content-Type": "application/json", "webhook-id": hook, "webhook-timestamp": now,
                   "webhook-signature": "v1," + base64.b64encode(mac).decode()}
        try:
            urllib.request.urlopen(urllib.request.Request(ENDPOINT, body, headers), timeout=15)
            return
        except (urllib.error.URLError, OSError) as error:
            print(f"{event}: {error}", file=sys.stderr)


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        raw = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(raw), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        self.answer(200 if self.path == "/healthz/" else 404, {})

    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "who are you?"})
        if self.path == "/orders":
            id = f"or_{uuid.uuid4().hex[:12]}"
            order = ORDERS[id] = {"id": id, "sku": sent["sku"], "status": "open"}
            threading.Thread(target=send, args=("order.created", order)).start()
            return self.answer(201, order, Location=f"/orders/{order['id']}")
        if not (found := re.fullmatch(r"/orders/(\w+)/pay", self.path)) or found[1] not in ORDERS:
            return self.answer(404, {"error": "no such order"})
        order = ORDERS[found[1]] = {**ORDERS[found[1]], "status": "paid"}
        threading.Thread(target=send, args=("invoice.paid", {"order": order["id"]})).start()
        self.answer(200, order)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Api).serve_forever()
