//! Characters and classes: what a text contains at a glance, and what stands around a place in it.

pub(super) use super::normal_form::{fold, normalise};

/// A set of byte classes that occur in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Classes(u32);

impl Classes {
    pub const NONE: Self = Self(0);
    pub const AT: Self = Self(1);
    pub const DIGIT: Self = Self(1 << 1);
    pub const DOT: Self = Self(1 << 2);
    pub const COLON: Self = Self(1 << 3);
    pub const PERCENT: Self = Self(1 << 4);
    pub const AMPERSAND: Self = Self(1 << 5);
    pub const BACKSLASH: Self = Self(1 << 6);
    pub const WIDE: Self = Self(1 << 7);
    pub const EQUALS: Self = Self(1 << 8);
    pub const BRACE: Self = Self(1 << 9);
    pub const PLUS: Self = Self(1 << 10);
    pub const SLASH: Self = Self(1 << 11);
    pub const ANGLE: Self = Self(1 << 12);
    pub const UPPER: Self = Self(1 << 13);
    pub const LINE: Self = Self(1 << 14);
    pub const PAREN: Self = Self(1 << 15);
    pub const QUOTE: Self = Self(1 << 16);
    pub const NUL: Self = Self(1 << 17);
    pub const QUERY: Self = Self(1 << 18);
    pub const SEMICOLON: Self = Self(1 << 19);

    /// Whether any class of `other` is in here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The class of every byte.
static CLASS_OF: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = match b as u8 {
            b'@' => Classes::AT.0,
            b'0'..=b'9' => Classes::DIGIT.0,
            b'.' => Classes::DOT.0,
            b':' => Classes::COLON.0,
            b'%' => Classes::PERCENT.0,
            b'&' => Classes::AMPERSAND.0,
            b'\\' => Classes::BACKSLASH.0,
            0x80..=0xff => Classes::WIDE.0,
            b'=' => Classes::EQUALS.0,
            b'{' | b'[' => Classes::BRACE.0,
            b'+' => Classes::PLUS.0,
            b'/' => Classes::SLASH.0,
            b'<' | b'>' => Classes::ANGLE.0,
            b'A'..=b'Z' => Classes::UPPER.0,
            b'\n' => Classes::LINE.0,
            b'(' => Classes::PAREN.0,
            b'"' => Classes::QUOTE.0,
            0 => Classes::NUL.0,
            b'?' | b'#' => Classes::QUERY.0,
            b';' | b'|' => Classes::SEMICOLON.0,
            _ => 0,
        };
        b += 1;
    }
    table
};

/// The classes in `text` and how many ASCII digits it has.
pub(super) fn survey(text: &str) -> (Classes, usize) {
    let class = |b: &u8| CLASS_OF[usize::from(*b)];
    // Four at a time: no look at the table waits for the one before it.
    let (fours, rest) = text.as_bytes().as_chunks::<4>();
    let mask =
        fours.iter().fold(0, |mask, [a, b, c, d]| mask | (class(a) | class(b)) | (class(c) | class(d)));
    let classes = Classes(rest.iter().fold(mask, |mask, b| mask | class(b)));
    // Counted by themselves, many at once, and only where there are some.
    let digits = if classes.has(Classes::DIGIT) { digits(text.as_bytes()) } else { 0 };
    (classes, digits)
}

/// How many ASCII digits there are: eight at a time by hand, as `dist` is linked for size and makes no such loops.
fn digits(bytes: &[u8]) -> usize {
    // So many that the number of digits in each of eight places fits a byte.
    const PIECE: usize = 8 * 255;
    let of = |piece: &[u8]| {
        let (eights, rest) = piece.as_chunks::<8>();
        let places = eights.iter().fold(0, |sum, eight| sum + digits_of(*eight)).to_le_bytes();
        places.iter().map(|n| usize::from(*n)).sum::<usize>()
            + rest.iter().filter(|b| b.is_ascii_digit()).count()
    };
    bytes.chunks(PIECE).map(of).sum()
}

/// Which bytes are ASCII digits: the lowest bit of each, the first byte's being the lowest of all.
#[inline]
pub(super) const fn digits_of(eight: [u8; 8]) -> u64 {
    let zeros = u64::from_le_bytes(eight) ^ u64::from_le_bytes([b'0'; 8]);
    // The high bit of each byte: whether it is none.
    let others = ((zeros & u64::from_le_bytes([0x7f; 8])) + u64::from_le_bytes([0x80 - 10; 8])) | zeros;
    !others >> 7 & u64::from_le_bytes([1; 8])
}

