//! The certificates that this system trusts for https.

use rustls::RootCertStore;
use std::sync::LazyLock;

/// They are read once: a system may keep them in hundreds of files.
static SYSTEM: LazyLock<Result<RootCertStore, String>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err(found.errors.first().map_or_else(|| "none found".to_owned(), ToString::to_string));
    }
    Ok(roots)
});

/// The root certificates of this system.
///
/// # Errors
/// Why there are none: an image or a minimal installation may have none.
pub(crate) fn system_roots() -> Result<RootCertStore, String> {
    SYSTEM.clone()
}
