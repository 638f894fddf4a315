//! How steps are authorized: by a login, or by what is known beforehand.

use super::entries::Entries;
use super::request::{Method, Request};
use super::resolve::{ResolvedRequest, resolve_request};
use super::scope::Scope;
use super::template::TemplateError;
use crate::JsonSchema;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use signature::Secret;

/// Where the token of an OAuth2 answer is (RFC 6749, section 5.1).
const ACCESS_TOKEN: &str = "/access_token";

/// What is encoded in application/x-www-form-urlencoded (WHATWG URL, section 5.2). A blank stays %20, which those read too
/// who decode percents alone.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_');

/// How a step authenticates: exactly one of `login`, `basic`, `bearer`, `api_key` and `oauth2`. Secrets come from templates:
/// the environment (`--env-file`) or the data file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The login request. Templates may use the flow's row: sessions are cached by the resolved request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Request>,
    /// JSON pointer (RFC 6901) to the bearer token in the login's response. Without it the session relies on cookies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// How to renew its token, before it expires (according to `exp`, if it is a JWT) and when it is refused with 401.
    /// Without it the login is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// User name and password with every request (RFC 7617).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<Basic>,
    /// A fixed token: `{{ env.API_TOKEN }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<String>,
    /// A key in a header or in the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// OAuth2 client credentials (RFC 6749, section 4.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth2: Option<OAuth2>,
    /// A CSRF token, sent back with every request that changes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<Csrf>,
    /// The permission its user needs, for the message when a step is forbidden (403), such as `the group Valorant Organizer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
}

/// How to renew a session's token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The renewal request. Its templates may use `{{ refresh_token }}` in addition to the names the login may use.
    pub request: Request,
    /// JSON pointer to the refresh token in the login's response, and in the renewal's, if it returns a new one.
    pub refresh_token: String,
    /// JSON pointer to the new bearer token in the renewal's response; the login's by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// User name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The user name; for many APIs this is the key.
    pub username: String,
    /// The password; empty when absent.
    #[serde(default)]
    pub password: String,
}

/// A key sent with every request: in exactly one of `header` and `query`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The header that holds it, such as `X-Api-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The query parameter that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The key: `{{ env.API_KEY }}`.
    pub value: String,
}

/// OAuth2 client credentials. The token is renewed before it expires, as `expires_in` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Path at the target, or absolute URL, of the token endpoint.
    pub token_url: String,
    /// The client.
    pub client_id: String,
    /// Its secret: `{{ env.CLIENT_SECRET }}`.
    pub client_secret: String,
    /// Scopes, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// What the token is for, if the server wants to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whether client and secret go into the body; otherwise they are sent by basic authentication, as RFC 6749 recommends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_body: bool,
}

/// A CSRF token: it arrives as a cookie and is sent back in a header, a form field, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Csrf {
    /// The cookie that holds it, such as `csrftoken`.
    pub cookie: String,
    /// The header it goes into, such as `X-CSRFToken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The form field it goes into, in requests with a form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The page that sets the cookie, requested before the login; the login's own path by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// What goes with every request of a session.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Name and value of a header.
    Header(String, Secret),
    /// Name and value of a query parameter.
    Query(String, Secret),
}

/// A session without templates.
pub struct ResolvedSession {
    /// The login, where there is one.
    pub login: Option<ResolvedRequest>,
    /// What is known beforehand.
    pub credential: Option<Credential>,
    /// What must never be shown.
    pub secrets: Vec<Secret>,
}

impl Session {
    /// Whether somebody logs in first.
    #[must_use]
    pub const fn logs_in(&self) -> bool {
        self.login.is_some() || self.oauth2.is_some()
    }

    /// JSON pointer to the bearer token in the login's answer; `None` when the session is its cookies.
    #[must_use]
    pub fn token_pointer(&self) -> Option<&str> {
        if self.oauth2.is_some() { Some(ACCESS_TOKEN) } else { self.token.as_deref() }
    }

    /// The same in the answer of its renewal.
    #[must_use]
    pub fn renewed_token_pointer(&self) -> Option<&str> {
        self.refresh.as_ref().and_then(|refresh| refresh.token.as_deref()).or(self.token_pointer())
    }

    /// Method and path of its login as they are sent, with the templates; `None` where nobody logs in.
    #[must_use]
    pub fn login_as_sent(&self) -> Option<String> {
        let by_client = self.oauth2.as_ref().map(|oauth2| oauth2.request().as_sent());
        by_client.or_else(|| self.login.as_ref().map(Request::as_sent))
    }

