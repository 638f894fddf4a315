//! What PHP's `serialize` writes: `a:2:{s:8:"username";s:7:"dugong9";s:3:"lvl";i:3;}`.

use super::{Outer, Piece};
use crate::text;

/// Longest number, and most bytes between the name of a member and what an array or object in it holds.
const NUMBER: usize = 24;
const HEAD: usize = 96;

/// Yields the members of arrays and objects; what is cut off is read as far as it goes.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let start = out.len();
    let mut from = 0;
    // Text may stand before it.
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(":{")).map(|at| from + at) {
        from = at + 2;
        if text.get(from..).is_some_and(|rest| rest.starts_with(['s', 'i'])) {
            from = text.len() - members(text.get(from..).unwrap_or(""), out).len();
        }
    }
    let told = out.iter().skip(start).any(|piece| matches!(piece, Piece::Pair(..)));
    if !told {
        out.truncate(start);
    }
    Outer::Stays
}

/// Reads keys and values up to where they end, and gives what stands behind them.
fn members<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> &'t str {
    let mut rest = text;
    let mut open = 1;
    out.push(Piece::Open(None));
    while open > 0 {
        if let Some(behind) = rest.strip_prefix('}') {
            (open, rest) = (open - 1, behind);
            out.push(Piece::Close);
            continue;
        }
        let Some((key, behind)) = scalar(rest) else { break };
        if let Some((value, behind)) = scalar(behind) {
            out.push(Piece::Pair(Some(key.into()), value.into()));
            rest = behind;
        } else if let Some(at) = text::right_of(behind, 0, HEAD).find(":{") {
            out.push(Piece::Open(Some(key.into())));
            (open, rest) = (open + 1, behind.get(at + 2..).unwrap_or(""));
        } else {
            break;
        }
    }
    out.extend((0..open).map(|_| Piece::Close));
    rest
}

/// The string or number that `text` begins with, and what stands behind its `;`.
fn scalar(text: &str) -> Option<(&str, &str)> {
    let (kind, rest) = text.split_at_checked(2)?;
    match kind {
        // Its length is told in bytes.
        "s:" => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (length, rest) = rest.split_at_checked(digits)?;
            let (value, rest) = rest.strip_prefix(":\"")?.split_at_checked(length.parse().ok()?)?;
            Some((value, rest.strip_prefix("\";")?))
        }
        "i:" | "d:" | "b:" => {
            let end = text::right_of(rest, 0, NUMBER).find(';')?;
            Some((rest.get(..end)?, rest.get(end + 1..)?))
        }
        "N;" => Some(("", rest)),
        _ => None,
    }
}
