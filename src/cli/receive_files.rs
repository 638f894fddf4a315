//! Files and sizes of the receiver's command line: certificate, key, token, journal.

use super::{Failure, secret_source};
use crate::inbox::Tls;
use crate::receive::{Keep, Token};
use record::period::{Period, PeriodError};
use record::read_input;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use signature::Secret;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// Largest token file in bytes.
const MAX_TOKEN: u64 = 64 * 1024;
/// Largest PEM file in bytes: a chain of certificates has a few KiB each.
pub(super) const MAX_PEM: u64 = 1024 * 1024;
/// Largest body that a journal line can hold.
const MAX_BODY: u64 = 1024 * 1024;
/// Smallest journal file: a header and a webhook of the largest size fit.
const MIN_PART: u64 = 64 * 1024;

/// TLS from a certificate chain and a key, both PEM.
///
/// # Errors
/// Usage: a file cannot be read, is no PEM, or the two do not belong together.
pub(super) fn tls(cert: Option<&Path>, key: Option<&Path>) -> Result<Tls, Failure> {
    let (Some(cert), Some(key)) = (cert, key) else { return Ok(None) };
    tls_of(("--tls-cert", cert), ("--tls-key", key))
}

/// The same from files that stand elsewhere, each with the name of what names it.
///
/// # Errors
/// As for [`tls`].
pub(super) fn tls_of(
    (cert_name, cert): (&str, &Path),
    (key_name, key): (&str, &Path),
) -> Result<Tls, Failure> {
    let wrong = |flag: &str, path: &Path, why: &dyn std::fmt::Display| {
        Failure::usage(format!("{flag} {}: {why}", path.display()))
    };
    let read = |flag, path| read_input(path, MAX_PEM).map(Zeroizing::new).map_err(|e| wrong(flag, path, &e));
    let pem = read(cert_name, cert)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| wrong(cert_name, cert, &"no certificate in PEM"))?;
    if chain.is_empty() {
        return Err(wrong(cert_name, cert, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_slice(&read(key_name, key)?);
    let private = private.map_err(|_| match is_encrypted(key) {
        true => wrong(
            key_name,
            key,
            &"the key is encrypted; give one without a passphrase (openssl pkey)",
        ),
        // Not the parser's own words: they quote the line that it cannot read, which may be the key.
        false => wrong(
            key_name,
            key,
            &"no private key in PEM: a line `-----BEGIN PRIVATE KEY-----`, the key in lines of base64, and a line \
              `-----END PRIVATE KEY-----` are needed (line ends that were lost or written as \\n are the usual cause)",
        ),
    })?;
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|e| wrong(key_name, key, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Whether a PEM file says that its key needs a passphrase (PKCS #8, or OpenSSL's older form).
fn is_encrypted(key: &Path) -> bool {
    let text = secret_source::read_small(key, MAX_PEM).unwrap_or_default();
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}

/// A time that is not nothing.
pub(super) fn some_time(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|e: PeriodError| e.to_string())?;
    if period.get().is_zero() { Err("must be longer than 0".to_owned()) } else { Ok(period) }
}

/// The token in a file; blanks around it are not part of it.
///
/// # Errors
/// Usage: the file cannot be read, or its token is too short.
pub(super) fn token(file: &Path) -> Result<Token, Failure> {
    let wrong = |why: String| Failure::usage(format!("--token-file {}: {why}", file.display()));
    let text = secret_source::read_small(file, MAX_TOKEN).map_err(wrong)?;
    let token = text.trim();
    let token = secret_source::sound(&format!("--token-file {}:", file.display()), Secret::new(token))?;
    if token.expose().contains(char::is_whitespace) {
        return Err(wrong("a token must be one word".to_owned()));
    }
    Token::new(token)
        .ok_or_else(|| wrong(format!("a token of fewer than {} characters is guessable", Token::MIN_CHARS)))
}

/// Makes the directory of a journal.
///
/// # Errors
/// Environment: it cannot be made.
pub(super) fn make_parent(journal: &Path) -> Result<(), Failure> {
    let Some(dir) = journal.parent().filter(|d| !d.as_os_str().is_empty()) else { return Ok(()) };
    super::evidence_files::make_folder(dir)
        .map_err(|e| Failure::environment(format!("--journal {}: {e}", journal.display())))
}

/// Bytes at which a journal file is full.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let size = bytes(text)?;
    if size < MIN_PART { Err(format!("a journal file has at least {MIN_PART} bytes")) } else { Ok(size) }
}

/// How much of a journal stays: a size or a time, which may be in days.
pub(super) fn keep(text: &str) -> Result<Keep, String> {
    const UNITS: [(char, u64); 2] = [('d', 24 * 60 * 60), ('h', 60 * 60)];
    // A period ends at 24 h; a journal is kept for longer than that.
    let whole = |(unit, seconds)| text.trim().strip_suffix(unit)?.parse::<u64>().ok()?.checked_mul(seconds);
    let long = UNITS.into_iter().find_map(whole).map(Duration::from_secs);
    let age = long.or_else(|| some_time(text.trim()).ok().map(Period::get));
    match age {
        Some(Duration::ZERO) => Err("must be longer than 0".to_owned()),
        Some(age) => Ok(Keep { bytes: None, age: Some(age) }),
        None => size(text)
            .map(|bytes| Keep { bytes: Some(bytes), age: None })
            .map_err(|why| format!("{why}; or a time, such as 720h or 30d")),
    }
}

/// The largest body in bytes.
pub(super) fn body_size(text: &str) -> Result<usize, String> {
    let size = bytes(text)?;
    if (1..=MAX_BODY).contains(&size) {
        usize::try_from(size).map_err(|e| e.to_string())
    } else {
        Err("1 byte to 1 MiB".to_owned())
    }
}

/// A number of bytes, with kB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024).
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1000),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(name, factor)| Some((text.strip_suffix(name)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    let number = number.trim().parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
    number.ok_or_else(|| "a whole number of bytes, such as 1048576, 512MB or 1GiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let read = ["1048576", "512MB", "1GiB", "64 KiB", "7B"].map(|t| bytes(t).unwrap());
        assert_eq!(read, [1_048_576, 512_000_000, 1 << 30, 65_536, 7]);
        assert!(bytes("1.5GB").is_err() && bytes("").is_err() && bytes("99999999999GiB").is_err());
        let age = |hours: u64| Ok(Keep { bytes: None, age: Some(Duration::from_secs(hours * 3600)) });
        assert_eq!((keep("30d"), keep("720h")), (age(720), age(720)));
        assert_eq!(keep("1GiB"), Ok(Keep { bytes: Some(1 << 30), age: None }));
        assert!(keep("0d").is_err() && keep("0s").is_err() && keep("soon").is_err() && keep("1kB").is_err());
        assert_eq!(bytes("2KB").unwrap(), 2000);
        assert!(size("1kB").is_err() && body_size("2MiB").is_err() && body_size("1MiB").is_ok());
    }
}
