//! Finds out what the sender of an invalid signature did wrong, behind the answers: in a thread of its own, which never has more
//! than a sixteenth of a core, and takes the newest first, so that a flood of forgeries costs good webhooks nothing.

use super::signatures::Signatures;
use crate::journal::Journal;
use record::{Diagnosed, Record, Watch};
use signature::Verifier;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Requests that may wait, and bytes of them; of more, the oldest are left undiagnosed.
const WAITING: usize = 1024;
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// Rest after a diagnosis, as a multiple of the time that it took: with it, a sixteenth of a core.
const REST: u32 = 15;
/// How many recent bodies are kept to recognise a signature that belongs to another delivery, and the longest of them.
const RECENT_BODIES: usize = 32;
const RECENT_BODY: usize = 64 * 1024;

/// A request whose signature is not right.
#[derive(Debug)]
pub(super) struct Suspect {
    pub attempt: u64,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The time that it was judged by, in Unix milliseconds.
    pub now_ms: i64,
}

impl Suspect {
    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len());
        self.body.len() + headers.sum::<usize>()
    }
}

/// The diagnoses of an inbox; its thread ends with it.
#[derive(Debug)]
pub(super) struct Diagnoser {
    shared: Arc<Shared>,
    recent: Arc<Recent>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// One more is done.
    done: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Suspect>,
    bytes: usize,
    /// One that was taken out is being diagnosed.
    busy: bool,
    /// No rest between diagnoses: nothing else is under way.
    hurry: bool,
    ended: bool,
}

impl Queue {
    fn outstanding(&self) -> usize {
        self.waiting.len() + usize::from(self.busy)
    }
}

/// The bodies that came last, and the signatures that were right.
#[derive(Debug, Default)]
struct Recent {
    bodies: Mutex<VecDeque<Arc<Vec<u8>>>>,
    signatures: Mutex<Signatures>,
}

impl Recent {
    /// Keeps a copy, made in the room of the one that goes, and not under the lock.
    fn keep(&self, body: &[u8]) {
        if body.len() > RECENT_BODY {
            return;
        }
        let full = lock(&self.bodies).len() >= RECENT_BODIES;
        let oldest = if full { lock(&self.bodies).pop_front() } else { None };
        let mut copy = oldest.and_then(Arc::into_inner).unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(body);
        lock(&self.bodies).push_back(Arc::new(copy));
    }

    fn all(&self) -> Vec<Arc<Vec<u8>>> {
        lock(&self.bodies).iter().cloned().collect()
    }

    /// Whether a signature was right on a request that came before: this one is a copy of it, whoever made that.
    fn has_signature(&self, signature: &str) -> bool {
        lock(&self.signatures).has(signature)
    }
}

impl Diagnoser {
    /// Starts the thread. Where that is not possible nothing is diagnosed, and what is put here counts as skipped.
    pub(super) fn start(verifier: Verifier, journal: Journal) -> Self {
        let (shared, recent) = (Arc::new(Shared::default()), Arc::new(Recent::default()));
        let work = Work { shared: Arc::clone(&shared), recent: Arc::clone(&recent), verifier, journal };
        let started = thread::Builder::new().name("diagnosis".to_owned()).spawn(move || work.run());
        if started.is_err() {
            shared.lock().ended = true;
        }
        Self { shared, recent }
    }

    /// A body came.
    pub(super) fn saw(&self, body: &[u8]) {
        self.recent.keep(body);
    }

    /// A header with signatures came, and is right.
    pub(super) fn saw_signed(&self, header: &str) {
        lock(&self.recent.signatures).add(header);
    }

    /// Puts a request in front of all others; gives how many are skipped for it.
    pub(super) fn put(&self, suspect: Suspect) -> u64 {
        let mut queue = self.shared.lock();
        if queue.ended {
            return 1;
        }
        queue.bytes += suspect.bytes();
        queue.waiting.push_back(suspect);
        let mut skipped = 0;
        while queue.waiting.len() > WAITING || queue.bytes > WAITING_BYTES {
            let Some(oldest) = queue.waiting.pop_front() else { break };
            queue.bytes -= oldest.bytes();
            skipped += 1;
        }
        drop(queue);
        self.shared.changed.notify_one();
        skipped
    }

    /// Waits until all are diagnosed, for `within` at most; gives how many are not. To be asked when nothing more comes.
    pub(super) async fn finish(&self, within: Duration) -> usize {
        self.shared.lock().hurry = true;
        self.shared.changed.notify_one();
        let done = async {
            while self.shared.lock().outstanding() > 0 {
                self.shared.done.notified().await;
            }
        };
        let _ = tokio::time::timeout(within, done).await;
        let mut queue = self.shared.lock();
        let left = queue.outstanding();
        queue.waiting.clear();
        queue.bytes = 0;
        left
    }
}

impl Drop for Diagnoser {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// Waits for a request; `None` when there will be no more.
    fn next(&self) -> Option<Suspect> {
        let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.ended;
        let mut queue = self.changed.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if queue.ended {
            return None;
        }
        let newest = queue.waiting.pop_back()?;
        queue.bytes -= newest.bytes();
        queue.busy = true;
        Some(newest)
    }

    /// Rests, unless there is hurry.
    fn rest(&self, time: Duration) {
        let calm = |queue: &mut Queue| !queue.hurry && !queue.ended;
        let _ = self.changed.wait_timeout_while(self.lock(), time, calm);
    }
}

/// What the thread has.
struct Work {
    shared: Arc<Shared>,
    recent: Arc<Recent>,
    verifier: Verifier,
    journal: Journal,
}

impl Work {
    fn run(self) {
        while let Some(suspect) = self.shared.next() {
            let begun = Instant::now();
            self.diagnose(&suspect);
            let took = begun.elapsed();
            self.shared.lock().busy = false;
            self.shared.done.notify_one();
            self.shared.rest(took * REST);
        }
    }

    fn diagnose(&self, suspect: &Suspect) {
        let recent = self.recent.all();
        let others: Vec<&[u8]> = recent.iter().map(|body| body.as_slice()).collect();
        let verdict = self.verifier.verify_among(&suspect.headers, &suspect.body, suspect.now_ms, &others);
        let Some(text) = verdict.diagnosis else { return };
        // Of signatures elsewhere than in a header it is not known which came before.
        let in_header = self.verifier.scheme().signature_header().is_some();
        let is_new = |signature: String| in_header && !self.recent.has_signature(&signature);
        let by_key = verdict.by_key.is_some_and(is_new);
        let found = Diagnosed { attempt: suspect.attempt, text, by_key };
        // A journal that cannot be written says so with the next webhook.
        let _ = self.journal.append_soon(&Record::Watch(Watch::Diagnosed(found)));
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
