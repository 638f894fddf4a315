//! Looks through the journal for personal data, behind the answers: what is found is counted for `/metrics`.

use super::api::Paths;
use pii::{Category, Engine, Hops, Memo, Policy, PolicyError, Request};
use record::Record;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Pause when there is nothing new.
const PAUSE: Duration = Duration::from_millis(250);

/// Rest after a piece of work, as a multiple of the time that it took.
const REST: u32 = 31;

/// Looks through what is written until `stop` turns true. After each piece it rests for [`REST`] times as long as the piece
/// took, so that it never has more than a thirty-second of a core, a thousand webhooks a second or more; under a flood it falls behind,
/// and catches up afterwards.
///
/// # Errors
/// Never for the empty policy, which is tested with the engine.
pub(super) fn start(paths: Arc<Paths>, stop: Arc<AtomicBool>) -> Result<(), PolicyError> {
    let engine = Engine::new(&Policy::default(), &[], b"")?;
    // Read here, before the first webhook can come, and not in a thread that may begin later.
    let mut at = paths.now();
    // Without a thread nothing is inspected, and `webhook_pii_inspected_total` stays at 0, which shows it.
    let _ = thread::Builder::new().name("pii-scan".to_owned()).spawn(move || {
        let (memo, mut hops) = (Memo::default(), Hops::default());
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            let Ok((lines, next)) = paths.read(at) else {
                thread::sleep(PAUSE);
                continue;
            };
            at = next;
            lines.split(|b| *b == b'\n').for_each(|line| scan(&paths, (&engine, &memo, &mut hops), line));
            thread::sleep(if lines.is_empty() { PAUSE } else { begun.elapsed() * REST });
        }
    });
    Ok(())
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
