//! The engine against receivers whose behaviour has a closed form, on a clock that the test owns.

use super::super::client::{RetryPolicy, WebhookClient};
use super::super::rate::stages;
use super::super::request_template::{RequestTemplate, SignedRequest};
use super::super::response::RequestError;
use super::super::schedule::Schedule;
use super::super::target::Connect;
use super::*;
use record::latency::Latency;
use record::period::Period;
use record::{ErrorKind, Interval, RetryAfterPolicy, RetryContract, RetrySpec, SenderProfile, StatusSet};
use signature::Secret;
use signature::{Scheme, Signer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

/// What a receiver does with a request that came at this time (since tick 0): how long it waits, and what it says.
type Manners = fn(Duration) -> (Duration, &'static str);

#[derive(Clone)]
struct Receiver {
    clock: Clock,
    manners: Manners,
}

impl Connect for Receiver {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, RequestError> {
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(serve(far, self.clone()));
        Ok(near)
    }
}

async fn serve(mut stream: DuplexStream, receiver: Receiver) {
    let mut held = Vec::with_capacity(64 * 1024);
    while stream.read_buf(&mut held).await.is_ok_and(|n| n > 0) {
        // A request is written at once, and the buffer takes it whole.
        held.clear();
        let (wait, answer) = (receiver.manners)(receiver.clock.now().since(Tick(0)));
        sleep(wait).await;
        let closes = answer.is_empty() || answer.ends_with("\r\n\r\no");
        if stream.write_all(answer.as_bytes()).await.is_err() || closes {
            return;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct Seen {
    sum: Interval,
    response: Latency,
    service: Latency,
    lag: Latency,
    own_lag: Latency,
    finish: Finish,
    seconds: usize,
}

async fn load(
    pace: Pace,
    most: usize,
    manners: Manners,
    backoff: &[u64],
    stop_after: Option<Duration>,
) -> Seen {
    let contract = RetryContract { backoff_ms: backoff.to_vec(), ..RetryContract::default() };
    load_as(contract, pace, most, manners, stop_after).await
}

async fn load_as(
    contract: RetryContract,
    pace: Pace,
    most: usize,
    manners: Manners,
    stop_after: Option<Duration>,
) -> Seen {
    let clock = Clock::start();
    let request = SignedRequest { host: "h", path: "/", event: "payment_verified", seed: 1 };
    let signer = Signer::new(Scheme::DeltacrownV2, &Secret::new("3f1c6a0e5b7d92c48e10fa63b5d7c9e2")).unwrap();
    let template = RequestTemplate::new(request, signer);
    let policy = RetryPolicy { timeout: Duration::from_secs(10), contract: contract.into() };
    let make = || WebhookClient::new(Receiver { clock, manners }, template.clone(), policy.clone(), clock);
    let (stopper, stop) = watch::channel(false);
    if let Some(after) = stop_after {
        tokio::spawn(async move {
            sleep(after).await;
            stopper.send(true).unwrap();
        });
    }
    let mut all = Vec::new();
    let plan = Plan { pace, shard: Shard::WHOLE, most };
    let finish =
        run(plan, clock, make, stop, Alarm::of_tokio(), ThreadTime::default, |interval| all.push(interval))
            .await;
    sum(all, finish)
}

fn sum(all: Vec<Interval>, finish: Finish) -> Seen {
    let mut seen = Seen {
        sum: Interval::default(),
        response: Latency::new(),
        service: Latency::new(),
        lag: Latency::new(),
        own_lag: Latency::new(),
        finish,
        seconds: all.len(),
    };
    let mut last = Tick(0);
    for one in all {
        assert_eq!(one.from, last, "seconds follow each other");
        last = one.to;
        let decode = |encoded| Latency::decode(encoded).unwrap();
        seen.response.add(&decode(&one.response));
        seen.service.add(&decode(&one.service));
        seen.lag.add(&decode(&one.lag));
        seen.own_lag.add(&decode(&one.own_lag));
        seen.sum.started += one.started;
        seen.sum.done += one.done;
        seen.sum.ok += one.ok;
        seen.sum.attempts += one.attempts;
        seen.sum.retried += one.retried;
        seen.sum.connects += one.connects;
        seen.sum.dropped += one.dropped;
        seen.sum.abandoned += one.abandoned;
        seen.sum.in_flight = one.in_flight;
        seen.sum.interrupted = one.interrupted;
        seen.sum.late_us = seen.sum.late_us.max(one.late_us);
        for (kind, n) in one.errors {
            *seen.sum.errors.entry(kind).or_default() += n;
        }
    }
    seen
}

fn open(text: &str) -> Pace {
    Pace::Open(Schedule::new(&stages(text).unwrap()))
}

/// Answers nothing during the first second of every ten.
fn stalls(at: Duration) -> (Duration, &'static str) {
    let into = Duration::from_micros(u64::try_from(at.as_micros()).unwrap() % 10_000_000);
    (Duration::from_secs(1).saturating_sub(into), OK)
}

/// With arrivals spread evenly, a tenth of them come during a stall and wait for what is left of it, evenly from 0 to
/// 1 s; the others wait for nothing. So P(response > x) = 0.1 (1 - x), and the quantile of q > 0.9 is 1 - (1 - q) / 0.1.
fn assert_stall(seen: &Seen) {
    for (percent, theory_s) in [(91.0, 0.1), (95.0, 0.5), (99.0, 0.9), (99.9, 0.99)] {
        let got_s = seen.response.percentile_us(percent).unwrap() as f64 / 1e6;
        assert!((got_s - theory_s).abs() <= 0.05 * theory_s, "p{percent}: {got_s} s, not {theory_s} s");
    }
    assert!(seen.response.percentile_us(89.0).unwrap() < 5_000);
    let mean_s = seen.response.mean_us().unwrap() / 1e6;
    assert!((mean_s - 0.05).abs() < 0.0025, "mean {mean_s} s");
}

#[tokio::test(start_paused = true)]
async fn a_stall_shows_in_the_response_as_theory_says() {
    let seen = load(open("500/s:20s"), 1000, stalls, &[0], None).await;
    assert_eq!((seen.sum.done, seen.sum.ok, seen.sum.dropped), (10_000, 10_000, 0));
    assert_eq!(seen.finish, Finish::Complete);
    assert!(seen.sum.connects >= 490, "as many connections as requests wait at the same time");
    assert_stall(&seen);
    assert!(seen.lag.percentile_us(99.0).unwrap() < 2_000, "{:?}", seen.lag.percentile_us(99.0));
}

#[tokio::test(start_paused = true)]
async fn a_bound_on_connections_does_not_hide_the_stall() {
    let seen = load(open("500/s:20s"), 8, stalls, &[0], None).await;
    assert_eq!((seen.sum.done, seen.sum.dropped, seen.sum.connects), (10_000, 0, 8));
    assert_stall(&seen);
    // The service time has only 8 slow requests in each stall: this is what a closed model would tell.
    assert!(seen.service.percentile_us(99.0).unwrap() < 5_000);
    // They waited for a connection, and that is not the generator's fault.
    assert!(seen.lag.percentile_us(99.0).unwrap() > 800_000);
    assert!(seen.own_lag.percentile_us(99.0).unwrap() < 2_000);
}

#[tokio::test(start_paused = true)]
async fn the_closed_model_hides_the_stall_and_claims_no_response_time() {
    let seen = load(
        Pace::Closed(Duration::from_secs(20)),
        8,
        |at| {
            let (stall, answer) = stalls(at);
            (stall + Duration::from_millis(10), answer)
        },
        &[0],
        None,
    )
    .await;
    assert_eq!((seen.response.count(), seen.lag.count()), (0, 0));
    assert!(seen.sum.done > 8 * 1500);
    assert!(seen.service.percentile_us(99.0).unwrap() < 20_000);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_is_kept_to_the_last_start() {
    let seen = load(open("0-100/s:3s,100/s:2s,100-0/s:1s"), 64, |_| (Duration::ZERO, OK), &[0], None).await;
    assert_eq!((seen.sum.started, seen.sum.done, seen.sum.ok), (400, 400, 400));
    assert!((6..=8).contains(&seen.seconds), "{}", seen.seconds);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_start_before_the_end_is_dropped_and_counted() {
    // One connection, 1 s for each answer: of 40 starts in 4 s only those at 0, 1, 2 and 3 s begin (timers are exact
    // to a millisecond, so the fourth answer may come just after the end).
    let seen = load(open("10/s:4s"), 1, |_| (Duration::from_secs(1), OK), &[0], None).await;
    assert_eq!(seen.sum.done + seen.sum.dropped, 40);
    assert!((4..=5).contains(&seen.sum.done), "{}", seen.sum.done);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_is_a_timeout_and_never_a_hang() {
    let begun = Instant::now();
    let seen = load(open("5/s:2s"), 64, |_| (Duration::from_secs(3600), OK), &[0], None).await;
    assert_eq!(seen.sum.errors.get(&ErrorKind::Timeout), Some(&10));
    assert_eq!((seen.sum.done, seen.sum.ok), (10, 0));
    assert!(begun.elapsed() < Duration::from_secs(13));
}

#[tokio::test(start_paused = true)]
async fn retries_follow_the_contract() {
    let flaky: Manners = |at| {
        let early = at < Duration::from_secs(3);
        (Duration::ZERO, if early { "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" } else { OK })
    };
    // A start at 0 is answered 503 at 0 s and at 2 s, and 200 at 6 s.
    let seen = load(open("1/s:1s"), 4, flaky, &[0, 2000, 4000], None).await;
    assert_eq!((seen.sum.done, seen.sum.ok, seen.sum.attempts, seen.sum.retried), (1, 1, 3, 1));
    let response = seen.response.max_us().unwrap();
    assert!((6_000_000..6_010_000).contains(&response), "{response}");
    // The pauses are in what a user waits, and no time that the target took.
    assert!(seen.service.max_us().unwrap() < 10_000, "{:?}", seen.service.max_us());
    let refused: Manners = |_| (Duration::ZERO, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n");
    let seen = load(open("1/s:1s"), 4, refused, &[0, 2000, 4000], None).await;
    assert_eq!((seen.sum.done, seen.sum.ok, seen.sum.attempts), (1, 0, 1), "4xx is not tried again");
}

/// A load of one start against a receiver that answers so for a second and with 200 after it: whether it ended well, and its
/// attempts.
async fn one_start(retry: RetrySpec, manners: Manners) -> (u64, u64) {
    let profile = SenderProfile { retry, ..SenderProfile::usual().clone() };
    let seen = load_as(profile.contract().as_sent(true), open("1/s:1s"), 4, manners, None).await;
    assert_eq!(seen.sum.done, 1);
    (seen.sum.ok, seen.sum.attempts)
}

macro_rules! first {
    ($answer:expr) => {
        |at| (Duration::ZERO, if at < Duration::from_secs(1) { $answer } else { OK })
    };
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_means_is_what_the_sender_promises() {
    let statuses = StatusSet::range;
    let plain = || RetrySpec { schedule: [0, 2000].map(Period::from_millis).into(), ..RetrySpec::default() };
    let accepted: Manners = first!("HTTP/1.1 202 Ok\r\nContent-Length: 0\r\n\r\n");
    let partial: Manners = first!("HTTP/1.1 206 Ok\r\nContent-Length: 0\r\n\r\n");
    let busy: Manners = first!("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n");
    let missing: Manners = first!("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(one_start(plain(), accepted).await, (1, 1));
    assert_eq!(one_start(plain(), partial).await, (1, 1), "every 2xx where nothing is said");
    assert_eq!(one_start(RetrySpec { success: statuses(200, 200), ..plain() }, accepted).await, (1, 2));
    assert_eq!(one_start(plain(), busy).await, (1, 2));
    assert_eq!(one_start(RetrySpec { abort: Some(statuses(400, 503)), ..plain() }, busy).await, (0, 1));
    assert_eq!(one_start(plain(), missing).await, (0, 1));
    let none = Some(StatusSet::default());
    assert_eq!(one_start(RetrySpec { abort: none, ..plain() }, missing).await, (1, 2));
    assert_eq!(one_start(RetrySpec { retry: statuses(404, 404), ..plain() }, missing).await, (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_a_broken_connection_means_is_what_the_sender_promises() {
    let plain = || RetrySpec { schedule: [0, 2000].map(Period::from_millis).into(), ..RetrySpec::default() };
    let closed: Manners = first!("");
    let cut: Manners = |at| {
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\no";
        (Duration::ZERO, if at < Duration::from_secs(1) { cut } else { OK })
    };
    let slow: Manners = |at| (Duration::from_secs(if at < Duration::from_secs(1) { 3600 } else { 0 }), OK);
    let connections = RetrySpec { aborts_on_broken_connections: true, ..plain() };
    let bodies = RetrySpec { aborts_on_broken_bodies: true, ..plain() };
    for (retry, manners, wanted) in [
        (&plain(), closed, (1, 2)),
        (&connections, closed, (0, 1)),
        (&bodies, closed, (1, 2)),
        (&connections, slow, (1, 2)),
    ] {
        assert_eq!(one_start(retry.clone(), manners).await, wanted, "{retry:?}");
    }
    assert_eq!(one_start(plain(), cut).await, (1, 2));
    assert_eq!(one_start(bodies, cut).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_is_kept_as_the_sender_promises_and_not_without_end() {
    let busy: Manners = first!("HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 4000000000\r\n\r\n");
    let waited = async |retry_after| {
        let contract = RetryContract { backoff_ms: vec![0, 2000], retry_after, ..RetryContract::default() };
        load_as(contract, open("1/s:1s"), 4, busy, None).await.response.max_us().unwrap() / 1_000_000
    };
    assert_eq!(waited(RetryAfterPolicy::Ignore).await, 2);
    assert!((3596..=3604).contains(&waited(RetryAfterPolicy::Exact).await), "histograms keep three digits");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_closed_is_counted_and_replaced() {
    let seen = load(open("50/s:2s"), 4, |_| (Duration::ZERO, ""), &[0], None).await;
    assert_eq!(seen.sum.errors.get(&ErrorKind::Closed), Some(&100));
    assert_eq!(seen.sum.connects, 100);
    let closing: Manners =
        |_| (Duration::ZERO, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let seen = load(open("50/s:2s"), 4, closing, &[0], None).await;
    assert_eq!((seen.sum.ok, seen.sum.connects), (100, 100));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_at_once_and_keeps_what_was_measured() {
    let slow: Manners =
        |at| (if at < Duration::from_secs(2) { Duration::ZERO } else { Duration::from_secs(9) }, OK);
    let begun = Instant::now();
    let seen = load(open("10/s:60s"), 64, slow, &[0], Some(Duration::from_millis(3050))).await;
    assert_eq!(seen.finish, Finish::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert!((19..=21).contains(&seen.sum.ok), "{}", seen.sum.ok);
    assert_eq!(seen.sum.started, seen.sum.done + seen.sum.abandoned);
    assert!((10..=12).contains(&seen.sum.abandoned), "{}", seen.sum.abandoned);
    assert_eq!(seen.sum.dropped, 0, "what was not due yet is not dropped");
    let interrupted = seen.sum.interrupted.unwrap().since(Tick(0)).as_millis();
    assert!((3050..3100).contains(&interrupted), "{interrupted}");
    let whole = load(open("10/s:1s"), 64, |_| (Duration::ZERO, OK), &[0], None).await;
    assert_eq!((whole.sum.interrupted, whole.sum.late_us), (None, None));
}

/// The process is stopped for so long in the middle of its only start.
struct Stopped(Duration);

impl Worker for Stopped {
    async fn perform(&mut self, _: u64) -> RequestOutcome {
        sleep(Duration::from_millis(300)).await;
        tokio::time::advance(self.0).await;
        RequestOutcome { ok: true, last: Ok(None), earlier: Vec::new(), paused: Duration::ZERO, connects: 0 }
    }
}

#[tokio::test(start_paused = true)]
async fn a_generator_that_was_stopped_is_late_to_wake() {
    for (stopped, late) in [(2500, Some(2400..=2500)), (400, Some(300..=400)), (5, None)] {
        let (_stopper, stop) = watch::channel(false);
        let mut all = Vec::new();
        let plan = Plan { pace: open("1/s:1s"), shard: Shard::WHOLE, most: 2 };
        let make = || Stopped(Duration::from_millis(stopped));
        let (alarm, time) = (Alarm::of_tokio(), ThreadTime::default);
        let finish = run(plan, Clock::start(), make, stop, alarm, time, |interval| all.push(interval)).await;
        let told = sum(all, finish).sum.late_us.map(|us| us / 1000);
        assert_eq!(told.is_some(), late.is_some(), "{stopped}: {told:?}");
        assert!(told.zip(late).is_none_or(|(told, late)| late.contains(&told)), "{stopped}: {told:?}");
    }
}

struct Dies;

impl Worker for Dies {
    async fn perform(&mut self, _: u64) -> RequestOutcome {
        panic!("on purpose")
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_does_not_hang_the_run() {
    let (_stopper, stop) = watch::channel(false);
    let mut all = Vec::new();
    let plan = Plan { pace: open("10/s:1s"), shard: Shard::WHOLE, most: 2 };
    let finish = run(
        plan,
        Clock::start(),
        || Dies,
        stop,
        Alarm::of_tokio(),
        ThreadTime::default,
        |interval| all.push(interval),
    )
    .await;
    let seen = sum(all, finish);
    assert_eq!((seen.sum.done, seen.sum.errors.get(&ErrorKind::Local)), (10, Some(&10)));
}
