//! When a sender may come back.

use std::time::{Duration, SystemTime};

/// How long a `Retry-After` says to wait, in whole seconds: so many, or until an HTTP date (RFC 9110 section 10.2.3), 0 when
/// that is past `now`.
pub fn retry_after(value: &str, now: impl FnOnce() -> SystemTime) -> Option<u64> {
    let value = value.trim();
    value.parse().ok().or_else(|| {
        let wait = httpdate::parse_http_date(value).ok()?.duration_since(now()).unwrap_or_default();
        Some(wait.as_secs() + u64::from(wait > Duration::from_secs(wait.as_secs())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_come_back_is_seconds_or_a_date() {
        // Wed, 21 Oct 2026 07:28:00 GMT, and a little.
        let now = || SystemTime::UNIX_EPOCH + Duration::from_millis(1_792_567_680_300);
        let of = |value| retry_after(value, now);
        assert_eq!(
            (of("120"), of(" 7 "), of("soon"), of("-1"), of("")),
            (Some(120), Some(7), None, None, None)
        );
        assert_eq!(of("Wed, 21 Oct 2026 07:30:00 GMT"), Some(120));
        assert_eq!(of("Wed, 21 Oct 2026 07:27:00 GMT"), Some(0));
        assert_eq!(of("Wednesday, 21-Oct-26 07:30:00 GMT"), Some(120), "RFC 850's form");
        assert_eq!(of("Wed Oct 21 07:30:00 2026"), Some(120), "asctime's form");
    }
}
