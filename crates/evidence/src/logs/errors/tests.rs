use super::super::{Fold, Formats, Summary};
use super::*;
use pii::Policy;

fn of(formats: &Formats, text: &str) -> Summary {
    let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
    let mut fold = Fold::new(formats, Some(engine), None);
    text.lines().for_each(|line| fold.take(Some(line)));
    fold.finish().0
}

#[test]
fn an_error_of_another_application_is_one_whatever_its_message_has_in_common_with_webhooks() {
    let at = "2025-11-13 14:30:15,123";
    for line in [
        format!("ERROR {at} django.db.backends connection to PostgreSQL lost, retrying in 5 seconds"),
        format!("ERROR {at} celery.task save failed, retrying in 5s\n{FRAMES}"),
        format!("CRITICAL {at} apps.bank refund API: too many client errors (4xx), refunds stopped"),
        format!("ERROR {at} apps.bank bank API down: circuit breaker open"),
        format!("[{at}] ERROR: connection to PostgreSQL lost, retrying in 5 seconds"),
        format!(r#"{{"time":"{at}","level":"ERROR","logger":"celery","message":"retrying in 5 s"}}"#),
    ] {
        let found = of(&Formats::built_in().unwrap(), &line);
        assert_eq!((found.errors.count, found.webhook_lines), (1, 0), "{line}");
    }
    let found = of(
        &Formats::built_in().unwrap(),
        &format!(
            "INFO {at} apps.bank.client HTTP client ready: client errors (4xx) are not retried\n\
             INFO {at} apps.bank no circuit breaker opened today\nINFO {at} apps.slack Slack webhook delivered to #ops"
        ),
    );
    assert_eq!((found.errors.count, found.webhook_lines), (0, 0));
}

const FAILED: &str =
    "ERROR 2025-11-13 14:30:15,123 django.request Internal Server Error: /api/payments/1/verify/";
const FRAMES: &str = "Traceback (most recent call last):\n  File \"x.py\", line 3, in view\n    raise ValueError(\"no\")\n    ^^^^^^^\nValueError: no such row\n";

#[test]
fn a_line_and_its_traceback_are_one_error_and_every_line_of_it_is_known() {
    let text = format!(
        "{FAILED}\n{FRAMES}{FAILED}\n{FRAMES}\nDuring handling of the above exception, another exception occurred:\n\n{FRAMES}DETAIL: more\n"
    );
    for text in [text.clone(), text.lines().map(|line| format!("web-1  | {line}\n")).collect()] {
        let found = of(&Formats::built_in().unwrap(), &text);
        let Errors { count, tracebacks, of_others, first, .. } = found.errors;
        assert_eq!((count, tracebacks, of_others, found.unreadable.count), (2, 2, 0, 0), "{text}");
        assert_eq!(
            first[0],
            (
                1,
                "2025-11-13 14:30:15,123 Internal Server Error: /api/payments/1/verify/: ValueError: no such row"
                    .to_owned()
            )
        );
    }
}

#[test]
fn a_traceback_alone_is_an_error_and_one_of_a_webhook_is_not() {
    let formats = Formats::built_in().unwrap();
    assert_eq!(of(&formats, FRAMES).errors.count, 1);
    let attempt = "ERROR 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service Webhook request failed: event=e, attempt=3/3, error=x";
    let found = of(&formats, &format!("{attempt}\n{FRAMES}"));
    assert_eq!((found.errors.count, found.unreadable.count), (0, 0));
    let delivered = "INFO 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service Webhook delivered successfully: event=e, attempt=1/3, status=200";
    let found = of(&formats, &format!("{delivered}\n{FRAMES}"));
    assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
    let handler = "ERROR 2025-11-13 14:30:15,123 notification_services_module Webhook delivery failed: 'NoneType' has no attribute 'id'";
    assert_eq!(of(&formats, handler).errors.count, 1);
}

#[test]
fn what_strangers_send_is_not_the_applications_error() {
    let stranger =
        "ERROR 2025-11-13 14:30:15,123 django.security.DisallowedHost Invalid HTTP_HOST header: 'x'";
    let found = of(&Formats::built_in().unwrap(), &format!("{stranger}\n{FRAMES}")).errors;
    assert_eq!((found.count, found.of_others), (0, 1));
    let own = Formats::built_in().unwrap().with_error_loggers(vec!["apps".to_owned()]);
    let apps = "CRITICAL 2025-11-13 14:30:15,123 apps.payments broken";
    let found = of(&own, &format!("{FAILED}\n{FRAMES}{apps}\n")).errors;
    assert_eq!(
        (found.count, found.of_others, found.first),
        (1, 1, vec![(7, "2025-11-13 14:30:15,123 broken".to_owned())])
    );
}

#[test]
fn a_traceback_behind_another_is_another_error_unless_words_chain_them() {
    let stranger =
        format!("ERROR 2025-11-13 14:30:15,123 django.security.DisallowedHost Invalid host: 'x'\n{FRAMES}");
    let aborted = "ERROR 2025-11-13 14:30:15,123 apps.notifications.services.webhook_service Client error - aborting retries: status=400";
    let direct = "\nThe above exception was the direct cause of the following exception:\n\n";
    // A stranger's words within a line chain nothing.
    let said = stranger.replace("no such row", "'During handling of the above exception, another'");
    for (text, count) in [
        (format!("{stranger}{FRAMES}"), 1),
        (format!("{stranger}\n{FRAMES}{FRAMES}"), 2),
        (format!("{stranger}Exception in thread Thread-7 (worker):\n{FRAMES}"), 1),
        (format!("{said}{FRAMES}"), 1),
        (format!("{stranger}{direct}{FRAMES}"), 0),
        (format!("{FRAMES}{direct}{FRAMES}"), 1),
        (format!("{aborted}\n{FRAMES}"), 1),
    ] {
        for text in [text.clone(), text.lines().map(|line| format!("web-1  | {line}\n")).collect()] {
            let found = of(&Formats::built_in().unwrap(), &text).errors;
            assert_eq!((found.count, found.tracebacks), (count, count), "{text}");
        }
    }
}

#[test]
fn an_error_counts_in_a_format_that_is_not_known() {
    let built_in = || Formats::built_in().unwrap();
    let worker = "[2026-11-26 12:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:9)";
    let found = of(&built_in(), &format!("{worker}\n[2026-11-26 12:00:01 +0000] [9] [INFO] Booting\n"));
    assert_eq!((found.errors.count, found.unreadable.count, found.other_lines), (1, 0, 2));
    assert_eq!(found.errors.first[0].1, "2026-11-26 18:00:00,000 WORKER TIMEOUT (pid:9)");
    let stranger = "2026-11-26 12:00:00,1 [ERROR] django.security.DisallowedHost: Invalid HTTP_HOST header";
    let found = of(&built_in(), stranger).errors;
    assert_eq!((found.count, found.of_others), (0, 1));
    // Of some loggers only: the server's own count, and of a line without a name nobody knows.
    let apps = || built_in().with_error_loggers(vec!["apps".to_owned()]);
    for (line, counts) in [
        (worker, (1, 0, 0)),
        ("2026-11-26 12:00:00,1 [error] apps.payments: broken", (1, 0, 0)),
        ("2026-11-26 12:00:00,1 [error] other.app: broken", (0, 1, 0)),
        ("ERROR:    Exception in ASGI application", (0, 0, 1)),
        (FRAMES, (0, 0, 1)),
    ] {
        let Errors { count, of_others, unnamed, .. } = of(&apps(), line).errors;
        assert_eq!((count, of_others, unnamed), counts, "{line}");
    }
    let bare = r#"{"level":"error","Text":"broken"}"#;
    let found = of(&built_in(), bare);
    assert_eq!((found.errors.count, found.errors.wordless, found.unreadable.count), (0, 1, 1));
}

#[test]
fn a_group_of_exceptions_is_one_error() {
    let group = "  + Exception Group Traceback (most recent call last):\n  |   File \"x.py\", line 1, in view\n  |     raise ExceptionGroup(\"eg\", [ValueError(1)])\n  | ExceptionGroup: two failed (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"x.py\", line 2, in view\n    | ValueError: no such row\n    +---------------- 2 ----------------\n    | KeyError: 1\n    +------------------------------------\n";
    for text in [group.to_owned(), group.lines().map(|line| format!("web-1  | {line}\n")).collect()] {
        let found = of(&Formats::built_in().unwrap(), &text);
        assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
        let quote = &found.errors.first[0].1;
        assert!(quote.starts_with("an exception: ExceptionGroup: two failed"), "{quote}");
    }
}

#[test]
fn a_json_line_has_its_traceback_in_it() {
    let line = r#"{"time":"2025-11-13 14:30:15,123","level":"ERROR","logger":"django.request","message":"Internal Server Error: /x","exc_info":"Traceback (most recent call last):\n  File\nValueError: ask john@example.com"}"#;
    let found = of(&Formats::built_in().unwrap(), line).errors;
    assert_eq!((found.count, found.tracebacks), (1, 1));
    let (_, quote) = &found.first[0];
    assert!(
        quote.contains(",123 Internal Server Error: /x: ValueError") && !quote.contains("john@"),
        "{quote}"
    );
}

/// Docker's json-file: an object around each line, those of a traceback too.
#[test]
fn what_a_collector_has_put_into_an_object_is_read_as_it_was() {
    let collected = |key: &str, text: &str| -> String {
        text.lines()
            .map(|line| {
                serde_json::json!({ key: format!("{line}\n"), "stream": "stderr" }).to_string() + "\n"
            })
            .collect()
    };
    let formats = Formats::built_in().unwrap();
    let json = r#"{"levelname":"ERROR","asctime":"2025-11-13 14:30:15,123","name":"a","message":"broken"}"#;
    for key in ["log", "MESSAGE", "message"] {
        let found = of(&formats, &collected(key, &format!("{FAILED}\n{json}\n")));
        assert_eq!((found.errors.count, found.unreadable.count), (2, 0), "{key}");
        assert!(found.errors.first[1].1.ends_with("123 broken"), "{:?}", found.errors);
    }
    let found = of(&formats, &collected("log", &format!("{FAILED}\n{FRAMES}")));
    assert_eq!((found.errors.count, found.errors.tracebacks, found.unreadable.count), (1, 1, 0));
    assert!(found.errors.first[0].1.ends_with("ValueError: no such row"), "{:?}", found.errors);
}

#[test]
fn an_object_of_no_known_format_is_no_line_of_a_traceback() {
    let unknown =
        r#"{"Stufe":"ERROR","Text":"broken","Spur":"Traceback (most recent call last):\n  File\nE: x"}"#;
    let found = of(&Formats::built_in().unwrap(), &format!("{FRAMES}{unknown}\n{unknown}\n"));
    assert_eq!((found.errors.count, found.unreadable.count), (3, 2));
    assert!(found.errors.first[1].1.starts_with("an exception, in a line of no known format"));
}

#[test]
fn a_line_without_a_level_may_be_an_error() {
    let of = |line: &str| of(&Formats::built_in().unwrap(), line).errors;
    for line in
        [r#"{"message":"broken"}"#, r#"{"message":"broken","level":"loud"}"#, r#"{"message":"x","level":40}"#]
    {
        assert_eq!((of(line).count, of(line).ungraded), (0, 1), "{line}");
    }
    for line in [
        r#"{"msg":"broken","level":50}"#,
        r#"{"msg":"broken","levelno":40}"#,
        r#"{"msg":"broken","lvl":"eror","level":"err"}"#,
    ] {
        assert_eq!((of(line).count, of(line).ungraded), (1, 0), "{line}");
    }
    let loguru = r#"{"text":"x","record":{"level":{"name":"ERROR","no":40},"message":"broken","name":"a","time":{"timestamp":1763022615.5}}}"#;
    assert_eq!(of(loguru).first, [(1, "2025-11-13 14:30:15,500 broken".to_owned())]);
}

#[test]
fn what_a_json_line_says_beside_its_message_is_looked_at() {
    let pii = |line: &str| of(&Formats::built_in().unwrap(), line).pii.unwrap();
    assert_eq!(pii(r#"{"message":"x","level":"INFO","user":"john@example.org"}"#).get("email"), Some(&1));
    assert_eq!(
        pii(r#"{"message":"x","level":"INFO","remote_addr":"203.0.113.9"}"#).get("ip_address"),
        Some(&1)
    );
    let real = r#"{"levelname":"INFO","asctime":"2025-11-13 14:30:15,123","name":"deltacrown.requests","message":"Request completed: GET /healthz/","correlation_id":"519d0019-f658-4c88-9b38-2ca2df2dc1d4","method":"GET","path":"/healthz/","status_code":200,"duration_ms":2298.36,"user_id":null,"remote_addr":"127.0.0.1"}"#;
    assert!(pii(real).is_empty());
}

#[test]
fn lines_that_are_no_traceback_stay_unreadable() {
    let found = of(&Formats::built_in().unwrap(), &format!("nonsense\n{FRAMES}{}", "nonsense\n".repeat(30)));
    assert_eq!(found.unreadable.count, 1 + 30 - u64::from(MESSAGE));
}

/// Where libraries and collectors have an exception, and what is none.
#[test]
fn an_exception_in_an_object_is_an_error_wherever_it_stands() {
    let traceback = r#""Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: broken""#;
    let with =
        |members: &str| format!(r#"{{"message":"m","level":"INFO",{}}}"#, members.replace('@', traceback));
    let of = |line: &str| of(&Formats::built_in().unwrap(), line).errors;
    for members in [
        r#""exc_info":@"#,
        r#""exception":@"#,
        r#""exception":[{"exc_type":"ValueError","exc_value":"broken","frames":[]}]"#,
        r#""exception":{"type":"ValueError","message":"broken","stacktrace":@}"#,
        r#""error":{"stack_trace":@,"type":"ValueError"}"#,
        r#""error":{"stack":@,"kind":"ValueError"}"#,
        r#""error.stack":@"#,
        r#""stack":"Error: broken\n    at a.js:1""#,
        r#""err":{"type":"Error","stack":"Error: broken\n    at a.js:1"}"#,
        r#""attributes":{"exception.stacktrace":@}"#,
        r#""exception.type":"ValueError""#,
        r#""extra":{"exc_info":@}"#,
        r#""whatever":{"else":["x",@]}"#,
    ] {
        let found = of(&with(members));
        assert_eq!((found.count, found.tracebacks), (1, 1), "{members}");
    }
    let in_message = format!(r#"{{"severity":"INFO","message":"m\n{}}}"#, traceback.trim_start_matches('"'));
    assert_eq!(of(&in_message).count, 1, "{in_message}");
    assert_eq!(of(&format!("level=info event=m exception={traceback}")).count, 1);
    for members in [
        r#""exc_info":null"#,
        r#""exc_info":false"#,
        r#""exc_info":"NoneType: None""#,
        r#""exception":"","error":null"#,
        r#""error":"none found""#,
        r#""stack_info":"Stack (most recent call last):\n  File""#,
        r#""status":500,"priority":1"#,
        r#""stack":"production""#,
        // What was handled.
        r#""error":{"type":"Timeout","message":"tried again"}"#,
        r#""help":"it begins with Traceback (most recent call last): in Python""#,
    ] {
        assert_eq!(of(&with(members)), Errors::default(), "{members}");
    }
}

#[test]
fn levels_stand_under_many_names() {
    let of =
        |members: &str| of(&Formats::built_in().unwrap(), &format!(r#"{{"message":"m",{members}}}"#)).errors;
    for members in [
        r#""status":"error""#,
        r#""level_name":"ERROR""#,
        r#""logLevel":"error""#,
        r#""Level":"Error""#,
        r#""level":{"name":"ERROR","no":40}"#,
        r#""severity_number":17"#,
        r#""severity":500"#,
        r#""priority":"err""#,
    ] {
        assert_eq!((of(members).count, of(members).ungraded), (1, 0), "{members}");
    }
    for members in [r#""status":"info""#, r#""severity_number":16"#, r#""severity":400"#, r#""severity":200"#]
    {
        assert_eq!((of(members).count, of(members).ungraded), (0, 0), "{members}");
    }
    assert_eq!((of(r#""status":500"#).count, of(r#""status":500"#).ungraded), (0, 1));
}

/// Each line with what a platform puts before it, a level among it.
#[test]
fn a_traceback_with_a_collectors_level_before_each_line_is_one_error() {
    let formats = Formats::built_in().unwrap();
    let at = "2026-11-28T08:30:15Z";
    let chain =
        format!("{FRAMES}\nDuring handling of the above exception, another exception occurred:\n\n{FRAMES}");
    let timeout = "ERROR 2025-11-13 14:30:15,123 apps.webhook Webhook timeout: event=e, attempt=1/3";
    for head in [format!("{at} app[148e] sin [info] "), format!("<14>1 {at} web app 812 - - ")] {
        let headed = |text: &str| -> String { text.lines().map(|line| format!("{head}{line}\n")).collect() };
        let found = |text: &str| {
            let Errors { count, tracebacks, ungraded, .. } = of(&formats, &headed(text)).errors;
            (count, tracebacks, ungraded)
        };
        assert_eq!(found(&chain), (1, 1, 0), "{head}");
        assert_eq!(found(&format!("{FAILED}\n{chain}{FAILED}\n")), (2, 1, 0), "{head}");
        assert_eq!(found(&format!("{FRAMES}{FRAMES}")), (2, 2, 0), "{head}");
        let whole = format!("it broke{}", format!("\n{FRAMES}").trim_end().replace('\n', "#012"));
        assert_eq!(found(&format!("{FRAMES}{whole}\n")), (2, 2, 0), "{head}");
        assert_eq!(found(&format!("{timeout}\n{chain}")), (0, 0, 0), "{head}");
    }
    let object = |line: &str| {
        format!("{}\n", serde_json::json!({"message": line, "source_type": "file", "timestamp": at}))
    };
    let text: String = format!("{FAILED}\n{FRAMES}").lines().map(object).collect();
    let found = of(&formats, &text).errors;
    assert_eq!((found.count, found.tracebacks, found.ungraded), (1, 1, 0));
}

#[test]
fn a_traceback_within_a_line_or_as_a_message_is_an_error_at_any_level() {
    let formats = Formats::built_in().unwrap();
    let at = "2025-11-13 14:30:15,123";
    for end in ["\\n", "#012"] {
        let line = format!("INFO {at} apps.x it broke{end}{}", FRAMES.trim_end().replace('\n', end));
        let found = of(&formats, &line).errors;
        assert_eq!((found.count, found.tracebacks), (1, 1), "{line}");
        assert!(found.first[0].1.ends_with(": ValueError: no such row"), "{found:?}");
    }
    for level in ["INFO", "ERROR"] {
        let found = of(&formats, &format!("{level} {at} apps.x {FRAMES}"));
        assert_eq!(
            (found.errors.count, found.errors.tracebacks, found.unreadable.count),
            (1, 1, 0),
            "{level}"
        );
    }
    // What a receiver answered, and what is told of one.
    for message in [
        "Webhook delivery failed: event=e, status=500, attempt=1/3, response=x\\nTraceback (most recent call last):",
        "it said Traceback (most recent call last): and more",
    ] {
        assert_eq!(
            of(&formats, &format!("WARNING {at} apps.webhook {message}")).errors.count,
            0,
            "{message}"
        );
    }
}
