//! Gates: criteria with targets, judged on an analysis; every answer is `pass`, `fail` or `unproven`.

mod breaker;
mod caveats;
mod check;
mod clause;
mod config;
mod criteria;
mod earlier;
mod ended_early;
mod interval;
mod judge;
mod load;
mod lost;
mod observe;
mod promote;
mod queued;
mod rate;
mod retry;
mod sender_log;
mod signing;
mod triggers;
mod unexpected;

pub use check::{Check, Interval, Verdict, overall};
pub use clause::{ClauseVerdict, JudgedClause, clauses};
pub(crate) use config::BreakerGate;
pub use config::{Confidence, Gates, GatesError, LoadGate, RetryGate};
pub(crate) use criteria::{
    API_PII, ATTEMPT_DEADLINE, CLIENT_ERROR_RATE, EVENT_HEADER, GENERATOR_LAG, GENERATOR_RESOURCES,
    LATENCY_P50, LATENCY_P95, ONLY_WHILE_BROKEN, PAYLOADS, PII, PII_AND_LOG, READ_TIMEOUT, REPEATED_KEYS,
    RETRY_RATE, ROLLBACK, SERVER_ERROR_RATE, SIGNATURES, STEPS, SUCCESS_RATE,
};
pub use criteria::{CRITERIA, Criterion};
pub use interval::{clean_samples_for_rate, more_samples_for_rate, wilson};
pub use judge::{judge, judge_flows};
pub use load::{excuse_own_waits, judge_load};
pub use promote::{PromoteGate, STAGES, Stage, promote};
pub(crate) use triggers::log_findings;
pub use triggers::{RollbackGate, Trigger, triggers};

/// `once`, `3 times`.
fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{n} times") }
}
