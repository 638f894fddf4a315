//! `smoke check` against surroundings that are not as they have to be: all that is wrong is told at once, each with what to do.

use super::harness::{Ran, Smoke};
use super::older_scripts::Server;
use super::origin::{Answer, Origin, Seen};

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const ROWS: &str = "payment_id,tournament_id,user_username,user_password\n1,1,u,not-a-real-password\n2,2,v,not-a-real-password\n";

fn check(url: &str, args: &[&str]) -> Ran {
    let smoke = Smoke::new("check").file("rows.csv", ROWS).args(args);
    let smoke = smoke.args(&["--staging", url, "--data", "rows.csv", "--flows", "2"]);
    smoke.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "not-a-real-password").run()
}

/// A system that answers this to everything.
fn origin(answer: impl Fn() -> Answer + Send + Sync + 'static) -> Origin {
    Origin::start(move |_: &Seen, _| answer())
}

fn told(ran: &Ran, parts: &[&str]) {
    for part in parts {
        assert!(ran.stdout.contains(part), "stdout has no `{part}`:\n{}", ran.stdout);
    }
}

#[test]
fn a_redirect_to_https_is_told_with_what_to_give() {
    let moved =
        || Answer::new("301 Moved", "text/html", "Location: https://staging.example/healthz/\r\n", "");
    let ran = check(&origin(moved).url, &["payments", "--listen", "127.0.0.1:0"]).exits(2);
    told(
        &ran,
        &[
            "with 301, a redirect to https://staging.example/healthz/",
            "it leads to another host: give that one to --staging",
        ],
    );
}

/// As the real application does with DEBUG=0: every request, the health check and the login too.
#[test]
fn an_application_that_wants_https_is_told_by_check_and_by_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::with(dir.path(), "", &["--misbehave", "https-redirect"]);
    let https = server.url.replace("http://", "https://");
    let ran = check(&server.url, &["payments", "--listen", "127.0.0.1:0"]).exits(2);
    told(
        &ran,
        &[
            &format!("with 301, a redirect to {https}/healthz/"),
            "give --staging with https://",
            "SECURE_SSL_REDIRECT",
        ],
    );
    let run = Smoke::new("payments").file("rows.csv", ROWS).args(&["--data", "rows.csv", "--flows", "2"]);
    let run = run.args(&["--staging", &server.url, "--listen", "127.0.0.1:0"]);
    let ran = run.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "not-a-real-password").run().exits(4);
    ran.says("This says nothing about the sender.")
        .says("give --staging with https://")
        .says("SECURE_SSL_REDIRECT");
}

#[test]
fn what_looks_like_production_is_told_and_nobody_logs_in_there() {
    let ran = check("https://www.shop.invalid", &["payments", "--listen", "127.0.0.1:0"]);
    told(&ran, &["wrong ", "looks like production", "--i-own-this-target"]);
    assert!(!ran.stdout.contains("login `"), "{}", ran.stdout);
}

#[test]
fn a_throttled_machine_and_another_clock_are_told() {
    let throttled = || Answer::new("429 Too Many", "application/json", "Retry-After: 3595\r\n", "{}");
    let ran = check(&origin(throttled).url, &["payments", "--listen", "127.0.0.1:0"]).exits(4);
    told(&ran, &["staging throttles this machine", "Retry-After 3595"]);
    let ahead = || {
        let date = (chrono::Utc::now() + chrono::TimeDelta::hours(1)).to_rfc2822();
        let tokens = r#"{"access":"a","refresh":"r"}"#;
        Answer::new(
            "200 OK",
            "application/json",
            &format!("Date: {}\r\n", date.replace("+0000", "GMT")),
            tokens,
        )
    };
    let ran = check(&origin(ahead).url, &["payments", "--listen", "127.0.0.1:0"]).exits(2);
    told(&ran, &["ahead of this machine's", "sync both with NTP", "login `staff`"]);
}

