//! What tests of several modules begin with.

use record::{Attempt, Body, Tick};
use signature::{Reason, Verdict};

/// An attempt with this number of a valid webhook that has no body and no headers, answered with 200.
pub(crate) fn attempt(number: u64, at: Tick) -> Attempt {
    Attempt {
        attempt: number,
        first_byte: at,
        received: at,
        peer: None,
        method: "POST".to_owned(),
        target: "/".to_owned(),
        headers: Vec::new(),
        body: Body::Text(String::new()),
        verdict: Verdict::valid(),
        answer: Some(200),
        duplicate: false,
        elsewhere: false,
        fault: None,
        redirect: None,
        holds_secret: false,
    }
}

/// The verdict with this reason.
pub(crate) fn verdict(reason: Reason) -> Verdict {
    Verdict { valid: reason == Reason::Valid, ..Verdict::invalid(reason, None) }
}
