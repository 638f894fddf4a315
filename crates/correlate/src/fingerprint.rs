//! Fingerprints of 8 bytes, equal for equal content; they are keyed afresh in each process, so that nobody can make two
//! contents with one fingerprint, and are never written down.

use foldhash::quality::RandomState;
use record::Attempt;
pub(super) use record::number::canonical;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

/// Six bytes of a fingerprint: enough to tell this run's values from another's, and not for more.
pub type Short = [u16; 3];

#[expect(clippy::cast_possible_truncation, reason = "parts of it")]
pub const fn short(print: u64) -> Short {
    [(print >> 32) as u16, (print >> 16) as u16, print as u16]
}

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The fingerprint of some bytes.
pub fn print(bytes: &[u8]) -> u64 {
    print_of([bytes])
}

/// The fingerprint of several pieces; where one ends and the next begins counts too.
pub fn print_of<'p>(parts: impl IntoIterator<Item = &'p [u8]>) -> u64 {
    let mut hasher = KEY.build_hasher();
    for part in parts {
        hasher.write_u64(part.len() as u64);
        hasher.write(part);
    }
    hasher.finish()
}

/// One fingerprint over the signature headers, id and timestamp included.
pub fn signature_print(attempt: &Attempt, own_headers: &[&str]) -> u64 {
    print_of(own_headers.iter().map(|name| attempt.header(name).unwrap_or_default().as_bytes()))
}

/// One fingerprint over what a request says beside its body, without the headers that the sender writes anew for each attempt.
pub fn head_print(attempt: &Attempt, own_headers: &[&str]) -> u64 {
    let is_own = |name: &str| own_headers.iter().any(|own| own.eq_ignore_ascii_case(name));
    let others = attempt.headers.iter().filter(|(name, _)| !is_own(name));
    let texts = others.flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    print_of([attempt.target.as_bytes()].into_iter().chain(texts))
}
