//! XML and HTML: elements and attributes are keys; tables of HTML are rows, fields of forms have the name they are sent under.

use super::{Outer, Piece, entities, fields};
use crate::keys::among;
use crate::text;
use std::borrow::Cow;

/// Elements that only HTML has.
const HTML: &str = "html script a abbr b bdi bdo blockquote br button center colgroup dd del dfn div dl dt em embed fieldset figcaption \
font h1 h2 h3 h4 h5 h6 hr i iframe img input ins kbd li nav noscript ol optgroup p pre q s samp select small span strong sub sup svg tbody \
td textarea tfoot th thead tr u ul var wbr path g";

/// Elements of HTML whose names other documents have, too: an `<address>`, `<data>`, an `<object>`.
const SHARED: &str = "head body title meta link style address area article aside audio base canvas caption cite code col data details \
dialog figure footer form header label legend main map mark object option output param picture progress section source summary table \
template time track video";

/// Attributes that shared elements have where they are of HTML.
const LAYOUT: &str = "class style href src onclick";

/// Attributes that name what the element holds.
const NAMING: &str = "name property itemprop key field id";
/// Attributes that hold it.
const HOLDING: &str = "value content data-value";

/// One piece of mark-up.
enum Token<'t> {
    Open(&'t str, &'t str, bool),
    Close(&'t str),
    Text(&'t str),
    Comment(&'t str),
}

/// Yields elements and attributes. A text that is XML is gone; HTML is read as a text, too.
pub(super) fn decode<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Outer {
    let tokens = tokens(text);
    if !tokens.iter().any(|t| matches!(t, Token::Open(..))) {
        return Outer::Stays;
    }
    if is_xml(&tokens) {
        elements(&tokens, out);
        return if is_whole(text) { Outer::Gone } else { Outer::Veiled };
    }
    // People put into comments what they do not want to show; that is a text of its own.
    let comments =
        tokens.iter().filter_map(|t| if let Token::Comment(text) = t { Some(*text) } else { None });
    out.extend(comments.map(|text| Piece::Text(text.into())));
    let before = out.len();
    let (mut held, mut list) = (false, Vec::new());
    for token in &tokens {
        if let Token::Open(name, attributes, _) = token {
            list.extend(held_by(attributes, out));
            held |= matches!(*name, "input" | "INPUT" | "meta" | "data");
        }
    }
    list.extend(tokens.windows(3).filter_map(named_text));
    fields::nest(list, out);
    let texts = rows(&tokens, out);
    held |= out.len() > before && texts.len() < tokens.iter().filter(|t| matches!(t, Token::Text(_))).count();
    if !held || out.len() == before {
        return Outer::Stays;
    }
    // What is no field and no cell is read for itself.
    out.extend(texts.into_iter().map(|text| Piece::Text(plain(text))));
    Outer::Gone
}

/// Whether nothing stands around the mark-up.
pub(super) fn is_whole(text: &str) -> bool {
    text.trim_start().starts_with('<') && text.trim_end().ends_with('>')
}

/// Whether there are more elements that HTML has not than those that only HTML has, and one of all is closed.
fn is_xml(tokens: &[Token<'_>]) -> bool {
    let (mut named, mut html) = (0, 0);
    for token in tokens {
        let Token::Open(name, inside, _) = token else { continue };
        let name = name.to_ascii_lowercase();
        if among(SHARED, &name) {
            html +=
                usize::from(attributes(inside).iter().any(|(n, _)| among(LAYOUT, &n.to_ascii_lowercase())));
        } else if among(HTML, &name) {
            html += 1;
        } else {
            named += 1;
        }
    }
    named > html && tokens.iter().any(|t| matches!(t, Token::Close(_) | Token::Open(_, _, true)))
}

/// The element in which the one stands whose tag ends at `at`: `venue` of `<venue><address>`.
pub(crate) fn enclosing(text: &str, at: usize) -> Option<&str> {
    let left = text::left_of(text, at, 240);
    let mut closed = 0;
    // What stands before the first mark is the end of a tag or of a text.
    for tag in left.get(left.find('<')? + 1..left.rfind('<')?)?.rsplit('<') {
        let name =
            tag.get(..tag.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).unwrap_or(tag.len()))?;
        if tag.starts_with('/') {
            closed += 1;
        } else if !name.is_empty() && tag.contains('>') && !tag.contains("/>") {
            if closed == 0 {
                return Some(name);
            }
            closed -= 1;
        }
    }
    None
}

/// The tags, texts and comments of a text.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tail) = rest.split_at(at);
        if !before.trim().is_empty() {
            list.push(Token::Text(before));
        }
        let special = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        if let Some((open, close)) = special.iter().find(|(open, _)| tail.starts_with(open)) {
            let body = tail.get(open.len()..).unwrap_or("");
            let end = body.find(close).unwrap_or(body.len());
            let inside = body.get(..end).unwrap_or("");
            match *open {
                "<!--" => list.push(Token::Comment(inside)),
                "<![CDATA[" => list.push(Token::Text(inside)),
                _ => {}
            }
            rest = body.get(end + close.len()..).unwrap_or("");
            continue;
        }
        let body = tail.get(1..).unwrap_or("");
        let closing = body.starts_with('/');
        let name = body.trim_start_matches('/');
        let length = name
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')))
            .unwrap_or(name.len());
        let end = tag_end(body);
        match (name.get(..length).filter(|n| n.starts_with(char::is_alphabetic)), end) {
            (Some(name), Some(end)) => {
                let inside = body.get(..end).unwrap_or("");
                let attributes = inside.get(name.len()..).unwrap_or("").trim_end_matches('/');
                list.push(if closing {
                    Token::Close(name)
                } else {
                    Token::Open(name, attributes, inside.ends_with('/'))
                });
                rest = body.get(end + 1..).unwrap_or("");
            }
            _ => {
                list.push(Token::Text("<"));
                rest = body;
            }
        }
    }
    if !rest.trim().is_empty() {
        list.push(Token::Text(rest));
    }
    list
}

