//! What a journal says: deliveries from attempts, expected against arrived, retries, signatures, personal data, latency.
//!
//! [`Analysis`] takes the records one by one and is a pure function of what it was given; over a journal that still
//! grows it is the live view. Memory grows with the number of deliveries, not with bodies.

mod arrive;
mod breach;
mod breaker;
mod deliveries;
mod delivery;
mod expected;
mod flows;
mod fold;
mod interned;
mod kept;
mod keyed;
mod ledger;
pub mod load;
mod prints;
mod privacy;
mod recheck;
mod retry;
mod sample;
mod sharded;
mod steps;
mod sums;
mod tally;
mod wanted;
mod watched;
mod windows;

pub use breach::{Breach, seconds};
pub use breaker::{Breaker, Opening};
pub use deliveries::Deliveries;
pub use delivery::{Delivery, Fate, Prints, Try};
pub use expected::{Expectation, Fulfilment};
pub use fold::Analysis;
pub use kept::{breaker_sums, clause_sums};
pub use ledger::Ledger;
pub use privacy::{Findings, Located, Privacy};

pub use flows::{FlowFacts, Flows};
pub use recheck::{Disagreement, Recheck};
pub use retry::{Retries, RetryFacts, retries};
pub use sample::Sample;
pub use steps::Steps;
pub use watched::Watched;
pub use windows::{Minute, minutes};
