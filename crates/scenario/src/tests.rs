//! Loading, resolving, and what hostile input gets.

use super::*;
use pii::IdentityKind;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A small scenario that is right; the tests break one thing each.
pub(super) const GOOD: &str = r#"name: demo
subject: { kind: flow, id: "{{ flow }}" }
vars:
  who: admin
data:
  columns: [thing]
sessions:
  staff:
    login: { method: POST, path: /login, json: { user: "{{ who }}" } }
    token: /access
steps:
  - name: make
    session: staff
    request:
      method: POST
      path: /things/{{ thing }}
      headers: { X-Key: "{{ uuid.key }}" }
      json: { n: 1 }
    expect:
      status: [200, 201]
      json: { /id: { type: integer } }
    capture: { made: /id }
  - name: use
    request: { method: GET, path: "/things/{{ made }}" }
    webhooks:
      - { event: used, match: { /id: "{{ made }}" } }
"#;

pub(super) fn try_load(text: &str) -> Result<Loaded, String> {
    load_bytes(text.as_bytes(), "s.yaml", Path::new("/nonexistent")).map_err(|e| e.to_string())
}

fn env_of(pairs: &'static [(&'static str, &'static str)]) -> Env {
    Arc::new(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

fn run_of(scenario: &Scenario, env: Env, vars: BTreeMap<String, Value>) -> Result<Arc<Run>, UnknownVar> {
    let (run_id, now, dir) = ("run-1".to_owned(), Arc::new(chrono::Utc::now), std::env::temp_dir());
    Run::new(scenario, RunSettings { seed: 7, run_id, now, env, vars, dir, challenge: None })
}

fn first_row(scenario: &Scenario, run: &Arc<Run>) -> Row {
    rows(scenario, 1, 0, None, run).unwrap().iter().next().unwrap().unwrap()
}

fn row(value: Value) -> Row {
    serde_json::from_value(value).unwrap()
}

#[test]
fn the_good_scenario_loads() {
    let loaded = try_load(GOOD).unwrap();
    assert_eq!(loaded.sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(GOOD)));
    assert_eq!(loaded.scenario.steps[1].webhooks[0].within().as_millis(), 30_000);
    assert_eq!(loaded.scenario.flows, 10);
}

#[test]
fn every_scenario_of_the_repository_loads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut loaded = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") && path.file_stem().is_some_and(|n| n != "gates") {
            load(&path).unwrap_or_else(|e| panic!("{e}"));
            loaded += 1;
        }
    }
    assert!(loaded >= 4, "{loaded} scenarios");
    for name in built_in_names() {
        assert_eq!(load_built_in(name).unwrap().scenario.name, name);
    }
}

#[test]
fn several_mistakes_are_all_said_in_order() {
    let text = GOOD.replace("session: staff", "session: stuff").replace("{{ thing }}", "{{ thin }}");
    let error = try_load(&text).unwrap_err();
    let places: Vec<&str> = error.lines().map(|l| l.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["s.yaml:13:14", "s.yaml:16:21"]);
}

#[test]
fn variants_are_checked_and_claim_their_flows() {
    let variant = "variants:\n  - { name: v, of_every: 5, last: 2, after: make, steps: [{ name: end, request: { method: GET, path: \"/{{ made }}\" } }] }\n";
    let scenario = try_load(&format!("{GOOD}{variant}")).unwrap().scenario;
    let claimed: Vec<u32> = (0..10).filter(|f| scenario.flow_plan(*f).variant.is_some()).collect();
    assert_eq!(claimed, [3, 4, 8, 9]);
    let names = |flow| scenario.flow_plan(flow).steps.iter().map(|s| s.name.as_str()).collect::<Vec<_>>();
    assert_eq!(names(3), ["make", "end"]);
    assert_eq!(names(0), ["make", "use"]);
    let error = |from: &str, to: &str| try_load(&format!("{GOOD}{}", variant.replace(from, to))).unwrap_err();
    assert!(error("after: make, ", "").contains("28:91: `made` is captured by step `make` only"));
    assert!(
        error("after: make", "after: mke")
            .contains("the scenario's main steps have no `mke`; did you mean `make`?")
    );
    assert!(error("last: 2", "last: 6").starts_with("s.yaml:28:35: `last` is 6: give 1 to 5"));
    assert!(error("name: end", "name: make").contains("the step name `make` is taken"));
}