#[test]
fn a_receiver_that_staging_cannot_reach_is_told() {
    let ran = check("http://staging.invalid", &["payments", "--listen", "127.0.0.1:0"]);
    told(
        &ran,
        &[
            "staging at staging.invalid cannot reach 127.0.0.1:0, which is local to this machine",
            "--public-url",
        ],
    );
    // Asked for what it is driven with, and not for a load.
    assert!(!ran.stdout.contains("--i-own-this-target"), "{}", ran.stdout);
    assert_ne!(ran.code, Some(0));
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let refusing = Origin::start(|request: &Seen, _| match request.path() {
        "/api/token/" => Answer::json("401 Unauthorized", r#"{"detail":"No active account"}"#),
        _ => Answer::json("200 OK", "{}"),
    });
    let flags =
        ["payments", "sender_contract", "--gates", "nowhere.yaml", "--public-url", "hooks.example.com"];
    let ran = check(&refusing.url, &flags).exits(4);
    told(
        &ran,
        &[
            "gates nowhere.yaml: cannot be read",
            "write https://hooks.example.com",
            "login `staff`, row 1: status 401",
            "check STAFF_USERNAME, STAFF_PASSWORD",
            "login `owner`, row 2: status 401",
            "the column `user_password` of rows.csv",
        ],
    );
    // A sweep needs a row for each of its deliveries.
    let sweep =
        Smoke::new("check").file("rows.csv", ROWS).args(&["sender_contract", "--staging", &refusing.url]);
    let sweep =
        sweep.args(&["--data", "rows.csv"]).env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "x").run();
    told(&sweep, &["2 data row(s) for 58 flows: give 58 rows", "login `staff`, row 1: status 401"]);
    let tls = check(&refusing.url.replace("http://", "https://"), &["payments", "--listen", "127.0.0.1:0"])
        .exits(4);
    told(&tls, &["try http://"]);
}

