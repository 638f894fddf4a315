//! Addresses, URLs, methods, numbers and times as people type them: what is wrong, and what would be right.

use super::Failure;
use crate::outbound::{http_url, shown_url};
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// An address to listen on.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    text.parse().map_err(|_| {
        let example = |ip: &str, port: &str| format!("give an IP address and a port: write {ip}:{port}");
        let port_of = |port: &str| port.parse::<u16>().is_ok();
        match text.rsplit_once(':') {
            Some(("localhost", port)) if port_of(port) => {
                format!("a name is not an address: write 127.0.0.1:{port}, or [::1]:{port}")
            }
            Some(("" | "*", port)) if port_of(port) => format!(
                "the address is missing: write 127.0.0.1:{port} for this machine only, or 0.0.0.0:{port} for all its addresses"
            ),
            Some((ip, port)) if ip.contains(':') && !ip.starts_with('[') && text.parse::<IpAddr>().is_err() => {
                format!("IPv6 addresses need brackets: write [{ip}]:{port}")
            }
            _ if port_of(text) => example("127.0.0.1", text),
            _ if text.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) => example(&format!("[{text}]"), "8787"),
            _ if text.parse::<IpAddr>().is_ok() => example(text, "8787"),
            _ => "give an IP address and a port, such as 127.0.0.1:8787, or 0.0.0.0:8787 for all addresses of this machine"
                .to_owned(),
        }
    })
}

/// Refuses what is no URL of http or https; the error names `flag` and has no credentials.
///
/// # Errors
/// Usage: it is none.
pub(super) fn check_url(flag: &str, text: &str) -> Result<(), Failure> {
    http_url(text).map(drop).map_err(|why| Failure::usage(format!("{flag} {}: {why}", shown_url(text))))
}

/// A method of HTTP: a token (RFC 9110 section 5.6.2).
pub(super) fn method(text: &str) -> Result<String, &'static str> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !text.is_empty() && text.bytes().all(is_token) {
        Ok(text.to_owned())
    } else {
        Err("a method is one word, such as POST")
    }
}

/// A parser of whole numbers in a range, of which the error names both ends.
pub(super) fn whole<N: TryFrom<i128>>(
    range: RangeInclusive<i128>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| format!("write a whole number from {} to {}", range.start(), range.end()))
    }
}

/// A moment with its offset, RFC 3339.
pub(super) fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text).map(Into::into).map_err(|error| {
        let date = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
        let time = date.or_else(|| text.parse::<NaiveDateTime>().ok());
        let time = time.or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok());
        match time {
            Some(time) => {
                let right = time.and_utc().to_rfc3339_opts(SecondsFormat::Secs, true);
                format!(
                    "give a time with its UTC offset (RFC 3339): write {right}, or another offset such as \
                     +06:00 instead of Z"
                )
            }
            None => format!(
                "{error}; give a time such as 2025-11-13T14:30:00Z (RFC 3339; git show -s --format=%cI)"
            ),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_told_with_one_that_would_do() {
        for (text, right) in [
            ("localhost:8787", "write 127.0.0.1:8787"),
            (":8787", "0.0.0.0:8787 for all"),
            ("*:80", "127.0.0.1:80 for this machine"),
            ("8787", "write 127.0.0.1:8787"),
            ("10.0.0.9", "write 10.0.0.9:8787"),
            ("::1", "write [::1]:8787"),
            ("hooks.example.com:80", "such as 127.0.0.1:8787"),
            ("127.0.0.1:99999", "such as 127.0.0.1:8787"),
        ] {
            let why = listen_address(text).unwrap_err();
            assert!(why.contains(right), "{text}: {why}");
        }
        assert_eq!(listen_address("[::1]:80").unwrap().port(), 80);
    }

    #[test]
    fn a_number_that_is_none_is_told_with_those_that_are() {
        let of = whole::<u32>(1..=100);
        assert_eq!((of("7"), of("100")), (Ok(7), Ok(100)));
        for text in ["ten", "0", "101", "-1", "1.5", "", "99999999999999999999999999999999999999999"] {
            assert_eq!(of(text), Err("write a whole number from 1 to 100".to_owned()), "{text}");
        }
        let of = whole::<u64>(0..=u64::MAX.into());
        let told = Err("write a whole number from 0 to 18446744073709551615".to_owned());
        assert_eq!(of("18446744073709551616"), told);
        assert_eq!(of("9007199254740993"), Ok(9_007_199_254_740_993));
    }

    #[test]
    fn a_time_without_an_offset_is_told_with_one() {
        for (text, right) in [
            ("2025-11-13", "write 2025-11-13T00:00:00Z"),
            ("2025-11-13T14:30:00", "write 2025-11-13T14:30:00Z"),
            ("2025-11-13 14:30:00", "write 2025-11-13T14:30:00Z"),
            ("yesterday", "such as 2025-11-13T14:30:00Z"),
        ] {
            let why = moment(text).unwrap_err();
            assert!(why.contains(right), "{text}: {why}");
        }
        assert_eq!(moment("2025-11-13T20:30:00+06:00").unwrap(), moment("2025-11-13T14:30:00Z").unwrap());
    }
}
