//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use super::out;
use crate::drive::{Event, Listener};
use crate::redact::Redactor;
use evidence::report::{counted, milliseconds};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use record::Outcome;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const EVERY: Duration = Duration::from_secs(2);
/// A bar is drawn anew this often, so that it never seems to stand still.
pub(super) const TICK: Duration = Duration::from_millis(200);

/// What is left of `total`, as `{left}` in the template of a bar that begins now.
pub(super) fn time_left(
    total: Duration,
) -> impl Fn(&ProgressState, &mut dyn Write) + Clone + Send + Sync + 'static {
    let end = Instant::now() + total;
    move |_: &ProgressState, out: &mut dyn Write| {
        let left = end.saturating_duration_since(Instant::now()).as_secs_f64().ceil() as u64;
        let _ = write!(out, "{:02}:{:02}:{:02}", left / 3600, left / 60 % 60, left % 60);
    }
}

/// Shows what a run does.
#[derive(Clone)]
pub(super) struct Progress {
    state: Arc<State>,
}

/// Until when webhooks are waited for.
type Deadline = Arc<Mutex<Option<Instant>>>;

struct State {
    waiting: Deadline,
    bar: Option<ProgressBar>,
    flows: u64,
    ended: AtomicU64,
    told: Mutex<Instant>,
    /// The attempt that was waited for when a line last said so.
    attempt: AtomicU64,
    redactor: Redactor,
}

impl Progress {
    /// Progress of a run with this many flows.
    pub(super) fn new(flows: u32, redactor: Redactor) -> Self {
        let waiting = Deadline::default();
        let bar = (!out::is_quiet() && out::draws_bars()).then(|| bar(u64::from(flows), &waiting));
        let (ended, told) = (AtomicU64::new(0), Mutex::new(Instant::now()));
        Self {
            state: Arc::new(State {
                waiting,
                bar,
                flows: u64::from(flows),
                ended,
                told,
                attempt: AtomicU64::new(0),
                redactor,
            }),
        }
    }

    /// Takes the events of the run.
    pub(super) fn listener(&self) -> Listener {
        let state = Arc::clone(&self.state);
        Arc::new(move |event| state.show(&event))
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.state.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(flows: u64, waiting: &Deadline) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(flows), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("{spinner} {bar:12} {pos}/{len} flows {elapsed}{until} {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style.with_key("until", until(waiting)));
    bar.enable_steady_tick(TICK);
    bar
}

/// How much longer webhooks are waited for, as `{until}`.
fn until(waiting: &Deadline) -> impl Fn(&ProgressState, &mut dyn Write) + Clone + Send + Sync + 'static {
    let waiting = Arc::clone(waiting);
    move |_: &ProgressState, out: &mut dyn Write| {
        let end = *waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = end {
            let left = end.saturating_duration_since(Instant::now());
            let _ = write!(out, " (at most {:.0} s more)", left.as_secs_f64().ceil());
        }
    }
}

impl State {
    fn show(&self, event: &Event) {
        match event {
            Event::Step { flow, step, outcome, took, problem } => {
                self.wait_until(None);
                if let Some(bar) = &self.bar {
                    bar.set_message(out::safe(step).into_owned());
                }
                if *outcome == Outcome::Failed {
                    let flow = flow.map_or_else(String::new, |f| format!("flow {f}: "));
                    let problem = problem.as_deref().unwrap_or("failed");
                    self.line(&format!(
                        "{flow}{step}: {problem} ({})",
                        milliseconds(took.as_secs_f64() * 1000.0)
                    ));
                }
            }
            Event::FlowEnded => self.flow_ended(),
            Event::Pausing { until, lasts } => self.pausing(until, *lasts),
            Event::Retrying { attempt, deliveries, due_in } => self.retrying(*attempt, *deliveries, *due_in),
            Event::Settling { at_most } => {
                self.wait_until(Some(*at_most));
                if let Some(bar) = &self.bar {
                    bar.set_message(out::safe("waiting for webhooks"));
                }
                if self.bar.is_none() && *at_most > Duration::from_secs(1) {
                    self.line(&format!(
                        "watching for webhooks for up to {:.0} s more",
                        at_most.as_secs_f64()
                    ));
                }
            }
        }
    }

    fn wait_until(&self, at_most: Option<Duration>) {
        let end = at_most.map(|at_most| Instant::now() + at_most);
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// Says for what nothing is driven: on a bar with the time that is left, as a line once.
    fn pausing(&self, until: &str, lasts: Duration) {
        self.wait_until(Some(lasts));
        match &self.bar {
            Some(bar) => bar.set_message(out::safe(&format!("waiting until {until}")).into_owned()),
            None => self.line(&format!("waiting {:.0} s until {until}", lasts.as_secs_f64().ceil())),
        }
    }

    /// Says what the sender has to do next: on a bar all the time, as a line once for each attempt.
    fn retrying(&self, attempt: u32, deliveries: u64, due_in: Duration) {
        let what = counted(deliveries, "deliveries");
        let seconds = due_in.as_secs_f64().ceil();
        let said = format!("waiting {seconds:.0} s for attempt {attempt} ({what})");
        if let Some(bar) = &self.bar {
            bar.set_message(out::safe(&said).into_owned());
        } else if self.attempt.swap(u64::from(attempt), Ordering::Relaxed) != u64::from(attempt) {
            self.line(&said);
        }
    }

    fn flow_ended(&self) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if self.is_time() => self.line(&format!("{ended}/{} flows", self.flows)),
            None => {}
        }
    }

    fn is_time(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = told.elapsed() >= EVERY;
        if is_time {
            *told = Instant::now();
        }
        is_time
    }

    fn line(&self, text: &str) {
        let text = self.redactor.scrub(text);
        match &self.bar {
            Some(bar) => bar.println(out::safe(&text)),
            None => out::chat(text),
        }
    }
}
