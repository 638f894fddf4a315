"""What the evidence half takes: `report`, `gate`, `logs`, `scan --text` and `merge`, of one binary or of two against each other.
Usage: benches/evidence.py BINARY [BINARY] [--rounds 9] [--attempts 200000] [--log-mb 80] [--shards 1000] [--growth]. With two, rounds
are interleaved, and the ratio is the median of the pairs; --growth compares one binary on a quarter of each input with the whole. Processor time is that of the whole process, user and system; inputs are made
afresh from a seed in a temporary folder (TMPDIR), which needs 0.5 GB. Each merge has a folder of its own: ext4 looks for places of new
files one by one where many were removed in the last seconds."""
import argparse, datetime, hashlib, hmac, itertools, json, multiprocessing, os, random, resource, statistics, subprocess, sys, tempfile, time, uuid

SECRET = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SERVICE = "apps.notifications.services.webhook_service"
EVENTS = ["payment_verified", "match_started", "match_completed", "tournament_started", "tournament_completed"]
PATHS = ["/api/payments/verify/", "/api/matches/", "/api/tournaments/", "/healthz/", "/api/teams/"]
BEGIN_MS = 1763022600000

def entries(rnd):
    """Log entries as the sender's: half of them about webhooks, most of those delivered at once; one in 200 an error."""
    at, uid = BEGIN_MS, lambda: str(uuid.UUID(int=rnd.getrandbits(128), version=4))
    while True:
        at += rnd.randrange(1, 40)
        roll, event, wid, n = rnd.random(), rnd.choice(EVENTS), uid(), rnd.randrange(1, 100000)
        if roll < .40:
            yield at, "DEBUG", SERVICE, f"Webhook delivery attempt 1/3: endpoint=https://hooks.example.com/inbound, event={event}, webhook_id={wid}"
            yield at + 9, "INFO", SERVICE, f"Webhook delivered successfully: event={event}, status=200, attempt=1, webhook_id={wid}"
        elif roll < .46:
            yield at, "WARNING", SERVICE, f'Webhook delivery failed: event={event}, status=503, attempt=1/3, response={{"error": "busy", "retry": {n}}}, webhook_id={wid}'
            yield at + 2, "INFO", SERVICE, "Webhook retry 2/3 after 2s delay"
            yield at + 2003, "INFO", SERVICE, f"Webhook delivered successfully: event={event}, status=200, attempt=2, webhook_id={wid}"
        elif roll < .48:
            yield at, "WARNING", SERVICE, f"Webhook connection error: event={event}, attempt=2/3, error=HTTPSConnectionPool(host='hooks.example.com', port=443): Max retries exceeded with url: /inbound"
        elif roll < .75:
            yield at, "INFO", "django.server", f'"GET {rnd.choice(PATHS)}{n}/ HTTP/1.1" 200 {rnd.randrange(100, 9000)}'
        elif roll < .85:
            yield at, "INFO", "apps.payments.services", f"Payment {n} moved to verified by staff in {rnd.randrange(1, 90)} ms (tournament {rnd.randrange(1, 400)})"
        elif roll < .95:
            yield at, "INFO", "apps.matches.tasks", f"Scheduled match {n} for round {rnd.randrange(1, 8)}: task id {uid()} queued"
        elif roll < .995:
            yield at, "WARNING", "django.request", f"Not Found: {rnd.choice(PATHS)}{n}/missing"
        else:
            yield at, "ERROR", "apps.payments.views", (f"Payment {n} could not be stored\nTraceback (most recent call last):\n"
                f'  File "/app/apps/payments/views.py", line {n % 400}, in post\n    payment.save()\ndjango.db.utils.OperationalError: server closed the connection')

def log(path, mb):
    written = 0
    with open(path, "w") as out:
        for at, level, logger, message in entries(random.Random(1)):
            moment = datetime.datetime.fromtimestamp(at / 1000, datetime.timezone.utc)
            text = f"{level} {moment:%Y-%m-%d %H:%M:%S},{at % 1000:03} {logger} {message}\n"
            out.write(text)
            written += len(text)
            if written > mb * 1e6: return

class Chain:
    """Writes the lines of a journal, each linked to the one before."""
    def __init__(self, path): self.out, self.prev, self.count = open(path, "w"), "0" * 64, 0
    def put(self, record):
        line = '{"prev":"' + self.prev + '","record":' + json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "}"
        self.prev, self.count = hashlib.sha256(line.encode()).hexdigest(), self.count + 1
        self.out.write(line + "\n")