/// Letters, digits and the marks of scripts: what may not touch a value that stands on its own.
pub(super) fn is_wordy(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && is_wide_word(c))
}

/// A character beyond ASCII that is part of words: everything but blanks, punctuation and symbols of the common blocks.
pub(super) fn is_wide_word(c: char) -> bool {
    match u32::from(c) {
        0x80..=0xbf => c.is_alphanumeric(),
        0xd7 | 0xf7 | 0x964 | 0x965 => false,
        0x2000..=0x2bff | 0x3000..=0x3004 | 0x3008..=0x3020 | 0xfe10..=0xfe6f | 0xff00..=0xff0f => false,
        0xe000..=0xf8ff | 0xfff0..=0xffff | 0x1_f000..=0x1_faff => false,
        _ => !c.is_whitespace(),
    }
}

/// The character before byte `at`.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    let byte = *text.as_bytes().get(at.checked_sub(1)?)?;
    if byte.is_ascii() { Some(char::from(byte)) } else { text.get(..at)?.chars().next_back() }
}

/// The character that starts at byte `at`.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    let byte = *text.as_bytes().get(at)?;
    if byte.is_ascii() { Some(char::from(byte)) } else { text.get(at..)?.chars().next() }
}

/// Calls `each` with the beginning and end of every run of at least `least` bytes that `is_of` names, none of which stands beside it.
#[inline]
pub(super) fn runs(
    bytes: &[u8],
    least: usize,
    is_of: impl Fn(u8) -> bool,
    mut each: impl FnMut(usize, usize),
) {
    let mut at = 0;
    // The last byte of the shortest run that is none of it tells that no run begins up to there.
    while let Some(shortest) = bytes.get(at..at + least) {
        if let Some(other) = shortest.iter().rposition(|b| !is_of(*b)) {
            at += other + 1;
            continue;
        }
        let more = bytes.get(at + least..).and_then(|rest| rest.iter().position(|b| !is_of(*b)));
        let end = more.map_or(bytes.len(), |n| at + least + n);
        each(at, end);
        at = end + 1;
    }
}

/// Whether a letter beside a value of digits or Latin letters makes one word of both. Those of most scripts do not: Bengali and Korean
/// put endings right behind a number, Chinese, Japanese and Thai put no blanks between words.
pub(super) fn is_joining(c: char) -> bool {
    const ALPHABETS: [std::ops::RangeInclusive<u32>; 6] =
        [0..=0x52f, 0x1e00..=0x1fff, 0x2c60..=0x2c7f, 0xa640..=0xa69f, 0xa720..=0xa7ff, 0xab30..=0xab6f];
    is_wordy(c) && (c.is_ascii() || ALPHABETS.iter().any(|range| range.contains(&u32::from(c))))
}

/// Nothing at either end makes a longer word of it.
pub(super) fn is_unjoined(text: &str, start: usize, end: usize) -> bool {
    !before(text, start).is_some_and(is_joining) && !after(text, end).is_some_and(is_joining)
}

/// No letter or digit touches either end.
pub(super) fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    !before(text, start).is_some_and(is_wordy) && !after(text, end).is_some_and(is_wordy)
}

/// At most `bytes` bytes of what stands before `at`, cut at a character boundary.
pub(super) fn left_of(text: &str, at: usize, bytes: usize) -> &str {
    let mut start = at.saturating_sub(bytes);
    while start < at && !text.is_char_boundary(start) {
        start += 1;
    }
    text.get(start..at).unwrap_or("")
}

/// At most `bytes` bytes of what stands from `at` on, cut at a character boundary.
pub(super) fn right_of(text: &str, at: usize, bytes: usize) -> &str {
    let mut end = text.len().min(at.saturating_add(bytes));
    while end > at && !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(at..end).unwrap_or("")
}

/// 8-4-4-4-12 hex digits (RFC 9562).
pub(super) fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// A value that says that a value was taken out, or that there is none.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let bare = value.trim_matches(|c: char| !c.is_alphanumeric());
    if bare.is_empty() {
        return true;
    }
    let enclosed = [('[', ']'), ('<', '>'), ('{', '}'), ('(', ')')]
        .iter()
        .any(|(open, close)| value.starts_with(*open) && value.ends_with(*close));
    enclosed && !value.contains([',', '"', '@'])
        || value.starts_with("${")
        || is_variable(value)
        || is_parameter(value)
        || is_masked(value)
        || says_nothing(bare)
        || is_type(value)
        || is_expression(value)
        || is_rule(value)
}

