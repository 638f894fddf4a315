//! Text of strangers within a sentence of ours: a place, a name, a problem.

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
        if c.is_control() || is_invisible(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
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
}
