//! Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use super::out;
use crate::drive::{Event, Listener};
use crate::redact::Redactor;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use record::Outcome;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Plain lines come at most this often.
const EVERY: Duration = Duration::from_secs(2);

/// Shows what a run does.
#[derive(Clone)]
pub(super) struct Progress {
    state: Arc<State>,
}

struct State {
    bar: Option<ProgressBar>,
    quiet: Quiet,
    flows: u64,
    ended: AtomicU64,
    told: Mutex<Instant>,
    redactor: Redactor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quiet {
    Yes,
    No,
}

impl Progress {
    /// Progress of a run with this many flows.
    pub(super) fn new(quiet: bool, flows: u32, redactor: Redactor) -> Self {
        let quiet = if quiet { Quiet::Yes } else { Quiet::No };
        let bar = (quiet == Quiet::No && std::io::stderr().is_terminal()).then(|| bar(u64::from(flows)));
        let (ended, told) = (AtomicU64::new(0), Mutex::new(Instant::now()));
        Self { state: Arc::new(State { bar, quiet, flows: u64::from(flows), ended, told, redactor }) }
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

fn bar(flows: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(flows), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} flows  {elapsed}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

impl State {
    fn show(&self, event: &Event) {
        match event {
            Event::Step { flow, step, outcome, took, problem } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(step.clone());
                }
                if *outcome == Outcome::Failed {
                    let flow = flow.map_or_else(String::new, |f| format!("flow {f}: "));
                    let problem = problem.as_deref().unwrap_or("failed");
                    self.line(&format!("{flow}{step}: {problem} ({} ms)", took.as_millis()));
                }
            }
            Event::FlowEnded => self.flow_ended(),
            Event::Settling { at_most } => {
                if let Some(bar) = &self.bar {
                    bar.set_message("waiting for webhooks");
                }
                if *at_most > Duration::from_secs(1) {
                    self.line(&format!(
                        "watching for webhooks for up to {:.1} s more",
                        at_most.as_secs_f64()
                    ));
                }
            }
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
        let text = pii::printable(&text);
        match (&self.bar, self.quiet) {
            (Some(bar), _) => bar.println(text),
            (None, Quiet::No) => out::say(text),
            (None, Quiet::Yes) => {}
        }
    }
}
