//! The payments resource: permissions, idempotency with its traps, row locks, and the webhook inside the request.

use super::super::fixtures::{PaymentSeed, User};
use super::super::misbehaviour::Kind;
use super::super::options::Profile;
use super::super::sender::{Event, Level, Logger, Person, Sender, SenderLog};
use super::answer::{Answer, forbidden};
use super::api_faults::ApiFaults;
use super::auth::Accounts;
use super::multipart::Parsed;
use super::payment_actions::{Announced, Command, Payment, Refusal, Status};
use super::route::PaymentAction;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest Idempotency-Key that the database column holds, in characters.
pub(super) const MAX_KEY: usize = 255;

/// The payments of one stand-in.
pub(super) struct Payments {
    table: Mutex<Table>,
    sender: Arc<Sender>,
    log: Arc<SenderLog>,
    profile: Profile,
    api_faults: Arc<ApiFaults>,
}

#[derive(Default)]
struct Table {
    rows: HashMap<i64, Payment>,
    /// Which payment holds a key: the column is unique.
    keys: HashMap<String, i64>,
    /// Notifications that exist already (event, tournament, user): another one is skipped.
    notified: HashSet<(&'static str, i64, i64)>,
}

/// A call of an action.
pub(super) struct PaymentCall<'a> {
    pub(super) id: i64,
    pub(super) action: PaymentAction,
    pub(super) user: &'a User,
    pub(super) key: Option<String>,
    pub(super) body: Parsed,
    pub(super) now: DateTime<Utc>,
}

/// What a call came to, before its webhook.
enum Step {
    Replay(Payment),
    /// The new row, and what it announces.
    Done(Payment, Announced),
}

impl Payments {
    pub(super) fn new(
        seeds: Vec<PaymentSeed>,
        now: DateTime<Utc>,
        sender: Arc<Sender>,
        log: Arc<SenderLog>,
        (profile, api_faults): (Profile, Arc<ApiFaults>),
    ) -> Self {
        let rows = seeds.into_iter().map(|seed| (seed.id, Payment::new(seed, now))).collect();
        let table = Mutex::new(Table { rows, ..Table::default() });
        Self { table, sender, log, profile, api_faults }
    }

    /// Does one call from permission to answer.
    pub(super) async fn call(&self, call: PaymentCall<'_>) -> Answer {
        if let Err(answer) = self.permit(&call) {
            return answer;
        }
        if call.action == PaymentAction::Verify && self.api_faults.strike(Kind::Step500) {
            return Answer::crash();
        }
        let PaymentCall { id, action, key, body, now, .. } = call;
        match self.act(id, action, key.as_deref(), body, now).await {
            Ok((mut row, replay)) => {
                row.id += i64::from(self.api_faults.strike(Kind::OtherId));
                Answer::ok(&row.json(replay))
            }
            Err(Refusal::Fields(errors)) => Answer::json(400, &errors),
            Err(Refusal::Detail(status, detail)) => Answer::detail(status, &detail),
            Err(Refusal::Crash) => Answer::crash(),
        }
    }

    /// Staff only, or the owner only for submit-proof.
    fn permit(&self, call: &PaymentCall<'_>) -> Result<(), Answer> {
        if call.action != PaymentAction::SubmitProof && !Accounts::staff(call.user) {
            return Err(forbidden());
        }
        let Some(row) = self.read(call.id) else {
            return Err(Answer::detail(404, "No PaymentVerification matches the given query."));
        };
        if call.action == PaymentAction::SubmitProof && row.owner.id != call.user.id {
            return Err(forbidden());
        }
        Ok(())
    }

    async fn act(
        &self,
        id: i64,
        action: PaymentAction,
        key: Option<&str>,
        body: Parsed,
        now: DateTime<Utc>,
    ) -> Result<(Payment, bool), Refusal> {
        let row = self.read(id).ok_or(Refusal::Crash)?;
        if is_replay(&row, key) {
            self.notify_on_whim(&row).await;
            return Ok((row, true));
        }
        self.check_key(id, key)?;
        let command = Command::read(action, body)?;
        // As in the real system, the state is checked before the row is locked: while a delivery is in flight, others
        // are judged by the old state.
        let early = self.attempt(&row, action, &command, key, now)?;
        let _locked = row.lock.lock().await;
        let step = self.under_lock(id, action, &command, key, now, early)?;
        let (row, announced) = match step {
            Step::Replay(row) => return Ok((row, true)),
            Step::Done(row, announced) => (row, announced),
        };
        match announced {
            Announced::Yes(event) => self.announce(&row, event).await,
            Announced::No if action == PaymentAction::SubmitProof => self.notify_on_whim(&row).await,
            Announced::No => {}
        }
        self.commit(row.clone(), key);
        Ok((row, false))
    }

    /// Applies an action to a copy of the row; a refusal with a sentence still stores the key (the documented trap).
    fn attempt(
        &self,
        row: &Payment,
        action: PaymentAction,
        command: &Command,
        key: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Payment, Announced), Refusal> {
        let mut new = row.clone();
        match new.apply(action, command, now) {
            Ok(announced) => Ok((new, announced)),
            Err(refusal) => {
                if matches!(refusal, Refusal::Detail(..)) {
                    self.store_key(row.id, key);
                }
                Err(refusal)
            }
        }
    }

