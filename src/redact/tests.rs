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
        ("upper case", "C4NARY\"PW\\É<&>/+ X9%"),
    ] {
        let scrubbed = redactor.scrub(&format!("before {spelled} after")).into_owned();
        assert_eq!(scrubbed, "before [redacted] after", "{what}");
    }
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
