//! What a Markdown memo says, line by line: a label and its text, table rows, boxes, and blocks of log lines.

/// One thing that a memo states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Statement {
    /// Line number, from 1.
    pub line: usize,
    /// What it is about, without markup.
    pub label: String,
    /// What is said of it, without markup.
    pub text: String,
    /// The target beside it, in a column of its own.
    pub target: Option<String>,
    /// Whether it is marked as met: a tick, a filled box, or the word.
    pub passed: bool,
}

/// A memo, taken apart.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub statements: Vec<Statement>,
    /// Rows of tables whose first column is called event: name and count.
    pub events: Vec<(String, String)>,
    /// Fenced blocks: the line they begin on, and their lines.
    pub blocks: Vec<(usize, Vec<String>)>,
}

/// Column names that hold what a row is about.
const LABELS: [&str; 6] = ["metric", "gate", "criterion", "criteria", "check", "item"];
const TARGETS: [&str; 4] = ["target", "threshold", "limit", "goal"];
const FIGURES: [&str; 6] = ["actual", "value", "measured", "result", "figure", "observed"];
const VERDICTS: [&str; 4] = ["status", "verdict", "met", "pass"];

/// Takes a memo apart.
pub(super) fn take_apart(text: &str) -> Parts {
    let mut parts = Parts::default();
    let mut block: Option<(usize, Vec<String>)> = None;
    let mut columns: Option<Vec<String>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            match block.take() {
                Some(done) => parts.blocks.push(done),
                None => block = Some((number, Vec::new())),
            }
        } else if let Some((_, lines)) = &mut block {
            lines.push(line.to_owned());
        } else if trimmed.starts_with('|') {
            let cells = cells(trimmed);
            match &columns {
                None => columns = Some(cells.iter().map(|c| bare(c).to_lowercase()).collect()),
                Some(_) if cells.iter().all(|c| c.trim_matches(['-', ':', ' ']).is_empty()) => {}
                Some(names) => row(number, names, &cells, &mut parts),
            }
            continue;
        } else if let Some(statement) = statement(number, trimmed) {
            parts.statements.push(statement);
        }
        columns = None;
    }
    parts.blocks.extend(block);
    parts
}

/// The cells of a table row; an escaped bar is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.replace("\\|", "\u{1}");
    let row = row.trim_matches('|');
    row.split('|').map(|cell| cell.replace('\u{1}', "|").trim().to_owned()).collect()
}

fn row(line: usize, columns: &[String], cells: &[String], parts: &mut Parts) {
    let column = |names: &[&str]| columns.iter().position(|c| names.contains(&c.as_str()));
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).map(String::as_str);
    let about = column(&LABELS).unwrap_or(0);
    let figure = column(&FIGURES).filter(|at| *at != about).or_else(|| (columns.len() == 2).then_some(1));
    let Some(label) = cell(Some(about)).map(bare).filter(|l| !l.is_empty()) else { return };
    match columns.first().map(String::as_str) {
        Some("event") => {
            parts.events.extend(cells.get(1).map(|count| (label, bare(count))));
            return;
        }
        // An event may be called what it likes.
        Some("figure") if label.starts_with("event ") => {
            let name = label.trim_start_matches("event ").to_owned();
            parts.events.extend(cells.get(1).map(|count| (name, bare(count))));
            return;
        }
        // Minutes, and smoke's table of what the sender's log said: other figures than those of the run.
        Some("minute" | "said") => return,
        _ => {}
    }
    let verdict = cell(column(&VERDICTS)).or_else(|| cells.first().map(String::as_str)).unwrap_or_default();
    let text = cell(figure).unwrap_or_default();
    parts.statements.push(Statement {
        line,
        label,
        text: bare(text),
        target: cell(column(&TARGETS)).map(bare),
        passed: is_passed(verdict) || is_passed(text),
    });
}

