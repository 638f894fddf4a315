//! `smoke sign` and `smoke verify` as a user runs them.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const EXAMPLE: &str = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456";
const STRONG: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const BODY: &[u8] = br#"{"event":"payment_verified","data":{"event":"payment_verified","title":"Payment Verified - Smoke Pay 00040","body":"Your payment for Smoke Pay 00040 has been verified. Your registration is now confirmed!","url":"/tournaments/smoke-pay-00040/","recipient_count":1,"tournament_id":42,"match_id":null},"metadata":{"created":1,"skipped":0,"email_sent":0}}"#;
const ID: &str = "4960b1c5-318e-4f87-b6c4-62792d82faa3";
const HEADERS: [&str; 4] = [
    "X-Webhook-Signature: 775d07bf5c9893ca22f6e4fa276e541c514219b6ad65686a07a941adc7fdfdc4",
    "X-Webhook-Event: payment_verified",
    "X-Webhook-Timestamp: 1795438932150",
    "X-Webhook-Id: 4960b1c5-318e-4f87-b6c4-62792d82faa3",
];

fn smoke(args: &[&str], secret: Option<&str>, stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_smoke"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("SMOKE_TEST_SECRET");
    if let Some(secret) = secret {
        command.env("SMOKE_TEST_SECRET", secret);
    }
    let mut child = command.spawn().expect("smoke starts");
    // A command that refuses its flags does not read its stdin.
    let _ = child.stdin.take().expect("a pipe").write_all(stdin);
    child.wait_with_output().expect("smoke ends")
}

fn signed(args: &[&str], secret: &str, body: &[u8]) -> Output {
    smoke(&[&["sign", "--secret-env", "SMOKE_TEST_SECRET"], args].concat(), Some(secret), body)
}

fn verified(args: &[&str], secret: &str, headers: &[&str], body: &[u8]) -> Output {
    let mut all = vec!["verify", "--secret-env", "SMOKE_TEST_SECRET"];
    all.extend(headers.iter().flat_map(|h| ["--header", h]));
    all.extend(args);
    smoke(&all, Some(secret), body)
}

fn out(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("UTF-8")
}

fn err(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("UTF-8")
}

#[test]
fn the_real_webhook_is_signed_to_the_byte_and_verified() {
    let args = ["--scheme", "deltacrown-v2", "--timestamp", "1795438932150", "--id", ID];
    let output = signed(&args, EXAMPLE, BODY);
    assert_eq!((out(&output), output.status.code()), (format!("{}\n", HEADERS.join("\n")).as_str(), Some(0)));
    assert!(err(&output).contains("public example"), "{}", err(&output));

    for now in ["1795438932200", "2026-11-23T13:02:12.200Z"] {
        let output = verified(&["--now", now], EXAMPLE, &HEADERS, BODY);
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
        assert!(out(&output).starts_with("valid"));
    }
}

#[test]
fn every_scheme_verifies_what_it_signs_now() {
    let secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    for name in [
        "deltacrown",
        "deltacrown-v1",
        "deltacrown-v2",
        "standard-webhooks",
        "stripe",
        "github",
        "slack",
        "timestamped",
    ] {
        let body = b"not JSON \xff\x00\r\n";
        let output = signed(&["--scheme", name], secret, body);
        assert_eq!((output.status.code(), err(&output)), (Some(0), ""), "{name}");
        let headers: Vec<&str> = out(&output).lines().collect();
        let good = verified(&["--scheme", name], secret, &headers, body);
        assert_eq!((good.status.code(), err(&good)), (Some(0), ""), "{name}: {}", out(&good));
        let bad = verified(&["--scheme", name], secret, &headers, b"not JSON");
        assert_eq!(bad.status.code(), Some(1), "{name}");
        assert!(out(&bad).starts_with("not valid: mismatch"), "{name}: {}", out(&bad));
    }
}

