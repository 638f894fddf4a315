//! Fields that webhooks have and their schemas do not declare, and the other way round.

use correlate::{Arrived, Reader};
use payload::Fields;
use record::{Header, Record};
use serde_json::Value;
use signature::Scheme;
use std::collections::BTreeMap;

/// Takes in a journal, record by record.
#[derive(Debug)]
pub struct Drift {
    scheme: Scheme,
    reader: Reader,
    fields: BTreeMap<String, Fields>,
}

/// What has drifted of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDrift {
    /// Its name.
    pub event: String,
    /// Webhooks of it that were looked at.
    pub webhooks: u64,
    /// JSON pointers, with `*` for the items of a list, and in how many webhooks they were.
    pub undeclared: Vec<(String, u64)>,
    /// JSON pointers that no webhook had.
    pub never_seen: Vec<String>,
}

impl Drift {
    /// By the schemas of the journal's sender; `None` where it names none.
    #[must_use]
    pub fn of(header: &Header) -> Option<Self> {
        let bundle = header.sender.as_ref()?.schemas.as_ref()?;
        let events = bundle.get("events").and_then(Value::as_object)?;
        let declared = |event: &String| Some((event.clone(), Fields::declared(bundle, event)?));
        let mut reader = Reader::new(header.scheme);
        reader.add("");
        Some(Self { scheme: header.scheme, reader, fields: events.keys().filter_map(declared).collect() })
    }

    /// Takes in a record. What is not signed by the sender says nothing of what it sends.
    pub fn take(&mut self, record: &Record) {
        let Record::Attempt(attempt) = record else { return };
        if attempt.elsewhere || !attempt.verdict.reason.is_authentic() {
            return;
        }
        let Some(read) = self.reader.read(&attempt.headers, &attempt.body.bytes()) else { return };
        for came in Arrived::all(self.scheme, &attempt.headers, Some(&read)) {
            if let (Some(fields), Some(webhook)) = (self.fields.get_mut(came.event), came.webhook) {
                fields.see(webhook.own());
            }
        }
    }

    /// What has drifted, of the events that came.
    #[must_use]
    pub fn events(&self) -> Vec<EventDrift> {
        let came = self.fields.iter().filter(|(_, fields)| fields.webhooks() > 0);
        let of = |(event, fields): (&String, &Fields)| EventDrift {
            event: event.clone(),
            webhooks: fields.webhooks(),
            undeclared: fields.undeclared().into_iter().map(|(field, n)| (field.to_owned(), n)).collect(),
            never_seen: fields.never_seen().into_iter().map(str::to_owned).collect(),
        };
        came.map(of).collect()
    }
}
