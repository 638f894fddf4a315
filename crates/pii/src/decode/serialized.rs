//! What PHP's `serialize` writes: `a:2:{s:8:"username";s:7:"dugong9";s:3:"lvl";i:3;}`.

use super::{Outer, Piece};

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
        } else if let Some((_, behind)) = behind.split_once(":{").filter(|(head, _)| head.len() <= 96) {
            out.push(Piece::Open(Some(key.into())));
            (open, rest) = (open + 1, behind);
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
            let (length, rest) = rest.split_once(":\"")?;
            let (value, rest) = rest.split_at_checked(length.parse().ok()?)?;
            Some((value, rest.strip_prefix("\";")?))
        }
        "i:" | "d:" | "b:" => rest.split_once(';').filter(|(number, _)| number.len() <= 24),
        "N;" => Some(("", rest)),
        _ => None,
    }
}
