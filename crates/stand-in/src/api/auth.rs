//! Who is calling: logins, and the credentials of a request (docs/deltacrown.md section 1).

use super::super::fixtures::{Role, User};
use super::answer::{Answer, no_credentials, unauthorized};
use super::form::{Form, Need};
use super::token::{BadToken, TokenKind, Tokens};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The users, and the tokens given to them.
pub(super) struct Accounts {
    by_login: HashMap<String, Arc<User>>,
    by_id: HashMap<i64, Arc<User>>,
    tokens: Tokens,
}

impl Accounts {
    pub(super) fn new(users: &[Arc<User>], access: Duration) -> io::Result<Self> {
        let mut by_login = HashMap::new();
        let mut by_id = HashMap::new();
        for user in users {
            // The username field takes the e-mail address too.
            by_login.insert(user.username.clone(), Arc::clone(user));
            by_login.insert(user.email.clone(), Arc::clone(user));
            by_id.insert(user.id, Arc::clone(user));
        }
        Ok(Self { by_login, by_id, tokens: Tokens::new(access)? })
    }

    /// `POST /api/token/`.
    pub(super) fn login(&self, body: Value, now: i64) -> Answer {
        let (username, password) = match credentials(body) {
            Ok(pair) => pair,
            Err(errors) => return Answer::json(400, &errors),
        };
        match self.known(&username, &password) {
            Some(user) => Answer::ok(&json!({
                "refresh": self.tokens.issue(TokenKind::Refresh, user.id, now),
                "access": self.tokens.issue(TokenKind::Access, user.id, now),
            })),
            None => {
                let detail = "No active account found with the given credentials";
                unauthorized(&json!({"detail": detail}))
            }
        }
    }

    /// `POST /api/token/refresh/`: tokens rotate.
    pub(super) fn refresh(&self, body: Value, now: i64) -> Answer {
        let token = match one_text(body, "refresh") {
            Ok(token) => token,
            Err(errors) => return Answer::json(400, &errors),
        };
        match self.tokens.check(&token, Some(TokenKind::Refresh), now) {
            Ok(id) => Answer::ok(&json!({
                "access": self.tokens.issue(TokenKind::Access, id, now),
                "refresh": self.tokens.issue(TokenKind::Refresh, id, now),
            })),
            Err(bad) => bad_token(bad),
        }
    }

    /// `POST /api/token/verify/`: any good token.
    pub(super) fn verify(&self, body: Value, now: i64) -> Answer {
        match one_text(body, "token").map(|token| self.tokens.check(&token, None, now)) {
            Ok(Ok(_)) => Answer::ok(&json!({})),
            Ok(Err(bad)) => bad_token(bad),
            Err(errors) => Answer::json(400, &errors),
        }
    }

    /// The user of a request: `Ok(None)` when it names none.
    pub(super) fn caller(&self, headers: &HeaderMap, now: i64) -> Result<Option<Arc<User>>, Answer> {
        let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let value = String::from_utf8_lossy(value.as_bytes());
        let mut words = value.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("Bearer"), Some(token), None) => self.bearer(token, now).map(Some),
            (Some("Bearer"), ..) => Err(unauthorized(&json!({
                "detail": "Authorization header must contain two space-delimited values",
                "code": "bad_authorization_header",
            }))),
            (Some(scheme), given, None) if scheme.eq_ignore_ascii_case("basic") => {
                self.basic(given).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn staff(user: &User) -> bool {
        user.role == Role::Staff
    }

    fn bearer(&self, token: &str, now: i64) -> Result<Arc<User>, Answer> {
        match self.tokens.check(token, Some(TokenKind::Access), now) {
            Ok(id) => self.by_id.get(&id).cloned().ok_or_else(no_credentials),
            Err(bad) => Err(unauthorized(&json!({
                "detail": "Given token not valid for any token type",
                "code": "token_not_valid",
                "messages": [{"token_class": "AccessToken", "token_type": "access", "message": bad.message()}],
            }))),
        }
    }

    fn basic(&self, given: Option<&str>) -> Result<Arc<User>, Answer> {
        let decoded =
            given.and_then(|text| BASE64.decode(text).ok()).and_then(|raw| String::from_utf8(raw).ok());
        let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
        pair.and_then(|(username, password)| self.known(username, password))
            .ok_or_else(|| unauthorized(&json!({"detail": "Invalid username/password."})))
    }

    fn known(&self, login: &str, password: &str) -> Option<Arc<User>> {
        let user = self.by_login.get(login)?;
        let right = user.password.expose().as_bytes().ct_eq(password.as_bytes());
        bool::from(right).then(|| Arc::clone(user))
    }
}

fn credentials(body: Value) -> Result<(String, String), Value> {
    let mut form = Form::new(body)?;
    let username = form.text("username", 1024, Need::Required);
    let password = form.text("password", 1024, Need::Required);
    form.finish()?;
    Ok((username.unwrap_or_default(), password.unwrap_or_default()))
}

fn one_text(body: Value, name: &str) -> Result<String, Value> {
    let mut form = Form::new(body)?;
    let text = form.text(name, 8192, Need::Required);
    form.finish()?;
    Ok(text.unwrap_or_default())
}

fn bad_token(bad: BadToken) -> Answer {
    unauthorized(&json!({"detail": bad.message(), "code": "token_not_valid"}))
}
