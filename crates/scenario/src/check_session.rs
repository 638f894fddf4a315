//! What the types cannot say of sessions, and of how webhooks are received.

use super::check::Checker;
use super::names::{self, Names, at};
use super::request::Method;
use super::session::{ApiKey, Csrf, Session};
use super::tree::Seg;

/// The ways in which a session can be known.
const WAYS: &str = "login, basic, bearer, api_key or oauth2";
/// Most paths that a scenario listens on.
const MOST_PATHS: usize = 16;

impl Checker<'_> {
    pub(super) fn sessions(&mut self) {
        let scenario = self.scenario;
        for (name, session) in &scenario.sessions {
            let path: Vec<Seg> = vec!["sessions".into(), name.as_str().into()];
            match session.ways().as_slice() {
                [_] => {}
                [] => self.wrong(&path, format!("nothing says how this session authenticates: give {WAYS}")),
                [first, second, ..] => {
                    let message = format!("a session authenticates in one way: keep `{first}` or `{second}`");
                    self.wrong_key(&at(&path, [(*second).into()]), message);
                }
            }
            self.session_login(session, &path);
            self.secrets_of_session(session, &path);
            if let Some(key) = &session.api_key {
                self.api_key(key, &at(&path, ["api_key".into()]));
            }
            if let Some(csrf) = &session.csrf {
                self.csrf(csrf, &at(&path, ["csrf".into()]));
            }
        }
    }

    /// The header that a session sends with every request.
    pub(super) fn session_header(session: &Session) -> &str {
        let key = session.api_key.as_ref().and_then(|key| key.header.as_deref());
        if session.keeps_cookies() { "cookie" } else { key.unwrap_or("authorization") }
    }

    fn session_login(&mut self, session: &Session, path: &[Seg]) {
        if let Some(login) = &session.login {
            self.request(login, &at(path, ["login".into()]));
        }
        if let Some(token) = &session.token {
            self.pointer_value(token, &at(path, ["token".into()]));
            if session.login.is_none() {
                self.wrong_key(
                    &at(path, ["token".into()]),
                    "`token` comes from the response to a `login`, and there is none",
                );
            }
        }
        if let Some(oauth2) = &session.oauth2 {
            self.url_or_path(&oauth2.token_url, &at(path, ["oauth2".into(), "token_url".into()]));
        }
        let Some(refresh) = &session.refresh else { return };
        let path = at(path, ["refresh".into()]);
        if session.token.is_none() {
            self.wrong_key(&path, "`refresh` renews the `token` of a `login`, and there is none");
        }
        self.request(&refresh.request, &at(&path, ["request".into()]));
        self.pointer_value(&refresh.refresh_token, &at(&path, ["refresh_token".into()]));
        if let Some(token) = &refresh.token {
            self.pointer_value(token, &at(&path, ["token".into()]));
        }
        let mut known = Names::of_flow(self.scenario);
        known.add("refresh_token");
        let mut texts = Vec::new();
        names::of_request(&refresh.request, &at(&path, ["request".into()]), &mut texts);
        for (path, text) in texts {
            self.template(&path, text, &known);
        }
    }

    fn api_key(&mut self, key: &ApiKey, path: &[Seg]) {
        if key.header.is_some() == key.query.is_some() {
            self.wrong(path, "an API key is sent in one place: give `header` or `query`");
        }
        if let Some(header) = &key.header {
            self.header_value(header, &at(path, ["header".into()]));
        }
        if key.query.as_ref().is_some_and(|name| name.is_empty() || name.contains(char::is_whitespace)) {
            self.wrong(&at(path, ["query".into()]), "a query parameter name has no spaces");
        }
    }

    fn csrf(&mut self, csrf: &Csrf, path: &[Seg]) {
        if csrf.header.is_none() && csrf.field.is_none() {
            self.wrong(path, "nothing sends the token back: give `header`, `field`, or both");
        }
        if let Some(header) = &csrf.header {
            self.header_value(header, &at(path, ["header".into()]));
        }
        if let Some(page) = &csrf.page {
            if page.contains("{{") {
                self.wrong(
                    &at(path, ["page".into()]),
                    "the page is the same for all flows: write it without templates",
                );
            }
            self.url_or_path(page, &at(path, ["page".into()]));
        }
    }

    pub(super) fn listening(&mut self) {
        let Some(listen) = &self.scenario.listen else { return };
        let path: Vec<Seg> = vec!["listen".into()];
        let mut seen = std::collections::BTreeSet::new();
        for (index, one) in listen.paths.iter().enumerate() {
            let at = at(&path, ["paths".into(), index.into()]);
            let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#');
            if !one.starts_with('/') || one.contains(odd) {
                self.wrong(&at, "a path begins with `/` and has no spaces, `?` or `#`");
            } else if !seen.insert(one) {
                self.wrong(&at, format!("the path {one} appears twice"));
            } else if index >= MOST_PATHS {
                self.wrong(&at, format!("more than {MOST_PATHS} paths"));
            }
        }
        for (index, method) in listen.methods.iter().enumerate() {
            if !matches!(method, Method::Post | Method::Put | Method::Patch) {
                let message = format!("webhooks use POST, PUT or PATCH, not {}", method.as_str());
                self.wrong(&at(&path, ["methods".into(), index.into()]), message);
            }
        }
        if let Some(tls) = &listen.tls {
            self.file(&tls.certificate, &at(&path, ["tls".into(), "certificate".into()]));
            self.file(&tls.key, &at(&path, ["tls".into(), "key".into()]));
        }
    }
}
