//! Logs in, renews tokens before they expire and when they are refused, once for all flows of a session.

use super::blocked::Blocked;
use super::client::{Client, ClientError, Reply};
use super::driver::Driver;
use super::sessions::{Bearer, Place, State, Tokens, lifetime, renew_at};
use super::step::{excerpt, said};
use crate::redact::Redactor;
use correlate::read_json;
use futures_util::future::join_all;
use record::Outcome;
use scenario::{ResolvedRequest, Scope, Session, Step, resolve_request};
use serde_json::Value;
use signature::Secret;
use std::io;
use std::sync::Arc;
use wire::Clock;

/// Longest token in bytes; HTTP servers take no longer header (Apache 8 KiB, nginx 32 KiB for all).
const MAX_TOKEN: usize = 16 * 1024;
/// The name under which a renewal request finds its token.
const REFRESH_TOKEN: &str = "refresh_token";
/// Users of one session that are tried before the first flow; the others log in when their flow begins.
pub const TRIED_FIRST: usize = 25;
/// Logins at the same time.
const AT_ONCE: usize = 4;

/// A step's session, with the login request of its flow.
pub(super) struct UsedSession<'s> {
    name: &'s str,
    session: &'s Session,
    login: ResolvedRequest,
    place: Arc<Place>,
}

/// What a login or renewal came to.
struct Exchange {
    started: record::Tick,
    ended: record::Tick,
    status: Option<u16>,
    tokens: Result<Tokens, String>,
}

/// Logs in with a request: for `smoke check`, which has no journal.
///
/// # Errors
/// Why there is no token.
pub async fn try_login(
    client: &Client,
    session: &Session,
    request: &ResolvedRequest,
    redactor: &Redactor,
    clock: Clock,
) -> Result<(), String> {
    exchange(client, redactor, clock, request, Pointers::of_login(session)).await.tokens.map(|_| ())
}

/// Where the tokens are in an answer.
struct Pointers<'s> {
    access: &'s str,
    refresh: Option<&'s str>,
}

impl<'s> Pointers<'s> {
    fn of_login(session: &'s Session) -> Self {
        Self { access: &session.token, refresh: session.refresh.as_ref().map(|r| r.refresh_token.as_str()) }
    }
}

async fn exchange(
    client: &Client,
    redactor: &Redactor,
    clock: Clock,
    request: &ResolvedRequest,
    pointers: Pointers<'_>,
) -> Exchange {
    let started = clock.now();
    let reply = client.send(request, None).await;
    let ended = clock.now();
    let status = reply.as_ref().ok().map(|r| r.status);
    let tokens = tokens(&reply, &pointers, redactor).map(|(access, refresh)| {
        let life = lifetime(access.expose(), clock.wall().timestamp());
        Tokens { access, refresh, renew_at: life.map(|life| renew_at(ended, life)) }
    });
    Exchange { started, ended, status, tokens }
}

/// The tokens of an answer, learned by the redactor.
fn tokens(
    reply: &Result<Reply, ClientError>,
    pointers: &Pointers<'_>,
    redactor: &Redactor,
) -> Result<(Secret, Option<Secret>), String> {
    let reply = reply.as_ref().map_err(|e| redactor.scrub(&e.to_string()).into_owned())?;
    if !matches!(reply.status, 200..=299) {
        let wait = reply.header("retry-after").map(|v| format!(" (Retry-After: {v})")).unwrap_or_default();
        return Err(format!("status {}{wait}: {}", reply.status, said(reply, redactor)));
    }
    let body: Value = read_json(&reply.body)
        .map_err(|_| format!("the answer is not JSON: {}", excerpt(reply, redactor)))?;
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty());
    let access =
        at(pointers.access).ok_or_else(|| format!("no token at {} in the answer", pointers.access))?;
    let refresh = pointers.refresh.and_then(at);
    if let Some(long) = [Some(access), refresh].into_iter().flatten().find(|t| t.len() > MAX_TOKEN) {
        return Err(format!("a token of {} bytes: more than {MAX_TOKEN} fit into no header", long.len()));
    }
    let (access, refresh) = (Secret::new(access), refresh.map(Secret::new));
    redactor.learn(&access);
    refresh.iter().for_each(|token| redactor.learn(token));
    Ok((access, refresh))
}

