#!/usr/bin/env python3
"""Throughput of `smoke scan` and of Presidio's regex recognisers on the same file, one core each, and the ratio.

    python3 -m venv /tmp/presidio && /tmp/presidio/bin/pip install presidio-analyzer
    cargo build --release
    /tmp/presidio/bin/python benches/pii_vs_presidio.py [--smoke target/release/smoke] [--seconds 10]

Presidio gets only what it has patterns for (no language model is loaded): its pattern recognisers are called on the
whole line as text, without decoding, walking or canaries; smoke does all of its work. Input: the labelled sample
without its answers, padded to payloads of 1 KB, repeated."""
import argparse, json, os, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
FILL = ["Maps are set for Jute Jackals - Lalbagh Legion and the veto is final.",
        "https://staging.deltacrown.gg/tournaments/7751/matches/412",
        "Check-in opens 30 minutes before the match starts; late teams forfeit.",
        "2161c8bc-de83-4f80-a36a-a55e6de72087"]


def rows():
    for line in open(os.path.join(HERE, "..", "crates", "pii", "tests", "data", "pii_sample.jsonl"), encoding="utf-8"):
        row = json.loads(line)
        row = {k: row[k] for k in ("id", "payload", "headers", "identities")}
        n = 0
        while len(json.dumps(row["payload"], ensure_ascii=False)) < 1000:
            row["payload"][f"note_{n}"] = FILL[n % len(FILL)]
            n += 1
        yield json.dumps(row, ensure_ascii=False)


def presidio(lines, seconds):
    from presidio_analyzer import predefined_recognizers as p
    names = ["EmailRecognizer", "IpRecognizer", "PhoneRecognizer", "CreditCardRecognizer", "IbanRecognizer", "UsSsnRecognizer",
             "UsPassportRecognizer", "UrlRecognizer"]
    recognisers = [getattr(p, n)() for n in names if hasattr(p, n)]
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        for line in lines:
            for r in recognisers:
                r.analyze(line, r.supported_entities, None)
            done += len(line.encode())
            if time.process_time() - start >= seconds:
                break
    return done / (time.process_time() - start), [type(r).__name__ for r in recognisers]


def smoke(binary, lines, seconds):
    """Bytes per second of processor time, over as many copies of the lines as take about `seconds`."""
    blob = ("\n".join(lines) + "\n").encode()
    with tempfile.TemporaryFile() as f:
        for _ in range(max(1, int(seconds * 40e6 / len(blob)))):
            f.write(blob)
        size = f.tell()
        f.seek(0)
        before = os.times()
        subprocess.run([binary, "scan"], stdin=f, stdout=subprocess.DEVNULL, check=False)
        after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    return size / used


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--smoke", default=os.path.join(HERE, "..", "target", "release", "smoke"))
    a.add_argument("--seconds", type=float, default=10)
    a = a.parse_args()
    lines = list(rows())
    ours = smoke(a.smoke, lines, a.seconds)
    theirs, names = presidio(lines, a.seconds)
    print(f"lines of {sum(map(len, lines)) // len(lines)} characters, processor time, one core")
    print(f"smoke scan                    {ours / 1e6:10.1f} MB/s")
    print(f"presidio pattern recognisers  {theirs / 1e6:10.3f} MB/s  ({', '.join(names)})")
    print(f"ratio                         {ours / theirs:10.0f}")


if __name__ == "__main__":
    sys.exit(main())
