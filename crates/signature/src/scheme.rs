//! The signature schemes with a name, and where each puts signature, timestamp, id and event.

use super::seen::Seen;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A named way to sign a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Hex HMAC-SHA256 of the raw body in `X-Webhook-Signature` (DeltaCrown phase 5.5).
    DeltacrownV1,
    /// Hex HMAC-SHA256 of `timestamp_ms.body`, with `X-Webhook-Timestamp` (ms) and `X-Webhook-Id` (phase 5.6).
    #[default]
    #[serde(alias = "deltacrown")]
    DeltacrownV2,
    /// Standard Webhooks: base64 HMAC-SHA256 (`v1`) or ed25519 (`v1a`) of `id.timestamp_s.body`.
    ///
    /// Secrets are `whsec_` + base64 (`v1`), `whsk_` + base64 of 64 bytes or `whpk_` + base64 of 32 bytes (`v1a`).
    StandardWebhooks,
    /// Stripe: hex HMAC-SHA256 of `timestamp_s.body` in `Stripe-Signature: t=…,v1=…`; all of the secret is the key.
    Stripe,
    /// GitHub: `sha256=` + hex HMAC-SHA256 of the body in `X-Hub-Signature-256`.
    Github,
    /// Slack: `v0=` + hex HMAC-SHA256 of `v0:timestamp_s:body` in `X-Slack-Signature`.
    Slack,
    /// Hex HMAC-SHA256 of `timestamp_s.body` in `X-Webhook-Signature`, `sha256=` before it optional when verified and
    /// written when signed; `X-Webhook-Timestamp` in seconds (the form of AdCP and of Hookdeck Outpost).
    Timestamped,
}

/// A scheme name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown signature scheme `{0}`; known: {known}", known = Scheme::ALL.map(Scheme::name).join(", "))]
pub struct UnknownScheme(pub String);

/// The unit of a timestamp on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Exactly 13 digits.
    Milliseconds,
    /// 1 to 11 digits.
    Seconds,
}

impl Unit {
    /// Milliseconds in one.
    pub(super) const fn ms(self) -> i64 {
        match self {
            Self::Milliseconds => 1,
            Self::Seconds => 1000,
        }
    }

    /// The time in Unix milliseconds that `text` says, when it has the form of this unit.
    pub(super) fn parse(self, text: &str) -> Option<i64> {
        let fits = match self {
            Self::Milliseconds => text.len() == 13,
            Self::Seconds => (1..=11).contains(&text.len()),
        };
        let value: i64 = (fits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())??;
        value.checked_mul(self.ms())
    }
}

/// Which headers a scheme uses.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) signature: &'static str,
    /// A header of its own; Stripe keeps its timestamp in the signature header.
    pub(super) timestamp: Option<&'static str>,
    pub(super) unit: Option<Unit>,
    pub(super) id: Option<&'static str>,
    pub(super) event: Option<&'static str>,
    /// What stands before the signature.
    pub(super) prefix: &'static str,
    /// In the sender's order.
    pub(super) own: &'static [&'static str],
}

const DELTACROWN_V1: Layout = Layout {
    signature: "X-Webhook-Signature",
    timestamp: None,
    unit: None,
    id: None,
    event: Some("X-Webhook-Event"),
    prefix: "",
    own: &["X-Webhook-Signature", "X-Webhook-Event"],
};
const DELTACROWN_V2: Layout = Layout {
    signature: "X-Webhook-Signature",
    timestamp: Some("X-Webhook-Timestamp"),
    unit: Some(Unit::Milliseconds),
    id: Some("X-Webhook-Id"),
    event: Some("X-Webhook-Event"),
    prefix: "",
    own: &["X-Webhook-Signature", "X-Webhook-Event", "X-Webhook-Timestamp", "X-Webhook-Id"],
};
const STANDARD_WEBHOOKS: Layout = Layout {
    signature: "webhook-signature",
    timestamp: Some("webhook-timestamp"),
    unit: Some(Unit::Seconds),
    id: Some("webhook-id"),
    event: None,
    prefix: "v1,",
    own: &["webhook-id", "webhook-timestamp", "webhook-signature"],
};
const STRIPE: Layout = Layout {
    signature: "Stripe-Signature",
    timestamp: None,
    unit: Some(Unit::Seconds),
    id: None,
    event: None,
    prefix: "v1=",
    own: &["Stripe-Signature"],
};
const GITHUB: Layout = Layout {
    signature: "X-Hub-Signature-256",
    timestamp: None,
    unit: None,
    id: Some("X-GitHub-Delivery"),
    event: Some("X-GitHub-Event"),
    prefix: "sha256=",
    own: &["X-GitHub-Delivery", "X-GitHub-Event", "X-Hub-Signature-256"],
};
const SLACK: Layout = Layout {
    signature: "X-Slack-Signature",
    timestamp: Some("X-Slack-Request-Timestamp"),
    unit: Some(Unit::Seconds),
    id: None,
    event: None,
    prefix: "v0=",
    own: &["X-Slack-Request-Timestamp", "X-Slack-Signature"],
};
const TIMESTAMPED: Layout = Layout {
    signature: "X-Webhook-Signature",
    timestamp: Some("X-Webhook-Timestamp"),
    unit: Some(Unit::Seconds),
    id: None,
    event: None,
    prefix: "sha256=",
    own: &["X-Webhook-Signature", "X-Webhook-Timestamp"],
};