#[test]
fn hostile_files_are_refused() {
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let items = vec![format!("*a{}", n - 1); 10].join(", ");
        format!("{text}a{n}: &a{n} [{items}]\n")
    });
    let too_much = "too deep, too large, or too many aliases for a scenario";
    assert!(try_load(&bomb).unwrap_err().contains(too_much));
    let deep = format!("name: {}", "[".repeat(100_000));
    assert!(try_load(&deep).unwrap_err().contains(too_much));
    let error = load_bytes(b"name: \xff\n", "s.yaml", Path::new(".")).unwrap_err();
    assert_eq!(error.to_string(), "s.yaml:1:7: not UTF-8: save the file as UTF-8");
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(MAX_SCENARIO + 1).unwrap();
    assert!(matches!(load(file.path()), Err(ScenarioError::TooLarge { .. })));
    assert!(try_load("").unwrap_err().starts_with("s.yaml:1:1: "));
}

#[test]
fn an_unknown_scenario_is_told_the_known_ones() {
    assert_eq!(
        load_named("payment").unwrap_err().to_string(),
        "no scenario `payment`; did you mean `payments`?: there is no file scenarios/payment.yaml, and built in are payments, \
         matches, payments_lifecycle, payments_proof, sender_contract, matches_dispute"
    );
}

#[test]
fn what_a_user_types_is_a_path_or_a_name() {
    assert!(matches!(load_typed("gone.yaml"), Err(ScenarioError::Read { .. })));
    assert!(matches!(load_typed("./gone"), Err(ScenarioError::Read { .. })));
    assert!(matches!(load_typed("gone"), Err(ScenarioError::Unknown { .. })));
    assert_eq!(load_typed("matches").unwrap().scenario.name, "matches");
}

#[test]
fn a_request_is_resolved_for_its_flow() {
    let scenario = try_load(GOOD).unwrap().scenario;
    let run = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    let mut scope = run.scope(0, row(json!({"thing": "a b/../c?d=1"})));
    let request = resolve_request(&scenario.steps[0].request, &mut scope).unwrap();
    assert_eq!(request.path, "/things/a%20b%2F..%2Fc%3Fd%3D1");
    assert_eq!(request.body, ResolvedBody::Json(json!({"n": 1})));
    assert_eq!(request.timeout.as_secs(), 60);
    let login = resolve_request(scenario.sessions["staff"].login.as_ref().unwrap(), &mut scope).unwrap();
    assert_eq!(format!("{login:?}"), "ResolvedRequest(POST /login, JSON)", "no values in debug output");
    let again = resolve_request(&scenario.steps[0].request, &mut scope).unwrap();
    assert_eq!(request.headers, again.headers, "uuid.NAME is fixed for a flow");
    let mut other = run.scope(1, row(json!({"thing": 1})));
    assert_ne!(resolve_request(&scenario.steps[0].request, &mut other).unwrap().headers, request.headers);
    scope.capture("made", json!(5));
    let webhook = resolve_webhook(&scenario.steps[1].webhooks[0], &mut scope).unwrap();
    assert!(webhook.matchers["/id"].check(Some(&json!(5))).is_ok());
    assert!(webhook.matchers["/id"].check(Some(&json!("5"))).is_err(), "a number stays a number");
}

#[test]
fn a_webhook_is_told_by_what_its_step_was_answered() {
    let text = GOOD.replace("capture: { made: /id }", "capture: { made: { header: Location, matches: '[0-9]+$' } }\n    webhooks: [{ event: made, match: { /id: \"{{ response./data/id }}\", /at: \"{{ made }}\" } }]");
    let scenario = try_load(&text.replace("id: \"{{ flow }}\"", "id: \"{{ made }}\"")).unwrap().scenario;
    let (make, using) = (&scenario.steps[0], &scenario.steps[1]);
    assert!(waits_for_answer(make, &make.webhooks[0]) && learns(&scenario));
    assert!(!waits_for_answer(using, &using.webhooks[0]) && !learns(&try_load(GOOD).unwrap().scenario));
    assert!(changes_on_the_way(&scenario) && !changes_on_the_way(&try_load(GOOD).unwrap().scenario));
    let run = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    assert_eq!(run.unset(&scenario, true), Vec::<String>::new());
    let mut scope = run.scope(0, row(json!({"thing": 1})));
    let headers = vec![("location".to_owned(), "/things/77".to_owned())];
    let body = Some(json!({"data": {"id": "ev_1", "none": null}}));
    scope.capture(
        "made",
        make.capture["made"].take(|pointer| body.as_ref()?.pointer(pointer), &headers).unwrap(),
    );
    scope.answered(Some(Arc::new(Answer { body, headers })));
    let webhook = resolve_webhook(&make.webhooks[0], &mut scope).unwrap();
    assert_eq!(webhook.matchers["/id"].plain_value(), Some(&json!("ev_1")));
    assert_eq!(webhook.matchers["/at"].plain_value(), Some(&json!("77")));
    assert_eq!(scope.render("{{ response.header.Location }}").unwrap(), json!("/things/77"));
    let error = |text: &str, scope: &mut Scope| scope.render(text).unwrap_err().to_string();
    assert_eq!(
        error("{{ response./gone }}", &mut scope),
        "{{ response./gone }}: the response has nothing at /gone"
    );
    assert_eq!(
        error("{{ response./data/none }}", &mut scope).rsplit(": ").next(),
        Some("the response has nothing at /data/none")
    );
    scope.answered(None);
    assert!(error("{{ response./data/id }}", &mut scope).contains("there is no response here"));
}

