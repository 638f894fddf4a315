//! Webhook signatures: named schemes, sign, verify in constant time over raw bytes, and a diagnosis of what is wrong.

mod scheme;
mod verdict;

pub use scheme::Scheme;
pub use verdict::{Reason, Verdict};
