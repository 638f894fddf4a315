use super::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use std::time::{Duration, Instant};

#[test]
fn known_secrets_and_shapes_are_scrubbed() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("hunter22"));
    redactor.learn(&Secret::new("hunter22-and-more"));
    assert_eq!(redactor.scrub("pw=hunter22;"), "pw=[redacted];");
    assert_eq!(redactor.scrub("hunter22-and-more"), "[redacted]");
    assert_eq!(redactor.scrub("HUNTER22 Hunter22"), "[redacted] [redacted]");
    assert_eq!(redactor.scrub("Authorization: Bearer abc.def-123"), "Authorization: [redacted]");
    assert_eq!(redactor.scrub("x eyJhbGciOi.eyJzdWIiOjF9.c2ln y"), "x [redacted] y");
}

/// Of HS256, as an application of Django's issues them.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwianRpIjoiN2Y0YyIsInVzZXJfaWQiOjd9\
                     .Yx1k-4mQ0vT3sBz_9nLwRrD8pHcUeJf5aKqGi2oVtXs";

/// All characters as codes, by `of`.
fn all_as(text: &str, of: impl Fn(u8) -> String) -> String {
    text.bytes().map(of).collect()
}

#[test]
fn a_token_of_the_run_is_left_in_no_spelling_and_whatever_it_is_glued_to() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new(TOKEN));
    let hex = hex::encode(TOKEN);
    for (what, text) in [
        ("header in a URL", format!("Bearer%20{TOKEN}")),
        ("word", format!("tok_{TOKEN}_")),
        ("percent", all_as(TOKEN, |b| format!("%{b:02x}"))),
        ("JSON", all_as(TOKEN, |b| format!("\\u{b:04x}"))),
        ("JSON in JSON", all_as(TOKEN, |b| format!("\\\\u{b:04x}"))),
        ("HTML", all_as(TOKEN, |b| format!("&#{b};"))),
        ("base64", STANDARD.encode(format!("user:{TOKEN}"))),
        ("base64 of URLs", URL_SAFE.encode(format!("t={TOKEN}"))),
        ("hex", hex.clone()),
        ("HEX", hex.to_uppercase()),
        ("case", TOKEN.to_lowercase()),
        ("signature", TOKEN.rsplit('.').next().unwrap().to_owned()),
    ] {
        assert!(redactor.finds(&text), "{what}");
        let scrubbed = redactor.scrub(&text).into_owned();
        let rest = scrubbed.replace(MASK, "");
        assert!(rest.len() <= "Bearer%20".len(), "{what}: {scrubbed}");
    }
}

#[test]
fn a_token_of_somebody_else_is_told_by_its_shape_inside_of_words_too() {
    let redactor = Redactor::new();
    for text in [
        format!("x=Bearer%20{TOKEN}"),
        format!("tok_{TOKEN}"),
        TOKEN.replace('.', "%2E"),
        format!("half {}", &TOKEN[..60]),
    ] {
        assert!(!redactor.finds(&text));
        let scrubbed = redactor.scrub(&text).into_owned();
        assert!(scrubbed.contains(MASK) && !scrubbed.contains("eyJ"), "{scrubbed}");
    }
    for ordinary in ["at com.acme.KeyJoiner.apply.run", "KeyJournal.entries.first"] {
        assert_eq!(redactor.scrub(ordinary), ordinary);
    }
}

#[test]
fn the_tokens_of_a_long_run_take_no_more_room_and_the_last_ones_are_known() {
    let redactor = Redactor::new();
    let token = |n: u32| {
        format!("eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjp9.{}", hex::encode(Sha256::digest(n.to_le_bytes())))
    };
    for n in 0..25_000 {
        redactor.learn(&Secret::new(token(n)));
        redactor.learn(&Secret::new(token(n)));
    }
    let finds = |n: u32| redactor.finds(&hex::encode(token(n)));
    assert!(finds(24_999) && finds(15_000));
    // Its shape is all that is left of an old one.
    assert!(!finds(0));
    assert!(!redactor.scrub(&format!("tok_{}", token(0))).contains("eyJ"));
}

