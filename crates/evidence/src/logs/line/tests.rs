use super::*;

const NAME: &str = "apps.notifications.services.webhook_service";

/// Kind, event, status, attempt and webhook id of a line.
type Fields = (Option<Kind>, Option<String>, Option<u16>, Option<u32>, Option<String>);

fn read(line: &str) -> Option<Fields> {
    let formats = Formats::built_in().unwrap();
    formats.read(line).map(|e| {
        (e.kind, e.event.map(Cow::into_owned), e.status, e.attempt, e.webhook_id.map(Cow::into_owned))
    })
}

/// Every line of docs/deltacrown.md section 4, in both formats.
#[test]
fn the_real_lines_are_read_in_both_formats() {
    use Kind::*;
    for (level, message, kind) in [
        ("DEBUG", "Webhook delivery attempt 1/3: endpoint=http://x/w, event=payment_verified", Attempt),
        ("INFO", "Webhook retry 2/3 after 2s delay", Retry),
        ("INFO", "Webhook delivered successfully: event=payment_verified, status=200, attempt=1", Delivered),
        (
            "WARNING",
            "Webhook delivery failed: event=e, status=503, attempt=1/3, response={\"status\": 1}",
            Failed,
        ),
        ("ERROR", "Client error - aborting retries: status=400", Aborted),
        ("WARNING", "Webhook timeout: event=e, attempt=1/3, timeout=10s", Timeout),
        ("WARNING", "Webhook connection error: event=e, attempt=2/3, error=refused", ConnectionError),
        ("ERROR", "Webhook request failed: event=e, attempt=3/3, error=x", RequestError),
        ("ERROR", "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w", Exhausted),
        ("WARNING", "WEBHOOK_ENDPOINT not configured - skipping delivery", Skipped),
        ("WARNING", "WEBHOOK_SECRET not configured - signature will be empty", NotConfigured),
        ("INFO", "Circuit breaker transitioned to HALF_OPEN - allowing probe request", BreakerHalfOpen),
        ("INFO", "Circuit breaker probe successful - transitioning to CLOSED", BreakerClosed),
        ("WARNING", "Circuit breaker OPEN - blocking webhook delivery (59.9s remaining)", Note),
        (
            "WARNING",
            "Webhook delivery blocked by circuit breaker: Circuit breaker open (59s remaining)",
            Blocked,
        ),
        ("WARNING", "Circuit breaker probe failed - reopening circuit", BreakerReopened),
        ("ERROR", "Circuit breaker OPENED - 5 failures in 12.3s", BreakerOpened),
        ("ERROR", "Webhook delivery failed: connection lost", HandlerError),
    ] {
        let console = format!("{level} 2025-11-13 14:30:15,123 {NAME} {message}");
        let debug = format!("{level} 2025-11-13 14:30:15,123 {NAME} webhook_service 812 140213 {message}");
        let collected = [
            format!("web-1  | {console}"),
            format!("Nov 13 14:30:15 staging gunicorn[812]: {debug}"),
            format!("2025-11-13T08:30:15.123456789Z stdout F {console}"),
        ];
        for line in [console, debug].into_iter().chain(collected) {
            assert_eq!(read(&line).unwrap_or_else(|| panic!("{line}")).0, Some(kind), "{line}");
        }
    }
}

#[test]
fn a_level_in_the_line_itself_goes_before_the_collectors() {
    let formats = Formats::built_in().unwrap();
    let inner = "INFO 2025-11-13 14:30:15,123 apps.x started";
    let level = |line: serde_json::Value| {
        let line = line.to_string();
        let line = formats.unwrapped(&line);
        formats.read(&line).map(|entry| (entry.level, entry.message.into_owned()))
    };
    let info = Some((Level::Mild, "started".to_owned()));
    let time = "2025-11-13T08:30:15.123Z";
    for line in [
        serde_json::json!({"textPayload": inner, "severity": "ERROR", "timestamp": time}),
        serde_json::json!({"log": format!("{inner}\n"), "stream": "stderr", "time": time}),
        serde_json::json!({"MESSAGE": inner, "PRIORITY": "3"}),
        serde_json::json!({"jsonPayload": {"message": inner}, "severity": "ERROR", "timestamp": time}),
        serde_json::json!({"jsonPayload": {"message": "started", "level": "INFO"}, "severity": "ERROR"}),
    ] {
        assert_eq!(level(line.clone()), info, "{line}");
    }
    let failed = serde_json::json!({"jsonPayload": {"message": "failed"}, "severity": "ERROR"});
    assert_eq!(level(failed), Some((Level::Severe, "failed".to_owned())));
    // Nobody knows what such a line says.
    assert_eq!(level(serde_json::json!({"said": inner, "severity": "ERROR"})), None);
    assert!(level(serde_json::json!({"said": "x", "level": "ERROR", "exc_info": "Traceback"})).is_some());
}

