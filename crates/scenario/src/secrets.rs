//! Secrets: those that are written into a scenario, where they are refused, and those that come from the environment, which are
//! hidden in whatever is shown.

use super::check::Checker;
use super::model::{Json, Scenario};
use super::names::{self, at};
use super::request::Request;
use super::session::Session;
use super::template::{self, Filter, Piece, Term};
use super::tree::Seg;
use std::collections::BTreeMap;

const REFUSED: &str =
    "do not write secrets into a scenario: take them from the environment, as in {{ env.API_KEY }}";

/// Fewest characters of a text that is taken for a secret by its looks.
const SHORTEST: usize = 8;

/// What stands in texts that only look like secrets: a test that tries a wrong password writes it down.
const HARMLESS: [&str; 9] =
    ["test", "example", "sample", "demo", "dummy", "fake", "wrong", "invalid", "expired"];

impl Checker<'_> {
    /// A scenario is read by many, and its digest is in every artifact: a secret has no place in it.
    pub(super) fn secrets_of_session(&mut self, session: &Session, path: &[Seg]) {
        let basic = session.basic.as_ref();
        let user_is_key = basic.filter(|basic| basic.password.is_empty()).map(|basic| &basic.username);
        let all = [
            (["basic", "password"].as_slice(), basic.map(|basic| &basic.password).filter(|p| !p.is_empty())),
            (&["basic", "username"], user_is_key),
            (&["bearer"], session.bearer.as_ref()),
            (&["api_key", "value"], session.api_key.as_ref().map(|key| &key.value)),
            (&["oauth2", "client_secret"], session.oauth2.as_ref().map(|oauth2| &oauth2.client_secret)),
        ];
        for (keys, text) in all {
            let is_written = |text: &String| !text.contains("{{") || holds_secret(text);
            if text.is_some_and(is_written) {
                self.wrong(&at(path, keys.iter().map(|key| (*key).into())), REFUSED);
            }
        }
        let requests = [
            (["login"].as_slice(), session.login.as_ref()),
            (&["refresh", "request"], session.refresh.as_ref().map(|refresh| &refresh.request)),
        ];
        for (keys, request) in requests {
            let path = at(path, keys.iter().map(|key| (*key).into()));
            request.into_iter().for_each(|request| self.secrets_of_request(request, &path));
        }
    }

    /// The values of headers that say what they are. In a body a password may be that of a user of the test system, and a token that of
    /// a test card.
    pub(super) fn secrets_of_request(&mut self, request: &Request, path: &[Seg]) {
        let mut texts = Vec::new();
        names::of_request(request, path, &mut texts);
        let is_credential = |path: &[Seg]| matches!(path, [.., Seg::Key(of), Seg::Key(name)] if of == "headers" && is_called_secret(name));
        for (path, text) in texts {
            if is_credential(&path) && holds_secret(text) {
                self.wrong(&path, REFUSED);
            }
        }
    }

    /// The values of variables and of written rows that are said to be secrets.
    pub(super) fn secrets_of_values(&mut self) {
        for (path, text) in names::of_values(self.scenario) {
            let mut names =
                path.iter().filter_map(|seg| if let Seg::Key(name) = seg { Some(name) } else { None });
            if names.any(|name| self.scenario.secrets.contains(name)) && holds_secret(text) {
                self.wrong(&path, REFUSED);
            }
        }
    }
}

/// Whether the name of a key or header says that its value lets in whoever has it.
fn is_called_secret(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let is_pass = small.split(['-', '_', '.']).any(|word| matches!(word, "pass" | "passphrase"));
    is_pass || signature::is_credential(name) && !small.contains("signature")
}

/// Whether a secret is written in a text: the whole of it, or what its template falls back on.
fn holds_secret(text: &str) -> bool {
    let pieces = template::parse(text).unwrap_or_default();
    if let [Piece::Text(text)] = pieces.as_slice() {
        return text.split_whitespace().any(looks_secret);
    }
    let exprs = pieces.iter().filter_map(|piece| match piece {
        Piece::Expr { expr, .. } => Some(expr),
        Piece::Text(_) => None,
    });
    let terms = exprs.flat_map(|expr| {
        let defaults = expr.filters.iter().filter_map(|filter| match filter {
            Filter::Default(term) => Some(term),
            _ => None,
        });
        std::iter::once(&expr.term).chain(defaults)
    });
    terms.into_iter().any(|term| matches!(term, Term::Literal(Json::String(text)) if looks_secret(text)))
}

/// Whether a text that is written down is a secret by its looks.
fn looks_secret(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    is_mixed(text) && !HARMLESS.iter().any(|word| small.contains(word))
}

/// Whether a text is as passwords and keys are, and not as words, numbers and addresses: letters and digits, 8 characters or more.
fn is_mixed(text: &str) -> bool {
    let has = |kind: fn(&char) -> bool| text.chars().any(|c| kind(&c));
    text.chars().count() >= SHORTEST
        && has(char::is_ascii_digit)
        && has(|c| c.is_alphabetic())
        && !text.contains("://")
}

