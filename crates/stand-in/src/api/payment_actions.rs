//! A payment and its state machine (docs/deltacrown.md section 2); pure.

use super::super::fixtures::{PaymentSeed, Tournament, User};
use super::super::text::api_time;
use super::form::{Form, Need};
use super::multipart::{Parsed, Upload};
use super::route::PaymentAction;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Verified,
    Rejected,
    Refunded,
}

impl Status {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Refunded => "refunded",
        }
    }
}

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// Field errors: 400, everything is rolled back.
    Fields(Value),
    /// A 409 or 400 with a sentence; what was stored before it stays.
    Detail(u16, String),
    /// The real system's uncaught exception: 500, everything is rolled back.
    Crash,
}

impl Refusal {
    pub(super) fn transition(from: &str, to: &str) -> Self {
        Self::Detail(409, format!("Invalid state transition from {from} to {to}"))
    }
}

/// A row of the payments table.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) id: i64,
    pub(super) registration_id: i64,
    pub(super) owner: Arc<User>,
    pub(super) tournament: Arc<Tournament>,
    pub(super) status: Status,
    pub(super) amount_bdt: Option<i64>,
    pub(super) notes: Value,
    /// The Idempotency-Key stored last.
    pub(super) key: Option<String>,
    /// The row lock of the database.
    pub(super) lock: Arc<tokio::sync::Mutex<()>>,
    transaction_id: String,
    payer_account_number: String,
    verified_at: Option<DateTime<Utc>>,
    rejected_at: Option<DateTime<Utc>>,
    refunded_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A validated request body.
#[derive(Debug, Clone, Default)]
pub(super) struct Command {
    transaction_id: Option<String>,
    payer_account_number: Option<String>,
    amount_bdt: Option<i64>,
    reason_code: Option<String>,
    notes: Option<Value>,
}

impl Command {
    /// Validates the body of an action; unknown fields are ignored.
    pub(super) fn read(action: PaymentAction, body: Parsed) -> Result<Self, Refusal> {
        let mut form = Form::new(body.fields).map_err(Refusal::Fields)?;
        let mut command = Self { notes: form.json("notes"), ..Self::default() };
        match action {
            PaymentAction::SubmitProof => {
                command.transaction_id = form.text("transaction_id", 64, Need::Optional);
                command.payer_account_number = form.text("payer_account_number", 32, Need::Optional);
                command.amount_bdt = form.integer("amount_bdt", 1, Need::Optional);
                proof_file(&mut form, body.files.get("proof_file").copied());
            }
            PaymentAction::Verify => {
                command.amount_bdt = form.integer("amount_bdt", i64::MIN, Need::Optional);
                command.reason_code = form.text("reason_code", 50, Need::Optional);
            }
            PaymentAction::Reject => command.reason_code = form.text("reason_code", 50, Need::Optional),
            PaymentAction::Refund => {
                command.amount_bdt = form.integer("amount_bdt", 1, Need::Required);
                command.reason_code = form.text("reason_code", 50, Need::Required);
            }
        }
        form.finish().map_err(Refusal::Fields)?;
        Ok(command)
    }
}

fn proof_file(form: &mut Form, file: Option<Upload>) {
    let no_file = "The submitted data was not a file. Check the encoding type on the form.";
    let no_image =
        "Upload a valid image. The file you uploaded was either not an image or a corrupted image.";
    let wrong = match file {
        Some(Upload::Image) => None,
        Some(Upload::Empty) => Some("The submitted file is empty."),
        Some(Upload::Other) => Some(no_image),
        None => form.json("proof_file").map(|_| no_file),
    };
    if let Some(text) = wrong {
        form.wrong::<()>("proof_file", text);
    }
}

