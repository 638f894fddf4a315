//! A terminal: how much fits on it, what colours it takes, and how texts fit into it.

use crate::gate::Verdict;

/// Whether a text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With ANSI colours.
    Ansi,
    /// Plain text.
    None,
}

/// Where a text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub colour: Colour,
    /// Columns, 40 to 100.
    pub width: usize,
    /// Rows; none where nothing scrolls away (a pipe).
    pub rows: Option<usize>,
    /// Whether gates that nothing exercised are listed one by one.
    pub all: bool,
}

/// No text is wider than this.
const WIDEST: usize = 100;
/// A terminal that says it is narrower is taken to be this wide.
const NARROWEST: usize = 40;

impl Screen {
    /// A terminal of `size` (columns, rows), or a pipe or file.
    #[must_use]
    pub fn new(colour: Colour, size: Option<(usize, usize)>, all: bool) -> Self {
        let width = size.map_or(WIDEST, |(columns, _)| columns.clamp(NARROWEST, WIDEST));
        Self { colour, width, rows: size.map(|(_, rows)| rows), all }
    }

    /// `text` in lines that fit, the first after `first`, the others as far in as that is wide.
    #[must_use]
    pub fn wrapped(self, first: &str, text: &str) -> String {
        let indent = first.chars().count();
        let room = self.width.saturating_sub(indent).max(20);
        let mut out = first.to_owned();
        for (i, line) in lines(text, room).into_iter().enumerate() {
            if i > 0 {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent));
            }
            out.push_str(&line);
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    /// `text` in the colour of a verdict.
    #[must_use]
    pub fn paint(self, text: &str, verdict: Verdict) -> String {
        paint(text, verdict, self.colour)
    }
}

/// Lines of at most `room` characters, broken at blanks where there are any.
fn lines(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words(text) {
        let mut rest: Vec<char> = word.chars().collect();
        while let Some(line) = lines.last_mut() {
            let used = line.chars().count();
            let gap = usize::from(used > 0);
            if used + gap + rest.len() <= room {
                line.extend((gap > 0).then_some(' '));
                line.extend(rest);
                break;
            }
            if used > 0 {
                lines.push(String::new());
            } else {
                let tail = rest.split_off(room);
                line.extend(rest);
                rest = tail;
                lines.push(String::new());
            }
        }
    }
    lines
}

/// What no line ends before, so that a figure keeps its unit.
const UNITS: [&str; 6] = ["ms", "s", "min", "h", "%", "MB"];

/// The words of a text; a figure and its unit are one.
fn words(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let is_unit = UNITS.contains(&word.trim_end_matches([',', ';', '.', ':', ')']));
        match all.last_mut().filter(|before| is_unit && before.ends_with(|c: char| c.is_ascii_digit())) {
            Some(figure) => {
                figure.push(' ');
                figure.push_str(word);
            }
            None => all.push(word.to_owned()),
        }
    }
    all
}

/// `text` in the colour of a verdict.
#[must_use]
pub fn paint(text: &str, verdict: Verdict, colour: Colour) -> String {
    let code = match (colour, verdict) {
        (Colour::None, _) => return text.to_owned(),
        (Colour::Ansi, Verdict::Pass) => "32",
        (Colour::Ansi, Verdict::Fail) => "31;1",
        (Colour::Ansi, Verdict::Unproven) => "33",
        (Colour::Ansi, Verdict::NotExercised) => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// At most `max` characters.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        text.to_owned()
    } else {
        text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_hangs_under_its_first_word() {
        let screen = Screen::new(Colour::None, Some((40, 24)), false);
        let said = screen.wrapped("fail  ", "3 of 10 webhooks that were due never came");
        assert_eq!(said, "fail  3 of 10 webhooks that were due\n      never came\n");
    }

    #[test]
    fn a_figure_keeps_its_unit() {
        let screen = Screen::new(Colour::None, Some((40, 24)), false);
        let said = screen.wrapped("", "p50 1.40 ms, p90 2.25 ms, p95 2.67, max 3.40 ms (10 samples)");
        assert_eq!(said, "p50 1.40 ms, p90 2.25 ms, p95 2.67, max\n3.40 ms (10 samples)\n");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_screen_and_no_word_is_lost(
            text in "[a-z€ ]{0,200}( [a-z]{0,90})?",
            columns in 0_usize..200,
        ) {
            let screen = Screen::new(Colour::None, Some((columns, 24)), false);
            let said = screen.wrapped("12345", &text);
            prop_assert!(said.lines().all(|line| line.chars().count() <= screen.width), "{said}");
            let squeezed = |s: &str| s.split_whitespace().collect::<String>();
            prop_assert_eq!(squeezed(said.trim_start_matches("12345")), squeezed(&text));
        }
    }
}
