//! One pass that says which of the costlier detectors a text is worth.

use super::vendor::HINTS as VENDOR;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// A set of detectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hints(u8);

impl Hints {
    pub const VENDOR: Self = Self(1);
    pub const SCHEME: Self = Self(1 << 1);
    pub const URL: Self = Self(1 << 2);
    pub const RESET: Self = Self(1 << 3);
    pub const GOV: Self = Self(1 << 4);
    pub const STEAM: Self = Self(1 << 5);
    pub const PHONE_LINK: Self = Self(1 << 6);

    /// Whether any of `other` is in here.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// What else gives a detector away, compared without case.
const MORE: [(&str, Hints); 28] = [
    ("bearer", Hints::SCHEME),
    ("basic", Hints::SCHEME),
    ("://", Hints::URL),
    ("reset", Hints::RESET),
    ("password", Hints::RESET),
    ("recover", Hints::RESET),
    ("forgot", Hints::RESET),
    ("magic", Hints::RESET),
    ("ssn", Hints::GOV),
    ("social security", Hints::GOV),
    ("nid", Hints::GOV),
    ("national id", Hints::GOV),
    ("passport", Hints::GOV),
    ("steam_", Hints::STEAM),
    ("[u:1:", Hints::STEAM),
    ("steamcommunity", Hints::STEAM),
    ("steam://", Hints::STEAM),
    ("tel:", Hints::PHONE_LINK),
    ("sms", Hints::PHONE_LINK),
    ("mms:", Hints::PHONE_LINK),
    ("callto:", Hints::PHONE_LINK),
    ("facetime:", Hints::PHONE_LINK),
    ("whatsapp", Hints::PHONE_LINK),
    ("wa.me", Hints::PHONE_LINK),
    ("phone=", Hints::PHONE_LINK),
    ("number=", Hints::PHONE_LINK),
    ("msisdn=", Hints::PHONE_LINK),
    ("viber:", Hints::PHONE_LINK),
];

static ALL: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let texts = VENDOR.iter().copied().chain(MORE.iter().map(|(t, _)| *t));
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(texts)
        .ok()
});

/// The detectors that `text` is worth.
pub(crate) fn hints(text: &str) -> Hints {
    let mut set = Hints::default();
    let Some(automaton) = ALL.as_ref() else { return set };
    // Texts of different detectors share no letters, so matches need not overlap.
    for found in automaton.find_iter(text) {
        let index = found.pattern().as_usize();
        let hint =
            index.checked_sub(VENDOR.len()).and_then(|i| MORE.get(i)).map_or(Hints::VENDOR, |(_, h)| *h);
        set.0 |= hint.0;
    }
    set
}