#[test]
fn sessions_are_resolved_and_their_secrets_named() {
    let sessions = r#"  basic: { basic: { username: u, password: "{{ env.PW }}" } }
  key: { basic: { username: "{{ env.KEY }}" } }
  bearer: { bearer: "{{ env.KEY }}" }
  query: { api_key: { query: k, value: "{{ env.KEY }}" } }
  oauth: { oauth2: { token_url: /token, client_id: "a:b", client_secret: "{{ env.PW }}", scope: "x y" } }
  web: { login: { method: POST, path: /login, form: { u: 1 } }, csrf: { cookie: csrftoken, header: X-CSRFToken } }
steps:
"#;
    let scenario = try_load(&GOOD.replacen("steps:\n", sessions, 1)).unwrap().scenario;
    let run =
        run_of(&scenario, env_of(&[("PW", "p ss-word"), ("KEY", "key-12345")]), BTreeMap::new()).unwrap();
    let mut scope = run.scope(0, Row::new());
    let mut of = |name: &str| {
        let resolved = resolve_session(&scenario.sessions[name], &mut scope).unwrap();
        let shown = match &resolved.credential {
            Some(Credential::Header(name, value)) => format!("{name}: {}", value.expose()),
            Some(Credential::Query(name, value)) => format!("?{name}={}", value.expose()),
            None => String::new(),
        };
        (shown, resolved)
    };
    assert_eq!(of("basic").0, "Authorization: Basic dTpwIHNzLXdvcmQ=");
    assert_eq!(of("key").0, "Authorization: Basic a2V5LTEyMzQ1Og==");
    assert_eq!(of("bearer").0, "Authorization: Bearer key-12345");
    assert_eq!(of("query").0, "?k=key-12345");
    let (_, oauth) = of("oauth");
    let login = oauth.login.unwrap();
    let fields = [("grant_type", "client_credentials"), ("scope", "x y")];
    assert_eq!(login.body, ResolvedBody::Form(fields.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec()));
    assert_eq!(login.headers, [("Authorization".to_owned(), "Basic YSUzQWI6cCUyMHNzLXdvcmQ=".to_owned())]);
    assert_eq!(oauth.secrets.len(), 2);
    let web = &scenario.sessions["web"];
    assert!(web.keeps_cookies() && web.logs_in() && web.token_pointer().is_none());
    assert!(!scenario.sessions["staff"].keeps_cookies());
}

#[test]
fn a_form_is_nested_and_numbers_stay_as_written() {
    let text = GOOD.replace("json: { n: 1 }", "form: { amount: 1.50, items: [{ price: \"{{ thing }}\" }] }");
    let scenario = try_load(&text).unwrap().scenario;
    let run = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    let mut scope = run.scope(0, row(json!({"thing": 7})));
    let ResolvedBody::Form(fields) = resolve_request(&scenario.steps[0].request, &mut scope).unwrap().body
    else {
        panic!("no form")
    };
    let fields: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(fields, ["amount=1.50", "items[0][price]=7"]);
    let mut dots = run.scope(0, row(json!({"thing": ".."})));
    let error = resolve_request(&try_load(GOOD).unwrap().scenario.steps[0].request, &mut dots).unwrap_err();
    assert!(error.to_string().contains("a segment `..` is resolved before a path is sent"), "{error}");
}