/// What a program assigns rather than a value: `queue.spawn(async move {`, `Vec::new();`, `vec![]`. A password may have brackets, too,
/// but no path before them.
fn is_expression(value: &str) -> bool {
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':');
    let (path, rest) = value.split_at(value.find(|c| !is_of_path(c)).unwrap_or(value.len()));
    let names = || path.trim_end_matches("::").split("::").flat_map(|part| part.split('.'));
    let is_name =
        |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && !part.contains(':');
    let is_path = path.contains("::") || names().count() > 1 && names().all(|part| part.len() > 1);
    let opens = match rest.as_bytes() {
        [b'(', b')', ..] => true,
        [b'(', ..] => is_path,
        [b'<' | b';', ..] => path.contains("::"),
        [b'!', b'(' | b'[' | b'{', ..] => path.len() > 2,
        _ => false,
    };
    opens && names().all(is_name)
}

/// What a form asks of a value: `required|min:3|max:32`.
fn is_rule(value: &str) -> bool {
    const FIRST: &str =
        "required nullable sometimes string present bail filled email unique numeric alpha_num alpha_dash";
    let mut parts = value.split('|');
    let first = parts.next().unwrap_or("");
    let part = |p: &str| p.starts_with(|c: char| c.is_ascii_lowercase()) && !p.contains(' ');
    value.contains('|') && FIRST.split(' ').any(|word| word == first) && parts.all(part)
}

/// The type of a column or field, with its length: `varchar(32)`, `CharField(max_length=32)`.
fn is_type(value: &str) -> bool {
    const TYPES: &str = "varchar nvarchar char nchar string str character charfield";
    // SQL's constraints stand behind it.
    let constrained = [" NOT NULL", " PRIMARY KEY", " UNIQUE"].iter().find_map(|end| value.strip_suffix(end));
    let value = constrained.unwrap_or(value);
    let Some((name, length)) = value.strip_suffix(')').and_then(|v| v.split_once('(')) else { return false };
    let length = length.rsplit('=').next().unwrap_or("");
    let known = TYPES.split(' ').any(|t| t.eq_ignore_ascii_case(name));
    known && !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit())
}

/// What a program says about a value rather than the value: `This field is required.`, `has already been taken`. It speaks in small
/// letters but for the first word, so that `Too Short` is somebody's name.
pub(super) fn is_remark(value: &str) -> bool {
    const TELLING: &str =
        "required blank null empty invalid valid exists taken characters cannot must missing unique";
    const OTHERS: &str = "this field is are may be been has have already not can't a an";
    let value = value.trim();
    // Longer ones are no names anyway.
    if value.len() > 128 {
        return false;
    }
    let ends = value.ends_with('.');
    let (mut telling, mut all) = (0, 0);
    for (at, word) in value.trim_end_matches('.').split_whitespace().enumerate() {
        let first = if at == 0 { word.to_ascii_lowercase() } else { String::new() };
        let is = |list: &str| list.split(' ').any(|w| w == word || w == first);
        let tells = is(TELLING);
        telling += usize::from(tells);
        all += usize::from(tells || is(OTHERS));
    }
    let measured = value.starts_with("is too ") || ends && value.starts_with("Too ");
    measured || telling >= 1 && (ends || all >= 2)
}

/// A variable between marks: `%USERNAME%`, `__FULL_NAME__`.
fn is_variable(value: &str) -> bool {
    let between = |mark: &str| value.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark));
    let name = between("%").or_else(|| between("__"));
    name.is_some_and(|name| {
        name.contains(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'0'..=b'9'))
    })
}

/// A parameter of a statement: `$1`, `:name`, `%s`, `%(name)s`.
fn is_parameter(value: &str) -> bool {
    let name = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let small = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    value.strip_prefix('$').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()) || name(n))
        || value.strip_prefix(':').is_some_and(small)
        || value == "%s"
        || value.strip_prefix("%(").is_some_and(|rest| rest.ends_with(")s"))
}

/// Stars, dots or blocks stand for hidden characters.
pub(super) fn is_masked(value: &str) -> bool {
    value.contains("**")
        || value.contains("••")
        || value.contains("●●")
        || value.contains("██")
        || value.contains("####")
        || (value.contains('*') && value.len() <= 3)
        || value.trim_matches(['x', 'X', '-', ' ', '.']).is_empty() && value.len() >= 3
}

