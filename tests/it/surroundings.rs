//! What surrounds a run and is no fault of the sender: logins, tokens, used rows, proxies, connections, empty settings,
//! secrets with something around them. Each has its own verdict and a sentence that says what to do.

use super::harness::{Ran, Smoke};
use super::origin::{Answer, Origin, Seen};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const HEAD: &str = "name: t\nsubject: { kind: flow, id: \"{{ flow }}\" }\nflows: 1\nsettle: 10ms\n";
const SESSION: &str = "vars: { staff_password: \"{{ env.STAFF_PASSWORD }}\" }\n\
     sessions:\n  staff:\n    login: { method: POST, path: /login, json: { password: \"{{ staff_password }}\" } }\n    \
     token: /access\n    refresh:\n      request: { method: POST, path: /refresh, json: { refresh: \"{{ refresh_token }}\" } }\n      \
     refresh_token: /refresh\n    needs: the group \"Organizers\"\n";

/// Drives a scenario of these parts against `origin`.
fn drive(origin: &Origin, parts: &str) -> Smoke {
    Smoke::new("run")
        .file("s.yaml", &format!("{HEAD}{parts}"))
        .args(&["s.yaml", "--staging", &origin.url, "--listen", "127.0.0.1:0", "--settle", "10ms"])
        .env("WEBHOOK_SECRET", SECRET)
        .env("STAFF_PASSWORD", "not-a-real-password")
}

/// Steps that post to `/a`, `/b`, … as staff.
fn steps(names: &[&str]) -> String {
    let step = |name: &&str| {
        format!(
            "  - name: {name}\n    session: staff\n    request: {{ method: POST, path: /{name}, json: {{}} }}\n"
        )
    };
    format!("steps:\n{}", names.iter().map(step).collect::<String>())
}