/// What is said about one login may quote the password of another, of the same scenario or not.
#[test]
fn no_error_of_a_login_quotes_the_secret_of_another() {
    let refusing = Origin::start(|request: &Seen, _| match request.path() {
        "/login" => Answer::json("401 Unauthorized", r#"{"detail":"not pass-of-one, pass-of-two"}"#),
        _ => Answer::json("200 OK", "{}"),
    });
    let scenario = |name: &str| {
        let password = format!("{{{{ env.{}_PASSWORD }}}}", name.to_uppercase());
        let login =
            format!("{{ method: POST, path: /login, json: {{ user: {name}, password: '{password}' }} }}");
        format!(
            "name: {name}\nsubject: {{ kind: flow, id: x }}\nflows: 1\n\
             sessions: {{ {name}: {{ login: {login}, token: /access }} }}\n\
             steps: [{{ name: a, session: {name}, request: {{ method: GET, path: / }} }}]\n"
        )
    };
    let check = Smoke::new("check").file("one.yaml", &scenario("one")).file("two.yaml", &scenario("two"));
    let check = check.args(&["one.yaml", "two.yaml", "--staging", &refusing.url, "--listen", "127.0.0.1:0"]);
    let check = check.env("WEBHOOK_SECRET", SECRET);
    let ran = check.env("ONE_PASSWORD", "pass-of-one").env("TWO_PASSWORD", "pass-of-two").run().exits(4);
    let masked = r#"row 1: status 401: {"detail":"not [redacted], [redacted]"}"#;
    told(&ran, &[&format!("login `one`, {masked}"), &format!("login `two`, {masked}")]);
}

#[test]
fn without_names_a_data_file_is_checked_against_the_scenarios_that_it_is_for() {
    let ready = || {
        Origin::start(|request: &Seen, _| match request.path() {
            "/api/token/" => Answer::json("200 OK", r#"{"access":"a","refresh":"r"}"#),
            _ => Answer::json("200 OK", "{}"),
        })
    };
    let ran = check(&ready().url, &["--listen", "127.0.0.1:0"]).exits(0);
    told(
        &ran,
        &[
            "built-in:payments_lifecycle: 2 data rows for 2 flows",
            "skipped     scenarios built-in:matches, built-in:matches_dispute: rows.csv: row 1 has no column `match_id`",
            "skipped     scenario built-in:payments_proof: {{ env.TEST_PROOF_FILE }}",
        ],
    );
    let strange =
        Smoke::new("check").file("rows.csv", "order\n1\n2\n").args(&["--data", "rows.csv", "--flows", "2"]);
    let strange = strange.args(&["--staging", &ready().url, "--listen", "127.0.0.1:0"]);
    let ran = strange.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "x").run().exits(2);
    told(
        &ran,
        &[
            "missing     scenarios built-in:payments, built-in:payments_lifecycle, ",
            "rows.csv:1: names none of the columns that the scenario needs (payment_id, ",
        ],
    );
    // Where there are too few of them, they are for that scenario all the same.
    let few = Smoke::new("check").file("rows.csv", ROWS).args(&["--data", "rows.csv", "--flows", "9"]);
    let few = few.args(&["--staging", &ready().url, "--listen", "127.0.0.1:0"]).env("STAFF_PASSWORD", "x");
    let ran = few.env("WEBHOOK_SECRET", SECRET).run().exits(2);
    told(
        &ran,
        &[
            "missing     scenarios built-in:payments, built-in:payments_lifecycle: rows.csv: 2 data row(s) for 9 flows",
            "skipped     scenarios built-in:matches, built-in:matches_dispute: rows.csv: row 1 has no column `match_id`",
        ],
    );
    let unset = Smoke::new("check").file("rows.csv", ROWS).args(&["--data", "rows.csv", "--flows", "2"]);
    let ran = unset
        .args(&["--staging", &ready().url, "--listen", "127.0.0.1:0"])
        .env("WEBHOOK_SECRET", SECRET)
        .run();
    told(
        &ran.exits(2),
        &[
            "missing     scenarios built-in:payments, built-in:payments_lifecycle, ",
            ": {{ env.STAFF_PASSWORD }}",
        ],
    );
}

/// An empty variable is a mistake of whoever sets it, and never the default that a scenario has for one that is not set.
#[test]
fn an_empty_variable_is_told_and_nobody_logs_in_as_the_default() {
    let empty = |name: &str| format!("the environment variable {name} is empty");
    for name in ["STAFF_USERNAME", "STAFF_EMAIL", "USER_USERNAME"] {
        let run =
            Smoke::new("payments").args(&["--staging", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]);
        let run = run.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "x").env("USER_PASSWORD", "x");
        run.env("PAYMENT_ID", "7").env(name, "").run().exits(2).says(&empty(name));
    }
    let file = Smoke::new("payments").file("e.env", "STAFF_USERNAME= # fill in\nSTAFF_PASSWORD=x\n");
    let file =
        file.args(&["--staging", "http://127.0.0.1:1", "--listen", "127.0.0.1:0", "--env-file", "e.env"]);
    let file = file.args(&["--data", "rows.csv"]).file("rows.csv", ROWS).env("USER_USERNAME", "");
    let ran = file.env("WEBHOOK_SECRET", SECRET).run().exits(2).says(&empty("STAFF_USERNAME"));
    assert!(!ran.stderr.contains("USER_USERNAME"), "rows come from the file: {}", ran.stderr);
    for command in [
        &["load", "webhooks", "--to", "http://127.0.0.1:1", "--rate", "1/s", "--duration", "1s"][..],
        &["probe", "http://127.0.0.1:1"],
    ] {
        let ran = Smoke::new(command[0]).args(&command[1..]).env("WEBHOOK_SECRET", " ").run().exits(2);
        ran.says(&empty("WEBHOOK_SECRET"));
    }
    let given = Smoke::new("payments").args(&["--var", "staff_username="]).run().exits(2);
    given.says("--var staff_username: the value is empty");
}

