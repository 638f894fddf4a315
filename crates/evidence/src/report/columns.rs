//! A table of five columns that fits a screen: verdict, name, and three figures.

use super::screen::{Screen, cut};
use crate::gate::Verdict;
use std::fmt::Write as _;

/// Blanks between two columns.
const GAP: usize = 2;

/// A row, and the verdict that its first cell is coloured by.
pub(super) type Row = ([String; 5], Option<Verdict>);

/// The table; the first row is the head.
pub(super) fn table(rows: &[Row], screen: Screen) -> String {
    let widths = widths(rows, screen);
    let mut out = String::new();
    for (cells, verdict) in rows {
        let _ = writeln!(out, "{}", line(cells, widths, *verdict, screen));
    }
    out
}

/// Each column as wide as its widest cell; where that is too much for the screen, the names give way.
fn widths(rows: &[Row], screen: Screen) -> [usize; 5] {
    let mut widths = [0; 5];
    for (cells, _) in rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let [first, name, a, b, c] = widths;
    let others = first + a + b + c + 4 * GAP;
    [first, name.min(screen.width.saturating_sub(others).max(8)), a, b, c]
}

fn line(cells: &[String; 5], widths: [usize; 5], verdict: Option<Verdict>, screen: Screen) -> String {
    let [first, name, a, b, c] = cells;
    let [w0, w1, w2, w3, w4] = widths;
    let first = format!("{first:<w0$}");
    let first = verdict.map_or_else(|| first.clone(), |verdict| screen.paint(&first, verdict));
    let name = cut(name, w1);
    format!("{first}  {name:<w1$}  {a:>w2$}  {b:>w3$}  {c:>w4$}").trim_end().to_owned()
}
