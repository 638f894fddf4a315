//! A match and its state machine (docs/deltacrown.md section 3); pure.

use super::super::fixtures::{MatchSeed, Tournament, User};
use super::super::text::api_time;
use super::form::{Form, Need};
use super::payment_actions::{Announced, Refusal};
use super::route::MatchAction;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where a match stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Scheduled,
    Live,
    PendingResult,
    Completed,
    Disputed,
    Cancelled,
}

impl State {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::PendingResult => "pending_result",
            Self::Completed => "completed",
            Self::Disputed => "disputed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The side of a participant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

/// A row of the matches table.
#[derive(Debug, Clone)]
pub(super) struct Match {
    pub(super) id: i64,
    pub(super) tournament: Arc<Tournament>,
    pub(super) a: Arc<User>,
    pub(super) b: Arc<User>,
    pub(super) state: State,
    pub(super) round_number: i64,
    /// The last operation and its Idempotency-Key (`lobby_info` in the real system).
    pub(super) last: Option<(&'static str, String)>,
    /// The row lock of the database.
    pub(super) lock: Arc<tokio::sync::Mutex<()>>,
    score: [i64; 2],
    scheduled_time: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    completed_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// A validated request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Start,
    /// Scores from the caller's point of view.
    SubmitResult(i64, i64),
    ConfirmResult,
    Dispute,
    Resolve(Decision),
    Cancel,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    AcceptReported,
    Override(i64, i64),
    Rematch,
    Disqualify,
}

const DISPUTES: [&str; 5] = ["SCORE_MISMATCH", "NO_SHOW", "CHEATING", "TECHNICAL_ISSUE", "OTHER"];
const DECISIONS: [&str; 4] = ["ACCEPT_REPORTED", "OVERRIDE", "REMATCH", "DISQUALIFY"];
const CANCELS: [&str; 5] =
    ["TOURNAMENT_CANCELLED", "INSUFFICIENT_PARTICIPANTS", "TECHNICAL_ISSUES", "ORGANIZER_REQUEST", "OTHER"];

impl Command {
    /// Validates the body of an action; unknown fields are ignored.
    pub(super) fn read(action: MatchAction, body: Value) -> Result<Self, Refusal> {
        let mut form = Form::new(body).map_err(Refusal::Fields)?;
        let command = match action {
            MatchAction::Start => Some(Self::Start),
            MatchAction::ConfirmResult => Some(Self::ConfirmResult),
            MatchAction::SubmitResult => {
                let own = form.integer("score", 0, Need::Required);
                let other = form.integer("opponent_score", 0, Need::Required);
                form.url("evidence");
                own.zip(other).map(|(own, other)| Self::SubmitResult(own, other))
            }
            MatchAction::Dispute => {
                form.url("evidence");
                form.choice("reason_code", &DISPUTES, Need::Required).map(|_| Self::Dispute)
            }
            MatchAction::ResolveDispute => decision(&mut form).map(Self::Resolve),
            MatchAction::Cancel => form.choice("reason_code", &CANCELS, Need::Required).map(|_| Self::Cancel),
        };
        form.finish().map_err(Refusal::Fields)?;
        command.ok_or(Refusal::Crash)
    }
}

fn decision(form: &mut Form) -> Option<Decision> {
    match form.choice("decision", &DECISIONS, Need::Required)? {
        "OVERRIDE" => {
            let a = form.integer("final_score_a", 0, Need::Required);
            let b = form.integer("final_score_b", 0, Need::Required);
            a.zip(b).map(|(a, b)| Decision::Override(a, b))
        }
        "ACCEPT_REPORTED" => Some(Decision::AcceptReported),
        "REMATCH" => Some(Decision::Rematch),
        _ => Some(Decision::Disqualify),
    }
}

impl Match {
    pub(super) fn new(seed: MatchSeed, now: DateTime<Utc>) -> Self {
        Self {
            id: seed.id,
            tournament: seed.tournament,
            a: seed.a,
            b: seed.b,
            state: State::Scheduled,
            round_number: 1,
            last: None,
            lock: Arc::default(),
            score: [0, 0],
            scheduled_time: now,
            started_at: None,
            completed_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The side of a user, when they take part.
    pub(super) fn side(&self, user: &User) -> Option<Side> {
        if self.a.id == user.id {
            Some(Side::A)
        } else if self.b.id == user.id {
            Some(Side::B)
        } else {
            None
        }
    }

    /// Does an action on behalf of a side (staff have none).
    pub(super) fn apply(
        &mut self,
        command: Command,
        side: Option<Side>,
        now: DateTime<Utc>,
    ) -> Result<Announced, Refusal> {
        let (from, to, event): (&[State], State, Announced) = match command {
            Command::Start => (&[State::Scheduled], State::Live, Announced::Yes("match_started")),
            Command::SubmitResult(..) => {
                (&[State::Live], State::PendingResult, Announced::Yes("result_submitted"))
            }
            Command::ConfirmResult => {
                (&[State::PendingResult], State::Completed, Announced::Yes("result_confirmed"))
            }
            Command::Dispute => (
                &[State::PendingResult, State::Completed],
                State::Disputed,
                Announced::Yes("dispute_created"),
            ),
            Command::Resolve(decision) => (&[State::Disputed], decision.leads_to(), Announced::No),
            Command::Cancel => {
                self.enter(State::Cancelled, now);
                return Ok(Announced::No);
            }
        };
        if !from.contains(&self.state) {
            return Err(Refusal::transition(self.state.name(), to.name()));
        }
        match command {
            Command::SubmitResult(own, other) => {
                self.score = if side == Some(Side::B) { [other, own] } else { [own, other] };
            }
            Command::ConfirmResult if self.score[0] == self.score[1] => {
                let tie = "Cannot confirm tie - game rules require a winner";
                return Err(Refusal::Detail(400, tie.to_owned()));
            }
            Command::Resolve(Decision::Override(a, b)) => self.score = [a, b],
            _ => {}
        }
        self.enter(to, now);
        Ok(event)
    }

    fn enter(&mut self, state: State, now: DateTime<Utc>) {
        self.state = state;
        self.updated_at = now;
        match state {
            State::Live => self.started_at = Some(now),
            State::Completed => self.completed_at = Some(now),
            State::Scheduled => (self.started_at, self.completed_at, self.score) = (None, None, [0, 0]),
            State::PendingResult | State::Disputed | State::Cancelled => {}
        }
    }

    /// The row; `replay` only in answers to writes.
    pub(super) fn json(&self, replay: Option<bool>) -> Value {
        let time = |at: Option<DateTime<Utc>>| at.map(api_time);
        let side =
            |user: &User, score: i64| json!({"participant_id": user.id, "score": score, "checked_in": true});
        let mut row = json!({
            "id": self.id,
            "tournament_id": self.tournament.id,
            "round_number": self.round_number,
            "state": self.state.name(),
            "sides": {"A": side(&self.a, self.score[0]), "B": side(&self.b, self.score[1])},
            "scheduled_time": api_time(self.scheduled_time),
            "started_at": time(self.started_at),
            "completed_at": time(self.completed_at),
            "created_at": api_time(self.created_at),
            "updated_at": api_time(self.updated_at),
        });
        if let (Some(replay), Value::Object(row)) = (replay, &mut row) {
            row.insert("meta".to_owned(), json!({"idempotent_replay": replay}));
        }
        row
    }
}

impl Decision {
    const fn leads_to(self) -> State {
        match self {
            Self::AcceptReported | Self::Override(..) => State::Completed,
            Self::Rematch => State::Scheduled,
            Self::Disqualify => State::Cancelled,
        }
    }
}
