//! Logins, each done once and reused: the real API throttles `/api/token/` to 100 an hour (docs/deltacrown.md section 1).

use scenario::ResolvedRequest;
use signature::Secret;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// A bearer token, or why there is none.
pub(super) type Login = Result<Secret, String>;

/// Session name and login request.
type Key = (String, ResolvedRequest);

/// The logins of a run, by session name and request.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    known: Mutex<Known>,
}

/// The logins of late, in two generations: one that is used moves to the younger, and the older is forgotten when that is
/// full. A login that was forgotten is done again.
#[derive(Debug, Default)]
struct Known {
    young: HashMap<Key, Arc<OnceCell<Login>>>,
    old: HashMap<Key, Arc<OnceCell<Login>>>,
}

/// Logins of one generation; the real API allows far fewer in an hour.
const GENERATION: usize = 5_000;

impl Sessions {
    /// The place of a login; the same for every flow that logs in with the same request.
    pub(super) fn place(&self, session: &str, request: &ResolvedRequest) -> Arc<OnceCell<Login>> {
        let key = (session.to_owned(), request.clone());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).place(key)
    }
}

impl Known {
    fn place(&mut self, key: Key) -> Arc<OnceCell<Login>> {
        if self.young.len() >= GENERATION && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        let before = self.old.remove(&key);
        Arc::clone(self.young.entry(key).or_insert_with(|| before.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenario::{Method, ResolvedBody};
    use std::time::Duration;

    fn login(user: usize) -> ResolvedRequest {
        ResolvedRequest {
            method: Method::Post,
            path: format!("/api/token/?user={user}"),
            headers: Vec::new(),
            body: ResolvedBody::None,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_login_that_is_used_again_and_again_is_done_once_whatever_comes_between() {
        let sessions = Sessions::default();
        let staff = sessions.place("staff", &login(0));
        for user in 1..4 * GENERATION {
            sessions.place("owner", &login(user));
            assert!(Arc::ptr_eq(&staff, &sessions.place("staff", &login(0))));
        }
        let known = sessions.known.lock().unwrap();
        assert!(known.young.len() + known.old.len() <= 2 * GENERATION);
    }
}