impl Payment {
    pub(super) fn new(seed: PaymentSeed, now: DateTime<Utc>) -> Self {
        Self {
            id: seed.id,
            registration_id: seed.registration_id,
            owner: seed.owner,
            tournament: seed.tournament,
            status: Status::Pending,
            amount_bdt: Some(seed.amount_bdt),
            notes: json!({}),
            key: None,
            lock: Arc::default(),
            transaction_id: String::new(),
            payer_account_number: String::new(),
            verified_at: None,
            rejected_at: None,
            refunded_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Does an action; whether the status really changed in a way that is announced.
    pub(super) fn apply(
        &mut self,
        action: PaymentAction,
        command: &Command,
        now: DateTime<Utc>,
    ) -> Result<Announced, Refusal> {
        let announced = match action {
            PaymentAction::SubmitProof => self.submit_proof(command),
            PaymentAction::Verify => self.verify(command, now),
            PaymentAction::Reject => self.reject(command, now),
            PaymentAction::Refund => self.refund(command, now),
        }?;
        self.updated_at = now;
        Ok(announced)
    }

    fn submit_proof(&mut self, command: &Command) -> Result<Announced, Refusal> {
        if !matches!(self.status, Status::Pending | Status::Rejected) {
            let status = self.status.name();
            return Err(Refusal::Detail(409, format!("Cannot submit proof in status: {status}")));
        }
        let keep = |field: &mut String, new: &Option<String>| {
            if let Some(new) = new {
                field.clone_from(new);
            }
        };
        keep(&mut self.transaction_id, &command.transaction_id);
        keep(&mut self.payer_account_number, &command.payer_account_number);
        self.amount_bdt = command.amount_bdt.or(self.amount_bdt);
        if let Some(notes) = &command.notes {
            // Stored as it is, whatever it is: what crashes `reject` later.
            self.notes = notes.clone();
        }
        self.status = Status::Pending;
        Ok(Announced::No)
    }

    fn verify(&mut self, command: &Command, now: DateTime<Utc>) -> Result<Announced, Refusal> {
        if self.status != Status::Pending {
            return Err(Refusal::transition(self.status.name(), "verified"));
        }
        if command.amount_bdt.is_some() && command.amount_bdt != self.amount_bdt {
            return Err(Refusal::Detail(400, "Amount mismatch".to_owned()));
        }
        if command.notes.is_some() {
            self.merge_notes(command)?;
        }
        self.status = Status::Verified;
        self.verified_at = Some(now);
        Ok(Announced::Yes("payment_verified"))
    }

    fn reject(&mut self, command: &Command, now: DateTime<Utc>) -> Result<Announced, Refusal> {
        if !matches!(self.status, Status::Pending | Status::Rejected) {
            return Err(Refusal::transition(self.status.name(), "rejected"));
        }
        self.merge_notes(command)?;
        let before = self.status;
        self.status = Status::Rejected;
        self.rejected_at = Some(now);
        Ok(if before == Status::Rejected { Announced::No } else { Announced::Yes("payment_rejected") })
    }

    fn refund(&mut self, command: &Command, now: DateTime<Utc>) -> Result<Announced, Refusal> {
        if self.status != Status::Verified {
            return Err(Refusal::transition(self.status.name(), "refunded"));
        }
        let original = self.amount_bdt.ok_or(Refusal::Crash)?;
        if command.amount_bdt.is_some_and(|amount| amount > original) {
            return Err(Refusal::Detail(400, "Refund amount exceeds original payment amount".to_owned()));
        }
        if command.notes.is_some() {
            self.merge_notes(command)?;
        }
        self.status = Status::Refunded;
        self.refunded_at = Some(now);
        Ok(Announced::Yes("payment_refunded"))
    }

    /// `notes.update(…)`, which needs objects on both sides.
    fn merge_notes(&mut self, command: &Command) -> Result<(), Refusal> {
        let empty = Map::new();
        let new = match &command.notes {
            None => &empty,
            Some(Value::Object(new)) => new,
            Some(_) => return Err(Refusal::Crash),
        };
        let Value::Object(notes) = &mut self.notes else { return Err(Refusal::Crash) };
        notes.extend(new.iter().map(|(k, v)| (k.clone(), v.clone())));
        if let Some(code) = &command.reason_code {
            notes.insert("reason_code".to_owned(), json!(code));
        }
        Ok(())
    }

    /// The row as all four actions answer it. The payer's wallet number is in it: the real system's leak (section 5).
    pub(super) fn json(&self, replay: bool) -> Value {
        let time = |at: Option<DateTime<Utc>>| at.map(api_time);
        json!({
            "id": self.id,
            "registration_id": self.registration_id,
            "status": self.status.name(),
            "method": "bkash",
            "transaction_id": self.transaction_id,
            "payer_account_number": self.payer_account_number,
            "amount_bdt": self.amount_bdt,
            "verified_at": time(self.verified_at),
            "rejected_at": time(self.rejected_at),
            "refunded_at": time(self.refunded_at),
            "notes": self.notes,
            "created_at": api_time(self.created_at),
            "updated_at": api_time(self.updated_at),
            "idempotent_replay": replay,
        })
    }
}

/// Whether a change is told to receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    No,
    Yes(&'static str),
}
