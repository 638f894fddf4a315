#!/usr/bin/env python3
"""Processor time of `smoke load payments` for each flow (four requests, a webhook received, all of it judged) and of goose for the same
four requests, at the same pace, taking turns; and the ratio. The stand-in and the receiver that goose posts to are other processes,
whose time does not count.

    cargo build --release --bin smoke --bin bare_receiver
    benches/flows_vs_goose.py --goose PEER [--smoke target/release/smoke] [--rounds 3] [--rate 1000] [--seconds 4]

PEER is no part of the workspace, since goose has 200 crates of its own. It is a package with goose 0.18 (without default features,
with rustls-tls), tokio, and this:

    use goose::{goose::GooseMethod, prelude::*};

    #[tokio::main]
    async fn main() -> Result<(), GooseError> {
        let payment = scenario!("payment").register_transaction(transaction!(flow));
        GooseAttack::initialize()?.register_scenario(payment).execute().await?;
        Ok(())
    }

    async fn flow(user: &mut GooseUser) -> TransactionResult {
        for (path, body) in [
            ("/api/token/", r#"{"username":"smoke_user_000001","password":"Pw-000001-secret"}"#),
            ("/api/payments/301/submit-proof/", r#"{"transaction_id":"TX-000001","amount_bdt":500}"#),
            ("/api/token/", r#"{"username":"staff","password":"of-a-bench"}"#),
            ("/api/payments/501/verify/", r#"{"notes":"smoke"}"#),
        ] {
            let builder = user.get_request_builder(&GooseMethod::Post, path)?
                .header("Content-Type", "application/json").header("Authorization", TOKEN).body(body);
            let request = GooseRequest::builder().set_request_builder(builder).build();
            if let Ok(response) = user.request(request).await?.response { let _ = response.text().await; }
        }
        Ok(())
    }

TOKEN is a bearer token of 150 characters."""
import argparse, json, os, re, resource, socket, statistics, subprocess, tempfile, time

SECRET = "3f1c6a0e5b7d92c48e10fa63b5d7c9e2043a6f8b1d2e5c7096b8a4f3e1d0c2b5"


def seconds_of(command, env, out):
    """The processor time of a command, and its exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(out, "w") as file:
        code = subprocess.run(command, env=env, stdout=file, stderr=subprocess.STDOUT).returncode
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, code


def free_port():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def text_of(path):
    with open(path) as file:
        return file.read()


def smoke(args, work):
    """Flows that ended well, seconds of processor time, and the p99 of the generator's own lag in ms."""
    with open(f"{work}/secret", "w") as file:
        file.write(SECRET)
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name != "WEBHOOK_SECRET"}
    staging = subprocess.Popen(
        [args.smoke, "staging", "--listen", "127.0.0.1:0", "--payments", str(args.rate * args.seconds + 50), "--write-data", work,
         "--ready-file", f"{work}/ready", "--webhook-url", f"http://127.0.0.1:{port}/webhooks/inbound",
         "--secret-file", f"{work}/secret"],
        stdout=subprocess.DEVNULL, stderr=open(f"{work}/staging.log", "w"), env=env)
    try:
        while not os.path.exists(f"{work}/ready"):
            time.sleep(0.05)
        said = text_of(f"{work}/ready") + text_of(f"{work}/staging.log")
        url = re.search(r"http://[^\s,\"]+", said).group(0)
        env |= dict(re.findall(r"^(?:export )?(\w+)=['\"]?([^'\"\n]*)", text_of(f"{work}/staff.env"), re.M))
        used, code = seconds_of(
            [args.smoke, "load", "payments", "--staging", url, "--data", f"{work}/payments.csv", "--rate", f"{args.rate}/s",
             "--duration", f"{args.seconds}s", "--listen", f"127.0.0.1:{port}", "--secret-file", f"{work}/secret",
             "--artifacts", f"{work}/out", "-q"], env, f"{work}/smoke.log")
    finally:
        staging.terminate()
        # Its time must not be in the next figure.
        staging.wait()
    if code not in (0, 3):
        raise SystemExit(text_of(f"{work}/smoke.log"))
    artifact = json.loads(text_of(f"{work}/out/staging_load_output.json"))
    return artifact["counters"]["ok"], used, artifact["latency_ms"]["own_lag"]["p99"]


def goose(args, work):
    """Flows of four requests that ended well, and seconds of processor time."""
    receiver = subprocess.Popen([args.receiver], stdout=subprocess.PIPE, text=True)
    try:
        url = receiver.stdout.readline().strip().removesuffix("/hook")
        used, _ = seconds_of(
            [args.goose, "--host", url, "--users", "64", "--hatch-rate", "64", "--throttle-requests", str(args.rate * 4),
             "--run-time", f"{args.seconds}s", "--no-reset-metrics", "--report-file", f"{work}/goose.json"],
            os.environ, f"{work}/goose.log")
    finally:
        receiver.terminate()
        receiver.wait()
    requests = json.loads(text_of(f"{work}/goose.json"))["raw_metrics"]["requests"]
    return sum(request["success_count"] for request in requests.values()) / 4, used


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--goose", required=True)
    parser.add_argument("--smoke", default="target/release/smoke")
    parser.add_argument("--receiver", default="target/release/bare_receiver")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=4)
    args = parser.parse_args()
    ratios = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as work:
            flows, used, lag = smoke(args, work)
            others, theirs = goose(args, work)
        ours, theirs = used / flows * 1e6, theirs / others * 1e6
        ratios.append(ours / theirs)
        print(f"smoke {ours:.0f} us for each of {flows} flows, own lag p99 {lag} ms; goose {theirs:.0f} us for each of {others:.0f}: "
              f"{ratios[-1]:.2f}", flush=True)
    print(f"median {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
