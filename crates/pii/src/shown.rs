//! Text of strangers within a sentence of ours: a place, a name, a problem.

use std::borrow::Cow;

/// Longest text that is shown, in characters.
const LONGEST: usize = 300;

/// `text` on one line: what a terminal or a reader would obey or not see is escaped as in Rust, and the end of a long text
/// is cut. Whoever posts a webhook chooses the names of its keys, and must not write in our reports with them.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            shown.push('…');
            break;
        }
        if is_obeyed(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `text` for a terminal, whole and with its lines: what a terminal would obey or a reader not see is [`escaped`]. Inside a JSON
/// text that still means the same.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_obeyed(c) && !matches!(c, '\n' | '\t'))
}

/// `text` with some of its characters as JSON escapes them: `\u` and four hex digits for each UTF-16 unit (RFC 8259 section 7).
#[must_use]
pub fn escaped(text: &str, which: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&which) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if which(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_obeyed(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Line ends that are no control characters, marks without width, and marks that turn the direction of writing.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_writes_one_line_and_commands_nobody() {
        assert_eq!(shown("/k\n\n**PASS**\x1b[2J\u{202e}"), "/k\\n\\n**PASS**\\u{1b}[2J\\u{202e}");
        assert_eq!(shown("/data/ünï"), "/data/ünï");
        assert_eq!(shown(&"x".repeat(400)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn for_a_terminal_the_lines_stay_and_commands_do_not() {
        assert!(matches!(printable("Grüße, ✓ 🙂\n\tx"), Cow::Borrowed(_)));
        assert_eq!(
            printable("\x1b[2J\x1b]0;t\x07 \u{9b}31m \u{202e} \0 \r \u{7f}\u{200b}"),
            "\\u001b[2J\\u001b]0;t\\u0007 \\u009b31m \\u202e \\u0000 \\u000d \\u007f\\u200b"
        );
    }
}