def webhook(flow, at_ms):
    body = json.dumps({"event": "payment_verified", "data": {"event": "payment_verified", "title": "Payment Verified - Smoke Cup",
        "body": "Your payment for Smoke Cup has been verified. Your registration is now confirmed!", "url": "/tournaments/smoke-cup/",
        "recipient_count": 1, "tournament_id": 100 + flow, "match_id": None}, "metadata": {"created": 1, "skipped": 0, "email_sent": 0}}, separators=(",", ":"))
    signature = hmac.new(SECRET.encode(), f"{at_ms}.{body}".encode(), hashlib.sha256).hexdigest()
    return body, [["Host", "127.0.0.1:8787"], ["User-Agent", "DeltaCrown-Webhook/1.0"], ["Accept-Encoding", "gzip, deflate"], ["Accept", "*/*"],
        ["Connection", "keep-alive"], ["Content-Type", "application/json"], ["X-Webhook-Signature", signature], ["X-Webhook-Event", "payment_verified"],
        ["X-Webhook-Timestamp", str(at_ms)], ["X-Webhook-Id", f"4960b1c5-318e-4f87-b6c4-{flow + 1:012x}"], ["Content-Length", str(len(body))]]

def run(smoke, folder, path, attempts):
    """The journal of a run of payments, with the header of a real one; one flow in 20 is broken twice."""
    subprocess.run([smoke, "payments", "--environment", "embedded", "--flows", "1", "--artifacts", folder + "/one", "--quiet"], stdout=subprocess.DEVNULL, check=False)
    header = json.loads(open(folder + "/one/staging_payments_journal.jsonl").readline())["record"]["header"]
    flows = attempts * 10 // 11
    header.update(environment="staging", target="https://staging.deltacrown.example/", flows=flows, concurrency=flows, stand_in=False)
    started_ms, records, n, last = int(datetime.datetime.fromisoformat(header["started"].replace("Z", "+00:00")).timestamp() * 1000), [], 0, 0
    def step(flow, name, action, begin, end, count):
        records.append((begin, {"expect": {"flow": flow, "step": name, "at": begin, "event": "payment_verified", "matchers": {"/data/tournament_id": 100 + flow}, "count": count, "within_ms": 30000 if count else 0}}))
        records.append((end, {"step": {"flow": flow, "step": name, "started": begin, "ended": end, "request": f"POST /api/tournaments/payments/{500 + flow}/{action}/", "status": 200, "outcome": "ok", "tries": 1}}))
    for flow in range(flows):
        start = 10000 + flow * 20000
        records.append((start, {"flow_start": {"flow": flow, "at": start, "subject": 500 + flow, "ours": {"/data/tournament_id": 100 + flow}}}))
        step(flow, "submit-proof", "submit-proof", start + 100, start + 400, 0)
        step(flow, "replay-proof", "submit-proof", start + 500, start + 900, 0)
        body, headers = webhook(flow, started_ms + start // 1000 + 1)
        for offset, status in [(0, 503), (2003000, 503), (6006000, 200)] if flow % 20 == 19 else [(0, 200)]:
            at = start + 2000 + offset + flow % 7 * 300
            attempt = {"attempt": n, "first_byte": at, "received": at + 100, "method": "POST", "target": "/webhooks/inbound", "headers": headers,
                "body": {"text": body}, "verdict": {"valid": True, "reason": "valid"}, "answer": status}
            records.append((at + 100, {"attempt": attempt | ({"fault": "503"} if status == 503 else {})}))
            records.append((at + 300, {"answered": {"attempt": n, "end": at + 300, "how": "sent"}}))
            n += 1
        step(flow, "verify", "verify", start + 1000, at + 1000, 1)
        records.append((at + 1100, {"flow_end": {"flow": flow, "at": at + 1100, "status": "verified"}}))
        last = max(last, at + 1100)
    chain = Chain(path)
    chain.put({"header": header})
    for _, record in sorted(records, key=lambda record: record[0]): chain.put(record)
    chain.put({"end": {"at": last + 7000000, "records": chain.count, "complete": True}})
    chain.out.close()

def shards(smoke, folder, count):
    """Journals of shards, from that of one: 10 s at 200 starts a second."""
    env = {**os.environ, "WEBHOOK_SECRET": SECRET}
    receiver = subprocess.Popen([smoke, "receive", "--listen", "127.0.0.1:0", "--journal", folder + "/r.jsonl"], env=env, stderr=subprocess.PIPE, text=True)
    url = receiver.stderr.readline().split()[2].rstrip(",")
    subprocess.run([smoke, "load", "webhooks", "--to", url, "--rate", f"{200 * count}/s", "--duration", "10s", "--shard", f"0/{count}", "--i-own-this-target",
        "--artifacts", folder + "/shard", "--quiet"], env=env, stdout=subprocess.DEVNULL, check=False)
    receiver.terminate()
    records = [json.loads(line)["record"] for line in open(f"{folder}/shard/shard-0-of-{count}/staging_load_journal.jsonl")]
    for k in range(count):
        os.makedirs(f"{folder}/shards/shard-{k}-of-{count}")
        chain = Chain(f"{folder}/shards/shard-{k}-of-{count}/staging_load_journal.jsonl")
        for record in records:
            if "header" in record: record["header"] |= {"run_id": str(uuid.UUID(int=k + 1, version=4)), "shard": {"index": k, "count": count}, "pii_salt": f"{k:032x}"}
            # One microsecond more for each: two that measured the same would be copies of one run, which merge refuses.
            if "interval" in record: record["interval"]["lag"]["sum_us"] += 1
            chain.put(record)
        chain.out.close()

def measured(command, stdin=None):
    """Processor time and wall time of a command in s, and its memory at most in MB."""
    begun = time.monotonic()
    pid = os.posix_spawn(command[0], command, {**os.environ, "WEBHOOK_SECRET": ""}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, stdin or os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
    _, status, used = os.wait4(pid, 0)
    # A verdict of any kind; what ends with an error has not done the work.
    assert os.waitstatus_to_exitcode(status) in (0, 1, 3), command
    return used.ru_utime + used.ru_stime, time.monotonic() - begun, used.ru_maxrss / 1024

def apart(work, *arguments):
    """Does the work in a process of its own: what it took in memory would count as that of each command that is measured."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0, work.__name__

def inputs(smoke, folder, attempts, log_mb, shard_count):
    """Makes inputs of these sizes, and gives what is measured on them: a name, a unit, how many there are, the command and its input."""
    os.makedirs(folder + "/evidence")
    journal, text, secret = folder + "/evidence/staging_payments_journal.jsonl", folder + "/sender.log", folder + "/secret"
    open(secret, "w").write(SECRET)
    apart(run, smoke, folder, journal, attempts); apart(log, text, log_mb); apart(shards, smoke, folder, shard_count)
    subprocess.run([smoke, "report", journal, "-q", "-o", folder + "/evidence/staging_payments_output.json"], check=False)
    mb = os.path.getsize(text) / 1e6
    return [("report", "attempts/s", attempts, ["report", journal, "--secret-file", secret, "-q", "-o", folder + "/out.json"], None),
        ("gate", "attempts/s", attempts, ["gate", folder + "/evidence", "--secret-file", secret], None),
        ("logs", "MB/s", mb, ["logs", "-q", text], None),
        ("logs --no-pii", "MB/s", mb, ["logs", "-q", "--no-pii", text], None),
        ("scan --text", "MB/s", mb, ["scan", "--text"], text),
        ("merge", "shards/s", shard_count, ["merge", folder + "/shards", "--artifacts", folder + "/merged", "-q"], None)]

def compare(name, unit, variants, rounds):
    """Measures a command in its variants in turns. Each is what it is called, how many there are, the command and its input."""
    numbers = itertools.count()
    fresh = lambda part: f"{part}-{next(numbers)}" if part.endswith("/merged") else part
    rounds = [[measured(list(map(fresh, command)), stdin) for _, _, command, stdin in variants] for _ in range(rounds)]
    spread = lambda values, digits=2: f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
    for k, (shown, amount, _, _) in enumerate(variants):
        cpu, wall, memory = ([r[k][what] for r in rounds] for what in range(3))
        slow = sorted(wall)[-max(1, len(wall) // 4):]
        print(f"{name:14} {shown}: {spread(cpu)} s of processor time, {amount / statistics.median(cpu):.0f} {unit}; wall {spread(wall)} s, "
            f"{amount / statistics.median(wall):.0f} {unit}, {amount / statistics.median(slow):.0f} in the worst quarter; {max(memory):.0f} MB", flush=True)
    if len(variants) == 2:
        for what, unit in enumerate(("processor time", "wall time", "memory")):
            print(f"{name:14} second / first, {unit}: {spread([r[1][what] / r[0][what] for r in rounds])}", flush=True)

def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary", nargs="+")
    for name, default in (("rounds", 9), ("attempts", 200000), ("log-mb", 80), ("shards", 1000)): parser.add_argument("--" + name, type=int, default=default)
    parser.add_argument("--growth", action="store_true")
    given = parser.parse_args()
    binaries = [os.path.abspath(binary) for binary in given.binary]
    sizes = (given.attempts, given.log_mb, given.shards)
    with tempfile.TemporaryDirectory() as folder:
        if given.growth:
            small, whole = (inputs(binaries[0], f"{folder}/{part}", *(size // part for size in sizes)) for part in (4, 1))
            for (name, unit, *less), (_, _, *more) in zip(small, whole):
                compare(name, unit, [(f"{amount:.0f}", amount, [binaries[0], *command], stdin) for amount, command, stdin in (less, more)], given.rounds)
            return
        for name, unit, amount, command, stdin in inputs(binaries[0], folder, *sizes):
            compare(name, unit, [(binary, amount, [binary, *command], stdin) for binary in binaries], given.rounds)

main()
