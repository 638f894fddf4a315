//! When the observer is asked: before a case and after it, or after each of several forged ones, none of which may move its number.

use super::observer::Observer;
use super::recorder::Recorder;
use probe::{Case, Judged, Shot};
use record::{ProbeEffects, ProbeFact};
use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Clock;

/// How long an effect is waited for, and how long a second one after it at least.
const EFFECT: Duration = Duration::from_secs(2);
const SECOND_EFFECT: Duration = Duration::from_millis(300);
/// Between two questions to the observer.
const ASK: Duration = Duration::from_millis(50);
/// An observer that takes longer is asked about several forged cases together.
const PROMPT: Duration = Duration::from_millis(200);

/// An observer, and what is known of how its number moves.
pub(super) struct Watch<'p> {
    observer: &'p Observer,
    clock: Clock,
    open: RefCell<Option<Window>>,
    /// Whether webhooks were sent for whose effects nobody has waited.
    restless: Cell<bool>,
    /// For how long the number stands still when all effects have come.
    quiet: Cell<Duration>,
    /// Whether the observer answers at once.
    prompt: Cell<bool>,
}

/// From a question to the next one.
struct Window {
    first: &'static str,
    last: &'static str,
    /// Whether its cases may not move the number.
    forged: bool,
    /// Requests of its first case, each of which may have an effect.
    requests: u32,
    before: Result<i64, String>,
}

impl<'p> Watch<'p> {
    pub(super) const fn new(observer: &'p Observer, clock: Clock) -> Self {
        Self {
            observer,
            clock,
            open: RefCell::new(None),
            restless: Cell::new(false),
            quiet: Cell::new(SECOND_EFFECT),
            prompt: Cell::new(true),
        }
    }

    /// Asks before a case, where that is to be known.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn begin(
        &self,
        case: &'static Case,
        shots: &[Shot],
        recorder: &Recorder,
    ) -> io::Result<()> {
        if shots.is_empty() {
            return Ok(());
        }
        let forged = case.is_forged(shots);
        let counted =
            matches!(case.judged, Judged::Once | Judged::OnceOfMany | Judged::Reuse) || case.id == "valid";
        let each = self.prompt.get() && self.quiet.get() == SECOND_EFFECT;
        let before = match self.open.take() {
            Some(window) if forged && !each => {
                self.open.replace(Some(Window { last: case.id, ..window }));
                return Ok(());
            }
            Some(window) => {
                let wait = if forged { SECOND_EFFECT } else { EFFECT };
                self.ask_after(window, wait, recorder).await?
            }
            None if forged || counted => self.ask_before().await,
            None => Ok(0),
        };
        if forged || counted {
            let requests = u32::try_from(shots.len()).unwrap_or(u32::MAX);
            self.open.replace(Some(Window { first: case.id, last: case.id, forged, requests, before }));
        } else {
            self.restless.set(true);
        }
        Ok(())
    }

    /// Asks after a case of which something is to be processed. What is not to be waits for the next case.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn end(&self, recorder: &Recorder) -> io::Result<()> {
        let counted = self.open.borrow_mut().take_if(|window| !window.forged);
        let Some(window) = counted else { return Ok(()) };
        let began = Instant::now();
        let mut after = self.observer.ask().await;
        while after.is_ok() && after == window.before && began.elapsed() < EFFECT {
            sleep(ASK).await;
            after = self.observer.ask().await;
        }
        if window.first == "valid" {
            // Others may take twice as long.
            self.quiet.set((2 * began.elapsed()).clamp(SECOND_EFFECT, EFFECT));
        }
        // One worker may do one after the other.
        let quiet = self.quiet.get();
        let after = self.at_rest(after, quiet, quiet * window.requests).await;
        self.write(&window, &after, recorder)
    }

    /// Asks for the last time.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(super) async fn close(&self, recorder: &Recorder) -> io::Result<()> {
        let window = self.open.take();
        match window {
            Some(window) => self.ask_after(window, EFFECT, recorder).await.map(drop),
            None => Ok(()),
        }
    }

    /// The number before a case, when everything that was sent before has had its effect.
    async fn ask_before(&self) -> Result<i64, String> {
        let began = Instant::now();
        let number = self.observer.ask().await;
        self.prompt.set(began.elapsed() < PROMPT);
        if self.restless.replace(false) {
            self.at_rest(number, self.quiet.get(), self.quiet.get()).await
        } else {
            number
        }
    }

    /// The number after forged cases, and so long after the last of them.
    async fn ask_after(
        &self,
        window: Window,
        wait: Duration,
        recorder: &Recorder,
    ) -> io::Result<Result<i64, String>> {
        sleep(wait).await;
        let mut after = self.observer.ask().await;
        if after != window.before {
            after = self.at_rest(after, self.quiet.get(), self.quiet.get()).await;
        }
        self.write(&window, &after, recorder)?;
        Ok(after)
    }

    /// The number once it has stood still for so long; it may go up for `longest` more than the first effect may take.
    async fn at_rest(
        &self,
        mut number: Result<i64, String>,
        quiet: Duration,
        longest: Duration,
    ) -> Result<i64, String> {
        let began = Instant::now();
        while number.is_ok() {
            sleep(quiet).await;
            let again = self.observer.ask().await;
            // A number that goes back is one that says nothing, and is named as that.
            if !matches!((&again, &number), (Ok(again), Ok(number)) if again > number) {
                return again;
            }
            if began.elapsed() > EFFECT + longest {
                return Err("its number does not stand still although nothing is sent".to_owned());
            }
            number = again;
        }
        number
    }

    fn write(&self, window: &Window, after: &Result<i64, String>, recorder: &Recorder) -> io::Result<()> {
        let before = &window.before;
        let problem = before.as_ref().err().or(after.as_ref().err()).cloned();
        let effects = ProbeEffects {
            at: self.clock.now(),
            case: window.last.to_owned(),
            from: (window.first != window.last).then(|| window.first.to_owned()),
            before: before.as_ref().ok().copied(),
            after: after.as_ref().ok().copied(),
            problem,
        };
        recorder.write(ProbeFact::Effects(effects))
    }
}
