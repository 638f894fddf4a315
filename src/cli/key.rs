//! `smoke key`: a key pair to sign evidence with.

use super::{Exit, Failure, out};
use record::seal::SigningKey;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Options of `smoke key`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File for the private key; it must not exist yet
    #[arg(long, short, value_name = "FILE", default_value = "smoke-signing.key")]
    out: PathBuf,
}

/// Writes the private key to its file and prints the public one.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let shown = args.out.display();
    let key = SigningKey::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out);
    let mut file = opened.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!(
            "--out {shown}: already there; a key that evidence was signed with is not replaced"
        )),
        _ => Failure::environment(format!("--out {shown}: {e}")),
    })?;
    let written = file.write_all(key.to_text().expose().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|e| Failure::environment(format!("--out {shown}: {e}")))?;
    out::say(format!("private key in {shown} (keep it); the public key, for `smoke gate --public-key`:"));
    out::line(key.public());
    Ok(Exit::Pass)
}