    /// Whether the cookies of its answers are sent back.
    #[must_use]
    pub const fn keeps_cookies(&self) -> bool {
        self.csrf.is_some() || (self.login.is_some() && self.token.is_none())
    }

    /// The ways that are given, by their keys.
    pub(super) fn ways(&self) -> Vec<&'static str> {
        let all = [
            ("login", self.login.is_some()),
            ("basic", self.basic.is_some()),
            ("bearer", self.bearer.is_some()),
            ("api_key", self.api_key.is_some()),
            ("oauth2", self.oauth2.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

/// Whether a login or renewal that was answered with this status has given a session: with 2xx; one whose session is cookies, as
/// of a web page, leads on from there too (302, 303).
#[must_use]
pub const fn gives_session(status: u16, by_cookies: bool) -> bool {
    matches!((status, by_cookies), (200..=299, _) | (302 | 303, true))
}

impl OAuth2 {
    fn request(&self) -> Request {
        let mut form = vec![("grant_type", Some("client_credentials".to_owned()))];
        form.push(("scope", self.scope.clone()));
        form.push(("audience", self.audience.clone()));
        if self.in_body {
            form.push(("client_id", Some(self.client_id.clone())));
            form.push(("client_secret", Some(self.client_secret.clone())));
        }
        let form = form.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))));
        Request {
            method: Method::Post,
            path: self.token_url.clone(),
            headers: Entries::default(),
            json: None,
            form: Some(form.collect()),
            multipart: None,
            text: None,
            timeout: None,
        }
    }
}

/// Renders a session for one flow.
///
/// # Errors
/// As for [`resolve_request`].
pub fn resolve_session(session: &Session, scope: &mut Scope) -> Result<ResolvedSession, TemplateError> {
    let mut secrets = Vec::new();
    let mut credential = None;
    let mut login = session.login.as_ref().map(|login| resolve_request(login, scope)).transpose()?;
    if let Some(basic) = &session.basic {
        let (user, password) = (scope.render_text(&basic.username)?, scope.render_text(&basic.password)?);
        // Of an API that takes its key as the user, that is the secret.
        secrets.push(Secret::new(if password.is_empty() { user.as_str() } else { password.as_str() }));
        credential = Some(basic_header(&user, &password, &mut secrets));
    }
    if let Some(bearer) = &session.bearer {
        let token = Secret::new(header_value(bearer, scope)?);
        credential = Some(Credential::Header(
            "Authorization".to_owned(),
            Secret::new(format!("Bearer {}", token.expose())),
        ));
        secrets.push(token);
    }
    if let Some(key) = &session.api_key {
        let value = Secret::new(header_value(&key.value, scope)?);
        secrets.push(value.clone());
        credential = match (&key.header, &key.query) {
            (Some(name), _) => Some(Credential::Header(name.clone(), value)),
            (None, Some(name)) => Some(Credential::Query(name.clone(), value)),
            (None, None) => None,
        };
    }
    if let Some(oauth2) = &session.oauth2 {
        let mut request = resolve_request(&oauth2.request(), scope)?;
        let secret = scope.render_text(&oauth2.client_secret)?;
        secrets.push(Secret::new(secret.as_str()));
        if !oauth2.in_body {
            // RFC 6749, section 2.3.1: both are encoded as in a form before they are put together.
            let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
            let id = scope.render_text(&oauth2.client_id)?;
            if let Credential::Header(name, value) =
                basic_header(&encoded(&id), &encoded(&secret), &mut secrets)
            {
                request.headers.push((name, value.expose().to_owned()));
            }
        }
        login = Some(request);
    }
    Ok(ResolvedSession { login, credential, secrets })
}

fn basic_header(user: &str, password: &str, secrets: &mut Vec<Secret>) -> Credential {
    let encoded = Secret::new(BASE64.encode(format!("{user}:{password}")));
    let header = Secret::new(format!("Basic {}", encoded.expose()));
    secrets.push(encoded);
    Credential::Header("Authorization".to_owned(), header)
}

fn header_value(template: &str, scope: &mut Scope) -> Result<String, TemplateError> {
    let value = scope.render_text(template)?.trim().to_owned();
    let message = if value.is_empty() {
        "is empty, which identifies nobody"
    } else if value.contains(char::is_control) {
        "holds a control character"
    } else {
        return Ok(value);
    };
    Err(TemplateError { template: template.to_owned(), message: message.to_owned() })
}
