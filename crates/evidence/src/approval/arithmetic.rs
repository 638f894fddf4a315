//! All the arithmetic that can be done on an artifact alone.

use super::document::Document;
use super::figures::Figures;
use super::judgement::Findings;
use super::{attempt_log, counts, leaks, own_shape, percentiles, rates, signatures, times};
use chrono::{DateTime, Utc};

/// Looks for figures that contradict each other. `now` is the time of the check; `not_before` the time of the commit
/// that is being approved, when it is known.
pub(super) fn contradictions(
    document: &Document<'_>,
    now: DateTime<Utc>,
    not_before: Option<DateTime<Utc>>,
    found: &mut Findings,
) {
    let figures = Figures::of(document);
    counts::check(document, &figures, found);
    rates::check(document, &figures, found);
    percentiles::check(&figures, found);
    percentiles::within(&figures, document.number(&["duration_seconds"]), found);
    signatures::check(document, &figures, found);
    times::check(document, now, not_before, found);
    leaks::check(document, found);
    if !document.is_own() {
        attempt_log::check(document, found);
        return;
    }
    own_shape::check(document, found);
    if document.vouches_for_retries() {
        attempt_log::check(document, found);
    }
}
