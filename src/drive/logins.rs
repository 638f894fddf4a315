//! Logs in, renews tokens before they expire and when they are refused, once for all flows of a session.

use super::blocked::Blocked;
use super::client::{Attached, Client, ClientError, Reply};
use super::driver::Driver;
use super::jar::Jar;
use super::sessions::{Bearer, Place, State, Tokens, lifetime, renew_at};
use super::step::{excerpt, is_html, said};
use crate::redact::Redactor;
use futures_util::future::join_all;
use record::{Outcome, SessionStep};
use scenario::{
    Credential, Csrf, DEFAULT_TIMEOUT, Method, Origin, ResolvedBody, ResolvedRequest, Scope, Session, Step,
    gives_session, resolve_request, resolve_session,
};
use serde_json::Value;
use signature::Secret;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use wire::Clock;

/// Longest token in bytes; HTTP servers take no longer header (Apache 8 KiB, nginx 32 KiB for all).
const MAX_TOKEN: usize = 16 * 1024;
/// The name under which a renewal request finds its token.
const REFRESH_TOKEN: &str = "refresh_token";
/// Users of one session that are tried before the first flow; the others log in when their flow begins.
pub const TRIED_FIRST: usize = 25;
/// Logins at the same time.
const AT_ONCE: usize = 4;

/// A step's session, as it is for its flow.
pub(super) struct UsedSession<'s> {
    pub(super) name: &'s str,
    pub(super) session: &'s Session,
    /// What is known beforehand.
    credential: Option<Credential>,
    pub(super) place: Arc<Place>,
}

/// What a login or renewal came to.
struct Exchange {
    started: record::Tick,
    ended: record::Tick,
    status: Option<u16>,
    tokens: Result<Tokens, LoginError>,
}

/// Logs in: for `smoke check`, which has no journal. `request` is the login of `session`.
///
/// # Errors
/// Why there is no token.
pub async fn try_login(
    client: &Client,
    session: &Session,
    request: &ResolvedRequest,
    redactor: &Redactor,
    clock: Clock,
) -> Result<(), LoginError> {
    let jar = Jar::new(redactor.clone());
    if let Some(csrf) = session.csrf.as_ref() {
        fetch_page(client, &page_request(csrf, Some(request)), csrf, &jar, redactor).await.1?;
    }
    let attached = with_csrf(session, &jar, request, client.base(), Attached::default());
    exchange(client, redactor, clock, (request, &attached), Pointers::of_login(session))
        .await
        .tokens
        .map(|_| ())
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct LoginError {
    why: String,
    /// At what it failed.
    pub at: LoginFault,
}

/// At what a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFault {
    /// No answer came.
    NoAnswer,
    /// It was answered with this status.
    Status(u16),
    /// A web page with this status stood where an API's answer should be.
    Page(u16),
    /// It was answered with success, and gave no session.
    NoSession,
}

impl LoginError {
    fn new(at: LoginFault, why: impl Into<String>) -> Self {
        Self { why: why.into(), at }
    }

    fn no_answer(error: &ClientError, redactor: &Redactor) -> Self {
        Self::new(LoginFault::NoAnswer, redactor.scrub(&error.to_string()))
    }

    /// The same, with what it is about in front.
    fn of(self, what: &str) -> Self {
        Self { why: format!("{what}: {}", self.why), ..self }
    }
}

/// Where the tokens are in an answer.
struct Pointers<'s> {
    /// The bearer token; none where the session is its cookies.
    access: Option<&'s str>,
    refresh: Option<&'s str>,
    /// Seconds that the token lives, where the answer says so beside it (RFC 6749, section 5.1).
    lives: Option<&'static str>,
}

impl<'s> Pointers<'s> {
    fn of_login(session: &'s Session) -> Self {
        Self {
            access: session.token_pointer(),
            refresh: session.refresh.as_ref().map(|r| r.refresh_token.as_str()),
            lives: session.oauth2.is_some().then_some("/expires_in"),
        }
    }
}

