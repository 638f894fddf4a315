//! Names of fields that stand for a path: `user[name]`, `players[0][name]`, `players[0].name`. The fields of a form are the members of
//! the objects that their names open, as PHP, Rails and `qs` read them.

use super::{Key, Piece};
use std::borrow::Cow;

/// The ending of Rails' nested forms: `players_attributes[0][name]`.
const NESTED: &str = "_attributes";

/// The keys in the name of a field, from the outermost to its own; none stands for an element of a list. A name without brackets is
/// one key.
pub(crate) fn keys(name: &str) -> impl Iterator<Item = Option<&str>> {
    let mut pieces = name.split('[');
    let base = pieces.next().filter(|base| !base.is_empty() || !name.contains('['));
    let inner = pieces.flat_map(|piece| {
        let (inner, behind) = piece.split_once(']').unwrap_or((piece, ""));
        let behind = behind.trim_matches(['.', ']']);
        // A longer number is data.
        let element = inner.len() < 6 && inner.bytes().all(|b| b.is_ascii_digit());
        [Some((!element).then_some(inner)), Some(Some(behind)).filter(|_| !behind.is_empty())]
    });
    let is_path = name.contains('[');
    base.map(Some).into_iter().chain(inner.flatten()).map(move |key| {
        key.map(|key| key.strip_suffix(NESTED).filter(|bare| is_path && !bare.is_empty()).unwrap_or(key))
    })
}

/// The name with brackets that ends at `at`: `user[name]` before the `=` of `?user[name]=x`; none where it has no brackets.
pub(crate) fn name_before(text: &str, at: usize) -> Option<&str> {
    let left = crate::text::left_of(text, at, LONGEST);
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']');
    let name = left.get(left.trim_end_matches(is_of_name).len()..)?;
    (name.contains('[') && !name.starts_with('[')).then_some(name)
}

/// The name of the object in which the field with this name is: `order[venue]` of `order[venue][address]`.
pub(crate) fn enclosing(name: &str) -> Option<&str> {
    let own = name.trim_end_matches(['[', ']', '.']).rfind(['[', ']'])?;
    name.get(..own)
}

/// Longest name of a field, in bytes.
pub(super) const LONGEST: usize = 128;

/// Yields fields as the members of the objects that their names open. Those of one object stand together, whatever stood between.
pub(super) fn nest<'t>(fields: Vec<(Cow<'t, str>, Cow<'t, str>)>, out: &mut Vec<Piece<'t>>) {
    if !fields.iter().any(|(name, _)| name.contains('[')) {
        out.extend(fields.into_iter().map(|(name, value)| Piece::Pair(Some(name), value)));
        return;
    }
    let owned = |key: Option<&str>| -> Key<'t> { key.map(|key| key.to_owned().into()) };
    let mut members: Vec<(Vec<Key<'t>>, Key<'t>, Cow<'t, str>)> = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        if name.contains('[') {
            let mut path: Vec<Key<'t>> = keys(&name).map(owned).collect();
            let own = path.pop().flatten();
            members.push((path, own, value));
        } else {
            members.push((Vec::new(), Some(name), value));
        }
    }
    members.sort_by(|a, b| a.0.cmp(&b.0));
    let mut open: Vec<Key<'t>> = Vec::new();
    for (path, own, value) in members {
        let same = open.iter().zip(&path).take_while(|(a, b)| a == b).count();
        out.extend(open.drain(same..).map(|_| Piece::Close));
        for key in path.into_iter().skip(same) {
            out.push(Piece::Open(key.clone()));
            open.push(key);
        }
        out.push(Piece::Pair(own, value));
    }
    out.extend(open.iter().map(|_| Piece::Close));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path() {
        let path = |name| keys(name).map(|key| key.unwrap_or("*").to_owned()).collect::<Vec<_>>().join("/");
        for (name, expected) in [
            ("user", "user"),
            ("user.name", "user.name"),
            ("custom_attributes", "custom_attributes"),
            ("user[name]", "user/name"),
            ("order[venue][address]", "order/venue/address"),
            ("players[0][name]", "players/*/name"),
            ("players[][name]", "players/*/name"),
            ("players[0].name", "players/*/name"),
            ("players_attributes[0][name]", "players/*/name"),
            ("tags[]", "tags/*"),
            ("calls[01712345678]", "calls/01712345678"),
            ("[name]", "name"),
            ("user[name", "user/name"),
            ("", ""),
        ] {
            assert_eq!(path(name), expected, "{name}");
        }
        for (name, outer) in [("user[name]", "user"), ("a[b][c][]", "a[b]"), ("a[0].b", "a[0")] {
            assert_eq!(enclosing(name), Some(outer));
        }
        assert_eq!(enclosing("tags[]"), None);
        assert_eq!(name_before("/x?user[a][b]=1", 13), Some("user[a][b]"));
        assert_eq!(name_before("[INFO] user=1", 11), None);
        assert_eq!(name_before("[INFO]user=1", 10), None);
    }
}
