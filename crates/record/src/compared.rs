//! What the sender's log says of its deliveries, set against what arrived.

use crate::JsonSchema;
use crate::Tick;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The log against the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reconciliation {
    /// Webhooks with an id in the journal.
    pub in_journal: u64,
    /// Said delivered, and accepted here.
    pub agreed: u64,
    /// Said delivered, and never seen here.
    pub never_seen: u64,
    /// The first of them: line number and id.
    pub never_seen_first: Vec<(u64, String)>,
    /// Said delivered, and seen here but not accepted.
    pub not_accepted: u64,
    /// The first of them.
    pub not_accepted_first: Vec<(u64, String)>,
    /// Accepted here while the log was written, and not said delivered by a log that gives ids.
    pub not_logged: u64,
    /// The first of them.
    pub not_logged_first: Vec<String>,
    /// Said delivered before the journal began or after it ended: nothing can be said.
    pub outside: u64,
    /// Accepted here before the log began or after it ended: nothing can be said.
    #[serde(default)]
    pub outside_log: u64,
    /// Said delivered without an id (a sender before phase 5.6).
    pub without_id: u64,
    /// Attempts in the journal without an id.
    pub arrived_without_id: u64,
    /// What could be compared by event and number only, where there is anything without an id and the log has times.
    #[serde(default)]
    pub counted: Option<Counted>,
    /// Said delivered and never seen, so near the beginning or the end of the journal that it may not be of its time.
    #[serde(default)]
    pub edge_said: u64,
    /// The first of them: line number and id.
    #[serde(default)]
    pub edge_said_first: Vec<(u64, String)>,
    /// Accepted here and not said delivered, so near the beginning or the end of the log that their lines may not be in it, or by a log whose
    /// times say nothing.
    #[serde(default)]
    pub edge_arrived: u64,
    /// The first of them.
    #[serde(default)]
    pub edge_arrived_first: Vec<String>,
    /// Last lines about deliveries that have no end and no whole id: they are set aside.
    #[serde(default)]
    pub cut_off: u64,
    /// The log's clock, where it is not the journal's.
    #[serde(default)]
    pub clock: Option<LogClock>,
    /// Webhooks that the log says were lost; null where nobody looked for them.
    #[serde(default)]
    pub lost: Option<LogLost>,
}

/// How far the times of a log are from those of the journal, by webhooks that are in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogClock {
    /// The log's time less the journal's, ms: the median.
    pub offset_ms: i64,
    /// How many webhooks say so.
    pub pairs: u64,
    /// Whether they agree with each other, so that it is taken into account.
    pub fits: bool,
}

/// Webhooks that the log says were given up, aborted, dropped or skipped, and that neither were accepted here nor were seen to be refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogLost {
    /// How many never came.
    pub count: u64,
    /// The first of them: line number, and what became of which webhook.
    pub first: Vec<(u64, String)>,
    /// Those that may have come, or may not have been lost: what the log says does not settle it.
    pub unclear: u64,
    /// The first of them: line number, and why.
    pub unclear_first: Vec<(u64, String)>,
}

/// Numbers of webhooks that no id tells from others, as the log and as the journal have them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counted {
    /// Said delivered, in the common time.
    pub said: u64,
    /// Accepted here, in the common time.
    pub arrived: u64,
    /// Of each event the smaller number, summed up.
    pub agreed: u64,
    /// Said delivered more often than accepted here, whatever the clocks differ by at the edges.
    pub more_said: u64,
    /// Accepted here more often than said delivered.
    pub more_arrived: u64,
    /// By how many both differ where that may be because of what lies near an edge.
    pub unclear: u64,
    /// Numbers of each event in which they differ: said, arrived.
    pub differing: BTreeMap<String, (u64, u64)>,
}

impl Reconciliation {
    /// Whether both sides say the same, as far as anything can be said.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let counts = self.counted.as_ref().is_none_or(|c| c.more_said == 0 && c.more_arrived == 0);
        self.never_seen == 0
            && self.not_accepted == 0
            && self.not_logged == 0
            && counts
            && self.lost.as_ref().is_none_or(|lost| lost.count == 0)
    }

    /// Whether nothing of what was compared is left open by the edges of a side's time, or by clocks.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let counts = self.counted.as_ref().is_none_or(|c| c.unclear == 0);
        self.edge_said + self.edge_arrived == 0 && self.clock.is_none_or(|clock| clock.fits) && counts
    }

    /// Whether anything that the log says is borne out by the journal.
    #[must_use]
    pub fn met(&self) -> bool {
        self.agreed > 0 || self.counted.as_ref().is_some_and(|c| c.agreed > 0)
    }
}

/// The logs of a window against what arrived in it; its first and last 5 s find no fault with either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogCompared {
    /// When.
    pub at: Tick,
    /// Why logs could not be read to the end; empty when all could.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Lines about deliveries that were too many to be kept.
    #[serde(default)]
    pub not_kept: u64,
    /// What came of it; line numbers count from the beginning of the window.
    pub found: Reconciliation,
    /// Errors of the application that were read in the window, and are not of it by their own times.
    #[serde(default)]
    pub errors: LogErrors,
}

/// Errors in lines that are dated more than 5 s before or after a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LogErrors {
    /// Those that are not of the window.
    pub outside: u64,
    /// Those that may be of it: the log's clock is not known.
    pub unclear: u64,
    /// The lines of the first of both; they count from the beginning of the window.
    pub first: Vec<u64>,
}

/// A line of the sender's log about an attempt that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogQuote {
    /// When it was read.
    pub at: Tick,
    /// What it is about.
    pub about: QuotedAs,
    /// The line: personal data masked, control characters escaped, at most 300 characters.
    pub text: String,
}

/// What a quoted line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotedAs {
    /// A failure that is tried again or given up, or an opening of the breaker.
    Retry,
    /// A 4xx, which ends a delivery.
    ClientError,
}
