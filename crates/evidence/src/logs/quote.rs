//! Sender log lines that are worth quoting: few, short, on one line each, and without anybody's data.

use super::formats::Kind;
use super::line::Entry;
use pii::{Engine, shown};
use record::Tick;
use record::{LogQuote, QuotedAs};

/// Most lines that are quoted of each sort.
const MOST: usize = 25;
/// What stands for a text with data that cannot be masked where it stands.
const WITHHELD: &str = "(withheld: personal data in another writing)";

/// Picks lines until there are enough.
#[derive(Debug)]
pub(super) struct Quotes {
    engine: Engine,
    retries: usize,
    client_errors: usize,
}

impl Quotes {
    /// None yet; the engine says what is masked.
    pub(super) const fn new(engine: Engine) -> Self {
        Self { engine, retries: 0, client_errors: 0 }
    }

    /// The quote, when the line is about an attempt that did not succeed and there are not enough of its sort.
    pub(super) fn pick(&mut self, entry: &Entry<'_>, line: &str, at: Tick) -> Option<LogQuote> {
        let about = sort(entry)?;
        let taken = match about {
            QuotedAs::Retry => &mut self.retries,
            QuotedAs::ClientError => &mut self.client_errors,
        };
        if *taken >= MOST {
            return None;
        }
        *taken += 1;
        Some(LogQuote { at, about, text: self.shown(line) })
    }

    /// A text of the sender as it may be shown.
    pub(super) fn shown(&self, text: &str) -> String {
        shown_text(&self.engine, text)
    }
}

/// A text of the sender as it may be shown: on one line, personal data masked.
pub(super) fn shown_text(engine: &Engine, text: &str) -> String {
    let text = shown(&engine.masked(text));
    if engine.scan_text(&text).is_clean() { text } else { WITHHELD.to_owned() }
}

fn sort(entry: &Entry<'_>) -> Option<QuotedAs> {
    match entry.kind? {
        Kind::Aborted => Some(QuotedAs::ClientError),
        Kind::Failed if matches!(entry.status, Some(400..=499)) => Some(QuotedAs::ClientError),
        Kind::Failed
        | Kind::Retry
        | Kind::Timeout
        | Kind::ConnectionError
        | Kind::RequestError
        | Kind::Exhausted
        | Kind::BreakerOpened
        | Kind::BreakerReopened => Some(QuotedAs::Retry),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::*;
    use pii::Policy;

    fn quotes() -> Quotes {
        Quotes::new(Engine::new(&Policy::default(), &[], b"").unwrap())
    }

    fn pick(quotes: &mut Quotes, message: &str) -> Option<(QuotedAs, String)> {
        let line = format!("WARNING 2025-11-13 14:30:15,123 a.b {message}");
        let formats = Formats::built_in().unwrap();
        let entry = formats.read(&line).unwrap();
        quotes.pick(&entry, &line, Tick(7)).map(|quote| (quote.about, quote.text))
    }

    #[test]
    fn what_failed_is_quoted_in_its_section_and_what_succeeded_is_not() {
        let mut quotes = quotes();
        let mut about = |message: &str| pick(&mut quotes, message).map(|(about, _)| about);
        for message in [
            "Webhook delivery failed: event=e, status=503, attempt=1/3, response=busy",
            "Webhook retry 2/3 after 2s delay",
            "Webhook timeout: event=e, attempt=1/3, timeout=10s",
            "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w",
            "Circuit breaker OPENED - 5 failures in 12.3s",
        ] {
            assert_eq!(about(message), Some(QuotedAs::Retry), "{message}");
        }
        for message in [
            "Webhook delivery failed: event=e, status=400, attempt=1/3, response=bad",
            "Client error - aborting retries: status=400",
        ] {
            assert_eq!(about(message), Some(QuotedAs::ClientError), "{message}");
        }
        assert_eq!(about("Webhook delivered successfully: event=e, status=200, attempt=2"), None);
        assert_eq!(about("something else"), None);
    }

    #[test]
    fn each_sort_has_its_bound() {
        let mut quotes = quotes();
        let picked = (0..40).filter(|_| pick(&mut quotes, "Webhook retry 2/3 after 2s delay").is_some());
        assert_eq!(picked.count(), MOST);
        assert!(pick(&mut quotes, "Client error - aborting retries: status=400").is_some());
    }

    #[test]
    fn nobody_stands_in_a_quote_and_nothing_in_it_is_obeyed() {
        let mut quotes = quotes();
        let mut text = |response: &str| {
            let message =
                format!("Webhook delivery failed: event=e, status=400, attempt=1/3, response={response}");
            pick(&mut quotes, &message).unwrap().1
        };
        let masked =
            text(r#"{"email": "john@example.com", "again": "john@example.com", "ip": "203.0.113.9"}"#);
        assert!(!masked.contains("john@") && !masked.contains("203.0.113.9"), "{masked}");
        assert!(masked.contains("status=400") && masked.contains(r#""j***@e***.com""#), "{masked}");
        for hidden in ["john%40example.com", "am9obkBleGFtcGxlLmNvbQ==", "john\u{200b}@example.com"] {
            let text = text(hidden);
            assert!(!text.contains(hidden) && !text.contains("example.com"), "{text}");
        }
        assert!(text("\u{1b}[2Jx").ends_with(r"response=\u{1b}[2Jx"));
        assert_eq!(text(&"x ".repeat(500)).chars().count(), 301);
    }
}
