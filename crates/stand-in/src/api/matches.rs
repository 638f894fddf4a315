//! The matches resource: reading, permissions, idempotency, and the webhooks that the staging guide expects.

use super::super::fixtures::{MatchSeed, User};
use super::super::misbehaviour::Kind;
use super::super::options::Profile;
use super::super::sender::{Event, Person, Sender};
use super::answer::{Answer, forbidden};
use super::api_faults::ApiFaults;
use super::auth::Accounts;
use super::match_actions::{Command, Match};
use super::payment_actions::{Announced, Refusal};
use super::payments::MAX_KEY;
use super::route::MatchAction;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Matches on one page of the list.
const PAGE: usize = 20;

/// The matches of one stand-in.
pub(super) struct Matches {
    rows: Mutex<BTreeMap<i64, Match>>,
    sender: Arc<Sender>,
    profile: Profile,
    api_faults: Arc<ApiFaults>,
}

/// A call of an action.
pub(super) struct MatchCall<'a> {
    pub(super) id: i64,
    pub(super) action: MatchAction,
    pub(super) user: &'a User,
    pub(super) key: Option<String>,
    pub(super) body: Value,
    pub(super) now: DateTime<Utc>,
}

impl Matches {
    pub(super) fn new(
        seeds: Vec<MatchSeed>,
        now: DateTime<Utc>,
        sender: Arc<Sender>,
        profile: Profile,
        api_faults: Arc<ApiFaults>,
    ) -> Self {
        let rows = seeds.into_iter().map(|seed| (seed.id, Match::new(seed, now))).collect();
        Self { rows: Mutex::new(rows), sender, profile, api_faults }
    }

    pub(super) fn detail(&self, id: i64) -> Answer {
        self.read(id).map_or_else(not_found, |row| Answer::ok(&row.json(None)))
    }

    /// A page of the list; `here` is the URL without a query.
    pub(super) fn list(&self, here: &str, query: &str) -> Answer {
        let mut filters = Filters::default();
        for (name, value) in
            url::Url::parse(&format!("http://x/?{query}")).iter().flat_map(url::Url::query_pairs)
        {
            if let Err(errors) = filters.set(&name, &value) {
                return Answer::json(400, &errors);
            }
        }
        let rows: Vec<Value> =
            self.rows().values().filter(|row| filters.take(row)).map(|row| row.json(None)).collect();
        let page = filters.page.unwrap_or(1);
        let pages = rows.len().div_ceil(PAGE).max(1);
        if page == 0 || page > pages {
            return Answer::detail(404, "Invalid page.");
        }
        let link = |to: usize| (1..=pages).contains(&to).then(|| filters.link(here, to));
        let results: Vec<&Value> = rows.iter().skip((page - 1) * PAGE).take(PAGE).collect();
        Answer::ok(&json!({
            "count": rows.len(),
            "next": link(page + 1),
            "previous": link(page - 1),
            "results": results,
        }))
    }

    /// Does one call from permission to answer.
    pub(super) async fn call(&self, call: MatchCall<'_>) -> Answer {
        let for_players = matches!(call.action, MatchAction::SubmitResult | MatchAction::Dispute);
        if !for_players && !Accounts::staff(call.user) {
            return forbidden();
        }
        let Some(row) = self.read(call.id) else { return not_found() };
        if for_players && row.side(call.user).is_none() {
            return forbidden();
        }
        if call.action == MatchAction::ConfirmResult && self.api_faults.strike(Kind::Step500) {
            return Answer::crash();
        }
        let _locked = row.lock.lock().await;
        match self.act(call).await {
            Ok((mut row, replay)) => {
                row.id += i64::from(self.api_faults.strike(Kind::OtherId));
                Answer::ok(&row.json(Some(replay)))
            }
            Err(Refusal::Fields(errors)) => Answer::json(400, &errors),
            Err(Refusal::Detail(status, detail)) => Answer::detail(status, &detail),
            Err(Refusal::Crash) => Answer::crash(),
        }
    }

