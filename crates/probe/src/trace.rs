//! What in an answer looks like a stack trace.

/// Texts that stand in stack traces and debug pages, and hardly anywhere else: of Python, Node, Java, Go, Rust, .NET, PHP, Ruby.
const MARKS: [&str; 12] = [
    "Traceback (most recent call last)",
    "You're seeing this error because you have <code>DEBUG = True</code>",
    "Werkzeug Debugger",
    "node_modules/",
    "\n    at ",
    "&nbsp; &nbsp;at ",
    "Exception in thread \"",
    "goroutine 1 [",
    "thread '",
    "   at System.",
    "Stack trace:\n#0",
    "ActionController::",
];

/// The mark of a stack trace in an answer's body.
#[must_use]
pub fn stack_trace(body: &str) -> Option<&'static str> {
    let found = MARKS.iter().copied().find(|mark| body.contains(mark))?;
    // A Rust panic names both.
    if found == "thread '" && !body.contains("panicked at") { None } else { Some(found.trim()) }
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
}
