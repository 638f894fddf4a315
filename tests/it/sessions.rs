//! Every kind of session against an API of a few lines: who is let in, and that no secret is written down.

use super::any_api::{Asked, api, free_port, ok, run};
use super::harness::Smoke;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use std::sync::{Arc, Mutex};

const SESSIONS: &str = r#"
name: sessions
subject: { kind: flow, id: "{{ flow }}" }
flows: 1
sessions:
  basic: { basic: { username: jo, password: "{{ env.PW }}" } }
  bearer: { bearer: "{{ env.BEARER }}" }
  header: { api_key: { header: X-Api-Key, value: "{{ env.KEY }}" } }
  query: { api_key: { query: key, value: "{{ env.KEY }}" } }
  oauth: { oauth2: { token_url: /token, client_id: me, client_secret: "{{ env.PW }}", scope: orders } }
  web:
    login: { method: POST, path: /login, form: { user: jo, password: "{{ env.PW }}" } }
    csrf: { cookie: csrftoken, header: X-CSRFToken, field: csrfmiddlewaretoken }
steps:
  - { name: a, session: basic, request: { method: GET, path: /basic } }
  - { name: b, session: bearer, request: { method: GET, path: /bearer } }
  - { name: c, session: header, request: { method: GET, path: /header } }
  - { name: d, session: query, request: { method: GET, path: "/query?x=1" } }
  - { name: e, session: oauth, request: { method: GET, path: /oauth } }
  - { name: f, session: web, request: { method: POST, path: /web, form: { items: [{ price: 1.50 }], "tag[]": [a, b] } } }
  - { name: g, session: web, request: { method: POST, path: "//web//json/", json: {} } }
"#;

/// Answers 200 to whoever is the right one, and 401 to others.
fn doorkeeper(log: Arc<Mutex<Vec<Asked>>>) -> String {
    api(move |asked| {
        log.lock().unwrap().push(asked.clone());
        let authorization = asked.header("authorization");
        let basic =
            |user: &str| authorization == format!("Basic {}", BASE64.encode(format!("{user}:pass word-9")));
        let cookies = |wanted: &[&str]| wanted.iter().all(|one| asked.header("cookie").contains(one));
        let right = match asked.line().as_str() {
            "GET /basic" => basic("jo"),
            "GET /bearer" => authorization == "Bearer bearer-tok-77",
            "GET /header" => asked.header("x-api-key") == "key-abc-123",
            "GET /query?x=1&key=key-abc-123" => true,
            "POST /token" => {
                let id = authorization == format!("Basic {}", BASE64.encode("me:pass%20word-9"));
                if id && asked.body == "grant_type=client_credentials&scope=orders" {
                    return ok(
                        json!({ "access_token": "oauth-tok-55", "token_type": "bearer", "expires_in": 3600 }),
                    );
                }
                false
            }
            "GET /oauth" => authorization == "Bearer oauth-tok-55",
            "GET /login" => {
                return (200, vec!["Set-Cookie: csrftoken=csrf-tok-1; Path=/".to_owned()], json!({}));
            }
            "POST /login" => {
                let form = "user=jo&password=pass+word-9&csrfmiddlewaretoken=csrf-tok-1";
                if asked.body == form && cookies(&["csrftoken=csrf-tok-1"]) {
                    let set = ["sessionid=sess-id-42; Path=/; HttpOnly", "csrftoken=csrf-tok-2; Path=/"];
                    let mut lines: Vec<String> = set.iter().map(|set| format!("Set-Cookie: {set}")).collect();
                    lines.push("Location: /".to_owned());
                    return (302, lines, json!({}));
                }
                false
            }
            "POST /web" | "POST //web//json/" => {
                cookies(&["csrftoken=csrf-tok-2", "sessionid=sess-id-42"])
                    && asked.header("x-csrftoken") == "csrf-tok-2"
            }
            _ => false,
        };
        if right { ok(json!({})) } else { (401, Vec::new(), json!({ "asked": asked.line() })) }
    })
}

#[test]
fn every_kind_of_session_is_known_and_none_of_its_secrets_is_written() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let url = doorkeeper(Arc::clone(&log));
    let secrets = [("PW", "pass word-9"), ("BEARER", "bearer-tok-77"), ("KEY", "key-abc-123")];
    let smoke = run(SESSIONS, &url, free_port());
    let smoke = secrets.iter().fold(smoke, |smoke, (name, value)| smoke.env(name, value));
    let ran = smoke.run();
    let asked = log.lock().unwrap().clone();
    let lines: Vec<String> = asked.iter().map(Asked::line).collect();
    assert_eq!(ran.gate("sessions", "steps"), "pass", "{lines:?}\n{}", ran.stdout);
    let form = asked.iter().find(|asked| asked.target == "/web").expect("a form");
    assert_eq!(
        form.body,
        "items%5B0%5D%5Bprice%5D=1.50&tag%5B%5D=a&tag%5B%5D=b&csrfmiddlewaretoken=csrf-tok-2"
    );
    // Two slashes are two slashes, and the journal says so.
    assert!(lines.contains(&"POST //web//json/".to_owned()), "{lines:?}");
    let journal = std::fs::read_to_string(ran.file("staging_sessions_journal.jsonl")).expect("a journal");
    assert!(journal.contains("\"POST //web//json/\""));
    assert_eq!(lines.iter().filter(|line| *line == "POST /login").count(), 1, "logged in once");
    let written = std::fs::read_dir(ran.file("")).expect("artifacts").flatten();
    let files = written.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default());
    let all: String = files.chain([ran.stdout.clone(), ran.stderr.clone()]).collect();
    for secret in [
        "pass word-9",
        "pass+word-9",
        "bearer-tok-77",
        "key-abc-123",
        "oauth-tok-55",
        "sess-id-42",
        "csrf-tok-2",
    ] {
        assert!(!all.contains(secret), "{secret} was written");
    }
    assert!(!all.contains(&BASE64.encode("jo:pass word-9")));
}

#[test]
fn who_is_not_let_in_is_told_with_the_setting_that_says_who() {
    let url = doorkeeper(Arc::new(Mutex::new(Vec::new())));
    let set = |smoke: Smoke| smoke.env("PW", "wrong-one").env("BEARER", "b-1234").env("KEY", "k-1234");
    let ran = set(run(SESSIONS, &url, free_port())).run().exits(4);
    assert!(ran.stderr.contains("login `oauth` failed: status 401"), "{}", ran.stderr);
    assert!(ran.stderr.contains("PW"), "{}", ran.stderr);
    let unset = run(SESSIONS, &url, free_port()).run().exits(2);
    assert!(unset.stderr.contains("BEARER"), "{}", unset.stderr);
}