/// Where the tag ends whose inside `body` begins with; a quoted `>` does not end it.
fn tag_end(body: &str) -> Option<usize> {
    let mut quote = None;
    for (at, b) in body.bytes().enumerate().take(2048) {
        match (quote, b) {
            (None, b'>') => return Some(at),
            (None, b'<') => return None,
            (None, b'"' | b'\'') if body.get(..at).is_some_and(|b| b.trim_end().ends_with('=')) => {
                quote = Some(b);
            }
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
    }
    None
}

/// Names and values of attributes.
fn attributes(text: &str) -> Vec<(&str, &str)> {
    let mut list = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        let name = before.split_whitespace().next_back().unwrap_or("");
        let after = after.trim_start();
        let (value, tail) = match after.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => {
                after.get(1..).and_then(|v| v.split_once(quote)).unwrap_or((after.get(1..).unwrap_or(""), ""))
            }
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        list.push((name, value));
        rest = tail;
    }
    list
}

/// Gives name and value of an element that is named by one attribute and held by another; yields all other attributes.
fn held_by<'t>(text: &'t str, out: &mut Vec<Piece<'t>>) -> Option<(Cow<'t, str>, Cow<'t, str>)> {
    let list = attributes(text);
    let name = list.iter().find(|(n, _)| among(NAMING, &n.to_ascii_lowercase())).map(|(_, v)| *v);
    let held = list.iter().find(|(n, _)| among(HOLDING, &n.to_ascii_lowercase()));
    for (name, value) in list.iter().filter(|pair| name.is_none() || Some(*pair) != held) {
        let naming = among(NAMING, &name.to_ascii_lowercase())
            || matches!(*name, "type" | "for" | "placeholder" | "class" | "style");
        if !naming && !value.is_empty() {
            out.push(Piece::Pair(Some(name.trim_start_matches("data-").into()), plain(value)));
        }
    }
    name.zip(held).map(|(name, (_, value))| (name.into(), plain(value)))
}

/// The name and the text of an element of HTML whose attribute says what it holds: `<textarea name="home_address">…</textarea>`, `<span
/// itemprop="telephone">…</span>`.
fn named_text<'t>(tokens: &[Token<'t>]) -> Option<(Cow<'t, str>, Cow<'t, str>)> {
    let [Token::Open(element, inside, false), Token::Text(text), Token::Close(end)] = tokens else {
        return None;
    };
    let mut list = attributes(inside).into_iter();
    let (_, name) = list.find(|(n, _)| among("name itemprop property", &n.to_ascii_lowercase()))?;
    let holds = element == end
        && !matches!(element.to_ascii_lowercase().as_str(), "a" | "button" | "label" | "option");
    holds.then(|| (name.into(), plain(text.trim())))
}

