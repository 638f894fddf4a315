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
    /// How long silence is watched.
    const fn quiet(self) -> Duration {
        match self {
            Self::Quiet(quiet) => quiet,
            Self::NothingDue | Self::Ended | Self::Begun => Duration::ZERO,
        }
    }

    /// Which deliveries count as come.
    const fn counted(self, settling: &Settling) -> &Came {
        match self {
            Self::Begun => &settling.begun,
            Self::Quiet(_) | Self::NothingDue | Self::Ended => &settling.ended,
        }
    }
}

/// What is waited with, and for.
pub(super) struct Settle<'a> {
    pub inbox: &'a Inbox,
    pub dues: Dues,
    pub clock: Clock,
    /// The longest that another receiver's word of the end of an attempt is waited for.
    pub longest: Duration,
}

impl Settle<'_> {
    /// Returns once nothing more can come that would change the verdict; `quiet` is watched in any case.
    pub(super) async fn settle(&self, quiet: Duration) {
        self.wait(Until::Quiet(quiet)).await;
    }

    /// Returns once the webhooks of the flow whose turn it is can no longer be taken for those of the next one.
    pub(super) async fn turn_over(&self, until: Until) {
        self.wait(until).await;
        // What has not come by now is lost, and is not waited for again.
        let settling = self.inbox.settling();
        self.dues.write_off(until.counted(&settling));
    }

    async fn wait(&self, what: Until) {
        let begun = self.clock.now();
        let mut closing = None;
        while let Some(until) = self.open_until(what, (begun, self.clock.now())) {
            let now = self.clock.now();
            if closing.is_none() && !self.is_missing(what, now) {
                closing = Some(now.plus(what.quiet()));
                self.inbox.close_at(closing);
            }
            // Far deadlines are not slept through: what is missing may come at any moment.
            if until.since(now) > LOOK {
                sleep(LOOK).await;
            } else {
                sleep_until(self.clock.instant(until)).await;
            }
        }
        self.inbox.close_at(None);
    }

    /// Whether a webhook that is due may still come in time.
    fn is_missing(&self, what: Until, now: Tick) -> bool {
        self.deadline(what, &self.inbox.settling()).is_some_and(|deadline| deadline > now)
    }

    /// Until when a webhook that is due is waited for.
    fn deadline(&self, what: Until, settling: &Settling) -> Option<Tick> {
        self.dues.missing(what.counted(settling)).map(|missing| match settling.breaker_opened {
            None => missing.deadline,
            // What an open breaker swallows never comes: waiting for it to the end would say nothing more.
            Some(_) => missing.deadline.min(missing.due.plus(SWALLOWED)),
        })
    }

    /// The longest that settling can take from now on.
    pub(super) fn at_most(&self, quiet: Duration) -> Duration {
        let now = self.clock.now();
        let open = self.open_until(Until::Quiet(quiet), (now, now)).unwrap_or(now);
        open.max(self.inbox.settling().hangs_until(self.longest).unwrap_or(now)).since(now)
    }

    fn open_until(&self, what: Until, (begun, now): (Tick, Tick)) -> Option<Tick> {
        let settling = self.inbox.settling();
        let missing = self.deadline(what, &settling);
        // How long an attempt will hang is the sender's business; its end brings a time to watch until.
        let hangs_there = settling.hangs_until(self.longest).is_some_and(|until| now < until);
        let hangs = settling.under_way > 0 || hangs_there;
        let under_way = if hangs { now.plus(LOOK * 2) } else { now };
        let watched = match what {
            Until::Quiet(quiet) => settling.due_until.max(begun).plus(quiet).max(self.dues.watched_until()),
            Until::NothingDue => settling.due_until,
            Until::Ended | Until::Begun => now,
        };
        let until = missing.unwrap_or_default().max(watched).max(under_way);
        (until > now).then_some(until)
    }
}

/// Waits for webhooks that the journal's aggregator misses, where it has one. The inbox counts what comes, from this run or another, and
/// other shards may be served by the same receiver; the aggregator knows the flows.
pub(super) async fn wait_for_aggregator(inbox: &Inbox, journal: &Journal, clock: Clock) {
    while inbox.settling().breaker_opened.is_none() && journal.open_until().is_some_and(|t| t > clock.now()) {
        sleep(LOOK).await;
    }
}
