//! Why an exchange did not come about, in words.

use crate::resources::ran_out;
use std::error::Error;

/// Whether there is no connection because this machine ran out of something.
#[must_use]
pub(crate) fn is_local(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(ran_out)
}

/// The innermost cause, which says what happened; reqwest's own text says little and repeats the URL.
#[must_use]
pub fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the exchange broke" };
    let cause = cause.to_string();
    // rustls, about an answer in plain HTTP, and about none at all.
    let advice = if cause.contains("InvalidContentType") || cause.contains("tls handshake eof") {
        " (it does not speak TLS: try http://, or another port)"
    } else {
        ""
    };
    format!("{what}: {cause}{advice}")
}