    async fn act(&self, call: MatchCall<'_>) -> Result<(Match, bool), Refusal> {
        let MatchCall { id, action, user, key, body, now } = call;
        let mut row = self.read(id).ok_or(Refusal::Crash)?;
        let operation = key.map(|key| (action.name(), key));
        if operation.is_some() && row.last == operation {
            if self.api_faults.strike(Kind::WebhookOnReplay) {
                self.sender.notify(match_event(&row, "match_started")).await;
            }
            return Ok((row, true));
        }
        if operation.as_ref().is_some_and(|(_, key)| key.chars().count() > MAX_KEY) {
            return Err(Refusal::Crash);
        }
        let command = Command::read(action, body)?;
        let mut before = row.clone();
        let side = row.side(user);
        match row.apply(command, side, now) {
            Ok(announced) => {
                row.last = operation.or(row.last);
                if let (Announced::Yes(event), Profile::GoodPractice) = (announced, self.profile) {
                    self.sender.notify(match_event(&row, event)).await;
                }
                self.rows().insert(id, row.clone());
                Ok((row, false))
            }
            Err(refusal) => {
                // The documented trap: a refused operation is remembered like a done one.
                if matches!(refusal, Refusal::Detail(..)) && operation.is_some() {
                    before.last = operation;
                    self.rows().insert(id, before);
                }
                Err(refusal)
            }
        }
    }

    fn read(&self, id: i64) -> Option<Match> {
        self.rows().get(&id).cloned()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<i64, Match>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a list is asked for.
#[derive(Default)]
struct Filters {
    tournament: Option<i64>,
    round: Option<i64>,
    page: Option<usize>,
}

impl Filters {
    fn set(&mut self, name: &str, value: &str) -> Result<(), Value> {
        let number = || value.parse().map_err(|_| json!({name: ["Enter a number."]}));
        match name {
            _ if value.is_empty() => {}
            "tournament" => self.tournament = Some(number()?),
            "round" => self.round = Some(number()?),
            // Page 0 is refused as any page that does not exist.
            "page" => self.page = Some(value.parse().unwrap_or(0)),
            _ => {}
        }
        Ok(())
    }

    fn take(&self, row: &Match) -> bool {
        self.tournament.is_none_or(|id| id == row.tournament.id)
            && self.round.is_none_or(|round| round == row.round_number)
    }

    fn link(&self, here: &str, page: usize) -> String {
        let mut query = Vec::new();
        if page > 1 {
            query.push(format!("page={page}"));
        }
        query.extend(self.round.map(|round| format!("round={round}")));
        query.extend(self.tournament.map(|id| format!("tournament={id}")));
        if query.is_empty() { here.to_owned() } else { format!("{here}?{}", query.join("&")) }
    }
}

fn not_found() -> Answer {
    Answer::detail(404, "No Match matches the given query.")
}

/// What the staging guide expects to be told (docs/deltacrown.md section 7): ten recipients, for a dispute two admins.
fn match_event(row: &Match, event: &str) -> Event {
    let name = &row.tournament.name;
    let (title, body, recipients) = match event {
        "match_started" => ("Match Started", format!("Your match in {name} has started."), 10),
        "result_submitted" => {
            ("Result Submitted", format!("A result for your match in {name} has been submitted."), 10)
        }
        "result_confirmed" => {
            ("Result Confirmed", format!("The result of your match in {name} has been confirmed."), 10)
        }
        _ => ("Dispute Created", format!("A match in {name} has been disputed and needs a decision."), 2),
    };
    Event {
        name: event.to_owned(),
        title: format!("{title} - {name}"),
        body,
        url: format!("/matches/{}/", row.id),
        recipient_count: recipients,
        tournament_id: row.tournament.id,
        match_id: Some(row.id),
        created: recipients,
        skipped: 0,
        person: Person::of(&row.a),
        marked: true,
    }
}