async fn exchange(
    client: &Client,
    redactor: &Redactor,
    clock: Clock,
    (request, attached): (&ResolvedRequest, &Attached<'_>),
    pointers: Pointers<'_>,
) -> Exchange {
    let started = clock.now();
    let reply = client.send(request, attached).await;
    let ended = clock.now();
    let status = reply.as_ref().ok().map(|r| r.status);
    let tokens = tokens(&reply, &pointers, redactor).map(|Issued { access, refresh, lives }| {
        let by_itself = || lifetime(access.as_ref()?.expose(), clock.wall().timestamp());
        let life = lives.or_else(by_itself);
        Tokens { access: access.map(Arc::new), refresh, renew_at: life.map(|life| renew_at(ended, life)) }
    });
    Exchange { started, ended, status, tokens }
}

/// What a login gave.
struct Issued {
    access: Option<Secret>,
    refresh: Option<Secret>,
    lives: Option<Duration>,
}

/// The tokens of an answer, learned by the redactor.
fn tokens(
    reply: &Result<Reply, ClientError>,
    pointers: &Pointers<'_>,
    redactor: &Redactor,
) -> Result<Issued, LoginError> {
    let reply = reply.as_ref().map_err(|e| LoginError::no_answer(e, redactor))?;
    if !gives_session(reply.status, pointers.access.is_none()) {
        let wait = reply.header("retry-after").map(|v| format!(" (Retry-After: {v})")).unwrap_or_default();
        let why = format!("status {}{wait}: {}", reply.status, said(reply, redactor));
        let is_page = pointers.access.is_some() && is_html(reply);
        let at = if is_page { LoginFault::Page(reply.status) } else { LoginFault::Status(reply.status) };
        return Err(LoginError::new(at, why));
    }
    let nothing = |why: String| LoginError::new(LoginFault::NoSession, why);
    let Some(access) = pointers.access else {
        return match reply.header("set-cookie") {
            Some(_) => Ok(Issued { access: None, refresh: None, lives: None }),
            None => Err(nothing(format!(
                "status {}, but no cookie is set: a session without `token` relies on cookies",
                reply.status
            ))),
        };
    };
    let body = reply
        .json()
        .ok_or_else(|| nothing(format!("the response is not JSON: {}", excerpt(reply, redactor))))?;
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|t| !t.is_empty());
    let token = at(access).ok_or_else(|| nothing(format!("no token at {access} in the response")))?;
    let refresh = pointers.refresh.and_then(at);
    if let Some(long) = [Some(token), refresh].into_iter().flatten().find(|t| t.len() > MAX_TOKEN) {
        let why = format!("a token of {} bytes: over {MAX_TOKEN}, too long for a header", long.len());
        return Err(nothing(why));
    }
    if token.bytes().any(|b| !(b.is_ascii_graphic() || b == b' ')) {
        return Err(nothing(format!(
            "the token at {access} has a character not allowed in a header, such as a line break"
        )));
    }
    let (token, refresh) = (Secret::new(token), refresh.map(Secret::new));
    redactor.learn(&token);
    refresh.iter().for_each(|token| redactor.learn(token));
    let seconds = pointers.lives.and_then(|pointer| body.pointer(pointer)).and_then(Value::as_u64);
    let lives = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Ok(Issued { access: Some(token), refresh, lives })
}

