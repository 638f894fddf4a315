//! Keys in PEM (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What each block begins with.
pub(super) const BEGIN: &str = "-----BEGIN ";

/// A block taken apart.
struct Block<'t> {
    label: &'t str,
    /// Base64 with line ends.
    inner: &'t str,
    before: &'t str,
    after: &'t str,
}

impl<'t> Block<'t> {
    fn first(text: &'t str) -> Option<Self> {
        let (before, rest) = text.split_once(BEGIN)?;
        let (label, rest) = rest.split_once("-----")?;
        let (inner, rest) = rest.split_once("-----END ")?;
        let (_, after) = rest.split_once("-----")?;
        Some(Self { label, inner, before, after })
    }
}

/// The DER of the first block of a text; `\n` written out counts as a line end, as environment variables have it.
pub(super) fn der(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let inner = Block::first(text)?.inner;
    let text: String = inner.replace("\\n", "").chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(Zeroizing::new(text).as_bytes()).ok().map(Zeroizing::new)
}

/// Whether a text is one block, with nothing but line ends around it.
pub(super) fn is_one(text: &str) -> bool {
    text.contains(BEGIN) && oddity(text).is_none()
}

/// What keeps a text with a block from being a key; a phrase such as `has text around its PEM block: …`.
pub(super) fn oddity(text: &str) -> Option<&'static str> {
    let Some(block) = Block::first(text) else {
        return Some("holds a PEM block without its end (-----END …-----): give the whole block");
    };
    let blank = |text: &str| text.replace("\\r", "").replace("\\n", "").trim().is_empty();
    if block.after.contains(BEGIN) {
        Some("holds several PEM blocks (a chain, or EC PARAMETERS before the key): give the one of the key")
    } else if !blank(block.before) || !blank(block.after) {
        Some("has text around its PEM block: give the block alone, from -----BEGIN to -----END …-----")
    } else if block.label.starts_with("ENCRYPTED") || block.inner.contains("Proc-Type:") {
        Some("is an encrypted private key: decrypt it first (openssl pkey -in FILE)")
    } else {
        None
    }
}