#[test]
fn defaults_are_the_bodys_event_a_fresh_uuid_and_now() {
    let lines = |body: &[u8]| {
        let output = signed(&[], STRONG, body);
        out(&output).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (one, two) = (lines(br#"{"event":"match_started"}"#), lines(br#"{"event":"bad\r\nX: y"}"#));
    assert_eq!(one[1], "X-Webhook-Event: match_started");
    assert_eq!(two[1], "X-Webhook-Event: test");
    assert_eq!(two.len(), 4);
    assert_ne!(one[3], two[3]);
    assert_eq!(one[2].len(), "X-Webhook-Timestamp: 1795438932150".len());
}

/// Headers, now, body; the reason and words of the diagnosis.
type Invalid<'a> = (&'a [&'a str], &'a str, &'a [u8], &'a str, &'a str);

#[test]
fn json_says_all_of_the_verdict() {
    let json = |headers: &[&str], now: &str, body: &[u8]| -> (Value, Option<i32>) {
        let output = verified(&["--format", "json", "--now", now], EXAMPLE, headers, body);
        (serde_json::from_str(out(&output)).expect("one JSON object"), output.status.code())
    };
    let (good, code) = json(&HEADERS, "1795438932200", BODY);
    assert_eq!(
        (good["valid"].as_bool(), good["reason"].as_str(), code),
        (Some(true), Some("valid"), Some(0))
    );
    assert_eq!(
        (good["age_ms"].as_i64(), good["id"].as_str(), good["body_bytes"].as_u64()),
        (Some(50), Some(ID), Some(351))
    );
    assert!(good["diagnosis"].is_null());
    assert!(good["warnings"].to_string().contains("id is outside the MAC, dedup by id alone is bypassable"));

    let spaced = String::from_utf8_lossy(BODY).replace(',', ", ").replace("\":", "\": ");
    let cases: [Invalid<'_>; 5] = [
        (&HEADERS, "1795439232151", BODY, "stale", "300.001 s old"),
        (&HEADERS, "1795438902149", BODY, "future", "30.001 s ahead"),
        (&HEADERS, "1795438932200", spaced.as_bytes(), "mismatch", "re-serialised compact JSON"),
        (&HEADERS[1..], "1795438932200", BODY, "missing", "no X-Webhook-Signature header"),
        (&[HEADERS[0], HEADERS[2], "X-Webhook-Id: 1"], "1795438932200", BODY, "malformed", "not a UUID"),
    ];
    for (headers, now, body, reason, words) in cases {
        let (bad, code) = json(headers, now, body);
        assert_eq!(
            (bad["valid"].as_bool(), bad["reason"].as_str(), code),
            (Some(false), Some(reason), Some(1))
        );
        assert!(bad["diagnosis"].as_str().is_some_and(|d| d.contains(words)), "{bad}");
    }
}

#[test]
fn a_secret_file_loses_one_newline_and_two_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let sign = |path: &str| smoke(&["sign", "--scheme", "deltacrown-v1", "--secret-file", path], None, b"{}");
    let bare = sign(&file("bare", STRONG.to_owned()));
    let line = sign(&file("line", format!("{STRONG}\n")));
    let two = sign(&file("two", format!("{STRONG}\n\n")));
    assert_eq!(bare.status.code(), Some(0));
    assert_eq!(out(&bare), out(&line));
    assert_eq!(two.status.code(), Some(2));
    assert!(err(&two).contains("contains a line break"), "{}", err(&two));
}

/// Subcommand, flags, secret, body; words of the error.
type Refused<'a> = (&'a str, &'a [&'a str], Option<&'a str>, &'a [u8], &'a str);

#[test]
fn usage_errors_exit_2_name_the_flag_and_never_the_secret() {
    let env = ["--secret-env", "SMOKE_TEST_SECRET"];
    let large = vec![b' '; 1024 * 1024 + 1];
    let whsk = ["--scheme", "standard-webhooks"];
    let twilio = ["--sender", "twilio", "--header", "X-Twilio-Signature: UaT1YrX7ynDK6B+VYsi2GyQxf9c="];
    let auto = ["--sender", "auto", "--header", "X-Twilio-Signature: UaT1YrX7ynDK6B+VYsi2GyQxf9c="];
    let cases: [Refused<'_>; 20] = [
        ("verify", &[&env[..], &twilio].concat(), Some(STRONG), b"{}", "--url: twilio signs the URL"),
        ("verify", &[&env[..], &auto].concat(), Some(STRONG), b"{}", "--url: twilio signs the URL"),
        (
            "sign",
            &[&env[..], &["--url", "foo"]].concat(),
            Some(STRONG),
            b"{}",
            "--url foo: http:// or https://",
        ),
        ("verify", &[&env[..], &["--url", "foo"]].concat(), Some(STRONG), b"{}", "--url foo: http:// or"),
        (
            "sign",
            &[&env[..], &["--method", "GET POST"]].concat(),
            Some(STRONG),
            b"{}",
            "a method is one word",
        ),
        ("verify", &[&env[..], &["--method", ""]].concat(), Some(STRONG), b"{}", "a method is one word"),
        ("sign", &env, None, b"", "--secret-env: no environment variable has that name"),
        ("verify", &env, None, b"", "--secret-env: no environment variable has that name"),
        ("sign", &env, Some(""), b"", "secret is empty"),
        ("verify", &env, Some(""), b"", "secret is empty"),
        ("sign", &[], None, b"", "give --secret-file FILE or --secret-env VAR"),
        ("verify", &[], None, b"", "give --secret-file FILE or --secret-env VAR"),
        ("sign", &["--secret-file", "-"], None, b"", "stdin is already used for the body"),
        (
            "sign",
            &["--secret-file", "/nonexistent/secret"],
            None,
            b"",
            "--secret-file /nonexistent/secret: cannot be read",
        ),
        (
            "sign",
            &[&env[..], &["--scheme", "hmac"]].concat(),
            Some(STRONG),
            b"",
            "known: deltacrown-v1, deltacrown-v2, st",
        ),
        ("sign", &[&env[..], &["--id", "7"]].concat(), Some(STRONG), b"", "--id is not a UUID"),
        ("sign", &env, Some(STRONG), &large, "exceeds 1 MiB"),
        ("verify", &env, Some(STRONG), &large, "exceeds 1 MiB"),
        ("sign", &env, Some(STRONG), br#"{"a":1,"a":2}"#, "a key appears twice"),
        ("verify", &[&env[..], &whsk].concat(), Some("whsk_hunter2!"), b"", "not base64"),
    ];
    for (command, args, secret, body, words) in cases {
        let output = smoke(&[&[command], args].concat(), secret, body);
        assert_eq!(output.status.code(), Some(2), "{command} {args:?}: {}", err(&output));
        assert!(err(&output).contains(words), "{command} {args:?}: {:?} lacks {words:?}", err(&output));
        assert_eq!(out(&output), "");
        let secret = secret.filter(|s| !s.is_empty()).unwrap_or(STRONG);
        assert!(!err(&output).contains(secret));
    }
    for now in ["yesterday", "2026-13-01T00:00:00Z", "1.5"] {
        assert_eq!(verified(&["--now", now], STRONG, &[], b"").status.code(), Some(2));
    }
    assert_eq!(verified(&[], STRONG, &["no colon"], b"").status.code(), Some(2));
}
