//! A receiver that is driven: which certificates it is believed with, and whether it is there.

use super::Failure;
use super::receive_files::MAX_PEM;
use crate::load::{Connect, Dialer, Target};
use crate::outbound::system_roots;
use record::read_input;
use std::path::Path;
use std::time::Duration;
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject};

/// Longest limit for the first connection, which shows that the receiver is there.
const REACH: Duration = Duration::from_secs(5);

/// The certificates that `target` is believed with: those of the file `cacert` (`--cacert`), or else of this system.
///
/// # Errors
/// Usage: the file holds none, or the target uses none. Environment: this system has none.
pub(super) fn roots(target: &Target, cacert: Option<&Path>) -> Result<RootCertStore, Failure> {
    match cacert {
        Some(_) if !target.is_tls() => {
            Err(Failure::usage("--cacert: http:// uses no certificates; give an https URL"))
        }
        None if !target.is_tls() => Ok(RootCertStore::empty()),
        Some(path) => roots_of(path),
        None => system_roots().map_err(|why| {
            Failure::environment(format!("this system has no root certificates: give --cacert FILE ({why})"))
        }),
    }
}

fn roots_of(path: &Path) -> Result<RootCertStore, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::usage(format!("--cacert {}: {e}", path.display()));
    let pem = read_input(path, MAX_PEM).map_err(|e| wrong(&e))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
    }
    if roots.is_empty() { Err(wrong(&"it holds no certificate")) } else { Ok(roots) }
}

/// Opens one connection, so that a receiver that is not there is an error and no verdict; within `limit`, and within 5 s.
///
/// # Errors
/// Environment: it cannot be reached.
pub(super) async fn reach(dialer: &Dialer, target: &Target, limit: Duration) -> Result<(), Failure> {
    let limit = limit.min(REACH);
    let tls = if target.is_tls() { " and TLS handshake (does it speak https?)" } else { "" };
    let why = match tokio::time::timeout(limit, dialer.connect()).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(broken)) => broken.why,
        Err(_) => format!("no connection{tls} within {} s", limit.as_secs_f64()),
    };
    Err(Failure::environment(format!("the receiver {} cannot be reached: {why}", target.shown())))
}
