//! Looks through the journal for personal data, behind the answers: what is found is counted for `/metrics`.

use super::api::Paths;
use pii::{Category, Engine, Hops, Memo, Policy, PolicyError, Request};
use record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Pause when there is nothing new.
const PAUSE: Duration = Duration::from_millis(250);

/// Rest after a piece of work, as a multiple of the time that it took.
const REST: u32 = 31;

/// How long the rest is looked through once the receiver has stopped, at most.
const AT_LAST: Duration = Duration::from_secs(5);

/// The look through a journal, under way.
#[derive(Debug)]
pub(super) struct Scan {
    stop: Arc<AtomicBool>,
    thread: Option<Thread>,
    ended: Option<oneshot::Receiver<()>>,
}

/// The end of the look for personal data.
#[derive(Debug)]
pub struct Inspection(Option<oneshot::Receiver<()>>);

impl Inspection {
    /// Waits, once the receiver has stopped, until what it has received is inspected, 5 s at most.
    pub async fn end(self) {
        if let Some(ended) = self.0 {
            // A thread that is gone inspects nothing more.
            let _ = ended.await;
        }
    }
}

impl Scan {
    /// Nothing is written any more: what is left is looked through without a rest.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.iter().for_each(Thread::unpark);
    }

    /// For whoever waits for the end, which is one at most.
    pub(super) const fn inspection(&mut self) -> Inspection {
        Inspection(self.ended.take())
    }
}

/// Looks through what is written until it is stopped, and then through what is left. After each piece it rests for [`REST`] times as
/// long as the piece took, so that it never has more than a thirty-second of a core, a thousand webhooks a second or more; under a
/// flood it falls behind, and catches up afterwards.
///
/// # Errors
/// Never for the empty policy, which is tested with the engine.
pub(super) fn start(paths: Arc<Paths>) -> Result<Scan, PolicyError> {
    let engine = Engine::new(&Policy::default(), &[], b"")?;
    // Read here, before the first webhook can come, and not in a thread that may begin later.
    let mut at = paths.now();
    let (stop, (tell, ended)) = (Arc::new(AtomicBool::new(false)), oneshot::channel());
    let stopped = Arc::clone(&stop);
    // Without a thread nothing is inspected, and `webhook_pii_inspected_total` stays at 0, which shows it.
    let thread = thread::Builder::new().name("pii-scan".to_owned()).spawn(move || {
        let (memo, mut hops, mut until) = (Memo::default(), Hops::default(), None);
        loop {
            let (begun, is_last) = (Instant::now(), stopped.load(Ordering::Relaxed));
            if is_last && begun >= *until.get_or_insert(begun + AT_LAST) {
                break;
            }
            let read = paths.read(at);
            let is_at_end = read.as_ref().map_or(true, |(_, next)| *next == at);
            if let Ok((lines, next)) = read {
                at = next;
                lines.split(|b| *b == b'\n').for_each(|line| scan(&paths, (&engine, &memo, &mut hops), line));
            }
            match (is_last, is_at_end) {
                (true, true) => break,
                (true, false) => {}
                (false, true) => thread::park_timeout(PAUSE),
                (false, false) => thread::park_timeout(begun.elapsed() * REST),
            }
        }
        // Nobody may wait for it.
        let _ = tell.send(());
    });
    let thread = thread.ok().map(|handle| handle.thread().clone());
    Ok(Scan { stop, thread, ended: Some(ended) })
}

fn scan(paths: &Paths, (engine, memo, hops): (&Engine, &Memo, &mut Hops<()>), line: &[u8]) {
    let Ok(Record::Attempt(attempt)) = Record::parse(line) else { return };
    // What is not signed with the sender's key says nothing about what the sender sends.
    if !attempt.verdict.reason.is_authentic() {
        return;
    }
    let body = attempt.body.bytes();
    let request = Request {
        headers: &attempt.headers,
        target: &attempt.target,
        body: &body,
        own_headers: paths.scheme.own_headers(),
        own_places: paths.scheme.own_places(),
    };
    let found = engine.scan_request(&request, memo);
    let all = Category::ALL.into_iter().flat_map(|c| std::iter::repeat_n(c, found.count(c)));
    paths.metrics.found(all);
    let known: Vec<_> = attempt.peer.into_iter().collect();
    for one in hops.take(found.forwarded, &known, || ()) {
        paths.metrics.found((0..one.times).map(|_| one.finding.category));
    }
    if found.unread.is_empty() {
        paths.metrics.inspected();
    }
}
