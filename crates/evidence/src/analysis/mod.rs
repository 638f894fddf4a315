//! What a journal says: deliveries from attempts, expected against arrived, retries, signatures, personal data, latency.
//!
//! [`Analysis`] takes the records one by one and is a pure function of what it was given; over a journal that still
//! grows it is the live view. Memory grows with the number of deliveries, not with bodies.

mod batch_ids;
mod breach;
mod breaker;
mod cases;
mod causes;
mod clause_stats;
mod contents;
mod copies;
mod correlate;
mod deliveries;
mod delivery;
mod exchange;
mod expected;
mod flow_reasons;
mod flows;
mod fold;
mod interned;
mod judging_clock;
mod keyed;
mod ledger;
pub mod load;
mod lost;
mod nameless;
mod near;
mod order;
mod own_query;
mod parked;
mod payloads;
mod privacy;
mod receiver_clock;
mod recheck;
mod retry;
mod sample;
mod stats;
mod steps;
mod strangers;
mod tally;
mod unexpected;
mod unreadable;
mod watched;
mod windows;

pub(crate) use breach::TimeLimit;
pub use breach::{Breach, seconds};
pub use breaker::{Breaker, Opening};
pub(crate) use cases::CAUSE;
pub use cases::{Case, Cases, Listed, cases};
pub use clause_stats::{breaker_stats, clause_stats};
pub use deliveries::Deliveries;
pub(crate) use delivery::index_of;
pub use delivery::{AttemptResult, Delivery, Fate, Fingerprints};
pub use exchange::{Exchange, Exchanges};
pub use expected::{Expectation, Fulfilment};
pub use flow_reasons::{FlowReason, flow_reasons};
pub use fold::Analysis;
pub(crate) use fold::TOO_LARGE;
pub use ledger::Ledger;
#[cfg(test)]
pub(crate) use ledger::tests::loads;
pub(crate) use lost::{Absence, Lost};
pub use privacy::{Findings, Located, Privacy};

pub use flows::{FlowFacts, Flows};
pub(crate) use receiver_clock::ReceiverClock;
pub use receiver_clock::receiver_clock;
pub use recheck::{Disagreement, Recheck};
pub(crate) use retry::gaps;
pub use retry::{Retries, RetryFacts, retries};
pub use sample::Sample;
pub(crate) use sample::{event_name, shown_signature};
pub use stats::stats_of;
pub use steps::{KEPT_FLOWS, Steps};
pub use tally::tallies;
pub use watched::Watched;
pub use windows::{Minute, minutes};
