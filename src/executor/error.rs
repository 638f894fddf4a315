//! Why a run could not be made ready or could not go on.

use crate::drive::{Blocked, ClientError};
use crate::record_source::RemoteError;
use pii::PolicyError;
use scenario::{DataError, TemplateError, UnknownVar};
use signature::KeyError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a run could not be made ready or could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The inbox cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The receiver elsewhere cannot be read.
    #[error("--inbox {url}: {source}")]
    Inbox {
        url: String,
        /// Why not.
        source: RemoteError,
    },
    /// The receiver elsewhere verifies another way.
    #[error(
        "--inbox {url} verifies the scheme {theirs}, but this run needs {ours}: start it with --scheme {ours}"
    )]
    OtherScheme {
        url: String,
        /// The run's scheme.
        ours: String,
        /// The receiver's.
        theirs: String,
    },
    /// The fault shim cannot start.
    #[error(transparent)]
    Shim(#[from] crate::fault::ShimError),
    /// The stand-in cannot start.
    #[error("the embedded stand-in cannot start: {0}")]
    StandIn(io::Error),
    /// Evidence of an earlier run is in the way.
    #[error("the files of an earlier run cannot be moved out of the way: {0}")]
    Earlier(io::Error),
    /// The journal cannot be written.
    #[error("cannot write the journal {}: {source}", path.display())]
    Journal {
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The target does not answer.
    #[error("staging at {url} is unreachable: {why}")]
    Unreachable { url: String, why: String },
    /// What surrounds the sender is not as it must be.
    #[error(transparent)]
    Blocked(Box<Blocked>),
    /// What the scenario's templates need is not there.
    #[error("{}\nNothing was driven", .0.join("\n"))]
    Unset(Vec<String>),
    /// The target's URL is none.
    #[error("--staging {0}")]
    Target(ClientError),
    /// The data rows do not do.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A template has no value.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A variable that the scenario does not have.
    #[error("--var: {0}")]
    Var(#[from] UnknownVar),
    /// The scenario's PII policy is none.
    #[error("the scenario's pii block: {0}")]
    Policy(#[from] PolicyError),
    /// The secret does not fit the scheme.
    #[error("the webhook secret: {0}")]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error("no random bytes from the operating system: {0}")]
    Random(getrandom::Error),
}

impl RunError {
    /// Whether the surroundings are at fault (exit 4), not what the user asked for (exit 2).
    pub(crate) const fn is_environment(&self) -> bool {
        match self {
            Self::Inbox { source, .. } => source.is_environment(),
            Self::Data(error) => matches!(error, DataError::Changed { .. }),
            Self::Bind { .. }
            | Self::StandIn(_)
            | Self::Shim(_)
            | Self::Earlier(_)
            | Self::Journal { .. }
            | Self::Unreachable { .. }
            | Self::Blocked(_)
            | Self::Random(_) => true,
            Self::OtherScheme { .. }
            | Self::Target(_)
            | Self::Unset(_)
            | Self::Template(_)
            | Self::Var(_)
            | Self::Policy(_)
            | Self::Key(_) => false,
        }
    }
}
