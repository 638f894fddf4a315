//! Waits until every webhook that is due has come or is too late, and silence has been watched long enough.

use crate::drive::{Came, Dues};
use crate::inbox::{Inbox, Settling};
use crate::journal::Journal;
use record::Tick;
use std::time::Duration;
use tokio::time::{sleep, sleep_until};
use wire::Clock;

/// How often the state is looked at while something is missing.
const LOOK: Duration = Duration::from_millis(20);

/// How long is waited for a missing webhook once the sender's circuit breaker may have dropped it.
const SWALLOWED: Duration = Duration::from_secs(2);

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Nothing more can come that would change the verdict, and so much silence was watched.
    Quiet(Duration),
    /// Every webhook that is due has come, and by the retry policy nothing more will.
    NothingDue,
    /// Every webhook that is due has come and ended.
    Ended,
    /// Every webhook that is due has come, whatever its answer was.
    Begun,
}

impl Until {
    /// Which deliveries count as come.
    const fn counted(self, settling: &Settling) -> &Came {
        match self {
            Self::Begun => &settling.begun,
            Self::Quiet(_) | Self::NothingDue | Self::Ended => &settling.ended,
        }
    }
}

/// Returns once nothing more can come that would change the verdict; `quiet` is watched in any case.
pub(super) async fn settle(inbox: &Inbox, dues: &Dues, clock: Clock, quiet: Duration) {
    wait(inbox, dues, clock, Until::Quiet(quiet)).await;
}

/// Returns once the webhooks of the flow whose turn it is can no longer be taken for those of the next one.
pub(super) async fn turn_over(inbox: &Inbox, dues: &Dues, clock: Clock, until: Until) {
    wait(inbox, dues, clock, until).await;
    // What has not come by now is lost, and is not waited for again.
    let settling = inbox.settling();
    dues.write_off(until.counted(&settling));
}

async fn wait(inbox: &Inbox, dues: &Dues, clock: Clock, what: Until) {
    let begun = clock.now();
    while let Some(until) = open_until(inbox, dues, what, (begun, clock.now())) {
        let now = clock.now();
        // Far deadlines are not slept through: what is missing may come at any moment.
        if until.since(now) > LOOK {
            sleep(LOOK).await;
        } else {
            sleep_until(clock.instant(until)).await;
        }
    }
}

/// Waits for webhooks that the journal's aggregator misses, where it has one. The inbox counts what comes, from this run or another, and
/// other shards may be served by the same receiver; the aggregator knows the flows.
pub(super) async fn wait_for_aggregator(inbox: &Inbox, journal: &Journal, clock: Clock) {
    while inbox.settling().breaker_opened.is_none() && journal.open_until().is_some_and(|t| t > clock.now()) {
        sleep(LOOK).await;
    }
}

/// The longest that settling can take from now on.
pub(super) fn at_most(inbox: &Inbox, dues: &Dues, now: Tick, quiet: Duration) -> Duration {
    open_until(inbox, dues, Until::Quiet(quiet), (now, now)).map_or(Duration::ZERO, |until| until.since(now))
}

fn open_until(inbox: &Inbox, dues: &Dues, what: Until, (begun, now): (Tick, Tick)) -> Option<Tick> {
    let settling = inbox.settling();
    let missing = dues.missing(what.counted(&settling)).map(|missing| match settling.breaker_opened {
        None => missing.deadline,
        // What an open breaker swallows never comes: waiting for it to the end would say nothing more.
        Some(_) => missing.deadline.min(missing.due.plus(SWALLOWED)),
    });
    // How long an attempt will hang is the sender's business; its end brings a time to watch until.
    let under_way = if settling.under_way > 0 { now.plus(LOOK * 2) } else { now };
    let watched = match what {
        Until::Quiet(quiet) => settling.due_until.max(begun).plus(quiet).max(dues.watched_until()),
        Until::NothingDue => settling.due_until,
        Until::Ended | Until::Begun => now,
    };
    let until = missing.unwrap_or_default().max(watched).max(under_way);
    (until > now).then_some(until)
}