/// The environment variables whose values go out in a header or body of a step, or as the secret of a login, with those that the
/// variables of the scenario take there; and whether the header, the key or the variable itself says that it is a secret.
pub(super) fn sent(scenario: &Scenario) -> BTreeMap<String, bool> {
    let (mut all, mut called) = (Vec::new(), Vec::new());
    let steps = scenario.all_steps().map(|step| (&step.request, true));
    // Of a login the user's name is wanted where it fails.
    let logins =
        scenario.sessions.values().filter_map(|session| session.login.as_ref()).map(|one| (one, false));
    for (request, is_step) in steps.chain(logins) {
        let mut texts = Vec::new();
        names::of_request(request, &[], &mut texts);
        for (path, text) in texts.into_iter().filter(|(path, _)| !is_path(path)) {
            let is_called = path.iter().any(|seg| matches!(seg, Seg::Key(name) if is_called_secret(name)));
            all.extend((is_step || is_called).then_some(text));
            called.extend(is_called.then_some(text));
        }
    }
    let called = names::variables_behind(scenario, &called);
    let says = |name: &String| called.contains(name) || is_called_secret(name);
    names::variables_behind(scenario, &all).into_iter().map(|name| (name.clone(), says(&name))).collect()
}

fn is_path(path: &[Seg]) -> bool {
    matches!(path, [Seg::Key(key)] if key == "path")
}

/// Whether a value from the environment that goes out is hidden: as a secret is written, or where it is said to be one.
pub(super) fn is_hidden(called: bool, value: &str) -> bool {
    let is_number = value.bytes().all(|b| b.is_ascii_digit());
    is_mixed(value) || called && value.chars().count() >= SHORTEST && !is_number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{GOOD, try_load};

    fn with(from: &str, to: &str) -> Result<(), String> {
        assert!(GOOD.contains(from), "{from}");
        try_load(&GOOD.replacen(from, to, 1)).map(|_| ())
    }

    #[test]
    fn a_secret_that_is_written_down_is_refused_wherever_its_key_says_so() {
        for (from, to) in [
            ("who: admin", "who: hunter2hunter2\nsecrets: [who]"),
            ("X-Key: \"{{ uuid.key }}\"", "X-Api-Key: sk_live_abcdef123456"),
            ("X-Key: \"{{ uuid.key }}\"", "Cookie: \"sessionid=abcdef123456\""),
            (
                "login: { method: POST, path: /login, json: { user: \"{{ who }}\" } }\n    token: /access",
                "bearer: \"{{ env.NOPE | default('sk_live_abc123') }}\"",
            ),
        ] {
            let error = with(from, to).unwrap_err();
            assert!(error.contains(": do not write secrets into a scenario"), "{to}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for (from, to) in [
            ("json: { n: 1 }", "json: { password: hunter2hunter2, token: tok-12345678 }"),
            ("who: admin", "who: admin\n  api_password: hunter2hunter2"),
            ("user: \"{{ who }}\" }", "user: a, password: hunter2hunter2 }"),
            ("json: { n: 1 }", "json: { password: \"{{ env.PW }}\", id: abcdef123456 }"),
            ("json: { n: 1 }", "json: { password: letmein }"),
            ("who: admin", "who: admin\n  shop_token: \"{{ env.T | default('sk_test_12345') }}\""),
            ("who: admin", "who: admin\n  token_url: https://login.shop.io/oauth2"),
            ("X-Key: \"{{ uuid.key }}\"", "Authorization-Mode: none, Idempotency-Key: abcdef123456"),
        ] {
            assert_eq!(with(from, to), Ok(()), "{to}");
        }
    }

    #[test]
    fn what_goes_out_from_the_environment_is_known_by_way_of_variables_too() {
        let text = GOOD
            .replacen("who: admin", "who: admin\n  key: \"{{ env.KEY }}\"", 1)
            .replacen("json: { n: 1 }", "json: { n: \"{{ key }}\", m: \"{{ env.OWN }}\" }", 1)
            .replacen("path: /things/{{ thing }}", "path: \"/things/{{ env.PART }}\"", 1);
        let scenario = try_load(&text).unwrap().scenario;
        let all = sent(&scenario);
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            [("KEY".to_owned(), false), ("OWN".to_owned(), false)]
        );
        let text = text.replacen("m: \"{{ env.OWN }}\"", "pass: \"{{ env.OWN }}\"", 1);
        assert!(sent(&try_load(&text).unwrap().scenario)["OWN"], "its key says so");
        assert!(is_hidden(false, "ak-Tt55Uu66") && is_hidden(false, "sk_test_12345"));
        assert!(is_hidden(true, "letters-only"));
        for plain in ["20240101", "administrator", "https://a.example/v1", "short1"] {
            assert!(!is_hidden(false, plain), "{plain}");
        }
    }
}