#[test]
fn built_ins_and_the_environment() {
    let scenario = try_load(GOOD).unwrap().scenario;
    let env = env_of(&[("SET", "x"), ("EMPTY", "")]);
    let run = run_of(&scenario, env, BTreeMap::from([("who".to_owned(), json!("bob"))])).unwrap();
    let mut scope = run.scope(3, row(json!({"thing": 1})));
    let mut text = |t: &str| scope.render_text(t).map_err(|e| e.to_string());
    assert_eq!(text("{{ flow }} {{ run_id }} {{ who }} {{ thing }}"), Ok("3 run-1 bob 1".to_owned()));
    assert_eq!(text("{{ counter }} {{ counter }}"), Ok("1 2".to_owned()));
    assert_ne!(text("{{ uuid }}"), text("{{ uuid }}"));
    assert_eq!(text("{{ env.SET }}"), Ok("x".to_owned()));
    let empty = "the environment variable EMPTY is empty: give it a value, or unset it";
    assert_eq!(text("{{ env.EMPTY }}"), Err(format!("{{{{ env.EMPTY }}}}: {empty}")));
    assert!(text("{{ env.NONE }}").unwrap_err().contains("NONE is not set"));
    assert_eq!(text("{{ env.NONE | default(env.SET) }}"), Ok("x".to_owned()));
    assert!(text("{{ now }}").unwrap().parse::<chrono::DateTime<chrono::Utc>>().is_ok());
    assert!(scope.render("{{ now_ms }}").unwrap().as_i64().unwrap() > 1_600_000_000_000);
    let again = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    let first = |run: &Arc<Run>| run.scope(0, Row::new()).render_text("{{ uuid }}").unwrap();
    assert_eq!(first(&run), first(&again), "the same seed gives the same uuids");
    let error = run_of(&scenario, env_of(&[]), BTreeMap::from([("wo".to_owned(), json!(1))])).unwrap_err();
    assert_eq!(error.to_string(), "no variable `wo` in the scenario; did you mean `who`?");
}

#[test]
fn a_header_cannot_be_split_by_a_value() {
    let scenario = try_load(&GOOD.replace("uuid.key", "thing")).unwrap().scenario;
    let run = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    let mut scope = run.scope(0, row(json!({"thing": "x\r\nX-Evil: 1"})));
    let error = resolve_request(&scenario.steps[0].request, &mut scope).unwrap_err().to_string();
    assert_eq!(error, "{{ thing }}: the value for header X-Key holds a control character");
}

#[test]
fn the_payments_scenario_runs_on_the_older_scripts_environment() {
    let scenario = load_built_in("payments").unwrap().scenario;
    let env = env_of(&[
        ("STAFF_PASSWORD", "st4ff-pass"),
        ("USER_PASSWORD", "us3r-pass"),
        ("REGISTRATION_ID", "12"),
        ("TOURNAMENT_ID", "42"),
    ]);
    let run = run_of(&scenario, env, BTreeMap::new()).unwrap();
    let row = first_row(&scenario, &run);
    assert_eq!(row["payment_id"], json!(12));
    assert_eq!(row["user_username"], json!("testuser"));
    let secrets = run.secrets(&scenario).into_iter().chain(secrets_of_row(&scenario, &row));
    let secrets: BTreeSet<_> = secrets.map(|secret| secret.expose().to_owned()).collect();
    assert_eq!(secrets, ["st4ff-pass", "us3r-pass"].map(str::to_owned).into());
    let kinds: Vec<_> =
        resolve_identities(&scenario, &run, 0, &row).unwrap().iter().map(|i| i.kind).collect();
    assert_eq!(kinds, [IdentityKind::Username, IdentityKind::Username], "the empty ones are left out");
    let bare = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
    assert_eq!(bare.missing().map(|(name, _)| name).collect::<Vec<_>>(), ["staff_password"]);
    let mut scope = bare.scope(0, row.clone());
    let error = resolve_request(scenario.sessions["staff"].login.as_ref().unwrap(), &mut scope)
        .unwrap_err()
        .to_string();
    assert!(error.contains("the environment variable STAFF_PASSWORD is not set"), "{error}");
}

#[test]
fn an_identity_of_nothing_is_an_error_unless_it_may_be_left_out() {
    let identities = |value: &str| {
        let head = format!("identities: [{{ kind: username, value: '{value}' }}]\nvars:\n  nick: \"\"");
        let scenario = try_load(&GOOD.replacen("vars:", &head, 1));
        let scenario = scenario.unwrap().scenario;
        let run = run_of(&scenario, env_of(&[]), BTreeMap::new()).unwrap();
        resolve_identities(&scenario, &run, 0, &Row::new())
            .map(|found| found.len())
            .map_err(|e| e.to_string())
    };
    let told = identities("{{ nick }}").unwrap_err();
    assert!(told.starts_with("{{ nick }}: is empty, and an identity of nothing is never found"), "{told}");
    assert_eq!(identities("{{ nick | default(\"\") }}"), Ok(0));
    assert_eq!(identities("{{ nick | default(null) }}"), Ok(0));
    assert_eq!(identities("{{ nick | default(\"jo.smoke\") }}"), Ok(1));
}