    /// What the call comes to once it is alone with the row.
    ///
    /// Good practice looks again. The real system does so only when there is a key: without one, concurrent calls that
    /// passed the early check all go through, each with a webhook of its own; with one, the later ones find the work
    /// done, and answer 200 without a webhook.
    fn under_lock(
        &self,
        id: i64,
        action: PaymentAction,
        command: &Command,
        key: Option<&str>,
        now: DateTime<Utc>,
        early: (Payment, Announced),
    ) -> Result<Step, Refusal> {
        let fresh = self.read(id).ok_or(Refusal::Crash)?;
        let (row, announced) = match self.profile {
            Profile::GoodPractice if is_replay(&fresh, key) => return Ok(Step::Replay(fresh)),
            Profile::GoodPractice => self.attempt(&fresh, action, command, key, now)?,
            Profile::Deltacrown if key.is_some() && fresh.status == early.0.status => (fresh, Announced::No),
            Profile::Deltacrown => early,
        };
        Ok(Step::Done(row, announced))
    }

    async fn announce(&self, row: &Payment, event: &'static str) {
        let verb = event.strip_prefix("payment_").unwrap_or(event);
        self.log.write_as(
            Logger::Signals,
            Level::Info,
            format!(
                "Payment {verb}: payment_id={}, registration_id={}, user_id={}, tournament_id={}",
                row.id, row.registration_id, row.owner.id, row.tournament.id
            ),
        );
        let first = self.table().notified.insert((event, row.tournament.id, row.owner.id));
        self.sender.notify(payment_event(row, event, u32::from(first))).await;
    }

    /// `webhook-on-replay`.
    async fn notify_on_whim(&self, row: &Payment) {
        if self.api_faults.strike(Kind::WebhookOnReplay) {
            self.sender.notify(payment_event(row, "payment_verified", 0)).await;
        }
    }

    /// The 500s that a key can reach: too long for the column, or held by another payment.
    fn check_key(&self, id: i64, key: Option<&str>) -> Result<(), Refusal> {
        let Some(key) = key else { return Ok(()) };
        let held_by_other = self.table().keys.get(key).is_some_and(|holder| *holder != id);
        if held_by_other || key.chars().count() > MAX_KEY { Err(Refusal::Crash) } else { Ok(()) }
    }

    fn store_key(&self, id: i64, key: Option<&str>) {
        let mut table = self.table();
        if let (Some(key), Some(mut row)) = (key, table.rows.get(&id).cloned()) {
            table.hold(&mut row, key);
            table.rows.insert(id, row);
        }
    }

    fn commit(&self, mut row: Payment, key: Option<&str>) {
        let mut table = self.table();
        if let Some(key) = key {
            table.hold(&mut row, key);
        }
        table.rows.insert(row.id, row);
    }

    fn read(&self, id: i64) -> Option<Payment> {
        self.table().rows.get(&id).cloned()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// A row holds one key: the one before is free again.
    fn hold(&mut self, row: &mut Payment, key: &str) {
        if let Some(old) = row.key.replace(key.to_owned()) {
            self.keys.remove(&old);
        }
        self.keys.insert(key.to_owned(), row.id);
    }
}

fn is_replay(row: &Payment, key: Option<&str>) -> bool {
    key.is_some() && row.key.as_deref() == key
}

/// The announcement of a payment's new status, in the real system's words.
fn payment_event(row: &Payment, event: &'static str, created: u32) -> Event {
    let name = &row.tournament.name;
    let note = |key: &str, default: &str| match row.notes.get(key) {
        Some(Value::String(reason)) if !reason.is_empty() => reason.clone(),
        Some(other) if *other != json!(null) && *other != json!("") => other.to_string(),
        _ => default.to_owned(),
    };
    let (title, body) = match row.status {
        Status::Rejected => {
            // Staff's own words go out as they are: the real system's leak (docs/deltacrown.md section 5).
            let reason = note("rejection_reason", "Invalid payment details");
            let body = format!(
                "Your payment for {name} has been rejected. Reason: {reason}. Please resubmit with correct details."
            );
            ("Payment Rejected", body)
        }
        Status::Refunded => {
            let reason = note("refund_reason", "Tournament cancelled or registration cancelled");
            ("Payment Refunded", format!("Your payment for {name} has been refunded. Reason: {reason}"))
        }
        Status::Verified | Status::Pending => (
            "Payment Verified",
            format!("Your payment for {name} has been verified. Your registration is now confirmed!"),
        ),
    };
    Event {
        name: event.to_owned(),
        title: format!("{title} - {name}"),
        body,
        url: format!("/tournaments/{}/", row.tournament.slug),
        recipient_count: 1,
        tournament_id: row.tournament.id,
        match_id: None,
        created,
        skipped: 1 - created.min(1),
        person: Person::of(&row.owner),
        marked: true,
    }
}
