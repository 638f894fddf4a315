//! `smoke secret`: a fresh webhook secret, or the fingerprint of one that there is.

use super::secret_source::SecretSource;
use super::{Exit, Failure, out};
use signature::{Secret, Weakness};

/// The command line of `smoke secret`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the fingerprint of the secret in use (--secret-file, --secret-env, else WEBHOOK_SECRET), to be compared with
    /// the other side's
    #[arg(long)]
    fingerprint: bool,
    #[command(flatten)]
    secret: SecretSource,
}

/// Prints 64 hex characters from the operating system's random source, or a fingerprint.
pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    if args.fingerprint {
        let secret = args.secret.require()?;
        if secret.weakness() == Some(Weakness::Empty) {
            return Err(Failure::usage("the webhook secret is empty: there is nothing to compare"));
        }
        out::raw_line(secret.fingerprint());
        out::chat(
            "the other side's: printf %s \"$WEBHOOK_SECRET\" | sha256sum | cut -c1-8, or in a Django shell: \
             hashlib.sha256(settings.WEBHOOK_SECRET.encode()).hexdigest()[:8]",
        );
        return Ok(Exit::Pass);
    }
    if args.secret.is_given() {
        return Err(Failure::usage("--secret-file and --secret-env only go with --fingerprint"));
    }
    let secret = Secret::generate().map_err(|e| Failure::environment(format!("no random bytes: {e}")))?;
    out::raw_line(secret.expose());
    Ok(Exit::Pass)
}
