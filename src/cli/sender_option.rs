//! Who sends: `--sender` and `--scheme`, the same wherever a command asks.

use super::Failure;
use super::environment::not_empty;
use record::SenderProfile;
use scenario::load_sender;
use signature::Scheme;
use std::path::Path;

/// The options that say who sends, and how it signs.
#[derive(Debug, Default, clap::Args)]
pub(super) struct SenderOption {
    /// Just the signature scheme: deltacrown-v1, deltacrown-v2, or the name of a built-in profile [default: deltacrown-v2]
    #[arg(long, value_name = "NAME")]
    pub scheme: Option<Scheme>,
    /// Who sends: a built-in profile (`smoke senders` lists them) or a file
    #[arg(long, value_name = "NAME|FILE", value_parser = not_empty, conflicts_with = "scheme")]
    pub sender: Option<String>,
}

impl SenderOption {
    /// The profile, where one is named.
    ///
    /// # Errors
    /// Usage: there is none of that name, or its file is wrong.
    pub(super) fn profile(&self) -> Result<Option<SenderProfile>, Failure> {
        self.sender.as_deref().map(named).transpose()
    }

    /// How webhooks are signed: as the profile says, else by `--scheme`, else by the default.
    ///
    /// # Errors
    /// As for [`Self::profile`].
    pub(super) fn scheme(&self) -> Result<Scheme, Failure> {
        Ok(match self.profile()? {
            Some(profile) => scheme_of(&profile)?,
            None => self.scheme.unwrap_or_default(),
        })
    }
}

/// The profile that a user typed.
///
/// # Errors
/// Usage: there is none of that name, or its file is wrong.
pub(super) fn named(typed: &str) -> Result<SenderProfile, Failure> {
    load_sender(typed, Path::new(".")).map_err(|e| Failure::Usage(e.into()))
}

/// How a profile's sender signs.
///
/// # Errors
/// Usage: it does not make a scheme.
pub(super) fn scheme_of(profile: &SenderProfile) -> Result<Scheme, Failure> {
    profile.scheme().map_err(|problems| {
        Failure::usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}
