//! Follows a running load: writes its journal, and shows how it goes.

use super::out::Outs;
use crate::cli::progress::time_left;
use crate::cli::{Failure, out};
use crate::journal::Journal;
use crate::load::{Event, Finish, Heard};
use chrono::{DateTime, SecondsFormat, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use record::Tick;
use record::latency::Latency;
use record::{Interval, LoadPlan, LoadShard, Note, Record};
use std::collections::VecDeque;
use std::time::Duration;
use wire::Clock;

/// How many seconds the percentiles of the view cover.
const WINDOW: usize = 5;
/// Seconds between two lines where there is no terminal.
const EVERY: u64 = 5;

/// What the evidence says of a load that was interrupted while it waited for its beginning.
pub(super) const NEVER_BEGAN: &str = "interrupted before the load began";

/// When a load that has not begun is to begin.
pub(super) fn begins(start_at: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let now = Utc::now();
    start_at.map_or(now, |at| at.max(now))
}

/// Follows a load to its end.
///
/// # Errors
/// Environment: the journal cannot be written.
pub(super) fn follow(
    heard: Heard,
    journal: &Journal,
    plan: &dyn Fn(DateTime<Utc>) -> LoadPlan,
    start_at: Option<DateTime<Utc>>,
    outs: &mut Outs,
) -> Result<Finish, Failure> {
    let wrong = |e| Failure::environment(format!("cannot write the journal: {e}"));
    let mut view = None;
    let mut clock: Option<Clock> = None;
    if let Some(at) = start_at.filter(|at| *at > Utc::now()) {
        out::chat(format!("beginning at {}", at.to_rfc3339_opts(SecondsFormat::Millis, true)));
    }
    for event in heard {
        match event {
            Event::Began(began) => {
                let plan = plan(began.started());
                journal.append(&Record::Load(Box::new(plan.clone()))).map_err(wrong)?;
                if let Some(text) = late(start_at, began.started()) {
                    out::say(format!("warning: {text}"));
                    journal.append(&Record::Note(Note { at: Tick(0), text })).map_err(wrong)?;
                }
                view = (!out::is_quiet()).then(|| View::new(&plan, outs.shard()));
                outs.begin(&plan);
                clock = Some(began);
            }
            Event::Second(interval) => {
                if let Some(view) = &mut view {
                    view.second(&interval);
                }
                outs.second(&interval);
                journal.append(&Record::Interval(interval)).map_err(wrong)?;
            }
            Event::Ended(finish) => {
                if let Some(view) = &view {
                    view.end();
                }
                outs.end();
                let Some(clock) = clock else {
                    out::chat(NEVER_BEGAN);
                    let note = Note { at: Tick(0), text: NEVER_BEGAN.to_owned() };
                    journal.append(&Record::Note(note)).map_err(wrong)?;
                    journal.finish(Tick(0), false).map_err(wrong)?;
                    return Ok(finish);
                };
                journal.finish(clock.now(), finish == Finish::Complete).map_err(wrong)?;
                return Ok(finish);
            }
        }
    }
    Err(Failure::environment("the load thread died; please report this"))
}

/// A sentence when the load began well after the time it was to begin at.
pub(super) fn late(asked: Option<DateTime<Utc>>, began: DateTime<Utc>) -> Option<String> {
    let by = began - asked?;
    (by.num_milliseconds() > 500).then(|| {
        format!("--start-at was {:.1} s ago; started at once", by.num_milliseconds() as f64 / 1000.0)
    })
}

/// What is shown while it runs.
pub(super) struct View {
    bar: ProgressBar,
    terminal: bool,
    plan: LoadPlan,
    shard: LoadShard,
    seconds: VecDeque<Latency>,
    seen: u64,
    ok: u64,
    failed: u64,
}

impl View {
    pub(super) fn new(plan: &LoadPlan, shard: LoadShard) -> Self {
        let terminal = out::draws_bars();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(plan.pace.lasts_ms().div_ceil(1000)), target);
        if let Ok(style) =
            ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {left} left\n{wide_msg}\n{prefix}")
        {
            let left = time_left(Duration::from_millis(plan.pace.lasts_ms()));
            bar.set_style(style.with_key("left", left).progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, terminal, plan: plan.clone(), shard, seconds: VecDeque::new(), seen: 0, ok: 0, failed: 0 }
    }

    pub(super) fn second(&mut self, interval: &Interval) {
        self.seen += 1;
        self.ok += interval.ok;
        self.failed += interval.done.saturating_sub(interval.ok);
        let main = if interval.response.v2.is_empty() { &interval.service } else { &interval.response };
        if self.seconds.len() == WINDOW {
            self.seconds.pop_front();
        }
        // What this process has just encoded can be decoded.
        self.seconds.push_back(Latency::decode(main).unwrap_or_default());
        let (counts, percentiles) = (self.counts(interval), self.percentiles());
        self.bar.set_position(self.seen);
        self.bar.set_message(out::safe(&counts).into_owned());
        // On a line of its own, which a narrow terminal does not cut off.
        self.bar.set_prefix(out::safe(&percentiles).into_owned());
        if !self.terminal && (self.seen == 1 || self.seen.is_multiple_of(EVERY)) {
            out::say(format!("{:>4} s  {counts}, {percentiles}", interval.to.0 / 1_000_000));
        }
    }

    fn counts(&self, interval: &Interval) -> String {
        let lasts = interval.to.since(interval.from).as_secs_f64().max(0.001);
        let made = interval.started as f64 / lasts;
        let middle = interval.from.0.midpoint(interval.to.0);
        let asked = self.plan.pace.rate_at(middle).map(|rate| rate / self.shard.count as f64);
        let asked = asked.map_or_else(|| "max".to_owned(), |rate| format!("{rate:.0}"));
        let (flying, ok, failed) = (interval.in_flight, self.ok, self.failed);
        format!("{made:.0} of {asked}/s, {flying} in flight, {ok} ok, {failed} failed")
    }

    fn percentiles(&self) -> String {
        let mut window = Latency::new();
        self.seconds.iter().for_each(|second| window.add(second));
        let at = |percent| {
            window
                .percentile_us(percent)
                .map_or_else(|| "-".to_owned(), |us| format!("{:.1}", us as f64 / 1000.0))
        };
        format!("p50 {} p95 {} p99 {} ms", at(50.0), at(95.0), at(99.0))
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
