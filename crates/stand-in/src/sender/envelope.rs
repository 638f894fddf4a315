//! The body of a webhook, byte for byte as the real sender writes it (docs/deltacrown.md section 4).

use super::super::fixtures::User;
use super::super::text::{Separators, python_json};
use serde::Serialize;

/// What happened, and what receivers are told about it.
#[derive(Debug, Clone)]
pub(in super::super) struct Event {
    pub(in super::super) name: String,
    pub(in super::super) title: String,
    pub(in super::super) body: String,
    pub(in super::super) url: String,
    pub(in super::super) recipient_count: u32,
    pub(in super::super) tournament_id: i64,
    pub(in super::super) match_id: Option<i64>,
    pub(in super::super) created: u32,
    pub(in super::super) skipped: u32,
    /// Whose event it is: what a leak would leak. Never sent otherwise.
    pub(in super::super) person: Person,
    /// Whether the body says, where the signature covers it, that the stand-in sent it: its webhooks are never taken for
    /// staging's. Only the captured webhooks of the real system are not.
    pub(in super::super) marked: bool,
}

/// Personal data that must not leave.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Person {
    pub(in super::super) username: String,
    pub(in super::super) email: String,
    pub(in super::super) display_name: String,
    pub(in super::super) phone: String,
    pub(in super::super) ip: String,
}

impl Person {
    pub(in super::super) fn of(user: &User) -> Self {
        Self {
            username: user.username.clone(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            phone: user.phone.clone(),
            ip: user.ip.clone(),
        }
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    event: &'a str,
    data: Data<'a>,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Data<'a> {
    event: &'a str,
    title: &'a str,
    body: &'a str,
    url: &'a str,
    recipient_count: u32,
    tournament_id: i64,
    match_id: Option<i64>,
}

#[derive(Serialize)]
struct Metadata {
    created: u32,
    skipped: u32,
    email_sent: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    smoke_stand_in: bool,
}

impl Event {
    pub(super) fn bytes(&self, separators: Separators) -> Vec<u8> {
        let data = Data {
            event: &self.name,
            title: &self.title,
            body: &self.body,
            url: &self.url,
            recipient_count: self.recipient_count,
            tournament_id: self.tournament_id,
            match_id: self.match_id,
        };
        // email_sent is 0 always: the real system's payment_*.txt templates do not exist.
        let metadata = Metadata {
            created: self.created,
            skipped: self.skipped,
            email_sent: 0,
            smoke_stand_in: self.marked,
        };
        python_json(&Envelope { event: &self.name, data, metadata }, separators)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The two webhooks of docs/deltacrown.md section 10, as they came over the wire.
    pub(in super::super) const V2: &str = r#"{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - Smoke Pay 00040","body":"Your payment for Smoke Pay 00040 has been verified. Your registration is now confirmed!","url":"/tournaments/smoke-pay-00040/","recipient_count":1,"tournament_id":42,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}"#;
    pub(in super::super) const V1: &str = r#"{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - \u00dcn\u00efcode \u0995\u09be\u09aa","body":"b","url":"/t/x/","recipient_count":1,"tournament_id":101,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}"#;

    pub(in super::super) fn event(title: &str, body: &str, url: &str, tournament_id: i64) -> Event {
        Event {
            name: "payment_verified".to_owned(),
            title: title.to_owned(),
            body: body.to_owned(),
            url: url.to_owned(),
            recipient_count: 1,
            tournament_id,
            match_id: None,
            created: 1,
            skipped: 0,
            person: Person::default(),
            marked: false,
        }
    }

    pub(in super::super) fn captured_v2() -> Event {
        event(
            "Payment Verified - Smoke Pay 00040",
            "Your payment for Smoke Pay 00040 has been verified. Your registration is now confirmed!",
            "/tournaments/smoke-pay-00040/",
            42,
        )
    }

    pub(in super::super) fn captured_v1() -> Event {
        event("Payment Verified - Ünïcode কাপ", "b", "/t/x/", 101)
    }

    #[test]
    fn the_captured_bodies_come_out_byte_for_byte() {
        assert_eq!(String::from_utf8(captured_v2().bytes(Separators::Compact)).unwrap(), V2);
        assert_eq!(V2.len(), 351);
        assert_eq!(String::from_utf8(captured_v1().bytes(Separators::Compact)).unwrap(), V1);
        assert_eq!(V1.len(), 263);
    }
}