#[test]
fn a_credential_with_its_scheme_is_known_without_it_as_well() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("Bearer opaque-0123456789"));
    assert_eq!(redactor.scrub("tok_opaque-0123456789"), "tok_[redacted]");
}

#[test]
fn ordinary_text_is_untouched() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("abc"));
    assert!(matches!(redactor.scrub("abc is the bearer of news"), Cow::Borrowed(_)));
}

/// What Python's json, html, urllib and base64 make of one password.
#[test]
fn a_secret_is_found_in_the_spellings_of_other_programs() {
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("C4NARY\"pw\\é<&>/+ x9%"));
    for (what, spelled) in [
        ("percent", "C4NARY%22pw%5C%C3%A9%3C%26%3E%2F%2B%20x9%25"),
        ("percent, lower case", "c4nary%22pw%5c%c3%a9%3c%26%3e%2f%2b%20x9%25"),
        ("form", "C4NARY%22pw%5C%C3%A9%3C%26%3E%2F%2B+x9%25"),
        ("path", "C4NARY%22pw%5C%C3%A9%3C%26%3E/%2B%20x9%25"),
        ("JSON", r#"C4NARY\"pw\\é<&>/+ x9%"#),
        ("JSON, ASCII", r#"C4NARY\"pw\\\u00e9<&>/+ x9%"#),
        ("JSON, ASCII, upper case", r#"C4NARY\"PW\\\u00E9<&>/+ X9%"#),
        ("JSON, slash", r#"C4NARY\"pw\\é<&>\/+ x9%"#),
        ("JSON for HTML", r#"C4NARY\"pw\\é\u003c\u0026\u003e/+ x9%"#),
        ("HTML", "C4NARY&quot;pw\\é&lt;&amp;&gt;/+ x9%"),
        ("HTML, no quotes", "C4NARY\"pw\\é&lt;&amp;&gt;/+ x9%"),
        ("hex", "43344e4152592270775cc3a93c263e2f2b20783925"),
        ("hex, upper case", "43344E4152592270775CC3A93C263E2F2B20783925"),
        ("JSON in JSON", r#"C4NARY\\\"pw\\\\é<&>/+ x9%"#),
        ("percent, some", "C4NARY%22%70w%5Cé%3C&>%2F%2B x9%25"),
        ("percent, twice", "C4NARY%2522pw%255C%25C3%25A9%253C%2526%253E%252F%252B%2520x9%2525"),
        ("HTML, numbers", "&#67;&#x34;NARY&#34;pw\\&#233;&lt;&#x26;&gt;/+&#32;x9%"),
        ("literal", r"\x434NARY\x22pw\\\xc3\xa9<&>/+ x9%"),
        ("upper case", "C4NARY\"PW\\É<&>/+ X9%"),
    ] {
        let scrubbed = redactor.scrub(&format!("before {spelled} after")).into_owned();
        assert_eq!(scrubbed, "before [redacted] after", "{what}");
    }
}

/// A debugging echo, or a gateway's event, has the whole request in base64 or hex.
#[test]
fn a_secret_is_found_in_what_was_coded_with_its_escapes() {
    let (redactor, secret) = (Redactor::new(), "C4NARY\"pw\\é<&>/+ x9%");
    redactor.learn(&Secret::new(secret));
    for request in [
        r#"{"password":"C4NARY\"pw\\é<&>/+ x9%"}"#,
        "GET /login?p=C4NARY%22pw%5C%C3%A9%3C%26%3E%2F%2B%20x9%25 HTTP/1.1",
        "user=a&password=C4NARY%22pw%5C%C3%A9%3C%26%3E%2F%2B+x9%25&b=c",
    ] {
        for coded in [STANDARD.encode(request), URL_SAFE.encode(request), hex::encode(request)] {
            let scrubbed = redactor.scrub(&coded).into_owned();
            assert!(scrubbed.contains(MASK), "{request}: {coded}");
            assert!(scrubbed.len() + secret.len() <= coded.len() + MASK.len(), "{request}: {scrubbed}");
        }
    }
    let others = STANDARD.encode(r#"{"password":"C4NARY\"pw\\è<&>/+ x9%"}"#);
    assert_eq!(redactor.scrub(&others), others, "another password");
}

/// Long enough to be known as base64 and hex, of printable characters.
const SECRETS: &str = "[!-~äé€😀]([ -~äé€😀]{6,40})[!-~äé€😀]";

proptest! {
    #[test]
    fn whatever_a_basic_header_holds_the_password_is_not_in_it(secret in SECRETS, user in "[a-z]{0,6}", tail in "[a-z]{0,3}") {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new(secret.as_str()));
        for engine in [STANDARD, URL_SAFE] {
            let coded = engine.encode(format!("{user}:{secret}{tail}"));
            let scrubbed = redactor.scrub(&coded).into_owned();
            prop_assert!(scrubbed.contains(MASK), "{} in {}", secret, coded);
            // At most three characters of either side are left, which share their bits with what is around.
            let whole = engine.encode(&secret);
            prop_assert!(!scrubbed.contains(&whole));
        }
    }

    #[test]
    fn no_spelling_of_a_secret_is_left(secret in SECRETS) {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new(secret.as_str()));
        for spelled in spellings::all(&secret) {
            let text = format!("<p>{spelled}</p>");
            prop_assert!(!redactor.scrub(&text).contains(spelled.as_str()), "{}", text);
        }
        let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let read = String::from_utf8_lossy(&utf16).into_owned();
        prop_assert!(redactor.scrub(&read).contains(MASK), "{}", read.escape_debug());
    }
}

#[test]
fn escapes_of_every_kind_on_each_other_cost_a_fixed_number_of_looks() {
    let looks = std::cell::Cell::new(0);
    let text = r"%25\\&amp;".repeat(1000);
    unescaped::find_in_all(text.as_bytes(), &|text| {
        looks.set(looks.get() + text.len());
        Vec::new()
    });
    assert!(looks.get() <= 13 * text.len(), "{}", looks.get());
}

proptest! {
    #[test]
    fn whichever_characters_are_escaped_the_secret_is_found(secret in SECRETS, how in proptest::collection::vec(0..4u8, 160)) {
        let redactor = Redactor::new();
        redactor.learn(&Secret::new(secret.as_str()));
        let codes: [fn(u8) -> String; 2] = [|b| format!("%{b:02X}"), |b| format!("\\x{b:02x}")];
        for of in codes {
            // What is not a letter would begin an escape of its own.
            let text: String = secret.bytes().zip(&how).map(|(b, how)| {
                if *how == 0 && b.is_ascii_alphanumeric() { char::from(b).to_string() } else { of(b) }
            }).collect();
            let scrubbed = redactor.scrub(&format!("a={text}&b")).into_owned();
            prop_assert_eq!(scrubbed, format!("a={MASK}&b"), "{}", text);
        }
    }
}

#[test]
fn a_long_secret_and_many_secrets_are_learned_in_no_time() {
    let begun = Instant::now();
    let redactor = Redactor::new();
    redactor.learn(&Secret::new("x".repeat(16 * 1024)));
    assert!(!redactor.scrub(&"x".repeat(100_000)).contains(&"x".repeat(16 * 1024)));
    (0..2000).for_each(|n| redactor.learn(&Secret::new(format!("password-{n:06}"))));
    assert_eq!(redactor.scrub("a password-001999 b"), "a [redacted] b");
    // Far more than it takes, and far less than it took.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn what_is_hidden_is_scrubbed_and_is_no_secret() {
    let redactor = Redactor::new();
    redactor.hide_all(&[Secret::new("ak-Tt55Uu66Vv77")]);
    assert_eq!(redactor.scrub("key=AK-TT55uu66vv77&x"), "key=[redacted]&x");
    assert_eq!(redactor.scrub("YWstVHQ1NVV1NjZWdjc3"), "[redacted]", "in base64 too");
    assert!(!redactor.finds("key=ak-Tt55Uu66Vv77"), "a webhook may have it");
}
