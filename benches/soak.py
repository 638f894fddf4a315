"""A receiver for ten minutes among all that can happen to it: good webhooks, forgeries, slow connections, rotations, a scraper, SIGHUP.
Ends with what was acknowledged and what is in the journal, how long good webhooks took, and the memory.
Usage: benches/soak.py [seconds]; SMOKE names the binary (target/release/smoke)."""
import glob, hashlib, hmac, os, random, re, signal, socket, subprocess, sys, tempfile, threading, time, uuid

SMOKE, SECRET = os.environ.get("SMOKE", "target/release/smoke"), b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SMALL = b'{"event":"payment_verified","data":{"tournament_id":42}}'
LARGE = b'{"event":"payment_verified","z":"' + b"x" * 57_000 + b'"}'
ended, acknowledged, times, lock = threading.Event(), [], [], threading.Lock()

def webhook(body, key):
    stamp, id_ = str(int(time.time() * 1000)), str(uuid.uuid4())
    mac = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return id_, (f"POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\nUser-Agent: DeltaCrown-Webhook/1.0\r\nX-Webhook-Signature: {mac}\r\n"
                 f"X-Webhook-Event: payment_verified\r\nX-Webhook-Timestamp: {stamp}\r\nX-Webhook-Id: {id_}\r\nConnection: close\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n").encode() + body

def post(address, bytes_):
    with socket.create_connection(address, 30) as stream:
        stream.sendall(bytes_)
        got = b""
        while more := stream.recv(65536): got += more
        return int(got.split()[1]) if got else 0

def good(address):
    while not ended.wait(0.02):
        id_, bytes_ = webhook(SMALL, SECRET)
        begun = time.monotonic()
        try: status = post(address, bytes_)
        except OSError: continue
        with lock:
            times.append(time.monotonic() - begun)
            if status == 200: acknowledged.append(id_)

def forger(address):
    while not ended.wait(0.005):
        try: post(address, webhook(random.choice((SMALL, LARGE)), b"nobody's")[1])
        except OSError: pass

def slow(address):
    """Hundreds of connections that send a byte now and then, or ask and never read."""
    open_ = []
    while not ended.wait(0.05):
        try:
            stream = socket.create_connection(address, 5)
            stream.sendall(random.choice((b"P", b"POST / HTTP/1.1\r\nHost: x\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)))
            open_.append(stream)
        except OSError: pass
        if len(open_) > 300: open_.pop(random.randrange(300)).close()

def get(address, path):
    with socket.create_connection(address, 30) as stream:
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        while stream.recv(65536): pass

def scraper(address):
    while not ended.wait(1): get(address, "/metrics")

def main():
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600
    with tempfile.TemporaryDirectory() as folder:
        journal, worst = folder + "/j.jsonl", 0
        receiver = subprocess.Popen([SMOKE, "receive", "--listen", "127.0.0.1:0", "--journal", journal, "--rotate-size", "4MB"],
                                    env={**os.environ, "WEBHOOK_SECRET": SECRET.decode()}, stderr=subprocess.PIPE, text=True)
        host, port = re.search(r"://([\d.]+):(\d+)/", receiver.stderr.readline()).groups()
        threading.Thread(target=receiver.stderr.read, daemon=True).start()
        address = (host, int(port))
        all_ = [threading.Thread(target=work, args=(address,)) for work in (good, good, forger, slow, scraper)]
        for thread in all_: thread.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until and receiver.poll() is None:
            time.sleep(min(5, seconds / 4))
            receiver.send_signal(signal.SIGHUP)
            worst = max(worst, int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{receiver.pid}/status").read())[1]))
        ended.set()
        for thread in all_: thread.join()
        receiver.terminate(); receiver.wait()
        text = "".join(open(name, encoding="utf8").read() for name in glob.glob(journal + "*"))
        found = sum(id_ in ids for ids in [set(re.findall(r'"X-Webhook-Id","([^"]+)"', text))] for id_ in acknowledged)
        times.sort()
        p99 = times[int(len(times) * .99)] * 1000 if times else float("nan")
        print(f"{len(acknowledged)} acknowledged, {found} in the journal, p99 good {p99:.1f} ms, memory {worst / 1024:.0f} MB")
        sys.exit(found != len(acknowledged) or not acknowledged)

if __name__ == "__main__": main()
