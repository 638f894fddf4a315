//! The senders whose webhooks can be imitated: where each puts signature, timestamp, id and event, and how its bodies look.

use serde_json::{Value, json};
use signature::Scheme;
use std::fmt;
use std::str::FromStr;

/// A sender by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sender {
    /// DeltaCrown phase 5.5: no timestamp, no id.
    Deltacrown55,
    /// DeltaCrown phase 5.6.
    #[default]
    Deltacrown56,
    /// Standard Webhooks with an HMAC secret.
    StandardWebhooks,
    /// Stripe.
    Stripe,
    /// GitHub.
    Github,
    /// Slack's events API.
    Slack,
}

/// A sender name that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSender(String);

impl fmt::Display for UnknownSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Sender::ALL.map(Sender::name).join(", ");
        write!(f, "unknown sender `{}`; known: {known}", self.0)
    }
}

impl std::error::Error for UnknownSender {}

/// The unit of a timestamp on the wire, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
}

impl Unit {
    pub(crate) const fn ms(self) -> i64 {
        match self {
            Self::Milliseconds => 1,
            Self::Seconds => 1000,
        }
    }
}

/// Where the signature's parts stand.
#[derive(Debug)]
pub(crate) struct Layout {
    pub signature: &'static str,
    /// A header of its own.
    pub timestamp: Option<&'static str>,
    pub unit: Option<Unit>,
    pub id: Option<&'static str>,
    pub event: Option<&'static str>,
    /// Before a signature.
    pub prefix: &'static str,
    /// The same with a version that the receiver must not take; none where the sender has no versions.
    pub other_prefix: Option<&'static str>,
    /// Between several signatures in one header; none where there is one only.
    pub separator: Option<&'static str>,
    /// Base64 in place of hex.
    pub base64: bool,
}

impl Layout {
    /// Whether the id is one of the bytes that are signed.
    pub(crate) fn signs_id(&self) -> bool {
        self.base64
    }
}