/// A star stands between letters, as in `r*him`: names have none.
pub(super) fn has_star_inside(value: &str) -> bool {
    let inside = |(at, _): (usize, &str)| {
        before(value, at).is_some_and(is_wordy) && after(value, at + 1).is_some_and(is_wordy)
    };
    value.match_indices('*').any(inside)
}

/// Words that fill the place of a value.
fn says_nothing(bare: &str) -> bool {
    const WORDS: &str = "redacted masked hidden removed filtered deleted none null nil n/a na undefined unknown anonymous anon empty unset missing blank true false yes no tbd n.a scrubbed string str varchar int integer boolean bool uuid";
    bare.len() <= 10 && WORDS.split(' ').any(|w| bare.eq_ignore_ascii_case(w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal_form_undoes_width_digits_and_invisibles() {
        assert_eq!(normalise("ｒａｈｉｍ＠ｇｍａｉｌ．ｃｏｍ"), "rahim@gmail.com");
        assert_eq!(normalise("০১৭১২–৩৪৫৬৭৮"), "01712-345678");
        assert_eq!(normalise("ra\u{200b}him"), "rahim");
        assert_eq!(fold("Zoe\u{308} BRONTË"), fold("ZOË brontë"));
        assert_eq!(fold("STRASSE"), fold("straße"));
    }

    #[test]
    fn placeholders_and_masks() {
        for hidden in [
            "[REDACTED]",
            "***",
            "<username>",
            "${USER}",
            "n/a",
            "-",
            "••••",
            "{{name}}",
            "xxxx",
            "+880******123",
        ] {
            assert!(is_placeholder(hidden), "{hidden}");
        }
        for value in ["rahim", "xX_lynx_Xx", "No Scope", "Ann", "[ESL] rahim"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn types_and_remarks_are_no_values() {
        for hidden in ["varchar(32)", "String(32)", "CharField(max_length=150)"] {
            assert!(is_placeholder(hidden), "{hidden}");
        }
        for value in ["dee(32)", "varchar(x)", "string_theory", "char(40"] {
            assert!(!is_placeholder(value), "{value}");
        }
        for remark in [
            "This field is required.",
            "This field may not be blank.",
            "Invalid.",
            "has already been taken",
            "can't be blank",
            "is too short",
            "Name is required",
        ] {
            assert!(is_remark(remark), "{remark}");
        }
        for value in [
            "Too Short",
            "Must Not Die",
            "blank space",
            "Sammy Davis Jr.",
            "No way.",
            "Valid.Key.77",
            "Is A",
            "null",
            "this is a test",
            "This is it.",
        ] {
            assert!(!is_remark(value), "{value}");
        }
    }

    #[test]
    fn windows_never_split_a_character() {
        let text = "aé日b";
        for at in 0..=text.len() {
            for n in 0..=text.len() {
                if text.is_char_boundary(at) {
                    let _ = (left_of(text, at, n), right_of(text, at, n));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn many_bytes_at_a_time_are_as_one_by_one(text in prop_oneof!["[ -~]{0,300}", "[0-9a-f]{0,40}", "[0-9]{2030,2100}", "\\PC{0,60}"]) {
            let (classes, digits) = survey(&text);
            let mask = text.bytes().fold(0, |mask, b| mask | CLASS_OF[usize::from(b)]);
            prop_assert_eq!((classes, digits), (Classes(mask), text.bytes().filter(u8::is_ascii_digit).count()));
        }

        #[test]
        fn runs_are_as_told_one_by_one(text in "[ab ]{0,40}", least in 1..9usize) {
            let mut found = Vec::new();
            runs(text.as_bytes(), least, |b| b != b' ', |start, end| found.push((start, end)));
            let mut all = Vec::new();
            let mut at = 0;
            for word in text.split(' ') {
                all.push((at, at + word.len()));
                at += word.len() + 1;
            }
            all.retain(|(start, end)| end - start >= least);
            prop_assert_eq!(found, all);
        }

        #[test]
        fn digits_are_told_from_all_other_bytes(bytes in any::<[u8; 8]>(), digits in "[/-:]{8}") {
            let digits: [u8; 8] = digits.as_bytes().first_chunk().copied().unwrap_or(bytes);
            for bytes in [bytes, digits] {
                let one_by_one = bytes.map(|b| u8::from(b.is_ascii_digit()));
                prop_assert_eq!(digits_of(bytes), u64::from_le_bytes(one_by_one));
            }
        }
    }
}
