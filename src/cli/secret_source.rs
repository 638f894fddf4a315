//! Where a command takes the webhook secret from: a file or an environment variable, never the command line.

use super::{Failure, out};
use clap::Args;
use signature::Secret;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest secret file that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// `--secret-file` and `--secret-env`; at most one of them.
#[derive(Debug, Default, Args)]
#[group(multiple = false)]
pub(super) struct SecretSource {
    /// File with the webhook secret; one newline at its end is not part of the secret and is stripped
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Environment variable with the webhook secret, taken as it is
    #[arg(long, value_name = "VAR")]
    secret_env: Option<String>,
}

impl SecretSource {
    /// The secret, when one of the flags is given.
    ///
    /// # Errors
    /// Usage: the file cannot be read, is too large or not UTF-8; the variable is not set.
    pub(super) fn read(&self) -> Result<Option<Secret>, Failure> {
        match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => from_file(path).map(Some),
            (None, Some(name)) => from_env(name).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The secret; one of the flags must be given. Its weakness is said on stderr, and does not stop the command.
    ///
    /// # Errors
    /// As [`SecretSource::read`], and when neither flag is given.
    pub(super) fn require(&self) -> Result<Secret, Failure> {
        let missing = || {
            Failure::usage(
                "no webhook secret: give --secret-file FILE or --secret-env VAR, or set WEBHOOK_SECRET",
            )
        };
        let usual = || std::env::var("WEBHOOK_SECRET").ok().map(Secret::new);
        let secret = self.read()?.or_else(usual).ok_or_else(missing)?;
        if let Some(weakness) = secret.weakness().filter(|w| *w != signature::Weakness::Empty) {
            out::say(format!("warning: {weakness}"));
        }
        Ok(secret)
    }
}

fn from_file(path: &Path) -> Result<Secret, Failure> {
    let shown = path.display();
    if path == Path::new("-") {
        return Err(Failure::usage(
            "--secret-file -: stdin is taken by the body; give a file or use --secret-env",
        ));
    }
    let wrong = |what: String| Failure::usage(format!("--secret-file {shown}: {what}"));
    let mut text = Zeroizing::new(String::new());
    let file = File::open(path).map_err(|e| wrong(format!("cannot open: {e}")))?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|e| wrong(format!("cannot read as text: {e}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("larger than {MAX_BYTES} bytes, which is no webhook secret")));
    }
    let bare = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(Secret::new(bare))
}

fn from_env(name: &str) -> Result<Secret, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok(Secret::new(text)),
        Err(std::env::VarError::NotPresent) => {
            Err(Failure::usage(format!("--secret-env {name}: the environment variable is not set")))
        }
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("--secret-env {name}: the environment variable is not UTF-8 text")))
        }
    }
}