impl Sender {
    /// Every sender.
    pub const ALL: [Self; 6] = [
        Self::Deltacrown55,
        Self::Deltacrown56,
        Self::Stripe,
        Self::Github,
        Self::Slack,
        Self::StandardWebhooks,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deltacrown55 => "deltacrown-5.5",
            Self::Deltacrown56 => "deltacrown-5.6",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Stripe => "stripe",
            Self::Github => "github",
            Self::Slack => "slack",
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::Deltacrown55 => Scheme::DeltacrownV1,
            Self::Deltacrown56 => Scheme::DeltacrownV2,
            Self::StandardWebhooks => Scheme::StandardWebhooks,
            Self::Stripe => Scheme::Stripe,
            Self::Github => Scheme::Github,
            Self::Slack => Scheme::Slack,
        }
    }

    /// Whether several signatures can stand in one header, as they do while a secret is rotated.
    #[must_use]
    pub fn has_list(self) -> bool {
        self.layout().separator.is_some()
    }

    /// Whether its webhooks say when they were signed.
    #[must_use]
    pub fn has_timestamp(self) -> bool {
        self.layout().unit.is_some()
    }

    /// An event that it is known to send.
    #[must_use]
    pub const fn usual_event(self) -> &'static str {
        match self {
            Self::Deltacrown55 | Self::Deltacrown56 => "payment_verified",
            Self::StandardWebhooks => "invoice.paid",
            Self::Stripe => "payment_intent.succeeded",
            Self::Github => "push",
            Self::Slack => "app_mention",
        }
    }

    pub(crate) const fn layout(self) -> &'static Layout {
        match self {
            Self::Deltacrown55 => &DELTACROWN_55,
            Self::Deltacrown56 => &DELTACROWN_56,
            Self::StandardWebhooks => &STANDARD_WEBHOOKS,
            Self::Stripe => &STRIPE,
            Self::Github => &GITHUB,
            Self::Slack => &SLACK,
        }
    }

    /// The signed bytes, in pieces.
    pub(crate) fn message<'a>(self, timestamp: &'a str, id: &'a str, body: &'a [u8]) -> Vec<&'a [u8]> {
        let (timestamp, id) = (timestamp.as_bytes(), id.as_bytes());
        match self {
            Self::Deltacrown55 | Self::Github => vec![body],
            Self::Deltacrown56 | Self::Stripe => vec![timestamp, b".", body],
            Self::StandardWebhooks => vec![id, b".", timestamp, b".", body],
            Self::Slack => vec![b"v0:", timestamp, b":", body],
        }
    }

    /// Where in the body the id of the delivery stands, for senders that have it there.
    pub(crate) const fn body_id(self) -> Option<&'static str> {
        match self {
            Self::Stripe => Some("/id"),
            Self::Slack => Some("/event_id"),
            _ => None,
        }
    }

    /// Where in the body the event stands.
    pub(crate) const fn body_events(self) -> &'static [&'static str] {
        match self {
            Self::Deltacrown55 | Self::Deltacrown56 => &["/event", "/data/event"],
            Self::StandardWebhooks | Self::Stripe => &["/type"],
            Self::Slack => &["/event/type"],
            Self::Github => &[],
        }
    }

    /// Whether a delivery has an id, in a header or in the body.
    #[must_use]
    pub fn has_id(self) -> bool {
        self.layout().id.is_some() || self.body_id().is_some()
    }

    /// A body as it sends them.
    pub(crate) fn usual_body(self) -> Value {
        match self {
            Self::Deltacrown55 | Self::Deltacrown56 => json!({
                "event": "", "data": {"event": "", "title": "Payment Verified - smoke probe",
                "body": "This is a probe, not a payment.", "url": "/tournaments/smoke-probe/", "recipient_count": 1,
                "tournament_id": 1, "match_id": null}, "metadata": {"created": 1, "skipped": 0, "email_sent": 0}
            }),
            Self::StandardWebhooks => json!({
                "type": "", "timestamp": "2025-11-26T00:00:00Z", "data": {"id": "smoke-probe", "amount": 100}
            }),
            Self::Stripe => json!({
                "id": "", "object": "event", "api_version": "2024-06-20", "created": 1_764_115_200, "livemode": false,
                "pending_webhooks": 1, "request": {"id": null, "idempotency_key": null}, "type": "",
                "data": {"object": {"id": "pi_smoke_probe", "object": "payment_intent", "amount": 100}}
            }),
            Self::Github => json!({
                "zen": "Keep it logically awesome.", "ref": "refs/heads/smoke-probe", "commits": [],
                "repository": {"id": 1, "name": "smoke-probe", "full_name": "smoke/probe"},
                "sender": {"id": 1, "login": "smoke-probe"}
            }),
            Self::Slack => json!({
                "token": "smoke-probe", "team_id": "T0SMOKE", "api_app_id": "A0SMOKE", "type": "event_callback",
                "event": {"type": "", "user": "U0SMOKE", "text": "smoke probe", "channel": "C0SMOKE"},
                "event_id": "", "event_time": 1_764_115_200
            }),
        }
    }
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Sender {
    type Err = UnknownSender;

    fn from_str(name: &str) -> Result<Self, UnknownSender> {
        Self::ALL
            .into_iter()
            .find(|sender| sender.name() == name)
            .ok_or_else(|| UnknownSender(name.to_owned()))
    }
}

const DELTACROWN_55: Layout = Layout {
    signature: "X-Webhook-Signature",
    timestamp: None,
    unit: None,
    id: None,
    event: Some("X-Webhook-Event"),
    prefix: "",
    other_prefix: None,
    separator: None,
    base64: false,
};
const DELTACROWN_56: Layout = Layout {
    timestamp: Some("X-Webhook-Timestamp"),
    unit: Some(Unit::Milliseconds),
    id: Some("X-Webhook-Id"),
    ..DELTACROWN_55
};
const STANDARD_WEBHOOKS: Layout = Layout {
    signature: "webhook-signature",
    timestamp: Some("webhook-timestamp"),
    unit: Some(Unit::Seconds),
    id: Some("webhook-id"),
    event: None,
    prefix: "v1,",
    other_prefix: Some("v2,"),
    separator: Some(" "),
    base64: true,
};
const STRIPE: Layout = Layout {
    signature: "Stripe-Signature",
    timestamp: None,
    unit: Some(Unit::Seconds),
    id: None,
    event: None,
    prefix: "v1=",
    other_prefix: Some("v0="),
    separator: Some(","),
    base64: false,
};
const GITHUB: Layout = Layout {
    signature: "X-Hub-Signature-256",
    timestamp: None,
    unit: None,
    id: Some("X-GitHub-Delivery"),
    event: Some("X-GitHub-Event"),
    prefix: "sha256=",
    other_prefix: Some("sha1="),
    separator: None,
    base64: false,
};
const SLACK: Layout = Layout {
    signature: "X-Slack-Signature",
    timestamp: Some("X-Slack-Request-Timestamp"),
    unit: Some(Unit::Seconds),
    id: None,
    event: None,
    prefix: "v0=",
    other_prefix: Some("v1="),
    separator: None,
    base64: false,
};