#[test]
fn a_secret_that_looks_like_none_is_told_and_not_quoted() {
    let of = |secret: &str| {
        let run = Smoke::new("check").args(&[
            "payments",
            "--staging",
            "http://127.0.0.1:1",
            "--listen",
            "127.0.0.1:0",
        ]);
        run.file("secret", secret).args(&["--secret-file", "secret"]).run()
    };
    let quotes = |ran: &super::harness::Ran, secret: &str| {
        [&ran.stdout, &ran.stderr].iter().any(|text| text.contains(secret.trim()))
    };
    for (secret, says) in [
        ("${STAGING_WEBHOOK_SECRET_OF_THE_WHOLE_TEAM}\n", "is an unfilled placeholder"),
        (&*format!("{SECRET},\n"), "is hex but for a trailing comma, semicolon or %"),
        (&*format!("{SECRET}%\n"), "is hex but for a trailing comma, semicolon or %"),
    ] {
        let ran = of(secret);
        assert!(ran.shown().contains(&format!("wrong --secret-file secret: {says}")), "{}", ran.shown());
        assert!(!quotes(&ran, secret), "{}{}", ran.stdout, ran.stderr);
    }
    // It may be meant so.
    let doubtful = "words-that-somebody-has-made-up-himself,";
    let ran = of(doubtful).says("warning: --secret-file secret: ends in a comma");
    assert!(ran.stdout.contains("; it ends in a comma") && !quotes(&ran, doubtful), "{}", ran.stdout);
    let check =
        Smoke::new("check").args(&["payments", "--staging", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]);
    let ran = check.env("WEBHOOK_SECRET", SECRET).env("STAFF_PASSWORD", "$VAULT_PASSWORD").run();
    assert!(
        ran.stdout.contains(
            "warning     scenario built-in:payments: STAFF_PASSWORD looks like an unfilled placeholder"
        ),
        "{}",
        ran.stdout
    );
    assert!(
        !ran.stdout.contains("VAULT_PASSWORD") && !of(SECRET).stderr.contains("warning"),
        "{}",
        ran.stdout
    );
}

/// What a run would say, `check` says first: the stand-in has no rows for every scenario.
#[test]
fn a_scenario_that_the_stand_in_has_no_rows_for_is_not_ready() {
    let init = Smoke::new("init").args(&["orders", "--quiet"]).run().exits(0);
    let scenario = init.dir().join("orders.yaml").display().to_string();
    let says = "the stand-in's data rows have no column `reference`";
    let ran = Smoke::new("check").arg(&scenario).run().exits(2).says("error: not ready: 1 missing");
    told(&ran, &["missing     scenario ", says, "give --data FILE, or --staging URL"]);
    assert!(ran.stdout.ends_with("\nNOT READY: 1 missing\n"), "{}", ran.stdout);
    Smoke::new("run").arg(&scenario).run().exits(2).says(says);
    let data = init.dir().join("orders.csv").display().to_string();
    let ran = Smoke::new("check").args(&[&scenario, "--data", &data, "--flows", "2"]).run().exits(0);
    told(&ran, &["orders.yaml: 2 data rows for 2 flows", "READY: 1 scenario\n"]);
}

#[test]
fn the_last_line_is_the_verdict_and_a_quiet_check_prints_little_else() {
    let ran = Smoke::new("check").run().exits(0);
    assert!(ran.stdout.ends_with("\nREADY: 5 scenarios, 1 skipped\n"), "{}", ran.stdout);
    told(&ran, &["skipped     scenario built-in:payments_proof: {{ env.TEST_PROOF_FILE }}"]);
    let quiet = Smoke::new("check").arg("--quiet").run().exits(0);
    assert_eq!(quiet.stdout, "READY: 5 scenarios, 1 skipped\n");
    let coloured = Smoke::new("check").args(&["payments", "--color", "always"]).run().exits(0);
    told(&coloured, &["\u{1b}[32mok\u{1b}[0m          gates", "\u{1b}[32mREADY\u{1b}[0m: 1 scenario"]);
}