fn tokens(access: &str, refresh: &str) -> Answer {
    Answer::json("200 OK", &format!(r#"{{"access":"{access}","refresh":"{refresh}"}}"#))
}

fn login_steps(ran: &Ran) -> Vec<String> {
    let journal = std::fs::read_to_string(ran.file("staging_t_journal.jsonl")).unwrap();
    let lines = journal.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
    let step = |line: serde_json::Value| line["record"]["step"]["step"].as_str().map(str::to_owned);
    lines.filter_map(step).filter(|s| s.contains(':')).collect()
}

#[test]
fn a_token_that_is_refused_is_renewed_once_and_the_step_is_sent_again() {
    let origin = Origin::start(|request: &Seen, _| match request.path() {
        "/login" => tokens("first", "renewal-1"),
        "/refresh" if request.body.contains("renewal-1") => tokens("second", "renewal-2"),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ if request.bearer() == Some("second") => Answer::json("200 OK", "{}"),
        _ => Answer::json("401 Unauthorized", r#"{"code":"token_not_valid"}"#),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a", "b"]))).run().exits(0);
    assert_eq!(origin.paths(), ["/login", "/a", "/refresh", "/a", "/b"]);
    assert_eq!(login_steps(&ran), ["login:staff", "refresh:staff"]);
}

#[test]
fn a_token_about_to_expire_is_renewed_before_it_is_used() {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"iat":1000,"exp":1000.000001}"#);
    let short = format!("e30.{claims}.c2ln");
    let origin = Origin::start(move |request: &Seen, _| match request.path() {
        "/login" => tokens(&short, "renewal-1"),
        "/refresh" => tokens("renewed", "renewal-2"),
        _ => Answer::json("200 OK", "{}"),
    });
    drive(&origin, &format!("{SESSION}{}", steps(&["a", "b"]))).run().exits(0);
    assert_eq!(origin.paths(), ["/login", "/refresh", "/a", "/b"]);
    let sent: Vec<Seen> = origin.seen().into_iter().filter(|s| matches!(s.path(), "/a" | "/b")).collect();
    assert!(sent.iter().all(|s| s.bearer() == Some("renewed")), "{sent:?}");
}

#[test]
fn one_renewal_serves_all_flows() {
    let origin = Origin::start(|request: &Seen, _| match request.path() {
        "/login" => tokens("first", "renewal-1"),
        "/refresh" => tokens("renewed", "renewal-2"),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ if request.bearer() == Some("renewed") => Answer::json("200 OK", "{}"),
        _ => Answer::json("401 Unauthorized", "{}"),
    });
    let parts = format!("{SESSION}{}", steps(&["a"]));
    drive(&origin, &parts).args(&["--flows", "8"]).run().exits(0);
    let count = |path: &str| origin.paths().iter().filter(|p| *p == path).count();
    assert_eq!((count("/login"), count("/refresh")), (1, 1));
}

#[test]
fn a_renewal_that_is_refused_falls_back_to_a_login() {
    let origin = Origin::start(|request: &Seen, before: &[Seen]| match request.path() {
        "/login" if before.iter().any(|s| s.path() == "/login") => tokens("second", "r"),
        "/login" => tokens("first", "r"),
        "/refresh" => Answer::json("401 Unauthorized", r#"{"detail":"Token is blacklisted"}"#),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ if request.bearer() == Some("second") => Answer::json("200 OK", "{}"),
        _ => Answer::json("401 Unauthorized", "{}"),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run().exits(0);
    assert_eq!(login_steps(&ran), ["login:staff", "refresh:staff", "login:staff"]);
}

#[test]
fn a_wrong_password_ends_the_run_before_the_first_flow() {
    for (answer, said) in
        [("401 Unauthorized", "No active account"), ("429 Too Many Requests", "No active account")]
    {
        let origin = Origin::start(move |request: &Seen, _| match request.path() {
            "/login" => Answer::json(answer, r#"{"detail":"No active account found"}"#),
            _ => Answer::json("200 OK", "{}"),
        });
        let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run().exits(4);
        let ran =
            ran.says(said).says("STAFF_PASSWORD").says("session `staff`").says("nothing about the sender");
        assert_eq!(origin.paths(), ["/login"]);
        assert!(!ran.stderr.contains("Do not") && !ran.stdout.contains("FAIL"), "{}", ran.stdout);
    }
}

#[test]
fn a_user_without_the_right_and_a_used_row_are_no_verdict_about_the_sender() {
    let origin = |status: &'static str, detail: &'static str| {
        Origin::start(move |request: &Seen, _| match request.path() {
            "/login" => tokens("first", "r"),
            "/a" => Answer::json(status, detail),
            _ => Answer::json("200 OK", "{}"),
        })
    };
    let forbidden = origin("403 Forbidden", r#"{"detail":"You do not have permission"}"#);
    let parts = format!("{SESSION}{}", steps(&["a", "b"]));
    let ran = drive(&forbidden, &parts).run().exits(4);
    ran.says("the group \"Organizers\"").says("STAFF_PASSWORD").says("step `a`");
    assert_eq!(forbidden.paths(), ["/login", "/a"]);

    let used = origin("409 Conflict", r#"{"detail":"Cannot submit proof in status: verified"}"#);
    let marked =
        parts.replacen("session: staff\n    request", "session: staff\n    used_up: [409]\n    request", 1);
    let ran = drive(&used, &marked).run().exits(4);
    ran.says("data row 1 is used up").says("--data").says("status: verified");
    // Without the mark it is a step that failed.
    drive(&used, &parts).run().exits(1);
}

/// Staff log in, and every other path gets what `answer` says.
fn logged_in(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Origin {
    Origin::start(move |request: &Seen, _| match request.path() {
        "/login" => tokens("t", "r"),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ => answer(request),
    })
}

/// The run was ended by what says nothing about the sender: exit 4, no verdict, and these words.
fn ended_without_verdict(ran: Ran, words: &[&str]) {
    let ran = ran.exits(4).says("nothing about the sender");
    let ran = words.iter().fold(ran, |ran, word| ran.says(word));
    assert!(!ran.stdout.contains("FAIL"), "{}", ran.stdout);
}

#[test]
fn an_application_that_throttles_in_the_middle_is_no_verdict_about_the_sender() {
    let throttled = || Answer::new("429 Too Many", "application/json", "Retry-After: 1900\r\n", "{}");
    let origin = logged_in(move |request| match request.path() {
        "/a" => Answer::json("200 OK", "{}"),
        _ => throttled(),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a", "b"]))).run();
    ended_without_verdict(ran, &["step `b`: status 429 (Retry-After: 1900)", "throttles requests"]);
    // The same at a renewal, and at the login that follows it.
    let origin = Origin::start(move |request: &Seen, before: &[Seen]| match request.path() {
        "/login" if before.iter().all(|s| s.path() != "/login") => tokens("t", "r"),
        "/login" | "/refresh" => throttled(),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ => Answer::json("401 Unauthorized", "{}"),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run();
    ended_without_verdict(ran, &["login `staff` failed: status 429 (Retry-After: 1900)", "throttled"]);
}

#[test]
fn a_user_who_is_not_let_in_any_more_is_no_verdict_about_the_sender() {
    let refused = |_: &Seen| Answer::json("401 Unauthorized", r#"{"detail":"User is inactive"}"#);
    let origin = logged_in(refused);
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run();
    ended_without_verdict(
        ran,
        &["User is inactive", "the group \"Organizers\", or use another user via STAFF_PASSWORD"],
    );
    assert!(
        origin.seen().iter().all(|seen| seen.head.contains("accept-encoding: identity")),
        "{:?}",
        origin.seen()
    );
    // The login is down by the time that a new one is needed.
    let origin = Origin::start(move |request: &Seen, before: &[Seen]| match request.path() {
        "/login" if before.iter().all(|s| s.path() != "/login") => tokens("t", "r"),
        "/login" | "/refresh" => Answer::json("503 Service Unavailable", "{}"),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ => Answer::json("401 Unauthorized", "{}"),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run();
    ended_without_verdict(ran, &["login `staff` failed: status 503", "see its log"]);
    let origin = Origin::start(|_: &Seen, _| tokens(r"a\nb", "r"));
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run();
    ended_without_verdict(ran, &["a character not allowed in a header"]);
}

#[test]
fn a_row_that_is_not_there_is_no_verdict_about_the_sender_and_one_that_vanishes_is() {
    let not_there = || Answer::json("404 Not Found", r#"{"detail":"No Payment matches the given query."}"#);
    let vars = "vars: { payment: \"{{ env.PAYMENT_ID }}\" }\n";
    let step = |name: &str, rest: &str| {
        format!("  - name: {name}\n    request: {{ method: POST, path: '/{name}/{rest}', json: {{}} }}\n")
    };
    let origin = logged_in(move |_| not_there());
    let parts = format!("{vars}steps:\n{}", step("submit", "{{ payment }}"));
    let ran = drive(&origin, &parts).env("PAYMENT_ID", "999999").run();
    ended_without_verdict(
        ran,
        &["step `submit`: status 404", "does not exist", "Check PAYMENT_ID and --staging"],
    );
    // What the application had a moment ago, or has made itself, it must find.
    let origin = logged_in(move |request| match request.path() {
        "/submit/7" => Answer::json("200 OK", r#"{"proof": 12}"#),
        _ => not_there(),
    });
    let capture = "    capture: { proof: /proof }\n";
    for second in ["{{ payment }}", "{{ proof }}"] {
        let steps = format!("{}{capture}{}", step("submit", "{{ payment }}"), step("verify", second));
        let ran = drive(&origin, &format!("{vars}steps:\n{steps}")).env("PAYMENT_ID", "7").run();
        ran.exits(1).says("verify").says("status 404");
    }
}

#[test]
fn what_answers_in_place_of_a_login_is_no_matter_of_the_password() {
    let page = || Answer::new("400 Bad Request", "text/html", "", "<h1>Bad Request (400)</h1>");
    let answers: [fn() -> Answer; 3] = [
        || Answer::json("405 Method Not Allowed", "{}"),
        || Answer::new("200 OK", "text/html", "", "<!doctype html><title>Welcome</title>"),
        || Answer::json("200 OK", r#"{"token": "t"}"#),
    ];
    for answer in answers.into_iter().chain([page as fn() -> Answer]) {
        let origin = Origin::start(move |_: &Seen, _| answer());
        let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run();
        assert!(!ran.stderr.contains("STAFF_PASSWORD"), "{}", ran.stderr);
        ended_without_verdict(ran, &["check --staging"]);
    }
}

#[test]
fn an_answer_to_a_request_that_was_sent_again_is_told_as_such() {
    let origin = Origin::start(|request: &Seen, before: &[Seen]| match request.path() {
        "/pay" if before.iter().all(|s| s.path() != "/pay") => Answer::json("", "").silent(),
        "/pay" => Answer::json("200 OK", r#"{"idempotent_replay": true}"#),
        _ => Answer::json("200 OK", "{}"),
    });
    let parts = "steps:\n  - name: first\n    request: { method: POST, path: /first, json: {} }\n  - name: pay\n    request:\n      \
                 method: POST\n      path: /pay\n      headers: { Idempotency-Key: \"{{ uuid.pay }}\" }\n      json: {}\n    expect: { \
                 json: { /idempotent_replay: false } }\n";
    let ran = drive(&origin, parts).run().exits(1);
    ran.says("the connection was closed before an answer arrived, and this answers the request sent again");
}

#[test]
fn a_kept_connection_that_the_server_closed_is_opened_again_and_told() {
    let origin = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}").then_close());
    let many: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
    let parts: String = many
        .iter()
        .map(|name| format!("  - name: {name}\n    request: {{ method: POST, path: /{name}, json: {{}} }}\n"))
        .collect();
    drive(&origin, &format!("steps:\n{parts}")).run().exits(0);
    // Each was taken once.
    let wanted: Vec<String> = many.iter().map(|name| format!("/{name}")).collect();
    assert_eq!(origin.paths(), wanted);
}

#[test]
fn a_server_that_takes_a_request_and_answers_nothing_gets_it_once() {
    let origin = Origin::start(|request: &Seen, _| match request.path() {
        "/healthz/" => Answer::json("200 OK", "{}").then_close(),
        _ => Answer::new("", "", "", "").silent(),
    });
    let step = "steps:\n  - name: a\n    request: { method: POST, path: /a, json: {} }\n";
    drive(&origin, step).run().exits(1);
    assert_eq!(origin.paths(), ["/a"]);
    // On a kept connection, too: a worker that is killed may have done what it was asked for.
    let origin = Origin::start(|request: &Seen, _| match request.path() {
        "/a" => Answer::new("", "", "", "").silent(),
        _ => Answer::json("200 OK", "{}"),
    });
    let first = "steps:\n  - name: first\n    request: { method: POST, path: /first, json: {} }\n";
    drive(&origin, &format!("{first}  - name: a\n    request: {{ method: POST, path: /a, json: {{}} }}\n"))
        .run()
        .exits(1)
        .says("the exchange broke");
    assert_eq!(origin.paths(), ["/first", "/a"]);
}

#[test]
fn this_machine_is_reached_without_a_proxy() {
    let proxy =
        Origin::start(|_: &Seen, _| Answer::new("503 Service Unavailable", "text/html", "", "denied"));
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        Smoke::new("payments").args(&["--flows", "1"]).env(name, &proxy.url).run().exits(0);
    }
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    // Another machine is: its name does not exist, and the proxy's answer is not taken for its own.
    let check = Smoke::new("check").args(&["payments", "--staging", "http://staging.invalid"]);
    let ran = check.env("WEBHOOK_SECRET", SECRET).env("HTTP_PROXY", &proxy.url).run();
    assert!(ran.stdout.contains("through the proxy http://127.0.0.1:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the proxy's response"), "{}", ran.stdout);
    // One that smoke cannot use stops what would go through it, and nothing else.
    let unusable = |args: &[&str]| {
        let smoke = Smoke::new("payments").args(&["--flows", "1"]).args(args);
        smoke.env("WEBHOOK_SECRET", SECRET).env("ALL_PROXY", "socks5://u:hunter2@p:1").run()
    };
    unusable(&[]).exits(0);
    let staging = ["--staging", "http://staging.invalid", "--public-url", "https://hooks.invalid/h"];
    let bad = unusable(&staging).exits(2).says("ALL_PROXY");
    assert!(!bad.stderr.contains("hunter2"), "{}", bad.stderr);
}

#[test]
fn what_is_empty_is_an_error() {
    for value in ["", " "] {
        let ran = Smoke::new("payments").args(&["--flows", "1"]).env("STAGING_URL", value).run().exits(2);
        ran.says("STAGING_URL is empty");
    }
    for flag in ["--staging", "--public-url", "--path"] {
        Smoke::new("payments").args(&["--flows", "1", flag, ""]).run().exits(2).says(flag);
    }
    Smoke::new("payments")
        .args(&["--flows", "1"])
        .env("WEBHOOK_TIMEOUT", "")
        .run()
        .exits(2)
        .says("WEBHOOK_TIMEOUT");
}

#[test]
fn a_secret_with_something_around_it_is_refused_with_a_word() {
    for (content, word) in [
        (format!("\u{feff}{SECRET}\n"), "byte order mark"),
        (format!("\"{SECRET}\"\n"), "quotes"),
        (format!("{SECRET}\u{200b}\n"), "invisible"),
        (format!("WEBHOOK_SECRET={SECRET}\n"), "NAME="),
    ] {
        let smoke = Smoke::new("sign").file("k", &content).args(&["--secret-file", "k"]);
        let ran = smoke.run().exits(2).says(word);
        assert!(!ran.stderr.contains(SECRET), "{}", ran.stderr);
    }
    let ran = Smoke::new("verify").args(&["--secret-env", "hunter2pw-hunter2pw-hunter2pw"]).run().exits(2);
    assert!(!ran.stderr.contains("hunter2pw"), "{}", ran.stderr);
    let ran = Smoke::new("verify").args(&["--secret-env", "hunter2pwhunter2pw"]).run().exits(2);
    assert!(!ran.stderr.contains("hunter2pw"), "{}", ran.stderr);
}

#[test]
fn a_template_without_a_value_is_found_before_anything_is_driven() {
    let origin = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}"));
    let parts = "steps:\n  - name: a\n    request: { method: POST, path: /a, json: {} }\n  - name: b\n    \
                 request: { method: POST, path: /b, json: { v: \"{{ env.NOT_SET_ANYWHERE }}\" } }\n";
    drive(&origin, parts).run().exits(2).says("NOT_SET_ANYWHERE").says("Nothing was driven");
    assert!(origin.paths().is_empty(), "{:?}", origin.paths());
    let payments = Smoke::new("payments").args(&["--staging", &origin.url, "--listen", "127.0.0.1:0"]);
    let ran = payments.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "x-x-x-x").run().exits(2);
    ran.says("give --data FILE").says("payment_id").says("PAYMENT_ID");
}

#[test]
fn numbers_keep_their_digits_from_socket_to_socket() {
    let origin = Origin::start(|_: &Seen, _| {
        Answer::json("200 OK", r#"{"id":123456789012345678901,"x":9007199254740993}"#)
    });
    let parts = |x: &str| {
        format!(
            "steps:\n  - name: a\n    request: {{ method: GET, path: /a }}\n    expect: {{ json: {{ /x: {x} }} }}\n    \
             capture: {{ v: /id }}\n  - name: b\n    request: {{ method: POST, path: \"/b/{{{{ v }}}}\", json: {{ v: \"{{{{ v }}}}\" }} }}\n    \
             expect: {{ json: {{ /id: 123456789012345678901 }} }}\n"
        )
    };
    drive(&origin, &parts("9007199254740993.0")).run().exits(0);
    let last = origin.seen().pop().unwrap();
    assert_eq!(
        (last.path(), last.body.as_str()),
        ("/b/123456789012345678901", r#"{"v":123456789012345678901}"#)
    );
    drive(&origin, &parts("9007199254740992"))
        .run()
        .exits(1)
        .says("is 9007199254740993, not 9007199254740992");
}

#[test]
fn a_captured_url_does_not_carry_the_token_to_another_host() {
    let other = Origin::start(|_: &Seen, _| Answer::json("200 OK", "{}"));
    let to = other.url.clone();
    let origin = Origin::start(move |request: &Seen, _| match request.path() {
        "/login" => tokens("first", "r"),
        _ => Answer::json("200 OK", &format!(r#"{{"next":"{to}/x"}}"#)),
    });
    let parts = format!(
        "{SESSION}steps:\n  - name: a\n    request: {{ method: GET, path: /a }}\n    capture: {{ next: /next }}\n  - name: b\n    \
         session: staff\n    request: {{ method: GET, path: \"{{{{ next }}}}\" }}\n"
    );
    drive(&origin, &parts).run().exits(1).says("neither the target");
    assert!(other.seen().is_empty());
    // Written out in the scenario it is meant.
    let named = parts.replace("{{ next }}", &format!("{}/x", other.url));
    drive(&origin, &named).run().exits(0);
    assert_eq!(other.paths(), ["/x"]);
}

#[test]
fn what_an_answer_says_is_told_in_words_and_obeyed_by_no_terminal() {
    let says = |answer: fn() -> Answer, part: &str| {
        let origin = Origin::start(move |request: &Seen, _| match request.path() {
            "/a" => answer(),
            _ => Answer::json("200 OK", "{}"),
        });
        let step = "steps:\n  - name: a\n    request: { method: POST, path: /a, json: {} }\n";
        let ran = drive(&origin, step).args(&["--report", "html"]).run().exits(1).says(part);
        let page = std::fs::read_to_string(ran.file("staging_t_report.html")).unwrap();
        let obeyed = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || c == '\u{202e}';
        assert!(!ran.stderr.contains(obeyed) && !page.contains(obeyed), "{:?}", ran.stderr);
    };
    says(|| Answer::json("500 Oops", "\x1b[2J\x1b]0;title\x07 \u{9b}31m \u{202e} \0"), "\\u001b[2J");
    says(|| Answer::new("301 Moved", "text/html", "Location: /a/\r\n", ""), "needs a trailing slash");
    says(
        || Answer::new("301 Moved", "text/html", "Location: https://127.0.0.1/a\r\n", ""),
        "only answers over https: give --staging with https://",
    );
    says(
        || Answer::new("308 Moved", "text/html", "Location: https://h.example/a\r\n", ""),
        "it leads to another host",
    );
    says(
        || Answer::new("302 Found", "text/html", "Location: /accounts/login/?next=/a\r\n", ""),
        "it wants a login: give the step a session",
    );
    says(|| Answer::new("301 Moved", "text/html", "", ""), "a redirect without a destination");
    const CSRF: &str = "<!DOCTYPE html><html><head><title>403 Forbidden</title></head><body><h1>Forbidden <span>(403)</span></h1>\
                        <pre>x</pre><p>CSRF verification failed. Request aborted.</p>";
    says(
        || Answer::new("403 Forbidden", "text/html", "", CSRF),
        "403 Forbidden: Forbidden (403): CSRF verification failed. Request aborted.",
    );
    const PAGE: &str = "<!DOCTYPE html><html><head><title>RuntimeError at /a</title><style>x{}</style></head><body>\
                <pre class=\"exception_value\">You called this URL via POST, but the URL doesn&#x27;t end in a slash</pre></body></html>";
    says(
        || Answer::new("500 Oops", "text/html", "", PAGE),
        "RuntimeError at /a: You called this URL via POST, but the URL doesn't end in a slash",
    );
    says(
        || Answer::new("500 Oops", "text/plain", "Content-Encoding: gzip\r\n", [0x1f, 0x8b, 8]),
        "encoded as gzip",
    );
}

/// As of webhooks: parsers differ on which value counts.
#[test]
fn a_key_that_appears_twice_in_an_answer_fails_the_step_that_reads_it() {
    let run = |body: &'static str| {
        let origin = Origin::start(move |_: &Seen, _| Answer::json("200 OK", body));
        let step = "steps:\n  - name: a\n    request: { method: GET, path: /a }\n    expect: { json: { /data/status: verified } }\n";
        drive(&origin, step).run()
    };
    let twice = run(r#"{"data":{"status":"pending","status":"verified"}}"#).exits(1);
    assert!(twice.stdout.contains("/data/status appears twice in the response"), "{}", twice.stdout);
    run(r#"{"data":{"status":"verified"},"x":{"y":1,"y":2}}"#).exits(0);
}

/// A firewall's page, or that of a check of CSRF, in place of the API's answer: no group lets this machine in.
#[test]
fn a_page_that_refuses_a_step_is_no_matter_of_the_users_rights() {
    let page = "<!doctype html><html><title>Attention Required!</title><h1>You have been blocked</h1></html>";
    let origin = Origin::start(move |request: &Seen, _| match request.path() {
        "/login" => tokens("first", "renewal-1"),
        "/healthz/" => Answer::json("200 OK", "{}"),
        _ => Answer::new("403 Forbidden", "text/html", "", page),
    });
    let ran = drive(&origin, &format!("{SESSION}{}", steps(&["a"]))).run().exits(4);
    let ran = ran.says("You have been blocked").says("A web page is not an API response");
    assert!(!ran.stderr.contains("Organizers"), "{}", ran.stderr);
}
