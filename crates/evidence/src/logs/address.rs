//! The receiver's own address in a line of the sender: configuration, and nobody's personal data.

use super::formats::Kind;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

/// `endpoint=https://10.0.0.9:8443`, as far as scheme, host and port go. What stands before an `@` is no host.
static ENDPOINT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)\bendpoint=https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?P<next>[/?#,;\s]|$)")
});

/// `HTTPConnectionPool(host='10.0.0.9', port=8443)`, as the sender's HTTP library names whom it called.
static CALLED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)(?P<class>\b\w+)\(host='[a-z0-9._:\[\]-]+', port=\d{1,5}\)"));

#[expect(clippy::expect_used, reason = "constant patterns, which the tests compile")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// The message without scheme, host and port of the receiver, where it is about a webhook. Its path and query stay, and so
/// does all that an answer said.
pub(super) fn without_receiver(kind: Option<Kind>, message: &str) -> Cow<'_, str> {
    let Some(kind) = kind else { return message.into() };
    let (own, answer) = message.split_at(answer_at(message));
    let replaced = if matches!(kind, Kind::ConnectionError | Kind::RequestError | Kind::HandlerError) {
        CALLED.replace_all(own, "$class()")
    } else if !own.contains("://") {
        own.into()
    } else {
        ENDPOINT.replace(own, "endpoint=$next")
    };
    match replaced {
        Cow::Borrowed(_) => message.into(),
        Cow::Owned(own) => (own + answer).into(),
    }
}

/// Where the words of the receiver begin.
fn answer_at(message: &str) -> usize {
    message.find("response=").unwrap_or(message.len())
}

#[cfg(test)]
mod tests {
    use super::super::Formats;
    use super::*;

    fn left(message: &str) -> String {
        let line = format!("INFO 2025-11-13 14:30:15,123 apps.webhooks {message}");
        let formats = Formats::built_in().unwrap();
        let entry = formats.read(&line).unwrap();
        without_receiver(entry.kind, &entry.message).into_owned()
    }

    #[test]
    fn only_the_receivers_own_address_goes() {
        for (message, expected) in [
            (
                "Webhook delivery failed after 3 attempts: event=e, endpoint=http://10.0.0.9:80/w?u=1, webhook_id=a",
                "Webhook delivery failed after 3 attempts: event=e, endpoint=/w?u=1, webhook_id=a",
            ),
            (
                "Webhook delivery attempt 1/3: endpoint=https://[::1]:8443, event=e",
                "Webhook delivery attempt 1/3: endpoint=, event=e",
            ),
            (
                "Webhook connection error: event=e, attempt=1/3, error=HTTPConnectionPool(host='10.20.30.40', port=8787): Max",
                "Webhook connection error: event=e, attempt=1/3, error=HTTPConnectionPool(): Max",
            ),
        ] {
            assert_eq!(left(message), expected);
        }
        for unchanged in [
            "login endpoint=http://10.0.0.9/api user john@example.com",
            "Webhook delivery attempt 1/3: endpoint=http://john@example.com/w, event=e",
            "Webhook delivery failed: event=e, status=400, attempt=1/3, response=endpoint=http://10.0.0.9/",
            "Webhook connection error: event=e, attempt=1/3, error=ask john@example.com (host='x y', port=1)",
        ] {
            assert_eq!(left(unchanged), unchanged);
        }
    }
}