impl Driver {
    /// The step's session as it is for this flow; none when the step has no session.
    pub(super) fn used_session<'s>(
        &'s self,
        step: &'s Step,
        scope: &mut Scope,
    ) -> Result<Option<UsedSession<'s>>, String> {
        let Some(name) = &step.session else { return Ok(None) };
        let Some(session) = self.plan.loaded.scenario.sessions.get(name) else {
            return Err(format!("no session `{name}` in the scenario"));
        };
        let what = if session.logs_in() { "login" } else { "session" };
        let resolved =
            resolve_session(session, scope).map_err(|error| format!("{what} `{name}`: {error}"))?;
        self.plan.redactor.learn_all(&resolved.secrets);
        // Users who are known beforehand share no cookies.
        let own = match &resolved.credential {
            Some(Credential::Header(_, value) | Credential::Query(_, value)) => {
                format!("{name} {}", record::sha256_hex(value.expose().as_bytes()))
            }
            None => name.clone(),
        };
        let place = self.sessions.place(own, resolved.login);
        Ok(Some(UsedSession { name, session, credential: resolved.credential, place }))
    }

    /// What the session adds to a request.
    pub(super) fn attached<'u>(
        &self,
        used: &'u UsedSession<'_>,
        bearer: &Bearer,
        request: &ResolvedRequest,
    ) -> Attached<'u> {
        let mut attached = Attached::default();
        if let Some(token) = &bearer.token {
            let value = Secret::new(format!("Bearer {}", token.expose()));
            attached.headers.push(("Authorization".to_owned(), value));
        }
        match used.credential.clone() {
            Some(Credential::Header(name, value)) => attached.headers.push((name, value)),
            Some(Credential::Query(name, value)) => attached.query = Some((name, value)),
            None => {}
        }
        if used.session.keeps_cookies() {
            attached.jar = Some(&used.place.jar);
        }
        with_csrf(used.session, &used.place.jar, request, self.plan.client.base(), attached)
    }

    /// What the session is by now. A token that is about to expire, or the one with the number `refused`, is renewed; flows
    /// that ask meanwhile wait for the same renewal.
    pub(super) async fn bearer(
        &self,
        used: &UsedSession<'_>,
        scope: &Scope,
        refused: Option<u64>,
    ) -> io::Result<Result<Bearer, LoginError>> {
        let mut state = used.place.state.lock().await;
        let Some(login) = &used.place.login else {
            let bearer = Bearer { token: None, number: 0 };
            return Ok(match refused {
                // Nobody can be another than he is.
                Some(_) => {
                    Err(LoginError::new(LoginFault::Status(401), "a fixed credential cannot be renewed"))
                }
                None => self.csrf_cookie(used, None).await?.map(|()| bearer),
            });
        };
        let now = self.plan.clock.now();
        let (tokens, number) = match &*state {
            State::Refused(why) => return Ok(Err(why.clone())),
            State::Open(tokens, number)
                if refused != Some(*number) && tokens.renew_at.is_none_or(|at| now < at) =>
            {
                return Ok(Ok(Bearer { token: tokens.access.clone(), number: *number }));
            }
            State::Open(tokens, number) => (self.renew(used, login, tokens, scope).await?, number + 1),
            State::New => (self.log_in(used, login).await?, 0),
        };
        let bearer = tokens.as_ref().map(|t| Bearer { token: t.access.clone(), number });
        let bearer = bearer.map_err(Clone::clone);
        *state = match tokens {
            Ok(tokens) => State::Open(tokens, number),
            Err(why) => {
                // In the middle of a run as before it: whoever cannot log in drives nothing.
                self.end_flows(self.refused_login(used.name, &why, scope.flow()));
                State::Refused(why)
            }
        };
        Ok(bearer)
    }

    /// Asks for the page that sets the cookie against cross-site requests, where the session needs one and has none.
    async fn csrf_cookie(
        &self,
        used: &UsedSession<'_>,
        login: Option<&ResolvedRequest>,
    ) -> io::Result<Result<(), LoginError>> {
        let Some(csrf) = &used.session.csrf else { return Ok(Ok(())) };
        if used.place.jar.get(&csrf.cookie).is_some() {
            return Ok(Ok(()));
        }
        let request = page_request(csrf, login);
        let started = self.plan.clock.now();
        let (status, found) =
            fetch_page(&self.plan.client, &request, csrf, &used.place.jar, &self.plan.redactor).await;
        self.write(record::Step {
            flow: None,
            step: SessionStep::Csrf.name(used.name),
            started,
            ended: self.plan.clock.now(),
            request: self.shown_request(&request),
            status,
            outcome: if found.is_ok() { Outcome::Ok } else { Outcome::Failed },
            problems: found.as_ref().err().map(ToString::to_string).into_iter().collect(),
            body: None,
            tries: 1,
        })?;
        Ok(found.map_err(|error| error.of(&format!("session `{}`", used.name))))
    }

    /// By the scenario's renewal route, else by another login.
    async fn renew(
        &self,
        used: &UsedSession<'_>,
        login: &ResolvedRequest,
        old: &Tokens,
        scope: &Scope,
    ) -> io::Result<Result<Tokens, LoginError>> {
        let (Some(how), Some(refresh)) = (&used.session.refresh, &old.refresh) else {
            return self.log_in(used, login).await;
        };
        let mut scope = scope.clone();
        scope.capture(REFRESH_TOKEN, refresh.expose().into());
        let Ok(request) = resolve_request(&how.request, &mut scope) else {
            return self.log_in(used, login).await;
        };
        let pointers = Pointers {
            access: used.session.renewed_token_pointer(),
            refresh: Some(&how.refresh_token),
            lives: None,
        };
        let made = self.exchange(used, &request, pointers).await;
        // A renewal that is refused is no failure: the login that follows may be.
        self.write_login(&SessionStep::Refresh.name(used.name), &request, &made, Outcome::Refused)?;
        match made.tokens {
            // One that does not rotate stays good.
            Ok(new) => Ok(Ok(Tokens { refresh: new.refresh.or_else(|| Some(refresh.clone())), ..new })),
            Err(_) => self.log_in(used, login).await,
        }
    }

    async fn log_in(
        &self,
        used: &UsedSession<'_>,
        login: &ResolvedRequest,
    ) -> io::Result<Result<Tokens, LoginError>> {
        used.place.jar.clear();
        if let Err(why) = self.csrf_cookie(used, Some(login)).await? {
            return Ok(Err(why));
        }
        let mut made = self.exchange(used, login, Pointers::of_login(used.session)).await;
        made.tokens = made.tokens.map_err(|error| error.of(&format!("login `{}` failed", used.name)));
        self.write_login(&SessionStep::Login.name(used.name), login, &made, Outcome::Failed)?;
        Ok(made.tokens)
    }

    async fn exchange(
        &self,
        used: &UsedSession<'_>,
        request: &ResolvedRequest,
        pointers: Pointers<'_>,
    ) -> Exchange {
        let attached = self.attached(used, &Bearer { token: None, number: 0 }, request);
        exchange(&self.plan.client, &self.plan.redactor, self.plan.clock, (request, &attached), pointers)
            .await
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
            problems: made.tokens.as_ref().err().map(ToString::to_string).into_iter().collect(),
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

/// The page that sets the cookie against cross-site requests; the login's own path where no other is named.
fn page_request(csrf: &Csrf, login: Option<&ResolvedRequest>) -> ResolvedRequest {
    let own = csrf.page.as_deref().or(login.map(|login| login.path.as_str()));
    ResolvedRequest {
        method: Method::Get,
        path: own.unwrap_or("/").to_owned(),
        origin: Origin::Target,
        headers: Vec::new(),
        body: ResolvedBody::None,
        timeout: DEFAULT_TIMEOUT,
    }
}

/// Asks for a page and looks for the cookie; gives the status too.
async fn fetch_page(
    client: &Client,
    request: &ResolvedRequest,
    csrf: &Csrf,
    jar: &Jar,
    redactor: &Redactor,
) -> (Option<u16>, Result<(), LoginError>) {
    let reply = client.send(request, &Attached { jar: Some(jar), ..Attached::default() }).await;
    match (&reply, jar.get(&csrf.cookie)) {
        (Err(error), _) => (None, Err(LoginError::no_answer(error, redactor))),
        (Ok(reply), Some(_)) => (Some(reply.status), Ok(())),
        (Ok(reply), None) => {
            let why = format!(
                "GET {} returned {} and set no cookie `{}`: name the page that does with `csrf.page`",
                redactor.scrub(&request.path),
                reply.status,
                csrf.cookie
            );
            (Some(reply.status), Err(LoginError::new(LoginFault::NoSession, why)))
        }
    }
}

/// Adds the token against cross-site requests to a request that changes something.
fn with_csrf<'j>(
    session: &Session,
    jar: &'j Jar,
    request: &ResolvedRequest,
    base: &str,
    mut attached: Attached<'j>,
) -> Attached<'j> {
    let Some(csrf) = &session.csrf else { return attached };
    attached.jar = Some(jar);
    let changes = !matches!(request.method, Method::Get | Method::Head | Method::Options);
    let Some(token) = jar.get(&csrf.cookie).filter(|_| changes) else { return attached };
    if let Some(header) = &csrf.header {
        attached.headers.push((header.clone(), token.clone()));
    }
    // Over https frameworks ask where the request comes from as well.
    let says = |name: &str| request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    if !says("referer") {
        attached.headers.push(("Referer".to_owned(), Secret::new(base)));
    }
    let has_form = matches!(request.body, ResolvedBody::Form(_) | ResolvedBody::Multipart(_));
    attached.field = csrf.field.clone().filter(|_| has_form).map(|field| (field, token));
    attached
}