fn plain(text: &str) -> Cow<'_, str> {
    entities(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The elements of XML, opened and closed.
fn elements<'t>(tokens: &[Token<'t>], out: &mut Vec<Piece<'t>>) {
    let mut open: Vec<(&str, Option<&str>)> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(name, inside, empty) => {
                let list = attributes(inside);
                let naming = list.iter().find(|(n, _)| among(NAMING, &n.to_ascii_lowercase())).copied();
                // `<string name="username">x</string>`: the attribute is the key.
                let leaf = matches!(
                    (tokens.get(at + 1), tokens.get(at + 2)),
                    (Some(Token::Text(_)), Some(Token::Close(_)))
                );
                if !leaf || !list.is_empty() {
                    out.push(Piece::Open(Some((*name).into())));
                    let held = held_by(inside, out);
                    out.extend(held.map(|(name, value)| Piece::Pair(Some(name), value)));
                    // Such as `<user name="…"/>`, where it is a value.
                    if let Some((key, value)) = naming.filter(|_| !leaf) {
                        out.push(Piece::Pair(Some(key.into()), plain(value)));
                    }
                    out.extend((leaf || *empty).then_some(Piece::Close));
                }
                if !empty {
                    open.push((name, naming.filter(|_| leaf).map(|(_, value)| value)));
                }
            }
            Token::Close(name) => {
                if let Some(depth) = open.iter().rposition(|(n, _)| n == name) {
                    let leaf = at >= 2
                        && matches!((tokens.get(at - 1), tokens.get(at - 2)), (Some(Token::Text(_)), Some(Token::Open(n, ..))) if n == name);
                    let closed = open.len() - depth - usize::from(leaf);
                    open.truncate(depth);
                    out.extend(std::iter::repeat_with(|| Piece::Close).take(closed));
                }
            }
            Token::Comment(text) => out.push(Piece::Text((*text).into())),
            Token::Text(text) => {
                let leaf = matches!(tokens.get(at + 1), Some(Token::Close(_)))
                    && at > 0
                    && matches!(tokens.get(at - 1), Some(Token::Open(_, _, false)));
                match open.last().filter(|_| leaf) {
                    Some((name, naming)) => {
                        out.push(Piece::Pair(Some(naming.unwrap_or(name).into()), plain(text.trim())));
                    }
                    None => out.push(Piece::Text(plain(text))),
                }
            }
        }
    }
    out.extend(open.iter().map(|_| Piece::Close));
}

/// Rows of tables: under the names of the first row, or, with two cells, the first names the second. So do `<dt>` and `<dd>`.
/// Gives the texts that stand in no cell.
fn rows<'t>(tokens: &[Token<'t>], out: &mut Vec<Piece<'t>>) -> Vec<&'t str> {
    let mut texts = Vec::new();
    let mut table: Vec<Vec<(bool, String)>> = Vec::new();
    let mut cell: Option<(bool, String)> = None;
    for token in tokens {
        match token {
            Token::Open(name, ..) if name.eq_ignore_ascii_case("tr") || name.eq_ignore_ascii_case("dl") => {
                table.push(Vec::new());
            }
            Token::Open(name, ..) if among("td th dt dd", &name.to_ascii_lowercase()) => {
                if name.eq_ignore_ascii_case("dt") {
                    table.push(Vec::new());
                }
                cell = Some((among("th dt", &name.to_ascii_lowercase()), String::new()));
            }
            Token::Text(text) => match &mut cell {
                Some((_, content)) => content.push_str(text),
                None => texts.push(*text),
            },
            Token::Close(name) if among("td th dt dd tr table dl", &name.to_ascii_lowercase()) => {
                if let (Some(done), Some(row)) = (cell.take(), table.last_mut()) {
                    row.push(done);
                }
            }
            _ => {}
        }
    }
    table.retain(|row| !row.is_empty());
    let head = table.first().cloned().unwrap_or_default();
    let headed = head.len() >= 2
        && table.len() >= 2
        && (head.iter().all(|(th, _)| *th)
            || !table.iter().any(|row| row.iter().any(|(th, _)| *th)) && head.len() > 2);
    let pair = |name: &str, value: &str| {
        Piece::Pair(
            Some(plain(name.trim().trim_end_matches(':')).into_owned().into()),
            plain(value.trim()).into_owned().into(),
        )
    };
    for row in table.iter().skip(usize::from(headed)) {
        out.push(Piece::Open(None));
        if headed {
            out.extend(head.iter().zip(row).map(|((_, name), (_, value))| pair(name, value)));
        } else if let [(_, name), (false, value)] = row.as_slice() {
            out.push(pair(name, value));
        } else {
            out.extend(row.iter().map(|(_, cell)| Piece::Text(plain(cell.trim()).into_owned().into())));
        }
        out.push(Piece::Close);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_stands_in_the_one_that_is_open_before_it() {
        let around = |text: &'static str| enclosing(text, text.len() - 1);
        assert_eq!(around("<venue id='3'><address>"), Some("venue"));
        assert_eq!(around("<venue><id>4</id><x/><hall y='>'/><address>"), Some("venue"));
        for none in
            ["<address>", "a > b <address>", "<venue></venue><address>", "user>a</x><name>", "< <name>"]
        {
            assert_eq!(around(none), None, "{none}");
        }
    }
}
