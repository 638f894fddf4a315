//! Pathological inputs cost no more per byte than ten times a normal one: counted in bytes looked at, not in time.

use crate::{Engine, Memo, Policy, Request};
use crate::{Identity, IdentityKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The inputs that issue 4 names have 1 MiB; the others are shorter, because tests are not optimised.
const MIB: usize = 1 << 20;
const SHORT: usize = 1 << 13;

fn engine() -> Engine {
    let canaries: Vec<Identity> = [
        (IdentityKind::Username, "rahim2"),
        (IdentityKind::FullName, "Rahim Uddin"),
        (IdentityKind::Phone, "+8801712345678"),
        (IdentityKind::Ip, "203.0.113.9"),
    ]
    .map(|(kind, value)| Identity { kind, value: value.into() })
    .into();
    Engine::new(&Policy::default(), &canaries, b"").unwrap()
}

/// Bytes looked at per byte of body.
fn cost(engine: &Engine, body: &[u8]) -> f64 {
    let request = Request { headers: &[], target: "/", body, own_headers: &[], own_places: &[] };
    let scan = engine.scan_request(&request, &Memo::default());
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let ratio = scan.bytes_examined as f64 / body.len() as f64;
    ratio
}

fn normal() -> Vec<u8> {
    let lines: Vec<&str> =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pii_sample.jsonl")).lines().collect();
    format!("[{}]", lines.join(",")).into_bytes()
}

/// `text` over and over.
fn filled(text: &str, bytes: usize) -> Vec<u8> {
    text.repeat(bytes / text.len()).into_bytes()
}

/// The same inside a JSON string.
fn quoted(text: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&serde_json::json!({"body": String::from_utf8_lossy(text)})).unwrap()
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn no_input_costs_ten_times_a_normal_one() {
    let engine = engine();
    let usual = cost(&engine, &normal());
    assert!(usual > 1.0, "{usual}");
    let mut nested = "rahim@gmail.com ".repeat(20_000);
    for _ in 0..6 {
        nested = STANDARD.encode(nested);
    }
    let mut json = "x".to_owned();
    for _ in 0..12 {
        json = serde_json::to_string(&serde_json::json!({"a": json})).unwrap();
    }
    let mut inputs: Vec<(String, Vec<u8>)> = [
        "@",
        "%25",
        "%2525",
        "[",
        "{",
        "{\"",
        "{\"a\":",
        "]",
        "\\",
        "\\u0040",
        "&",
        "&#64;",
        "&amp;",
        "=",
        ":",
        "a:",
        "1.",
        "1 ",
        "1",
        "a@b.",
        "@a.b",
        "a@a.a",
        "::",
        "1:",
        "f:",
        "+",
        "+1",
        "01",
        "0 1",
        "/",
        "reset/",
        "://",
        "x://y:z@",
        "bearer ",
        "eyJ",
        "eyJ.",
        "-----BEGIN",
        "STEAM_0:",
        "ssn ",
        "tel:",
        "AKIA",
        "\"",
        "\"\"",
        "a=\"",
        "<a>",
        "<",
        "DE89",
        "4111",
        "4111 ",
        "4111-",
        "রহিম",
        "ｒ＠",
        "\u{308}",
        "QUJD",
        "QUJD/",
        "-",
        "_",
        "k=v&",
        "password=",
        "a@\"",
        "\"a\"@b.cd ",
        "[[1]",
        "{}{}",
        "1.2.3.4 ",
        "v1.2.3.4 to ",
        "ua=1.2.3.4 ",
        "<b>1.2.3.4",
        "a+",
        "a+b%40",
        "a+%2B",
        "a=/reset/",
        "%31+",
        "=3D",
        "=\n",
        "=?utf-8?B?QQ==?=",
        "=?",
        "\0a",
        "a,b\n",
        "|",
        "a|b\n-|-\n",
        "|#\n|-\n",
        "#,a\n",
        "-+-\n",
        "a: b\n",
        "- a: b\n",
        "- a\n",
        "a:\n- b\n",
        "a: |\n b\n",
        "a: >\n",
        " a: &b\n",
        "A=b\n",
        "<a b=\"c\">",
        "</a>",
        "<td>a</td>",
        "<!--",
        "{a: ",
        "{a: \"b\", ",
        "(a: 1 ",
        "insert into t (a) values (1),",
        "insert into ",
        "insert into t (a) values ('\\'\\'",
        "a=b&c=d ",
        "a[b]=c&d[e]=f&",
        "a[b",
        "a[",
        "?a=b",
        "#",
        "BEGIN:VCARD\nFN:a\n",
        "GET / HTTP/1.1\n",
        "form-data; name=\"a\"\n--",
        "a - b [12/Mar/2026 ",
        " for ",
        " at ",
        " (at) a ",
        " dot ",
        "my address is ",
        "deliver to 1 ",
        "born ",
        "dob 1 ",
        "my location 1.1111, ",
        "1.1111 ",
        "mac ",
        "0a:1b:",
        "ifsc ",
        "account 1 ",
        "@ybl ",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfN",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed ",
        "ig @a ",
        "t.me/ab ",
        "a: b; ",
        "a=b|",
        "data:text/plain,%41",
        "<!-- a: b; c: d -->",
        "=?utf-8?Q?a=20?= b ",
        " for user a ",
        "- a [12/Mar/2026:",
        "House 4, Road ",
        "address is 1 Elm ",
        "AAECAwQFBgcICQoL ",
        "a IN ('b' ",
        "a IN ('",
        ":{s:",
        ":{s:1:\"a\";",
        ":{i:1;i:2;",
        "(a -> b ",
        "a => b ",
        "[(\"a\", 'b ",
        "map[a:b ",
        "tel 12 34 ",
        "phone: 1234 ",
        "home_address: 12 High ",
        "passport_no: AB 1 ",
        "First name: A ",
        "Username: Email: ",
    ]
    .into_iter()
    .map(|t| (t.to_owned(), filled(t, if matches!(t, "@" | "%25" | "[") { MIB } else { SHORT })))
    .collect();
    inputs.push(("nested base64".into(), nested.into_bytes()));
    inputs.push(("nested JSON".into(), json.into_bytes()));
    for (name, body) in inputs {
        for body in [quoted(&body), body] {
            let ratio = cost(&engine, &body) / usual;
            assert!(ratio <= 10.0, "{name:?}: {ratio:.1} times a normal body");
        }
    }
}

#[test]
fn the_count_follows_the_layers() {
    let engine = engine();
    let plain = cost(&engine, &quoted(&filled("nothing here. ", SHORT)));
    let hidden = cost(&engine, &quoted(STANDARD.encode(filled("nothing here. ", SHORT)).as_bytes()));
    assert!(hidden > plain, "{hidden} {plain}");
}
