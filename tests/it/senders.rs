//! Profiles of senders as a user meets them: `smoke senders`, `--sender`, `verify --sender auto`, `learn`, `init`.

use crate::harness::{Ran, Smoke};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Output, Stdio};

const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn piped(args: &[&str], secret: &str, body: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smoke"))
        .args(args)
        .env("SMOKE_TEST_SECRET", secret)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("smoke starts");
    let _ = child.stdin.take().expect("a pipe").write_all(body.as_bytes());
    child.wait_with_output().expect("smoke ends")
}

/// The headers that a sender puts on a body, as `smoke sign` prints them.
fn signed(sender: &str, secret: &str, body: &str) -> Vec<String> {
    let url = ["--url", "https://hooks.example.com/in"];
    let args = [&["sign", "--secret-env", "SMOKE_TEST_SECRET", "--sender", sender], &url[..]].concat();
    let output = piped(&args, secret, body);
    assert_eq!(output.status.code(), Some(0), "{sender}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn auto(secret: &str, headers: &[String], body: &str) -> (Option<i32>, Value) {
    let mut args =
        vec!["verify", "--secret-env", "SMOKE_TEST_SECRET", "--sender", "auto", "--format", "json"];
    args.extend(["--url", "https://hooks.example.com/in"]);
    args.extend(headers.iter().flat_map(|header| ["--header", header.as_str()]));
    let output = piped(&args, secret, body);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!("{e}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code(), json)
}

#[test]
fn at_least_25_senders_are_built_in_and_each_shows_its_file() {
    let ran = Smoke::new("senders").run().exits(0);
    let names: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 25, "{names:?}");
    let tells =
        |line: &str| line.chars().count() <= 80 && (line.contains(" attempt") || line.contains(" no end"));
    assert!(ran.stdout.lines().all(tells), "each on a line of its own\n{}", ran.stdout);
    for wanted in [
        "deltacrown-5.5",
        "deltacrown-5.6",
        "standard-webhooks",
        "svix",
        "stripe",
        "github",
        "gitlab",
        "slack",
        "shopify",
        "woocommerce",
        "paddle",
        "square",
        "twilio",
        "hubspot",
        "zoom",
        "linear",
        "line",
        "discord",
        "sendgrid",
        "mailgun",
        "adyen",
        "telegram",
        "intercom",
        "calendly",
        "mlflow",
        "alertmanager",
        "django-webhook",
        "rfc9421",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not listed");
    }
    let stripe = Smoke::new("senders").arg("stripe").run().exits(0);
    assert!(stripe.stdout.contains("header: Stripe-Signature"));
    Smoke::new("senders").arg("strpe").run().exits(2).says("did you mean `stripe`?");
}

#[test]
fn a_profile_of_ones_own_is_checked_and_all_its_mistakes_are_told() {
    let good = "name: mine\nsignature: { algorithm: hmac-sha512, header: X-Mine, encoding: base64 }\n";
    let ran = Smoke::new("senders").file("mine.yaml", good).arg("./mine.yaml").run().exits(0);
    assert!(ran.stdout.contains("HMAC-SHA512 X-Mine"), "{}", ran.stdout);
    let bad = "name: mine\nsignature: { algorithm: hmac-sha512, header: X Mine, message: '{time}' }\nid: { json: x }\n";
    let ran = Smoke::new("senders").file("mine.yaml", bad).arg("./mine.yaml").run().exits(2);
    for line in [
        "mine.yaml:2:46: `X Mine` is not the name of a header",
        "mine.yaml:2:",
        "{time}",
        "mine.yaml:3:13: `x`",
    ] {
        assert!(ran.stderr.contains(line), "{} lacks {line}", ran.stderr);
    }
}

#[test]
fn auto_names_the_sender_and_its_mistake() {
    let body = r#"{"type":"paid","event":"paid","n":1}"#;
    for sender in [
        "stripe",
        "github",
        "slack",
        "shopify",
        "zoom",
        "intercom",
        "square",
        "standard-webhooks",
        "django-webhook",
    ] {
        let secret =
            if sender == "standard-webhooks" { "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } else { SECRET };
        let headers = signed(sender, secret, body);
        let (code, verdict) = auto(secret, &headers, body);
        assert_eq!(
            (code, verdict["valid"].as_bool(), verdict["sender"].as_str()),
            (Some(0), Some(true), Some(sender)),
            "{verdict}"
        );
        let (code, verdict) = auto(secret, &headers, r#"{"type": "paid", "event": "paid", "n": 1}"#);
        assert_eq!((code, verdict["sender"].as_str()), (Some(1), Some(sender)), "{verdict}");
        assert!(
            verdict["diagnosis"].as_str().is_some_and(|d| d.contains("re-serialised compact JSON")),
            "{verdict}"
        );
    }
    let (code, verdict) = auto(SECRET, &["X-Unknown: abc".to_owned()], body);
    assert_eq!((code, verdict["sender"].as_str()), (Some(1), None));
}

/// A secret that is no key of the sender whose header is there says nothing about whose header that is.
#[test]
fn auto_says_whose_key_cannot_be_made_of_the_secret() {
    let text = "this-is-a-long-enough-secret-0123456789";
    let tag = "webhook-signature: v1a,eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=";
    for (headers, sender, why) in [
        (["X-Signature-Ed25519: abab", "X-Signature-Timestamp: 1764115200"], "discord", "is not hex"),
        ([tag, "webhook-timestamp: 1764115200"], "standard-webhooks", "is not base64"),
    ] {
        let args = ["verify", "--secret-env", "SMOKE_TEST_SECRET", "--sender", "auto"];
        let args = [&args[..], &["--header", headers[0], "--header", headers[1]]].concat();
        let output = piped(&args, text, "{}");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        let header = headers[0].split(':').next().expect("a name");
        let whose = format!("{header} is the header of {sender}, whose key cannot be made of this secret: ");
        assert!(output.status.code() == Some(2) && says.contains(&whose) && says.contains(why), "{says}");
        assert!(!says.contains(text), "{says}");
    }
}

/// What a signature does not cover is not said to be right.
#[test]
fn a_signature_over_a_part_of_the_body_is_not_told_as_one_over_all_of_it() {
    let secret = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let item = r#"{"NotificationRequestItem":{"pspReference":"7914073381342284","originalReference":"",
        "merchantAccountCode":"TestMerchant","merchantReference":"TestPayment-1407325143704",
        "amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION","success":"true",
        "additionalData":{"hmacSignature":"coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="}}}"#;
    let forged = r#"{"NotificationRequestItem":{"additionalData":{"hmacSignature":"AAAA"}}}"#;
    let body = format!(r#"{{"live":"false","notificationItems":[{item},{forged}]}}"#);
    let args = ["verify", "--secret-env", "SMOKE_TEST_SECRET", "--sender", "adyen"];
    let output = piped(&args, secret, &body);
    let said = String::from_utf8_lossy(&output.stdout);
    let right =
        "valid: the adyen signature is right\nwarning: the MAC covers eight fields of the first item: ";
    assert!(output.status.code() == Some(0) && said.starts_with(right), "{said}");
}

/// Blanks in Stripe's header: its own libraries refuse them, so smoke does.
#[test]
fn nothing_is_valid_where_nothing_is_signed() {
    let of = |format: &str| piped(&["verify", "--sender", "alertmanager", "--format", format], "", "{}");
    let (human, json) = (of("human"), of("json"));
    assert_eq!((human.status.code(), json.status.code()), (Some(3), Some(3)));
    let says = String::from_utf8_lossy(&human.stdout).into_owned();
    assert!(says.starts_with("unproven: nothing is signed\nsender: alertmanager\n"), "{says}");
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!((json["valid"].as_bool(), json["reason"].as_str()), (Some(false), Some("unchecked")));
}

#[test]
fn keys_in_pem_are_taken_from_files_and_the_environment() {
    let block = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("key.pem");
    std::fs::write(&file, block).expect("written");
    let headers = ["--header", "X-Signature-Timestamp: 1795438932", "--header"];
    let signature = format!("X-Signature-Ed25519: {}", "ab".repeat(64));
    let from = |how: [&str; 2], secret: &str| {
        let args = [&["verify", "--sender", "discord"][..], &how, &headers, &[&signature]].concat();
        let output = piped(&args, secret, "{}");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(from(["--secret-file", file.to_str().expect("UTF-8")], "unused").0, Some(1));
    assert_eq!(from(["--secret-env", "SMOKE_TEST_SECRET"], block).0, Some(1));
    let (code, says) = from(["--secret-env", "SMOKE_TEST_SECRET"], &block.repeat(2));
    assert!(code == Some(2) && says.contains("several PEM blocks"), "{says}");
}

#[test]
fn stripe_is_read_as_strictly_as_by_its_own_libraries() {
    let headers = signed("stripe", SECRET, "{}");
    let loose: Vec<String> = headers.iter().map(|h| h.replace(",v1", ", v1")).collect();
    let (code, verdict) = auto(SECRET, &loose, "{}");
    assert_eq!((code, verdict["sender"].as_str()), (Some(1), Some("stripe")), "{verdict}");
    assert!(verdict["diagnosis"].as_str().is_some_and(|d| d.contains("spaces")), "{verdict}");
}

/// Short pauses for senders whose own are minutes long; what the profile says besides stays.
pub(crate) const QUICK: &str = "retry_contract:\n  backoff_ms: [0, 200, 400]\n  late_ms: 400\n";

fn sweep(sender: &str) -> Ran {
    Smoke::new("run")
        .file("gates.yaml", QUICK)
        .env("WEBHOOK_TIMEOUT", "1")
        .args(&["sender_contract", "--quiet", "--gates", "gates.yaml", "--sender", sender])
        .run()
        .exits(0)
}

#[test]
fn a_right_sender_keeps_the_contract_of_its_profile() {
    for sender in ["stripe", "github", "deltacrown-5.5"] {
        let ran = sweep(sender);
        let artifact = ran.artifact("sender_contract");
        let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses").clone();
        let verdict = |name: &str| clauses.iter().find(|c| c["clause"] == name).map(|c| c["verdict"].clone());
        assert_eq!(verdict("trips its circuit breaker"), Some("not_applicable".into()), "{sender}");
        if sender == "stripe" {
            assert_eq!(verdict("aborts on 400"), Some("policy".into()), "stripe tries a 400 again");
        } else {
            assert_eq!(verdict("stamps the first attempt freshly"), Some("not_applicable".into()));
        }
        let journal =
            std::fs::read_to_string(ran.file("staging_sender_contract_journal.jsonl")).expect("a journal");
        assert!(
            journal.lines().next().is_some_and(|header| header.contains(&format!("\"name\":\"{sender}\"")))
        );
    }
}

/// A built-in profile with short pauses and limits; all else stays as its file has it.
fn hastened(name: &str) -> String {
    let profile = scenario::built_in_sender(name).expect("built in");
    let attempts = profile.contract().attempts().min(3) as usize;
    let own_stamps = profile.retry.identity == record::IdentityPolicy::TimestampPerAttempt;
    // A timestamp in whole seconds is another one after a second.
    let pause = if own_stamps { "1100ms" } else { "200ms" };
    let mut json = serde_json::to_value(&profile).expect("JSON");
    let retry = json["retry"].as_object_mut().expect("an object");
    ["first", "factor", "longest", "attempts"].iter().for_each(|key| drop(retry.remove(*key)));
    let pauses = std::iter::once("0s").chain(std::iter::repeat_n(pause, attempts - 1));
    retry.insert("schedule".to_owned(), pauses.collect());
    // A busy machine is no sender's fault.
    retry.insert("early".to_owned(), "1s".into());
    retry.insert("late".to_owned(), "5s".into());
    if retry.contains_key("breaker") {
        retry.insert("breaker".to_owned(), json!({ "failures": 2, "window_ms": 20000, "open_ms": 2500 }));
    }
    if json.pointer("/limits/timeout").is_some() {
        json["limits"]["timeout"] = "2s".into();
    }
    json.to_string()
}

/// The sweep with one or two cases of each clause.
fn short_sweep() -> String {
    let whole = std::fs::read_to_string("scenarios/sender_contract.yaml").expect("a scenario");
    let cut = [
        (
            "[answer=200, answer=201, answer=202, answer=203, answer=204, answer=206, answer=299]",
            "[answer=200, answer=203]",
        ),
        ("[301, 302, 303, 307, 308]", "[302, 308]"),
        ("[500, 502, 503, 504, 599]", "[503, 599]"),
        ("[reset, reset-after-head, close, truncate, garbage, hang]", "[reset, truncate, hang]"),
        ("[400, 401, 403, 404, 408, 409, 410, 413, 422, 429]", "[400, 408, 410, 429]"),
        ("retry-after=4", "retry-after=1"),
        ("retry-after=4", "retry-after=1"),
    ];
    cut.iter().fold(whole, |text, (from, to)| {
        assert!(text.contains(from), "{from} is not in the sweep");
        text.replacen(from, to, 1)
    })
}

fn short_run(sender: &str, profile: &str, more: &[&str]) -> Ran {
    Smoke::new("run")
        .file("sweep.yaml", &short_sweep())
        .file(&format!("{sender}.yaml"), profile)
        .args(&["./sweep.yaml", "--quiet", "--sender", &format!("./{sender}.yaml")])
        .args(more)
        .run()
}

#[test]
fn a_right_sender_of_every_profile_keeps_its_contract() {
    // Most of it is waiting for retries.
    let wrong = crate::every_sender::each(8, |name| {
        let ran = short_run(name, &hastened(name), &[]);
        let is_right = ran.code == Some(0);
        let mut wrong: Vec<String> =
            (!is_right).then(|| format!("{:?}\n{}", ran.code, ran.shown())).into_iter().collect();
        // Nor is it accused afterwards.
        let artifacts = ran.dir().join("artifacts");
        let gate = Smoke::new("gate").arg(&artifacts).args(&["--environment", "embedded"]).run().stdout;
        wrong.extend(gate.contains("contradiction").then_some(gate));
        let journal = ran.file("staging_sender_contract_journal.jsonl");
        let profile = ran.dir().join(format!("{name}.yaml"));
        let drift = Smoke::new("learn").arg(&journal).arg("--against").arg(&profile).run().stdout;
        let told = drift.lines().find(|line| line.starts_with("retry.") && line.contains(" says "));
        wrong.extend(told.map(str::to_owned));
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn must_retry_400_passes_for_a_sender_that_does_so_and_fails_for_one_that_does_not() {
    let asks = short_sweep().replacen("[503, 599]", "[400, 503]", 1);
    let run = |profile: &str, more: &[&str]| {
        let smoke = Smoke::new("run").file("sweep.yaml", &asks).file("mine.yaml", profile);
        smoke.args(&["./sweep.yaml", "--quiet", "--sender", "./mine.yaml"]).args(more).run()
    };
    let verdict = |ran: &Ran| {
        let artifact = ran.artifact("sender_contract");
        let clauses = artifact["sender_contract"]["clauses"].as_array().expect("clauses").clone();
        let clause = clauses.into_iter().find(|c| c["clause"] == "retries 400").expect("a clause");
        clause["verdict"].as_str().expect("a verdict").to_owned()
    };
    let (django, aborts) = (hastened("django-webhook"), hastened("deltacrown-5.6"));
    // Most of each is waiting for retries.
    std::thread::scope(|scope| {
        let keeps = scope.spawn(|| run(&django, &[]));
        let breaks = scope.spawn(|| run(&django, &["--misbehave", "no-retry"]));
        // One whose profile says that it does not is kept to its word, and that is said.
        let says_so = scope.spawn(|| run(&aborts, &[]));
        assert_eq!(verdict(&keeps.join().expect("a run").exits(0)), "pass");
        assert_eq!(verdict(&breaks.join().expect("a run").exits(1)), "fail");
        assert_eq!(verdict(&says_so.join().expect("a run").exits(0)), "policy");
    });
}

#[test]
fn a_new_scenario_passes_its_check_and_nothing_is_overwritten() {
    let ran = Smoke::new("init").args(&["orders", "--sender", "stripe"]).run().exits(0);
    let text = std::fs::read_to_string(ran.dir().join("orders.yaml")).expect("a scenario");
    assert!(text.contains("sender: stripe") && ran.dir().join("orders.csv").is_file());
    Smoke::new("init")
        .args(&["orders"])
        .file("orders.yaml", "mine")
        .run()
        .exits(2)
        .says("was not overwritten");
    let openapi = "openapi: 3.1.0\npaths:\n  /v1/things:\n    post: { responses: { '202': {} } }\nwebhooks:\n  thing.made: {}\n";
    let ran = Smoke::new("init")
        .args(&["things", "--openapi", "api.yaml"])
        .file("api.yaml", openapi)
        .run()
        .exits(0);
    let text = std::fs::read_to_string(ran.dir().join("things.yaml")).expect("a scenario");
    assert!(
        text.contains("path: /v1/things")
            && text.contains("status: 202")
            && text.contains("event: thing.made")
            && !text.contains("made up"),
        "{text}"
    );
    let alone = "openapi: 3.1.0\nwebhooks:\n  'a: b # \"c\"': {}\n";
    let ran =
        Smoke::new("init").args(&["things", "--openapi", "api.yaml"]).file("api.yaml", alone).run().exits(0);
    let text = std::fs::read_to_string(ran.dir().join("things.yaml")).expect("a scenario");
    assert!(text.contains(r#"event: "a: b # \"c\"""#) && text.contains("path: /things"), "{text}");
    assert!(text.contains("# The path is made up from the name") && text.contains("status: 201"), "{text}");
    let ran = Smoke::new("init").args(&["tickets", "--sender", "github"]).run().exits(0);
    let text = std::fs::read_to_string(ran.dir().join("tickets.yaml")).expect("a scenario");
    assert!(text.contains("path: /tickets\n") && text.contains("event: ticket.created\n"), "{text}");
    assert!(text.contains("# The path and the event are made up from the name"), "{text}");
    Smoke::new("init").args(&["a b"]).run().exits(2).says("letters, digits");
}

#[test]
fn a_new_scenario_takes_what_an_openapi_document_requires() {
    let document = r##"
openapi: 3.1.0
paths:
  /orders/{order-id}/pay:
    parameters: [{ $ref: "#/components/parameters/Order" }]
    post:
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Payment" } } } }
      responses: { "201": {} }
webhooks:
  order.paid:
    post: { requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Paid" } } } } }
components:
  parameters:
    Order: { name: order-id, in: path, schema: { type: integer } }
  schemas:
    Payment:
      type: object
      required: [amount, currency, flow, lines, payer, challenge]
      properties:
        amount: { type: number }
        currency: { type: string }
        flow: { type: [string, "null"] }
        lines: { type: array, items: { type: string } }
        payer: { $ref: "#/components/schemas/Payer" }
        note: { type: string }
    Payer: { type: object, properties: { id: { type: string } } }
    Paid: { properties: { type: { type: string }, data: { properties: { order-id: { type: integer } } } } }
"##;
    let ran = Smoke::new("init")
        .args(&["orders", "--openapi", "api.yaml"])
        .file("api.yaml", document)
        .run()
        .exits(0);
    let text = std::fs::read_to_string(ran.dir().join("orders.yaml")).expect("a scenario");
    for line in [
        r#"subject: { kind: flow, id: "{{ order_id }}" }"#,
        "columns: [order_id, amount, currency, the_flow, the_challenge]",
        r#"ours: { /data/order-id: "{{ order_id }}" }"#,
        r#"path: "/orders/{{ order_id }}/pay""#,
        r#"amount: "{{ amount }}""#,
        r#"currency: "{{ currency | text }}""#,
        r#"flow: "{{ the_flow | text }}""#,
        "lines: []",
        "payer: {}",
        "expect: { status: 201 }",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("reference") && !text.contains("note"), "{text}");
    let rows = std::fs::read_to_string(ran.dir().join("orders.csv")).expect("a data file");
    assert_eq!(
        rows,
        "order_id,amount,currency,the_flow,the_challenge\n1,1,first-1,first-1,first-1\n2,2,first-2,first-2,first-2\n"
    );
}
