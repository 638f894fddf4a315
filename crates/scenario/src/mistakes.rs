//! What each mistake in a scenario is told: the text that is broken, how, and the beginning of the message.

use super::tests::{GOOD, try_load};

type Mistakes = [(&'static str, &'static str, &'static str)];

/// The error of the good scenario with `from` replaced by `to`.
fn broken(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    try_load(&GOOD.replacen(from, to, 1)).expect_err(to)
}

fn each_is_told(mistakes: &Mistakes) {
    for (from, to, error) in mistakes {
        let got = broken(from, to);
        assert!(got.starts_with(error), "{to}\n got {got}\nwant {error}");
        assert!(!got.contains('\n'), "one mistake, one line: {got}");
    }
}

const KEYS: &Mistakes = &[
    (
        "    session: staff",
        "    sesion: staff",
        "s.yaml:13:5: unknown key `sesion`; did you mean `session`? (the keys here are name, session, request, expect, capture, may_refuse, used_up, poll, webhooks)",
    ),
    ("vars:", "varz:", "s.yaml:3:1: unknown key `varz`; did you mean `vars`? (the keys here are "),
    (
        "kind: flow",
        "kind: Flow",
        "s.yaml:2:18: `Flow` is not a word for a subject: use 1 to 40 small letters, digits and `_`, a letter first, as in order",
    ),
    (
        "method: GET",
        "method: get",
        "s.yaml:24:24: unknown value `get`; did you mean `GET`? (one of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS)",
    ),
    ("name: demo", "name: 3", "s.yaml:1:7: expected text, found the number 3: write it in quotes"),
    (
        "name: demo\n",
        "name: demo\nflows: many\n",
        "s.yaml:2:8: expected a whole number from 0 to 4294967295, found the text \"many\"",
    ),
    (
        "name: demo\n",
        "name: demo\nflows: 99999999999999999999\n",
        "s.yaml:2:8: the number 99999999999999999999 is too large",
    ),
    ("columns: [thing]", "columns: thing", "s.yaml:6:12: expected a list, found text"),
    ("name: demo\n", "", "s.yaml:1:1: the key `name` is missing"),
    ("name: demo\n", "name: demo\nname: twice\n", "s.yaml:2:1: not valid YAML: duplicate mapping key: name"),
    (
        "status: [200, 201]",
        "status: ok",
        "s.yaml:20:15: expected a status from 100 to 599, or a list of them, found the text \"ok\"",
    ),
    ("status: [200, 201]", "status: [200", "s.yaml:21:"),
    ("event: used,", "event: used, within: 5,", "s.yaml:26:32: `5` has no unit: write 5s or 5ms"),
    (
        "json: { n: 1 }",
        concat!("multipart: { f: { fil: ", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml } }"),
        "s.yaml:18:25: unknown key `fil`; did you mean `file`? (the keys here are file, content_type)",
    ),
];

const MEANING: &Mistakes = &[
    (
        "session: staff",
        "session: stafff",
        "s.yaml:13:14: unknown session `stafff`; did you mean `staff`? (known: staff)",
    ),
    (
        "- name: use",
        "- name: make",
        "s.yaml:23:11: the step name `make` is taken: names must be unique within a flow",
    ),
    ("made: /id", "made: id", "s.yaml:22:22: `id` is not a JSON pointer: it begins with `/`, as in `/id`"),
    (
        "/id: { type",
        "$.id: { type",
        "s.yaml:21:15: `$.id` is not a JSON pointer: it begins with `/`, as in `/id`",
    ),
    (
        "/id: { type",
        "/a~b: { type",
        "s.yaml:21:15: `/a~b` is not a JSON pointer: write `~0` for `~` and `~1` for `/` within a name",
    ),
    (
        "token: /access",
        "token: access",
        "s.yaml:10:12: `access` is not a JSON pointer: it begins with `/`, as in `/access`",
    ),
    ("type: integer", "matches: '[a'", "s.yaml:21:31: invalid regular expression: unclosed character class"),
    (
        "type: integer",
        "typ: integer",
        "s.yaml:21:22: unknown key `typ`; did you mean `type`? (the keys here are equals, exists, absent, matches, type); to compare with a mapping, put it under `equals:`",
    ),
    (
        "type: integer",
        "",
        "s.yaml:21:20: an empty matcher tests nothing: give equals, exists, absent, matches or type",
    ),
    ("type: integer", "equals: 5, absent: true", "s.yaml:21:33: `equals` and `absent` contradict each other"),
    (
        "type: integer",
        "type: integer, exists: false",
        "s.yaml:21:37: `type` and `exists` contradict each other",
    ),
    ("[200, 201]", "[200, 600]", "s.yaml:20:21: 600 is not an HTTP status: they run from 100 to 599"),
    ("[200, 201]", "99", "s.yaml:20:15: 99 is not an HTTP status: they run from 100 to 599"),
    ("[200, 201]", "70000", "s.yaml:20:15: 70000 is not an HTTP status: they run from 100 to 599"),
    (
        "    capture:",
        "    may_refuse: [4090]\n    capture:",
        "s.yaml:22:18: 4090 is not an HTTP status: they run from 100 to 599",
    ),
    (
        "      json: { n: 1 }",
        "      json: { n: 1 }\n      text: x",
        "s.yaml:19:7: a request has one body: keep `json` or `text`",
    ),
    (
        "json: { n: 1 }",
        "multipart: { f: { file: gone.png } }",
        "s.yaml:18:31: /nonexistent/gone.png: No such file or directory",
    ),
    (
        "columns: [thing]",
        "columns: [thing]\n  file: gone.csv",
        "s.yaml:7:9: /nonexistent/gone.csv: No such file or directory",
    ),
    ("name: demo\n", "name: demo\nflows: 0\n", "s.yaml:2:8: `flows` is 0: give 1 to 1000000"),
    (
        "event: used,",
        "event: used, within: 0s,",
        "s.yaml:26:32: nothing arrives within 0 s: give for example 30s",
    ),
    ("X-Key:", "X Key:", "s.yaml:17:18: `X Key` is not a header name: use letters, digits and `-`"),
    (
        "\"{{ uuid.key }}\"",
        "\"a\\nb\"",
        "s.yaml:17:25: a header's value has no line breaks or control characters",
    ),
    (
        "headers: { X-Key",
        "headers: { authorization",
        "s.yaml:17:18: the session already sends the header authorization: keep one of the two",
    ),
    (
        "    capture:",
        "    poll: { every: 2s, deadline: 1s }\n    capture:",
        "s.yaml:22:34: the deadline 1s is shorter than one pause of 2s",
    ),
    (
        "path: /things/",
        "path: things/",
        "s.yaml:16:13: a path begins with `/` (or is an absolute URL) and has no spaces",
    ),
    ("  who: admin", "  who: admin\n  flow: 1", "s.yaml:5:3: `flow` is built in: take another name"),
    (
        "  who: admin",
        "  who: admin\n  my var: 1",
        "s.yaml:5:3: `my var` is not a name: use letters, digits, `_` and `-`, a letter first",
    ),
    ("steps:", "secrets: [whoo]\nsteps:", "s.yaml:11:11: undefined variable `whoo`; did you mean `who`?"),
    (
        "name: demo",
        "name: a/b",
        "s.yaml:1:7: the name becomes part of a file's name: use letters, digits, `_` and `-`",
    ),
];

const OF_SESSIONS: &Mistakes = &[
    (
        "    token: /access\n",
        "    token: /access\n    bearer: \"{{ env.T }}\"\n",
        "s.yaml:11:5: a session authenticates in one way: keep `login` or `bearer`",
    ),
    ("    token: /access\n", "    token: access\n", "s.yaml:10:12: `access` is not a JSON pointer"),
    (
        "    token: /access\n",
        "    token: /access\n    csrf: { cookie: csrftoken }\n",
        "s.yaml:11:11: nothing sends the token back: give `header`, `field`, or both",
    ),
    (
        "sessions:\n",
        "sessions:\n  key: { api_key: { header: X-Key, value: s3cret } }\n",
        "s.yaml:8:43: do not write secrets into a scenario: take them from the environment, as in {{ env.API_KEY }}",
    ),
    (
        "sessions:\n",
        "sessions:\n  key: { api_key: { value: \"{{ env.K }}\" } }\n",
        "s.yaml:8:19: an API key is sent in one place: give `header` or `query`",
    ),
    (
        "sessions:\n",
        "sessions:\n  nobody: {}\n",
        "s.yaml:8:11: nothing says how this session authenticates: give login,",
    ),
    (
        "sessions:\n",
        "sessions:\n  o: { oauth2: { token_url: token, client_id: a, client_secret: \"{{ env.S }}\" } }\n",
        "s.yaml:8:29: a path begins with `/`",
    ),
];

const OF_ANSWERS: &Mistakes = &[
    (
        "/things/{{ thing }}",
        "/things/../{{ thing }}",
        "s.yaml:16:13: a segment `..` is resolved before a path is sent",
    ),
    ("/things/{{ thing }}", "/things/{{ thing }}#x", "s.yaml:16:13: anything after a `#` is never sent"),
    (
        "/things/{{ thing }}",
        "/things/{{ response./id }}",
        "s.yaml:16:21: `response` is only available in a step's `webhooks`; elsewhere `capture`",
    ),
    (
        "/id: \"{{ made }}\"",
        "/id: \"{{ response.id }}\"",
        "s.yaml:26:39: `response` needs a place: {{ response./id }} of a JSON body",
    ),
    (
        "made: /id",
        "made: { header: Location, json: /id }",
        "s.yaml:22:22: a value is captured from one place",
    ),
    ("made: /id", "made: { header: Loc ation }", "s.yaml:22:32: `Loc ation` is not a header name"),
    ("made: /id", "made: { json: /id, matches: '(' }", "s.yaml:22:44: invalid regular expression: "),
    ("made: /id", "made: 7", "s.yaml:22:22: expected a JSON pointer such as /id, or a mapping with"),
    (
        "event: used,",
        "event: used, capture: { c: { cookie: a } },",
        "s.yaml:26:38: a webhook sets no cookies: capture from its body or a header",
    ),
    ("steps:", "listen: { paths: [in] }\nsteps:", "s.yaml:11:19: a path begins with `/` and has no spaces"),
    (
        "steps:",
        "listen: { methods: [GET] }\nsteps:",
        "s.yaml:11:21: webhooks use POST, PUT or PATCH, not GET",
    ),
    (
        "steps:",
        "listen: { tls: { certificate: c.pem, key: k.pem } }\nsteps:",
        "s.yaml:11:31: /nonexistent/c.pem: No such file",
    ),
];

/// What would test nothing, or drop what it is to test, in silence.
const SILENT: &Mistakes = &[
    (
        "    session: staff",
        "    session:",
        "s.yaml:13:12: expected text, found nothing: give it a value, or leave the key out",
    ),
    (
        "    session: staff",
        "    session: null",
        "s.yaml:13:14: expected text, found nothing: give it a value",
    ),
    ("event: used,", "event: used, after: ,", "s.yaml:26:29: expected text, found nothing"),
    ("[200, 201]", "", "s.yaml:20:13: expected a status from 100 to 599, or a list of them, found nothing"),
    (
        "type: integer",
        "type: null, exists: true",
        "s.yaml:21:28: expected one of null, boolean, integer, number, string, array, object, found nothing; the word needs quotes: \"null\"",
    ),
    ("type: integer", "matches: , exists: true", "s.yaml:21:29: expected text, found nothing"),
    ("{ type: integer }", "", "s.yaml:21:15: nothing is written here: to compare with null, write it out"),
    (
        "type: integer",
        "equals: ",
        "s.yaml:21:22: nothing is written here: to compare with null, write it out",
    ),
    (
        "      json: { n: 1 }",
        "      json:",
        "s.yaml:18:11: expected a value, found nothing: give it a value, or leave the key out",
    ),
    (
        "/id: { type",
        "/*/id: { type",
        "s.yaml:21:15: `/*/id`: a JSON pointer leads to one value, and has no `*`: write an index, as in /0/id",
    ),
    (
        "/id: { type",
        "/a/-: { type",
        "s.yaml:21:15: `/a/-`: `-` is the place behind the last item, where nothing is: write an index, as in /a/0",
    ),
    (
        "/id: { type",
        "\"/a[0]\": { type",
        "s.yaml:21:15: `/a[0]`: a step of a JSON pointer is one name or index: write /a/0",
    ),
    (
        "/id: { type",
        "/a.0.id: { type",
        "s.yaml:21:15: `/a.0.id`: a step of a JSON pointer is one name or index: write /a/0/id",
    ),
    (
        "match: { /id",
        "match: { \"/a[0]/id\"",
        "s.yaml:26:33: `/a[0]/id`: a step of a JSON pointer is one name or index",
    ),
    (
        "match: { /id",
        "match: { \"/a[0]\"",
        "s.yaml:26:33: `/a[0]`: a step of a JSON pointer is one name or index",
    ),
    (
        "\"{{ made }}\" }",
        "\"{ made }\" }",
        "s.yaml:26:38: a template has two pairs of braces: write {{ made }}",
    ),
    ("type: integer", "matches: ''", "s.yaml:21:31: an empty pattern matches whatever is there"),
    (
        "X-Key:",
        "Content-Length: \"2\", X-Key:",
        "s.yaml:17:18: smoke says itself how long the body is: leave `Content-Length` out",
    ),
    (
        "steps:",
        "pii: { disabled: [geoo] }\nsteps:",
        "s.yaml:11:19: unknown value `geoo`; did you mean `geo`?",
    ),
    (
        "steps:",
        "pii: { extra_keys: { email: [/a] } }\nsteps:",
        "s.yaml:11:30: `/a` is a path, and a key is one name",
    ),
    ("steps:", "secrets: [env.WO]\nsteps:", "s.yaml:11:11: no template takes WO from the environment"),
];

const UNDEFINED: &Mistakes = &[
    (
        "/things/{{ thing }}",
        "/things/{{ thign }}",
        "s.yaml:16:21: undefined variable `thign`; did you mean `thing`?",
    ),
    (
        "/things/{{ thing }}",
        "/{{ thing }}/{{ zzzz }}",
        "s.yaml:16:26: undefined variable `zzzz`; declare it in `vars` or `data.columns`, or capture it in an earlier step",
    ),
    (
        "/things/{{ thing }}",
        "/{{ made }}",
        "s.yaml:16:14: `made` is captured by step `make` only, which has not run yet here",
    ),
    ("{{ who }}", "{{ made }}", "s.yaml:9:57: `made` is captured by step `make` only"),
    ("who: admin", "who: \"x {{ thing }}\"", "s.yaml:4:11: undefined variable `thing`"),
    ("who: admin", "who: \"{{ later }}\"\n  later: 1", "s.yaml:4:9: undefined variable `later`"),
    (
        "who: admin",
        "who: \"{{ flow }}\"",
        "s.yaml:4:9: `flow` is not available here: variables are the same for all flows",
    ),
    (
        "/things/{{ thing }}",
        "/things/{{ thing }",
        "s.yaml:16:21: {{ thing }: expected `}}` or `|`, found `}`",
    ),
    (
        "{ n: 1 }",
        "\n        text: |\n          one\n          two {{ nope }}\n",
        "s.yaml:21:15: undefined variable `nope`",
    ),
    ("{{ uuid.key }}", "{{ env }}", "s.yaml:17:26: `env` needs the name of a variable: {{ env.NAME }}"),
    (
        "/id: \"{{ made }}\"",
        "/id: { equals: [\"{{ mad }}\"] }",
        "s.yaml:26:50: undefined variable `mad`; did you mean `made`?",
    ),
];

#[test]
fn a_sender_that_is_none_is_told_with_the_rest() {
    let text = GOOD.replacen("    session: staff", "    sesion: staff", 1).replacen(
        "name:",
        "sender: nosuch\nname:",
        1,
    );
    let error = try_load(&text).unwrap_err();
    assert!(error.contains("unknown key `sesion`") && error.contains("no sender `nosuch`"), "{error}");
}

#[test]
fn the_name_of_an_event_is_one_line() {
    let event = GOOD.lines().find(|line| line.contains("event: ")).unwrap();
    let name = event.split("event: ").nth(1).unwrap().split([',', ' ', '}']).next().unwrap();
    let error = broken(&format!("event: {name}"), "event: \"a\\nb\"");
    assert!(error.contains("an event name must be one line"), "{error}");
}

#[test]
fn keys_and_types_have_their_place() {
    each_is_told(KEYS);
}

#[test]
fn meaning_has_its_place_too() {
    each_is_told(MEANING);
}

#[test]
fn sessions_captures_and_answers_have_their_place() {
    each_is_told(OF_SESSIONS);
    for (from, to, error) in OF_ANSWERS {
        let got = broken(from, to);
        assert!(got.starts_with(error), "{to}\n got {got}\nwant {error}");
    }
}

#[test]
fn what_would_be_dropped_in_silence_is_told() {
    each_is_told(SILENT);
    for (from, to) in [
        ("type: integer", "type: \"null\", exists: true"),
        ("{ type: integer }", "null"),
        ("type: integer", "equals: null"),
        ("json: { n: 1 }", "json: { n: null, m: }"),
        ("  who: admin", "  who: admin\n  later:\n  last: null"),
        ("/id: { type", "/v1.2/a.b: { type"),
        ("who: admin", "who: \"{{ env.WO | default('x') }}\"\nsecrets: [WO, env.WO]"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        try_load(&text).unwrap_or_else(|error| panic!("{to}: {error}"));
    }
}

#[test]
fn undefined_names_are_found_where_they_stand() {
    each_is_told(UNDEFINED);
    try_load(&GOOD.replace("{{ thing }}", "{{ nope | default(\"x\") }}")).unwrap();
    assert!(broken("{{ thing }}", "{{ nope | default(nada) }}").contains("undefined variable `nada`"));
}

#[test]
fn the_readme_shows_what_is_really_said() {
    let text = r#"name: demo
subject: { kind: payment, id: "{{ payment_idd }}" }
data: { columns: [payment_id] }
sessions: { staff: { login: { method: POST, path: /login }, token: /access } }
steps:
  - name: a
    session: stff
    request: { method: POST, path: "/x/{{ payment_id }}" }
"#;
    let error =
        super::load_bytes(text.as_bytes(), "demo.yaml", std::path::Path::new(".")).unwrap_err().to_string();
    let readme = include_str!("../../../scenarios/README.md");
    assert_eq!(error.lines().count(), 2);
    for line in error.lines() {
        assert!(readme.contains(line), "{line}");
    }
}

#[test]
fn all_mistakes_of_shape_are_told_at_once() {
    let text = GOOD
        .replacen("    session: staff", "    sesion: staff", 1)
        .replacen("kind: flow", "kind: flow, plurl: flows", 1)
        .replacen("method: GET", "method: get", 1);
    let got = try_load(&text).expect_err("three mistakes");
    let lines: Vec<&str> = got.lines().collect();
    assert_eq!(lines.len(), 3, "{got}");
    for (line, word) in lines.iter().zip(["plurl", "sesion", "`get`"]) {
        assert!(line.contains(word), "{got}");
    }
}
