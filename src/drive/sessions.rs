//! Logins, each done once and reused: the real API throttles `/api/token/` to 100 an hour (CONTRACT.md section 1).

use crate::scenario::ResolvedRequest;
use crate::secret::Secret;
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
    known: Mutex<HashMap<Key, Arc<OnceCell<Login>>>>,
}

impl Sessions {
    /// The place of a login; the same for every flow that logs in with the same request.
    pub(super) fn place(&self, session: &str, request: &ResolvedRequest) -> Arc<OnceCell<Login>> {
        let key = (session.to_owned(), request.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_default())
    }
}
