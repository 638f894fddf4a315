//! Logins, each done once and reused: the real API throttles `/api/token/` to 100 an hour (docs/deltacrown.md section 1).

use super::jar::Jar;
use super::logins::LoginError;
use crate::redact::Redactor;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::HashMap;
use record::Tick;
use scenario::ResolvedRequest;
use serde_json::Value;
use signature::Secret;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;

/// A token is renewed this long before it expires, or a tenth of its life if that is less: a step that is begun with it
/// may take as long as all of a sender's retries.
const EARLY: Duration = Duration::from_secs(30);

/// The tokens of a session.
#[derive(Debug, Clone)]
pub(super) struct Tokens {
    /// What is sent as bearer token; nothing where the session is its cookies.
    pub access: Option<Arc<Secret>>,
    /// What renews it, if the login gave one.
    pub refresh: Option<Secret>,
    /// When it is to be renewed, if it says when it expires.
    pub renew_at: Option<Tick>,
}

/// What a session sends, and which of its tokens that is.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub token: Option<Arc<Secret>>,
    pub number: u64,
}

/// Where a session stands.
#[derive(Debug, Default)]
pub(super) enum State {
    /// Nobody has logged in.
    #[default]
    New,
    /// The login was refused, and is not tried again: the real API counts them.
    Refused(LoginError),
    /// Logged in, with the number of this login or renewal.
    Open(Tokens, u64),
}

/// The place of one login.
#[derive(Debug)]
pub(super) struct Place {
    /// The login request; none where nobody logs in.
    pub login: Option<ResolvedRequest>,
    /// Who holds its lock logs in or renews for all.
    pub state: Mutex<State>,
    /// Its cookies.
    pub jar: Jar,
}

/// Session, and the login request; none where nobody logs in.
type Key = (String, Option<ResolvedRequest>);

/// The logins of a run, by session and request.
#[derive(Debug)]
pub(super) struct Sessions {
    recent: StdMutex<RecentLogins>,
    redactor: Redactor,
}

/// The logins of late, in two generations: one that is used moves to the younger, and the older is forgotten when that is
/// full. A login that was forgotten is done again.
#[derive(Debug, Default)]
struct RecentLogins {
    young: HashMap<Key, Arc<Place>>,
    old: HashMap<Key, Arc<Place>>,
}

/// Logins of one generation; the real API allows far fewer in an hour.
const GENERATION: usize = 5_000;

impl Sessions {
    pub(super) fn new(redactor: Redactor) -> Self {
        Self { recent: StdMutex::default(), redactor }
    }

    /// The place of a login; the same for every flow that logs in with the same request.
    pub(super) fn place(&self, session: String, login: Option<ResolvedRequest>) -> Arc<Place> {
        let key = (session, login);
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).place(key, &self.redactor)
    }
}

impl RecentLogins {
    fn place(&mut self, key: Key, redactor: &Redactor) -> Arc<Place> {
        if let Some(place) = self.young.get(&key) {
            return Arc::clone(place);
        }
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        let new = || {
            let (login, jar) = (key.1.clone(), Jar::new(redactor.clone()));
            Arc::new(Place { login, state: Mutex::default(), jar })
        };
        let place = self.old.remove(&key).unwrap_or_else(new);
        self.young.insert(key, Arc::clone(&place));
        place
    }
}

/// How long a token lives from now on, as far as it says so (RFC 7519: `exp`, and `iat`, so that the two clocks need not
/// agree).
pub(super) fn lifetime(token: &str, now: i64) -> Option<Duration> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    #[expect(clippy::cast_precision_loss, reason = "seconds below 2^52")]
    let issued = seconds("iat").unwrap_or(now as f64);
    Duration::try_from_secs_f64(seconds("exp")? - issued).ok().filter(|life| !life.is_zero())
}

/// When a token that was issued at `issued` is to be renewed.
pub(super) fn renew_at(issued: Tick, lifetime: Duration) -> Tick {
    issued.plus(lifetime - EARLY.min(lifetime / 10))
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::{Method, Origin, ResolvedBody};

    fn login(user: usize) -> ResolvedRequest {
        ResolvedRequest {
            method: Method::Post,
            path: format!("/api/token/?user={user}"),
            origin: Origin::Target,
            headers: Vec::new(),
            body: ResolvedBody::None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_login_that_is_used_again_and_again_is_done_once_whatever_comes_between() {
        let sessions = Sessions::new(Redactor::new());
        let place = |session: &str, user| sessions.place(session.to_owned(), Some(login(user)));
        let staff = place("staff", 0);
        for user in 1..4 * GENERATION {
            place("owner", user);
            assert!(Arc::ptr_eq(&staff, &place("staff", 0)));
        }
        let recent = sessions.recent.lock().unwrap();
        assert!(recent.young.len() + recent.old.len() <= 2 * GENERATION);
    }

    #[test]
    fn a_token_says_how_long_it_lives() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let of = |claims: &str| lifetime(&token(claims), 1_000);
        // By the server's own clock, which is not ours.
        assert_eq!(of(r#"{"iat":500,"exp":4100}"#), Some(Duration::from_secs(3600)));
        assert_eq!(of(r#"{"exp":1060}"#), Some(Duration::from_secs(60)));
        assert_eq!(of(r#"{"exp":900}"#), None);
        assert_eq!((of("{}"), lifetime("opaque", 0), lifetime("a.!.c", 0)), (None, None, None));
        assert_eq!(renew_at(Tick(0), Duration::from_secs(3600)), Tick(3_570_000_000));
        assert_eq!(renew_at(Tick(0), Duration::from_secs(4)), Tick(3_600_000));
    }
}