#[test]
fn columns_can_be_given_on_the_command_line() {
    let scenario = load_built_in("matches").unwrap().scenario;
    let given = [("match_id", json!(5)), ("participant_a_password", json!("pw-of-a"))];
    let given = given.map(|(name, value)| (name.to_owned(), value)).into();
    let run = run_of(&scenario, env_of(&[]), given).unwrap();
    let row = first_row(&scenario, &run);
    assert_eq!((&row["match_id"], &row["participant_a_password"]), (&json!(5), &json!("pw-of-a")));
}

#[test]
fn anchors_and_merges_are_followed_to_their_definition() {
    let text = |path: &str| {
        format!(
            "name: d\nsubject: {{ kind: flow, id: x }}\nsteps:\n  - &one\n    name: a\n    request: &r\n      method: GET\n      \
             path: {path}\n  - name: b\n    request:\n      <<: *r\n      timeout: 5s\n"
        )
    };
    let scenario = try_load(&text("/x")).unwrap().scenario;
    assert_eq!(scenario.steps[1].request.path, "/x");
    assert_eq!(try_load(&text("/{{ y }}")).unwrap_err().matches("s.yaml:8:14: undefined").count(), 1);
}

#[test]
fn yaml_errors_are_in_plain_words() {
    for (text, error) in [
        ("", "1:1: expected a mapping, found nothing"),
        ("a: [", "1:4: not valid YAML: unclosed bracket '['"),
        ("a: *x", "1:4: not valid YAML: alias references unknown anchor"),
        ("- a", "1:1: expected a mapping, found a list"),
        (
            "? [a]: b",
            "1:3: a key is text, not a list or a mapping; a value that is a template needs quotes, as in \"{{ name }}\"",
        ),
        ("---\na: 1\n---\nb: 2", "3:1: the file is to be one YAML document: this is the second"),
        ("name: 'x", "1:7: not valid YAML: unclosed quote"),
        ("name: .nan", "1:7: a number must be finite"),
        ("name: x\nname: y", "2:1: not valid YAML: duplicate mapping key: name"),
    ] {
        assert_eq!(try_load(text).unwrap_err(), format!("s.yaml:{error}"), "{text:?}");
    }
}

#[test]
fn multipart_files_are_read_and_limited() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("proof.png"), b"\x89PNG").unwrap();
    std::fs::File::create(dir.path().join("big")).unwrap().set_len(MAX_FILE + 1).unwrap();
    let text = GOOD.replace("json: { n: 1 }", "multipart: { note: hi, f: { file: \"{{ thing }}\" } }");
    let text = text.replace("/things/{{ thing }}", "/things");
    let scenario = load_bytes(text.as_bytes(), "s.yaml", dir.path()).unwrap().scenario;
    let settings = RunSettings {
        seed: 0,
        run_id: String::new(),
        now: Arc::new(chrono::Utc::now),
        env: env_of(&[]),
        vars: BTreeMap::new(),
        dir: dir.path().to_owned(),
        challenge: None,
    };
    let run = Run::new(&scenario, settings).unwrap();
    let resolve = |file: &str| {
        resolve_request(&scenario.steps[0].request, &mut run.scope(0, row(json!({"thing": file}))))
    };
    let ResolvedBody::Multipart(parts) = resolve("proof.png").unwrap().body else { panic!("not multipart") };
    assert_eq!(parts[0], ("note".to_owned(), ResolvedPart::Text("hi".to_owned())));
    let bytes: Arc<[u8]> = (*b"\x89PNG").into();
    let (name, content_type) = ("proof.png".to_owned(), "image/png".to_owned());
    assert_eq!(parts[1].1, ResolvedPart::File { name, content_type, bytes });
    assert!(resolve("big").unwrap_err().to_string().contains("is over 16777216 bytes"));
    assert!(resolve("gone").unwrap_err().to_string().contains("cannot be read"));
    assert!(resolve(".").unwrap_err().to_string().contains("is not a regular file"));
}