#[test]
fn what_several_scenarios_lack_is_told_once() {
    let smoke = Smoke::new("check").args(&["payments", "matches", "payments_lifecycle", "--quiet"]);
    let smoke = smoke.args(&["--staging", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]);
    let ran = smoke.env("WEBHOOK_SECRET", SECRET).run().exits(4);
    told(
        &ran,
        &[
            "missing     scenarios built-in:payments, built-in:matches, built-in:payments_lifecycle: {{ env.STAFF_PASSWORD }}",
            "missing     scenarios built-in:payments, built-in:payments_lifecycle: no data: ",
            "NOT READY: 3 missing, 1 unreachable",
        ],
    );
    assert!(!ran.stdout.contains("ok   ") && ran.stdout.lines().count() == 5, "{}", ran.stdout);
    ran.says("error: not ready: 3 missing, 1 unreachable");
}

/// Each mistake of a file is a finding of its own, with a word in front of it, and is counted.
#[test]
fn each_mistake_of_a_file_is_counted() {
    let scenario = "name: demo\nsubject: { kind: x, id: \"{{ payment_idd }}\" }\nflows: 1\ndata: { rows: [{ payment_id: 1 }] }\n\
                    webhooks: { ours: { /data/id: \"{{ payment_id }}\" } }\nsteps:\n  \
                    - { name: a, session: stff, request: { method: POST, path: /x }, expect: { status: 200 } }\n";
    let gates = "lost_maxx: 0\nlate_maxx: 0\n";
    let smoke = Smoke::new("check").file("d.yaml", scenario).file("g.yaml", gates);
    let ran = smoke.args(&["./d.yaml", "--gates", "g.yaml"]).run().exits(2).says("not ready: 4 wrong");
    let wrong: Vec<&str> = ran.stdout.lines().filter(|line| line.contains(".yaml:")).collect();
    let begins = ["scenario ./d.yaml:2:", "scenario ./d.yaml:7:", "g.yaml:1:", "g.yaml:2:"];
    assert_eq!(wrong.len(), begins.len(), "{}", ran.stdout);
    for (line, begin) in wrong.iter().zip(begins) {
        assert!(line.starts_with(&format!("wrong       {begin}")), "{line}");
    }
}

/// What a run of the scenario would refuse at once is not ready, and what it leaves out is said.
#[test]
fn what_a_run_would_refuse_is_wrong() {
    let scenario = |more: &str| {
        format!(
            "name: demo\nsubject: {{ kind: x, id: \"1\" }}\nflows: 1\n{more}steps:\n  \
             - {{ name: a, request: {{ method: POST, path: /x }}, webhooks: [{{ event: a }}] }}\n"
        )
    };
    let check = |more: &str| {
        let smoke = Smoke::new("check").file("d.yaml", &scenario(more)).file("c.pem", "no certificate\n");
        smoke.args(&["./d.yaml", "--staging", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"]).run()
    };
    for (more, told) in [
        ("faults: [\"503@99\"]\n", "delivery 99 is out of range"),
        ("listen: { paths: [/healthz] }\n", "/healthz: smoke receive answers there itself"),
        ("listen: { tls: { certificate: c.pem, key: c.pem } }\n", "it holds no certificate"),
    ] {
        let ran = check(more);
        let found = ran.stdout.lines().find(|line| line.contains(told));
        assert!(found.is_some_and(|line| line.starts_with("wrong ")), "{more}: {}", ran.stdout);
    }
    let nobody = check("vars: { nick: \"\" }\nidentities: [{ kind: username, value: '{{ nick }}' }]\n");
    let missing =
        "missing     scenario ./d.yaml: {{ nick }}: is empty, and an identity of nothing is never found";
    assert!(nobody.stdout.contains(missing), "{}", nobody.stdout);
    let variant = "variants: [{ name: rare, of_every: 5, last: 1, steps: [{ name: b, request: { method: GET, path: / } }] }]\n";
    let ran = check(variant);
    let warning =
        "warning     scenario ./d.yaml: 1 flow does not reach the variant `rare`: nothing of it is tried";
    assert!(ran.stdout.contains(warning), "{}", ran.stdout);
}
