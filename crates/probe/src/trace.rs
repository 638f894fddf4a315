//! What in an answer looks like a stack trace.

/// Texts that stand in stack traces and debug pages, and hardly anywhere else: of Python, Node, Java, Rust, .NET, PHP, Ruby.
const MARKS: [&str; 11] = [
    "Traceback (most recent call last)",
    "You're seeing this error because you have <code>DEBUG = True</code>",
    "Werkzeug Debugger",
    MODULES,
    "\n    at ",
    "&nbsp; &nbsp;at ",
    "Exception in thread \"",
    "thread '",
    "   at System.",
    "Stack trace:\n#0",
    "ActionController::",
];

/// The folder of Node's packages.
const MODULES: &str = "node_modules/";

/// Texts around a number, and what they are called: of Go, Ruby and PHP.
const NUMBERED: [(&str, &str, &str); 3] = [
    ("goroutine ", " [", "goroutine N ["),
    (".rb:", ":in ", "FILE.rb:N:in"),
    (".php(", "): ", "FILE.php(N):"),
];

/// The mark of a stack trace in an answer's body.
#[must_use]
pub fn stack_trace(body: &str) -> Option<&'static str> {
    let tells = |mark: &&str| match *mark {
        // A Rust panic names both.
        "thread '" => body.contains("panicked at"),
        // A page may load a script from there: it is the line and column of one that tells.
        MODULES => is_numbered(body, "js:", ":"),
        _ => true,
    };
    let found = MARKS.iter().copied().filter(|mark| body.contains(mark)).find(tells);
    let numbered = || NUMBERED.iter().find(|(before, after, _)| is_numbered(body, before, after));
    let frame = || is_framed(body).then_some("at CLASS.METHOD(…)");
    found.map(str::trim).or_else(|| numbered().map(|(.., name)| *name)).or_else(frame)
}

/// Whether a number stands between these texts.
fn is_numbered(body: &str, before: &str, after: &str) -> bool {
    body.match_indices(before).any(|(at, _)| {
        let rest = body.get(at + before.len()..).unwrap_or_default();
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        tail.len() < rest.len() && tail.starts_with(after)
    })
}

/// Whether a line is a frame of Java, .NET or Node. In JSON a line ends with `\n` in two characters.
fn is_framed(body: &str) -> bool {
    body.split('\n').flat_map(|line| line.split("\\n")).any(|line| {
        let text = line.trim_start_matches("\\t").trim_start();
        // Prose is not indented, or has no place in a program behind its `at`.
        text.len() < line.len()
            && text.strip_prefix("at ").is_some_and(|frame| is_call(frame) || is_script(frame))
    })
}

/// `com.acme.Hook.verify(Hook.java:33)`, `Acme.Hook.Verify(String s) in …`: a name of several parts, and `(` right behind it.
fn is_call(frame: &str) -> bool {
    let Some((name, rest)) = frame.split_once('(') else { return false };
    let of_name = |c: char| c.is_alphanumeric() || "_$<>`+/[],@-".contains(c);
    let parts = || name.split('.');
    rest.contains(')')
        && parts().count() > 1
        && parts().all(|part| !part.is_empty() && part.chars().all(of_name))
}

/// `verify (/app/hook.js:12:9)`: a script with line and column.
fn is_script(frame: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let place = frame.split([')', '"', '<']).next().unwrap_or_default().trim_end_matches("\\r").trim_end();
    let mut parts = place.rsplitn(3, ':');
    let numbers = parts.by_ref().take(2).filter(|part| is_number(part)).count() == 2;
    numbers
        && parts.next().is_some_and(|file| ["js", "ts", "jsx", "tsx"].iter().any(|end| file.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_known_and_words_are_not() {
        assert!(stack_trace("<pre>Traceback (most recent call last):\n File").is_some());
        assert!(stack_trace("Error: x\n    at Object.<anonymous> (/app/index.js:1:1)").is_some());
        assert!(stack_trace("thread 'main' panicked at src/main.rs").is_some());
        assert_eq!(stack_trace("{\"error\":\"the thread 'x' is closed\"}"), None);
    }

    #[test]
    fn frames_of_every_usual_language_are_known() {
        for text in [
            "java.lang.IllegalStateException: bad\n\tat com.acme.Hook.verify(Hook.java:33)\n\tat java.base/java.lang.Thread.run(Thread.java:840)",
            "{\"trace\":\"java.lang.Error: bad\\r\\n\\tat com.acme.Hook$$Lambda/0x01.run(Unknown Source)\\r\\n\"}",
            "/app/hook.rb:12:in `verify': bad (RuntimeError)\n\tfrom /app/hook.rb:30:in `<main>'",
            "app/hook.rb:12:in 'Hook#verify': bad (RuntimeError)",
            "goroutine 17 [running]:\nmain.verify(0xc000012120)\n\t/app/main.go:22 +0x1d",
            "panic: x\n\ngoroutine 1 [running]:",
            "System.NullReferenceException: bad\r\n   at Acme.Hook.Verify(String s) in C:\\app\\Hook.cs:line 14",
            "{\"detail\":\"bad\\r\\n   at Acme.Hook.<Verify>d__3.MoveNext()\\r\\n   at System.X()\"}",
            "{\"stack\":\"Error: bad\\n    at verify (/app/hook.ts:12:9)\\n    at async /app/x.js:1:2\"}",
            "#0 /var/www/hook.php(12): verify()\n#1 {main}",
            "<li>/app/node_modules/express/lib/layer.js:95:5</li>",
        ] {
            assert!(stack_trace(text).is_some(), "{text}");
        }
    }

    #[test]
    fn prose_is_no_trace() {
        for text in [
            "invalid signature\n  at 2026-11-28 12:30:45 (UTC)",
            "see the documentation\n\tat docs.example.com/webhooks (section 3)",
            "try again\n  at 01/02/2026 12:30:45",
            "look at hooks.verify(body)",
            "{\"error\":\"bad\\n at the latest (see docs)\"}",
            "goroutines are 17 [here], a goroutine 17 times; hook.rb: 12, hook.php(x): no",
            "at com.acme.Hook: not signed",
            "<title>Not Found</title><script src=\"/node_modules/jquery/dist/jquery.min.js\"></script>",
        ] {
            assert_eq!(stack_trace(text), None, "{text}");
        }
    }
}
