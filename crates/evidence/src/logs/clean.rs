//! Texts of lines in which no personal data was found, so that what a sender repeats is looked at once.

use foldhash::HashSet;
use std::borrow::Cow;

/// Texts that are held; when there are more, all are forgotten.
const MOST: usize = 1024;
/// A longer text is not held, in bytes; with [`MOST`] it bounds the memory.
const LONGEST: usize = 512;

/// Remembers clean texts: at most 1,024, half a MiB.
#[derive(Debug, Default)]
pub(super) struct Clean(HashSet<Box<str>>);

impl Clean {
    /// Whether nothing was found in this text before.
    pub(super) fn knows(&self, text: &str) -> bool {
        self.0.contains(text)
    }

    /// Nothing was found in it.
    pub(super) fn remember(&mut self, text: &str) {
        if text.len() > LONGEST {
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(text.into());
    }
}

/// The text without the webhook's id, where that is a UUID: it is nobody's data, and what makes each line its own.
pub(super) fn without_id<'t>(text: Cow<'t, str>, id: Option<&str>) -> Cow<'t, str> {
    let is_uuid = |id: &&str| id.len() == UUID && uuid::Uuid::try_parse(id).is_ok();
    let around = |id| {
        let (before, rest) = text.split_at_checked(uuid_at(&text, id)?)?;
        Some([before, rest.get(UUID..)?].concat())
    };
    match id.filter(is_uuid).and_then(around) {
        Some(rest) => Cow::Owned(rest),
        None => text,
    }
}

/// Where a UUID stands first, by its first hyphen: a search for any text takes longer to prepare than to do.
fn uuid_at(text: &str, id: &str) -> Option<usize> {
    memchr::memchr_iter(b'-', text.as_bytes()).find_map(|hyphen| {
        let begin = hyphen.checked_sub(BEFORE_HYPHEN)?;
        text.as_bytes().get(begin..)?.starts_with(id.as_bytes()).then_some(begin)
    })
}

/// Length of a UUID with hyphens, and what stands before the first of them (RFC 9562).
const UUID: usize = 36;
const BEFORE_HYPHEN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_uuid_goes() {
        let left = |text: &'static str, id| without_id(text.into(), Some(id)).into_owned();
        let id = "4960b1c5-318e-4f87-b6c4-62792d82faa3";
        assert_eq!(left("id=4960b1c5-318e-4f87-b6c4-62792d82faa3, attempt=1", id), "id=, attempt=1");
        for id in ["john@example.com", "4960b1c5318e4f87b6c462792d82faa3", "x"] {
            assert_eq!(left("john@example.com 4960b1c5318e4f87b6c462792d82faa3 x", id).len(), 51);
        }
        assert_eq!(
            left("a-b 4960b1c5-318e-é 4960b1c5-318e-4f87-b6c4-62792d82faa3", id),
            "a-b 4960b1c5-318e-é "
        );
        assert_eq!(without_id("a".into(), None), "a");
    }

    #[test]
    fn memory_is_bounded() {
        let mut clean = Clean::default();
        (0..=MOST).for_each(|n| clean.remember(&n.to_string()));
        assert!(clean.knows(&MOST.to_string()) && !clean.knows("0") && clean.0.len() == 1);
        let long = "x".repeat(LONGEST + 1);
        clean.remember(&long);
        assert!(!clean.knows(&long));
    }
}
