//! Where a command takes the webhook secret from: a file or an environment variable, never the command line.

use super::{Failure, environment, out};
use clap::Args;
use record::MAX_SECRETS;
use record::read_input;
use signature::Secret;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The largest secret file that is read, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// The variable that holds the secret where no flag says otherwise.
const VARIABLE: &str = "WEBHOOK_SECRET";

/// `--secret-file` and `--secret-env`; several of them while secrets are rotated.
#[derive(Debug, Default, Args)]
pub(super) struct SecretSource {
    /// File with the webhook secret
    ///
    /// One trailing newline is stripped. Repeat for each further secret that is valid during rotation;
    /// the first one is used for signing.
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// Environment variable with the webhook secret
    ///
    /// Used as is; repeat for each further secret.
    #[arg(long, value_name = "VAR")]
    secret_env: Vec<String>,
}

/// The name of an environment variable. Anything else may be a secret that the shell put in place of its name
/// (`--secret-env $WEBHOOK_SECRET`), so that it is not repeated.
fn variable_name(text: &str) -> Result<&str, Failure> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let fits = !text.is_empty() && text.len() < 64 && text.chars().all(is_name);
    if fits && !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(text);
    }
    // Not left to the flag's own parser, which repeats what it refuses.
    Err(Failure::usage(
        "--secret-env: give the name of a variable without $, as in --secret-env WEBHOOK_SECRET",
    ))
}

impl SecretSource {
    /// The environment variables that secrets are read from, where flags name some.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.secret_env.iter().map(String::as_str)
    }

    /// Whether one of the flags is given.
    pub(super) fn is_given(&self) -> bool {
        !self.secret_file.is_empty() || !self.secret_env.is_empty()
    }

    /// The secret, when one of the flags is given, with all others that are; those of files come first.
    ///
    /// # Errors
    /// Usage: a file cannot be read, is too large or not UTF-8; a variable is not set; one of several is empty.
    pub(super) fn read(&self) -> Result<Option<Secret>, Failure> {
        let files = self.secret_file.iter().map(|path| from_file(path));
        let variables = self.secret_env.iter().map(|name| from_env(variable_name(name)?));
        let secrets = files.chain(variables).collect::<Result<Vec<Secret>, Failure>>()?;
        if secrets.len() > 1 && secrets.iter().any(|one| one.expose().trim().is_empty()) {
            return Err(Failure::usage("--secret-file, --secret-env: one of the secrets is empty"));
        }
        if secrets.len() > MAX_SECRETS {
            return Err(Failure::usage(format!(
                "--secret-file, --secret-env: at most {MAX_SECRETS} secrets"
            )));
        }
        Ok(secrets.into_iter().reduce(|first, other| first.or(&other)))
    }

    /// As [`SecretSource::read`], for a command that verifies with it what is there.
    ///
    /// # Errors
    /// As [`SecretSource::read`], and when it is empty: nothing was signed with that.
    pub(super) fn read_to_verify(&self) -> Result<Option<Secret>, Failure> {
        let secret = self.read()?;
        if secret.as_ref().is_some_and(|secret| secret.expose().trim().is_empty()) {
            return Err(Failure::usage("--secret-file, --secret-env: the webhook secret is empty"));
        }
        Ok(secret)
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
        let secret = match self.read()? {
            Some(secret) => Some(secret),
            None => usual(&|name| std::env::var(name).ok())?,
        };
        let secret = secret.ok_or_else(missing)?;
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
            "--secret-file -: stdin is already used for the body; give a file or use --secret-env",
        ));
    }
    let wrong = |what: String| Failure::usage(format!("--secret-file {shown}: {what}"));
    let text = read_small(path, MAX_BYTES).map_err(wrong)?;
    let bare = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    sound(&format!("--secret-file {shown}:"), Secret::new(bare))
}

/// The text of a small file, as it is.
///
/// # Errors
/// What is wrong with it, as a phrase.
pub(super) fn read_small(path: &Path, most: u64) -> Result<Zeroizing<String>, String> {
    let bytes = read_input(path, most).map_err(|e| e.to_string())?;
    // Not the error's own words, which hold the bytes.
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| "not UTF-8 text".to_owned())
}

/// The secret, unless something stands around it that is not part of it; what else looks wrong is only said. `what` begins both sentences, such
/// as `WEBHOOK_SECRET`.
///
/// # Errors
/// Usage: what stands there.
pub(super) fn sound(what: &str, secret: Secret) -> Result<Secret, Failure> {
    if let Some(oddity) = secret.oddity() {
        return Err(Failure::usage(format!("{what} {oddity}")));
    }
    if let Some(doubt) = secret.doubt() {
        out::say(format!("warning: {what} {doubt}"));
    }
    Ok(secret)
}

/// The secret in `WEBHOOK_SECRET`, when that is set.
///
/// # Errors
/// Usage: it is empty, or something stands around it.
pub(super) fn usual(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Secret>, Failure> {
    let empty = |why: Failure| Failure::usage(format!("the webhook secret is empty: {why}"));
    let given = environment::setting(env, VARIABLE).map_err(empty)?;
    given.map(|text| sound(VARIABLE, Secret::new(text))).transpose()
}

fn from_env(name: &str) -> Result<Secret, Failure> {
    // The name is not repeated when it is none of the environment's: it may be the secret itself.
    match std::env::var(name) {
        Ok(text) => sound(&format!("--secret-env {name}: the secret"), Secret::new(text)),
        Err(std::env::VarError::NotPresent) => Err(Failure::usage(
            "--secret-env: no environment variable has that name; give just the name, as in --secret-env \
             WEBHOOK_SECRET",
        )),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("--secret-env {name}: the environment variable is not UTF-8 text")))
        }
    }
}