proptest! {
    #[test]
    fn loading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = load_bytes(&bytes, "s.yaml", Path::new("."));
    }

    #[test]
    fn a_damaged_scenario_never_panics(at in 0..GOOD.len(), len in 0usize..40, with in "[\\[\\]{}:,&*!|>'\"%@`#\n a-z-]{0,8}") {
        let mut text = GOOD.to_owned();
        text.replace_range(at..(at + len).min(GOOD.len()), &with);
        if let Err(error) = try_load(&text) {
            prop_assert!(error.starts_with("s.yaml:"), "{}", error);
        }
    }
}

#[test]
fn a_sweep_leaves_its_rows_as_they_were_and_payments_do_not() {
    let uses_up = |name| load_built_in(name).unwrap().scenario.uses_rows_up();
    assert!(uses_up("payments") && uses_up("matches"));
    assert!(!uses_up("sender_contract"));
}

#[test]
fn what_staging_has_to_be_set_to_is_in_every_scenario_of_it() {
    for name in super::built_in_names() {
        let settings = load_built_in(name).unwrap().scenario.sender_settings.unwrap_or_default();
        for place in ["{endpoint}", "{secret}", "{timeout}", "{attempts}"] {
            assert!(settings.contains(place), "{name}: {place}");
        }
    }
}

#[test]
fn a_scenario_names_its_sender_by_name_or_by_file() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = |sender: &str| {
        format!(
            "name: x\nsubject: {{ kind: flow, id: '1' }}\nsender: {sender}\nsteps:\n  - name: a\n    request: {{ method: GET, path: / }}\n"
        )
    };
    let load = |sender: &str| crate::load_bytes(scenario(sender).as_bytes(), "x.yaml", dir.path());
    let stripe = load("stripe").unwrap();
    assert_eq!((stripe.scenario.scheme.name(), stripe.sender.name.as_str()), ("stripe", "stripe"));
    let own = "name: own\nsignature: { algorithm: hmac-sha1, header: X-Sig }\nevent: { header: X-Topic }\n";
    std::fs::write(dir.path().join("own.yaml"), own).unwrap();
    assert_eq!(load("own.yaml").unwrap().scenario.scheme.signature_header(), Some("X-Sig"));
    let error = load("nobody").unwrap_err().to_string();
    assert!(error.contains("x.yaml:3:9: no sender `nobody`"), "{error}");
    std::fs::write(dir.path().join("bad.yaml"), "name: bad\nsignature: { algorithm: md5 }\n").unwrap();
    let error = load("bad.yaml").unwrap_err().to_string();
    assert!(error.contains("bad.yaml:2:25: unknown value `md5`"), "{error}");
}

#[test]
fn an_empty_environment_variable_is_told_wherever_a_run_reads_one() {
    const ALL: &[(&str, &str)] = &[("STAFF", ""), ("MAIL", " "), ("ID", ""), ("PART", "")];
    let text = "name: d\nsubject: { kind: flow, id: x }\nvars: { user: '{{ env.STAFF | default(\"admin\") }}', mail: '{{ env.MAIL | default(\"\") }}' }\n\
                data: { rows: [{ id: '{{ env.ID | default(7) }}' }] }\n\
                steps: [{ name: a, request: { method: GET, path: '/{{ env.PART | default(\"p\") }}/{{ user }}' } }]\n";
    let scenario = try_load(text).unwrap().scenario;
    let unset = |env: &'static [(&'static str, &'static str)], given: &[&str], written| {
        let given = given.iter().map(|name| ((*name).to_owned(), json!("x"))).collect();
        run_of(&scenario, env_of(env), given).unwrap().unset(&scenario, written)
    };
    let empty = |n: &str| format!("the environment variable {n} is empty: give it a value, or unset it");
    assert_eq!(unset(&[], &[], true), Vec::<String>::new());
    assert_eq!(unset(ALL, &[], true), ["ID", "MAIL", "PART", "STAFF"].map(empty));
    assert_eq!(unset(ALL, &[], false), ["MAIL", "PART", "STAFF"].map(empty), "rows come from a file");
    assert_eq!(unset(ALL, &["user", "mail", "id"], true), [empty("PART")], "what is given is not read");
    let needed = try_load(&text.replace(" | default(\"admin\")", "")).unwrap().scenario;
    let told = run_of(&needed, env_of(ALL), BTreeMap::new()).unwrap().unset(&needed, true);
    assert_eq!(told.len(), 4, "told once without a default, too: {told:?}");
}