#[test]
fn a_line_begins_behind_what_it_writes_over() {
    let formats = Formats::built_in().unwrap();
    let of = |line: &str| {
        let entry = formats.read(line)?;
        Some((entry.level, entry.message.into_owned(), entry.beside.unwrap_or_default()))
    };
    let error = "ERROR 2025-11-13 14:30:15,123 django.request Internal Server Error: /x/";
    let message = "Internal Server Error: /x/".to_owned();
    for bar in ["10%\r20%".to_owned(), "=".repeat(300), String::new()] {
        let found = of(&format!("{bar}\r{error}"));
        assert_eq!(found, Some((Level::Severe, message.clone(), bar)));
    }
    let (level, said, beside) = of(&format!("{}\r{error}\rx", "=".repeat(300))).unwrap();
    assert_eq!((level, said, beside.len()), (Level::Severe, format!("{message}\rx"), 300));
    let object = r#"{"level":"ERROR","message":"x","user":"john"}"#;
    let (level, _, beside) = of(&format!("{}\r{object}", "=".repeat(300))).unwrap();
    assert!(level == Level::Severe && beside.starts_with("===") && beside.contains("john"));
    // What an application quotes within a line of its own begins none.
    let quoted = format!("INFO 2025-11-13 14:30:15,123 apps.x said 1\r{error}");
    assert_eq!(of(&quoted).unwrap().0, Level::Mild);
    assert_eq!((of("10%\r20%"), of("\r\r\r\r\r")), (None, None));
}

#[test]
fn a_bare_value_ends_before_any_blank_comma_or_semicolon() {
    for c in (0..=0x3100).filter_map(char::from_u32) {
        let ends = c.is_whitespace() || c == ',' || c == ';';
        for text in [format!("ab{c}d e"), format!("\u{e9}b{c}d e")] {
            let whole = text.len() - 2;
            assert_eq!(bare_end(&text), if ends { whole - 1 - c.len_utf8() } else { whole }, "{text}");
        }
    }
    assert_eq!((bare_end(""), bare_end("\u{e9}")), (0, 2));
}

#[test]
fn pairs_are_found_where_they_stand() {
    let of = |text: &str| pairs(text).map(|(n, v)| format!("{n}:{v}")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        of("failed: event=paid, status=503, attempt=1/3; max=3"),
        "event:paid status:503 attempt:1/3 max:3"
    );
    assert_eq!(of("error=status=500, xevent=a, a.event=b, event=, status="), "status:500 event:b");
    assert_eq!(
        (of("="), of("event=ü, status=7"), of("no pairs")),
        (String::new(), "event:ü status:7".into(), String::new())
    );
}

#[test]
fn fields_and_times_are_read() {
    let line = format!(
        "INFO 2025-11-13 14:30:15,123 {NAME} Webhook delivered successfully: event=payment_verified, status=200, \
         attempt=2, webhook_id=4960b1c5-318e-4f87-b6c4-62792d82faa3"
    );
    let formats = Formats::built_in().unwrap();
    let entry = formats.read(&line).unwrap();
    assert_eq!(entry.at.unwrap().to_rfc3339(), "2025-11-13T08:30:15.123+00:00");
    assert_eq!(
        (entry.event.as_deref(), entry.status, entry.attempt),
        (Some("payment_verified"), Some(200), Some(2))
    );
    assert_eq!(entry.webhook_id.as_deref(), Some("4960b1c5-318e-4f87-b6c4-62792d82faa3"));
}

