//! The window while it lasts: looks, triggers, and what is shown of both.

use super::drive::Driving;
use super::hook::hook;
use super::judge::Live;
use super::plan::ObservePlan;
use super::table::Table;
use crate::cli::out;
use crate::observe::{Fired, Hooked, Observe};
use evidence::analysis::{Analysis, minutes};
use pii::shown;
use record::{OnTrigger, Tick, WatchBegin};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use wire::Clock;

/// How often everything is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(500);
/// How long driven flows and their webhooks are waited for after the window.
const SETTLE: Duration = Duration::from_secs(60);
/// A receiver elsewhere may take this long for an answer, also at the end of the window.
const SLOWEST: Duration = Duration::from_secs(2);

/// What is left of the logs is read for so long after the window.
const READ_ON: Duration = Duration::from_secs(120);
/// How often it is said how much that is.
const TOLD: Duration = Duration::from_secs(2);

/// How a window ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WindowEnd {
    /// Its time was over.
    Elapsed,
    /// A rollback trigger has fired.
    Triggered,
    /// By a signal.
    Interrupted,
    /// The receiver at this URL holds another secret.
    OtherSecret(String),
}

/// Watches until the window is over, a trigger fires, or `stop` turns true.
pub(super) async fn window(
    plan: &ObservePlan,
    observe: &mut Observe<Live<'_>>,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<WindowEnd> {
    let until = Instant::now() + plan.duration;
    let (mut probe_at, mut told, mut outcome) = (Instant::now(), 0, WindowEnd::Elapsed);
    let mut table = Table::new(plan.duration);
    loop {
        let looked = async {
            if Instant::now() >= probe_at {
                observe.probe().await?;
                probe_at = Instant::now() + WatchBegin::PROBED_EVERY;
            }
            observe.step(until.saturating_duration_since(Instant::now()).max(SLOWEST)).await
        };
        let step = tokio::select! {
            step = looked => step?,
            _ = stop.wait_for(|stopped| *stopped) => {
                table.end();
                return Ok(WindowEnd::Interrupted);
            }
        };
        if let Some(url) = step.other_secret {
            table.end();
            return Ok(WindowEnd::OtherSecret(url));
        }
        if let Some(why) = step.lost_sight {
            table.line(&format!("nothing can be seen: {}", shown(&why)));
        }
        if !step.fired.is_empty() {
            roll_back(plan, observe, &step.fired, &mut stop, &mut |text| table.line(text)).await?;
            outcome = WindowEnd::Triggered;
        }
        if outcome == WindowEnd::Triggered && plan.on_trigger == OnTrigger::End {
            table.end();
            return Ok(outcome);
        }
        if table.is_shown() {
            table.show(&observe.judge().analysis, &observe.judge().gates);
        } else {
            told = tell(&observe.judge().analysis, clock, told);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            table.end();
            return Ok(outcome);
        }
        tokio::select! {
            () = sleep(LOOK.min(left)) => {}
            _ = stop.wait_for(|stopped| *stopped) => {
                table.end();
                return Ok(WindowEnd::Interrupted);
            }
        }
    }
}

/// Says what has fired, and runs the command of `--on-rollback` for each, unless somebody has interrupted the window and is there.
pub(super) async fn roll_back(
    plan: &ObservePlan,
    window: &mut dyn Hooked,
    fired: &[Fired],
    stop: &mut watch::Receiver<bool>,
    say: &mut dyn FnMut(&str),
) -> std::io::Result<()> {
    for trigger in fired {
        say(&format!("ROLLBACK {}: {}", trigger.id, trigger.evidence));
        let Some(command) = &plan.on_rollback else { continue };
        if *stop.borrow() {
            say("--on-rollback is not run: the window was interrupted");
            continue;
        }
        let exit = hook((command, &plan.ours), trigger, stop).await;
        window.hooked(&trigger.id, exit)?;
    }
    Ok(())
}

/// Looks on until the flows under way have ended and what they fired has come or is too late.
pub(super) async fn settle(
    plan: &ObservePlan,
    observe: &mut Observe<Live<'_>>,
    driving: &Driving,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<WindowEnd> {
    let until = Instant::now() + SETTLE;
    let mut outcome = WindowEnd::Elapsed;
    loop {
        let over = driving.is_over();
        let step = observe.step(SLOWEST).await?;
        if let Some(url) = step.other_secret {
            return Ok(WindowEnd::OtherSecret(url));
        }
        if !step.fired.is_empty() {
            roll_back(plan, observe, &step.fired, &mut stop, &mut |text| out::say(text)).await?;
            outcome = WindowEnd::Triggered;
            if plan.on_trigger == OnTrigger::End {
                return Ok(outcome);
            }
        }
        let now = clock.now();
        let due = observe.judge().analysis.expectations().any(|e| e.missing() > 0 && e.deadline() > now);
        if over && !due || Instant::now() >= until {
            return Ok(outcome);
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            _ = stop.wait_for(|stopped| *stopped) => return Ok(WindowEnd::Interrupted),
        }
    }
}

/// Whether the rest of the logs is read on: for a while, and until `stop` turns true; says how much of it there is.
pub(super) fn reading_on(stop: watch::Receiver<bool>) -> impl FnMut(u64) -> bool {
    let mut told = Instant::now();
    let until = told + READ_ON;
    move |left| {
        if told.elapsed() >= TOLD {
            told = Instant::now();
            out::chat(format!("reading the rest of the log: {} MiB left", left / (1024 * 1024)));
        }
        Instant::now() < until && !*stop.borrow()
    }
}

/// A line for each minute that has gone by; gives how many have been told.
fn tell(analysis: &Analysis, clock: Clock, told: usize) -> usize {
    let due = usize::try_from(clock.now().since(Tick(0)).as_secs() / 60).unwrap_or(usize::MAX);
    if out::is_quiet() || due <= told {
        return told;
    }
    for m in minutes(analysis).iter().take(due).skip(told) {
        let success = m.success_percent().map_or_else(|| "-".to_owned(), |p| format!("{p:.1} %"));
        out::say(format!(
            "minute {:>3}: {} ended, {success} accepted, {} attempts, {} 4xx, {} 5xx, {} without a response{}",
            m.minute,
            m.ended,
            m.attempts,
            m.client_errors,
            m.server_errors,
            m.unanswered,
            m.gap.as_ref().map(|g| format!("; not seen: {}", shown(g))).unwrap_or_default()
        ));
    }
    due
}