impl Driver {
    /// The step's session and the login of this flow; none when the step has no session.
    pub(super) fn used_session<'s>(
        &'s self,
        step: &'s Step,
        scope: &mut Scope,
    ) -> Result<Option<UsedSession<'s>>, String> {
        let Some(name) = &step.session else { return Ok(None) };
        let Some(session) = self.plan.loaded.scenario.sessions.get(name) else {
            return Err(format!("no session `{name}` in the scenario"));
        };
        let login =
            resolve_request(&session.login, scope).map_err(|error| format!("login `{name}`: {error}"))?;
        let place = self.sessions.place(name, &login);
        Ok(Some(UsedSession { name, session, login, place }))
    }

    /// What the session sends. A token that is about to expire, or the one with the number `refused`, is renewed; flows
    /// that ask meanwhile wait for the same renewal.
    pub(super) async fn bearer(
        &self,
        used: &UsedSession<'_>,
        scope: &Scope,
        refused: Option<u64>,
    ) -> io::Result<Result<Bearer, String>> {
        let mut state = used.place.lock().await;
        let now = self.plan.clock.now();
        let (tokens, number) = match &*state {
            State::Refused(why) => return Ok(Err(why.clone())),
            State::Open(tokens, number)
                if refused != Some(*number) && tokens.renew_at.is_none_or(|at| now < at) =>
            {
                return Ok(Ok(Bearer { token: tokens.access.clone(), number: *number }));
            }
            State::Open(tokens, number) => (self.renew(used, tokens, scope).await?, number + 1),
            State::New => (self.log_in(used).await?, 0),
        };
        let bearer = tokens.as_ref().map(|t| Bearer { token: t.access.clone(), number });
        let bearer = bearer.map_err(Clone::clone);
        *state = match tokens {
            Ok(tokens) => State::Open(tokens, number),
            Err(why) => State::Refused(why),
        };
        Ok(bearer)
    }

    /// By the scenario's renewal route, else by another login.
    async fn renew(
        &self,
        used: &UsedSession<'_>,
        old: &Tokens,
        scope: &Scope,
    ) -> io::Result<Result<Tokens, String>> {
        let (Some(how), Some(refresh)) = (&used.session.refresh, &old.refresh) else {
            return self.log_in(used).await;
        };
        let mut scope = scope.clone();
        scope.capture(REFRESH_TOKEN, refresh.expose().into());
        let Ok(request) = resolve_request(&how.request, &mut scope) else { return self.log_in(used).await };
        let pointers = Pointers {
            access: how.token.as_deref().unwrap_or(&used.session.token),
            refresh: Some(&how.refresh_token),
        };
        let made = self.exchange(&request, pointers).await;
        // A renewal that is refused is no failure: the login that follows may be.
        self.write_login(&format!("refresh:{}", used.name), &request, &made, Outcome::Refused)?;
        match made.tokens {
            // One that does not rotate stays good.
            Ok(new) => Ok(Ok(Tokens { refresh: new.refresh.or_else(|| Some(refresh.clone())), ..new })),
            Err(_) => self.log_in(used).await,
        }
    }

    async fn log_in(&self, used: &UsedSession<'_>) -> io::Result<Result<Tokens, String>> {
        let mut made = self.exchange(&used.login, Pointers::of_login(used.session)).await;
        made.tokens = made.tokens.map_err(|why| format!("login `{}` failed: {why}", used.name));
        self.write_login(&format!("login:{}", used.name), &used.login, &made, Outcome::Failed)?;
        Ok(made.tokens)
    }

    async fn exchange(&self, request: &ResolvedRequest, pointers: Pointers<'_>) -> Exchange {
        exchange(&self.plan.client, &self.plan.redactor, self.plan.clock, request, pointers).await
    }

    fn write_login(
        &self,
        name: &str,
        request: &ResolvedRequest,
        made: &Exchange,
        otherwise: Outcome,
    ) -> io::Result<()> {
        self.write(record::Step {
            flow: None,
            step: name.to_owned(),
            started: made.started,
            ended: made.ended,
            request: self.shown_request(request),
            status: made.status,
            outcome: if made.tokens.is_ok() { Outcome::Ok } else { otherwise },
            problems: made.tokens.as_ref().err().cloned().into_iter().collect(),
            body: None,
            tries: 1,
        })
    }

    /// Tries every session before the first flow: each with the users of the first rows. Gives the first that is refused,
    /// which is no fault of the sender.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn open_sessions(&self, scopes: Vec<Scope>) -> io::Result<Option<Blocked>> {
        let scenario = &self.plan.loaded.scenario;
        let mut to_try: Vec<(UsedSession<'_>, Scope)> = Vec::new();
        for mut scope in scopes {
            for step in scenario.flow_plan(scope.flow()).steps {
                // What cannot be resolved is told where the step is played.
                let Ok(Some(used)) = self.used_session(step, &mut scope) else { continue };
                if !to_try.iter().any(|(known, _)| Arc::ptr_eq(&known.place, &used.place)) {
                    to_try.push((used, scope.clone()));
                }
            }
        }
        for some in to_try.chunks(AT_ONCE) {
            for blocked in join_all(some.iter().map(|one| self.try_session(one))).await {
                if let Some(blocked) = blocked? {
                    return Ok(Some(blocked));
                }
            }
        }
        Ok(None)
    }

    async fn try_session(&self, (used, scope): &(UsedSession<'_>, Scope)) -> io::Result<Option<Blocked>> {
        let bearer = self.bearer(used, scope, None).await?;
        Ok(bearer.err().map(|why| self.refused_login(used.name, &why, scope.flow())))
    }
}
