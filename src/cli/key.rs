//! `smoke key`: a key pair to sign evidence with.

use super::{Exit, Failure, out, signing};
use record::seal::{PublicKey, SigningKey};
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
    /// Print the public key in PEM (SPKI), as openssl and verifiers of in-toto statements read it, in place of hex digits
    #[arg(long)]
    pem: bool,
    /// Make no new key: print the public half of this private key
    #[arg(long, value_name = "KEYFILE", conflicts_with = "out")]
    public_of: Option<PathBuf>,
}

/// Writes the private key to its file and prints the public one.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if let Some(file) = &args.public_of {
        print(args, &signing::read_key("--public-of", file)?.public());
        return Ok(Exit::Pass);
    }
    if args.out.as_os_str() == "-" {
        return Err(Failure::usage("--out -: a private key is not printed: write --out FILE"));
    }
    let shown = args.out.display();
    let key = SigningKey::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.out);
    let mut file = opened.map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => Failure::usage(format!(
            "--out {shown}: already exists and is not overwritten, since evidence may have been signed with it"
        )),
        _ => Failure::environment(format!("--out {shown}: {e}")),
    })?;
    let written = file.write_all(key.to_text().expose().as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|e| Failure::environment(format!("--out {shown}: {e}")))?;
    out::chat(format!("private key in {shown} (keep it); the public key, for `smoke gate --public-key`:"));
    print(args, &key.public());
    Ok(Exit::Pass)
}

fn print(args: &Args, key: &PublicKey) {
    if args.pem {
        out::raw(&key.to_pem());
    } else {
        out::raw_line(key);
    }
}