impl Scheme {
    /// Every scheme, in the order in which help texts list them.
    pub const ALL: [Self; 7] = [
        Self::DeltacrownV1,
        Self::DeltacrownV2,
        Self::StandardWebhooks,
        Self::Stripe,
        Self::Github,
        Self::Slack,
        Self::Timestamped,
    ];

    /// The name by which users and files know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeltacrownV1 => "deltacrown-v1",
            Self::DeltacrownV2 => "deltacrown-v2",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Slack => "slack",
            Self::Timestamped => "timestamped",
        }
    }

    pub(super) const fn layout(self) -> &'static Layout {
        match self {
            Self::DeltacrownV1 => &DELTACROWN_V1,
            Self::DeltacrownV2 => &DELTACROWN_V2,
            Self::StandardWebhooks => &STANDARD_WEBHOOKS,
            Self::Stripe => &STRIPE,
            Self::Github => &GITHUB,
            Self::Slack => &SLACK,
            Self::Timestamped => &TIMESTAMPED,
        }
    }

    /// The signed bytes, in pieces: what the MAC covers.
    pub(super) fn message<'a>(self, timestamp: &'a str, id: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
        let (timestamp, id) = (timestamp.as_bytes(), id.as_bytes());
        match self {
            Self::DeltacrownV1 | Self::Github => [body, b"", b"", b"", b""],
            Self::DeltacrownV2 | Self::Stripe | Self::Timestamped => [timestamp, b".", body, b"", b""],
            Self::StandardWebhooks => [id, b".", timestamp, b".", body],
            Self::Slack => [b"v0:", timestamp, b":", body, b""],
        }
    }

    /// The id of the delivery, where the scheme has one.
    #[must_use]
    pub fn id(self, headers: &[(String, String)]) -> Option<&str> {
        Seen::first(headers, self.layout().id?)
    }

    /// Whether webhooks of this scheme carry an id.
    #[must_use]
    pub const fn has_id(self) -> bool {
        self.layout().id.is_some()
    }

    /// Whether webhooks of this scheme name their event in a header.
    #[must_use]
    pub const fn has_event(self) -> bool {
        self.layout().event.is_some()
    }

    /// The timestamp of the delivery in Unix milliseconds, where the scheme has one and it has the scheme's form.
    #[must_use]
    pub fn timestamp_ms(self, headers: &[(String, String)]) -> Option<i64> {
        self.layout().unit?.parse(Seen::read(self, headers).timestamp?)
    }

    /// The event that the headers name, where the scheme has such a header. It is outside the MAC.
    #[must_use]
    pub fn event(self, headers: &[(String, String)]) -> Option<&str> {
        Seen::first(headers, self.layout().event?)
    }

    /// Names of the headers that the scheme itself writes; their values are no user's data.
    #[must_use]
    pub const fn own_headers(self) -> &'static [&'static str] {
        self.layout().own
    }

    /// What a valid signature of this scheme does not prove, one sentence each.
    #[must_use]
    pub const fn caveats(self) -> &'static [&'static str] {
        match self {
            Self::DeltacrownV1 => &[
                "no timestamp is inside the MAC: a captured request can be replayed for ever",
                "the event header is outside the MAC: trust the event in the body",
            ],
            Self::DeltacrownV2 => &[
                "id is outside the MAC, dedup by id alone is bypassable: dedup on timestamp and signature too",
                "the event header is outside the MAC: trust the event in the body",
            ],
            Self::Github => {
                &["no timestamp and no delivery id is inside the MAC: a captured request can be replayed"]
            }
            Self::Stripe | Self::Slack | Self::Timestamped | Self::StandardWebhooks => &[],
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Self, UnknownScheme> {
        if name == "deltacrown" {
            return Ok(Self::DeltacrownV2);
        }
        Self::ALL.into_iter().find(|s| s.name() == name).ok_or_else(|| UnknownScheme(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.to_string().parse(), Ok(scheme));
            assert_eq!(serde_json::to_value(scheme).unwrap(), scheme.name());
            assert!(scheme.own_headers().contains(&scheme.layout().signature));
        }
        assert_eq!("deltacrown".parse(), Ok(Scheme::DeltacrownV2));
        assert_eq!(serde_json::from_str::<Scheme>("\"deltacrown\"").unwrap(), Scheme::DeltacrownV2);
        assert_eq!(
            "hmac".parse::<Scheme>().unwrap_err().to_string(),
            "unknown signature scheme `hmac`; known: deltacrown-v1, deltacrown-v2, standard-webhooks, stripe, github, \
             slack, timestamped"
        );
    }

    #[test]
    fn id_event_and_time_are_read_whatever_the_case_of_the_name() {
        let headers = [
            ("x-webhook-id".to_owned(), " abc ".to_owned()),
            ("X-WEBHOOK-EVENT".to_owned(), "paid".to_owned()),
            ("X-Webhook-Timestamp".to_owned(), "1763044215123".to_owned()),
            ("Stripe-Signature".to_owned(), "v1=ab,t=12".to_owned()),
        ];
        assert_eq!(Scheme::DeltacrownV2.id(&headers), Some("abc"));
        assert_eq!(Scheme::DeltacrownV2.event(&headers), Some("paid"));
        assert_eq!(Scheme::DeltacrownV2.timestamp_ms(&headers), Some(1_763_044_215_123));
        assert_eq!(Scheme::DeltacrownV1.id(&headers), None);
        assert_eq!(Scheme::Timestamped.timestamp_ms(&headers), None);
        assert_eq!(Scheme::Stripe.timestamp_ms(&headers), Some(12_000));
    }
}