#[test]
fn a_line_may_be_a_json_object() {
    let formats = Formats::built_in().unwrap();
    let message = r#"Webhook delivered successfully: event=paid, status=200, attempt=1, webhook_id=\"AB-1\""#;
    let real = format!(
        r#"{{"time": "2025-11-13 14:30:15,123", "level": "INFO", "logger": "{NAME}", "message": "{message}"}}"#
    );
    for line in [real.clone(), format!("web-1  | {real}"), format!("  {real}\r")] {
        let entry = formats.read(&line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(entry.at.unwrap().to_rfc3339(), "2025-11-13T08:30:15.123+00:00");
        assert_eq!(
            (entry.kind, entry.event.as_deref(), entry.status),
            (Some(Kind::Delivered), Some("paid"), Some(200))
        );
        assert_eq!((entry.webhook_id.as_deref(), entry.logger.as_deref()), (Some("AB-1"), Some(NAME)));
    }
    for (line, at) in [
        (
            r#"{"ts": 1763022615.5, "severity": "error", "msg": "x", "status": 500}"#,
            "2025-11-13T08:30:15.500+00:00",
        ),
        (
            r#"{"@timestamp":"2025-11-13T08:30:15.5Z","log":{"level":"ERROR"},"message":"x"}"#,
            "2025-11-13T08:30:15.500+00:00",
        ),
        (
            r#"{"timestamp":1763022615500,"levelname":"CRITICAL","message":"x","exc_info":"Traceback\nE: y"}"#,
            "2025-11-13T08:30:15.500+00:00",
        ),
    ] {
        let entry = formats.read(line).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            (entry.at.unwrap().to_rfc3339().as_str(), entry.level == Level::Severe, entry.status),
            (at, true, None),
            "{line}"
        );
    }
    // A format string escapes nothing.
    let raw = format!(
        r#"{{"time": "2025-11-13 14:30:15,123", "level": "WARNING", "logger": "{NAME}", "message": "Webhook delivery failed: event=e, status=400, attempt=1/3, response={{"a": "b"}}"}}"#
    );
    let entry = formats.read(&raw).unwrap();
    assert_eq!((entry.kind, entry.status, entry.at.is_some()), (Some(Kind::Failed), Some(400), true));
    // The receiver's words are not the sender's line.
    let quoted = format!(
        "WARNING 2025-11-13 14:30:15,123 {NAME} Webhook delivery failed: event=e, status=400, attempt=1/3, response={{\"message\":\"Webhook delivered successfully: event=e\"}}"
    );
    assert_eq!(formats.read(&quoted).unwrap().kind, Some(Kind::Failed));
    for none in [r#"{"level": "INFO"}"#, "{", "[1]", r#"{"message": 7}"#] {
        assert!(formats.read(none).is_none(), "{none}");
    }
    let own = "utc_offset: '+00:00'\nlines: []\njson: [{name: own, message: [/a/said]}]\nmessages: [{kind: delivered, pattern: '^sent'}]";
    let entry = Formats::parse(own).unwrap();
    let entry = entry.read(r#"{"a": {"said": "sent"}, "event": "paid", "webhook_id": 7}"#).unwrap();
    assert_eq!((entry.event.as_deref(), entry.webhook_id.as_deref()), (Some("paid"), Some("7")));
}

#[test]
fn the_guides_lines_are_read_and_others_are_not() {
    use Kind::*;
    for (line, kind) in [
        (
            "[2025-11-13 14:30:15] INFO: Webhook delivery successful: event=payment_verified, status=200",
            Delivered,
        ),
        (
            "[INFO] 2025-11-13 14:30:15 Webhook delivery successful: event=e, status=200, latency=145ms",
            Delivered,
        ),
        ("2025-11-13T14:30:15Z ERROR Client errors (4xx) are not retried", Aborted),
        ("[WARNING] Webhook delivery failed (attempt 1/3): 503. Retrying in 2 seconds...", Retry),
    ] {
        assert_eq!(read(line).unwrap_or_else(|| panic!("{line}")).0, Some(kind), "{line}");
    }
    assert_eq!(read("INFO 2025-11-13 14:30:15,123 django.server \"GET / HTTP/1.1\" 200 5").unwrap().0, None);
    let undotted = "2025-11-13 14:30:15 [info] webhook_service: Webhook delivered successfully: event=e, status=200, attempt=1";
    assert_eq!(read(undotted).unwrap().0, Some(Delivered));
    for other in ["Traceback (most recent call last):", "", "127.0.0.1 - - [13/Nov/2025] \"GET /\" 200"] {
        assert_eq!(read(other), None, "{other}");
    }
}