/// `- ✅ **Label**: text`, `- [x] label ≥ 95 %`, `Label: text`.
fn statement(line: usize, text: &str) -> Option<Statement> {
    let passed = is_passed(text);
    let text = bare(text);
    let comparison = text.find(['<', '>', '≥', '≤']);
    let colon = text.find(':').filter(|at| comparison.is_none_or(|c| *at < c));
    // `p95 below its limit (pass: p95 of 100 …)` is a remark: what stands in it is no figure of the label.
    if colon.is_some_and(|at| is_inside_brackets(&text, at)) {
        return None;
    }
    let (label, text, target) = match (colon, comparison) {
        (Some(at), _) => (text.get(..at)?, text.get(at + 1..)?, None),
        (None, Some(at)) => (text.get(..at)?, "", text.get(at..)),
        (None, None) => return None,
    };
    let label = label.trim();
    if label.is_empty() || label.chars().count() > 80 || !label.chars().any(char::is_alphabetic) {
        return None;
    }
    Some(Statement {
        line,
        label: label.to_owned(),
        text: text.trim().to_owned(),
        target: target.map(|t| t.trim().to_owned()),
        passed,
    })
}

fn is_inside_brackets(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.rfind('(') > before.rfind(')')
}

fn is_passed(text: &str) -> bool {
    let start = text.trim_start_matches(['-', '*', '+', ' ']);
    start.starts_with("[x]") || start.starts_with("[X]") || text.contains('✅') || {
        let word: String = start.chars().take_while(|c| c.is_alphabetic()).collect();
        ["pass", "passed", "met", "ok", "yes"].contains(&word.to_lowercase().as_str())
    }
}

/// Text without list marks, boxes, emphasis, escapes and pictures.
pub(super) fn bare(text: &str) -> String {
    let text = text.trim().trim_start_matches(['-', '+', '#', '>']).trim_start_matches("* ").trim_start();
    let text = ["[x]", "[X]", "[ ]"].iter().find_map(|b| text.strip_prefix(b)).unwrap_or(text);
    let text = text.replace("**", "").replace("__", "").replace(['`', '\\'], "");
    let text = text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&").replace("&#64;", "@");
    let picture =
        |c: char| !c.is_ascii() && !c.is_alphanumeric() && !matches!(c, '≥' | '≤' | '–' | '—' | '→');
    let text: String = text.chars().filter(|c| !picture(*c)).collect();
    text.trim().trim_matches('*').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bullets_tables_boxes_and_blocks_are_told_apart() {
        let parts = take_apart(
            "**Date**: 2025-11-13\n- ✅ **Success Rate**: 98.5% (197/200)\n- [x] Success rate ≥95%\n\n\
             | Gate | Target | Actual | Status |\n|---|---|---|---|\n| p95 | <2s | 2.4s | PASS |\n\n\
             | Event | Deliveries |\n|---|---:|\n| payment\\_verified | 6 |\n\n- [x] p95 below its limit (pass: p95 of 100 is 3 ms)\n\n\
             | said | times |\n|---|---|\n| delivered | 90 |\n\n```\nattempt 1\n```\n",
        );
        let of = |i: usize| {
            let s: &Statement = &parts.statements[i];
            (s.label.as_str(), s.text.as_str(), s.target.as_deref(), s.passed)
        };
        assert_eq!(of(0), ("Date", "2025-11-13", None, false));
        assert_eq!(of(1), ("Success Rate", "98.5% (197/200)", None, true));
        assert_eq!(of(2), ("Success rate", "", Some("≥95%"), true));
        assert_eq!(of(3), ("p95", "2.4s", Some("<2s"), true));
        assert_eq!(parts.events, [("payment_verified".to_owned(), "6".to_owned())]);
        assert_eq!(parts.statements.len(), 4, "remarks and the sender's log are no figures");
        assert_eq!(parts.blocks, [(19, vec!["attempt 1".to_owned()])]);
    }
}
