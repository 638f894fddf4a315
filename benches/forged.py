"""Good webhooks beside a flood: how long they wait while 57 KB webhooks come at RATE a second, first valid ones, then forged ones.
The second must be no worse than the first, and nothing that was acknowledged may be missing in the journal; of forged ones beyond the
64 MiB that the journal takes at once only the number is there.
Usage: benches/forged.py [rate] [seconds]; SMOKE names the binary (target/release/smoke)."""
import hashlib, hmac, json, multiprocessing, os, re, socket, subprocess, sys, tempfile, time, uuid

SMOKE, SECRET = os.environ.get("SMOKE", "target/release/smoke"), b"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LARGE = b'{"z":[' + b'{"id":17,"name":"a \xc3\xbc b","note":"<i>/x</i>"},' * 1240 + b'1],"a":2}'
SMALL = b'{"event":"payment_verified","data":{"tournament_id":42}}'

def webhook(body, key):
    stamp = str(int(time.time() * 1000))
    mac = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    head = (f"POST /webhooks/inbound HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: {mac}\r\nX-Webhook-Event: payment_verified\r\n"
            f"X-Webhook-Timestamp: {stamp}\r\nX-Webhook-Id: {uuid.uuid4()}\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body

def post(stream, bytes_):
    stream.sendall(bytes_)
    got = b""
    while b"\r\n\r\n" not in got:
        more = stream.recv(4096)
        if not more: raise ConnectionError("closed")
        got += more
    head, rest = got.split(b"\r\n\r\n", 1)
    left = int(re.search(rb"Content-Length: (\d+)", head)[1]) - len(rest)
    while left > 0: left -= len(stream.recv(left))
    return int(head.split()[1])

def at_rate(address, rate, seconds, body, key, out):
    """An open loop: a start that comes late counts from when it was due."""
    stream, begun, times, answered = socket.create_connection(address), time.monotonic(), [], 0
    for n in range(int(rate * seconds)):
        due = begun + n / rate
        time.sleep(max(0, due - time.monotonic()))
        try: answered += post(stream, webhook(body, key)) in (200, 401)
        except OSError: stream = socket.create_connection(address)
        times.append(time.monotonic() - due)
        if time.monotonic() - begun > 2 * seconds: break
    out.put((times, answered))

def phase(address, name, key, rate, seconds):
    flood, good, workers = multiprocessing.Queue(), multiprocessing.Queue(), 4
    all_ = [multiprocessing.Process(target=at_rate, args=(address, rate / workers, seconds, LARGE, key, flood)) for _ in range(workers)]
    all_.append(multiprocessing.Process(target=at_rate, args=(address, 50, seconds, SMALL, SECRET, good)))
    for p in all_: p.start()
    (times, answered), floods = good.get(), sum(flood.get()[1] for _ in range(workers))
    for p in all_: p.join()
    times.sort()
    p50, p99 = (times[int(len(times) * q)] * 1000 for q in (.5, .99))
    print(f"{name}: {floods / seconds:.0f}/s of {len(LARGE)} bytes answered; good webhooks: {answered} answered, p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    return answered + floods, p99

def main():
    rate, seconds = (int(sys.argv[i]) if len(sys.argv) > i else d for i, d in ((1, 1000), (2, 10)))
    with tempfile.TemporaryDirectory() as folder:
        receiver = subprocess.Popen([SMOKE, "receive", "--listen", "127.0.0.1:0", "--journal", folder + "/j.jsonl"],
                                    env={**os.environ, "WEBHOOK_SECRET": SECRET.decode()}, stderr=subprocess.PIPE, text=True)
        host, port = re.search(r"://([\d.]+):(\d+)/", receiver.stderr.readline()).groups()
        acknowledged, valid = phase((host, int(port)), "valid ", SECRET, rate, seconds)
        more, forged = phase((host, int(port)), "forged", b"nobody's", rate, seconds)
        receiver.terminate(); receiver.wait()
        lines = open(folder + "/j.jsonl", encoding="utf8").read().splitlines()
        recorded = sum('"record":{"attempt":' in line for line in lines)
        counted = sum(json.loads(line)["record"]["watch"]["not_kept"]["requests"] for line in lines if '"not_kept"' in line)
        recorded += counted
        print(f"acknowledged {acknowledged + more}, in the journal {recorded} ({counted} of them only counted); p99 forged / valid {forged / valid:.2f}")
        sys.exit(recorded < acknowledged + more)

if __name__ == "__main__": main()
