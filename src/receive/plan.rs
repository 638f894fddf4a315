//! What a receiver is made of, and the header of its journal.

use super::keep::Keep;
use super::token::Token;
use crate::inbox::Tls;
use crate::journal::{Rotation, Sync};
use record::RunKind;
use record::faults::FaultSpec;
use record::seal::SigningKey;
use record::{Header, RetryContract, SenderProfile, WebhookConfig};
use serde_json::Value;
use signature::Scheme;
use signature::Secret;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wire::Clock;
use wire::http1::{Interceptor, Limits};

/// A receiver, resolved, nothing started.
pub struct Plan {
    /// Where to listen.
    pub address: SocketAddr,
    /// What the journal's header says.
    pub identity: Identity,
    /// The path that webhooks are posted to.
    pub path: String,
    /// Further ones.
    pub more_paths: Vec<String>,
    /// The webhook secret.
    pub secret: Secret,
    /// TLS, if wanted.
    pub tls: Tls,
    /// Limits of each connection.
    pub limits: Limits,
    /// Connections open at once.
    pub connections: usize,
    /// Of those, from one address that is not this machine's own; a quarter unless said otherwise.
    pub connections_per_address: Option<usize>,
    /// Where metrics and reading back are, in place of beside the webhooks.
    pub admin: Option<SocketAddr>,
    /// How much of the journal stays.
    pub keep: Keep,
    /// How long open exchanges get to end at the stop.
    pub drain: Duration,
    /// The real receiver behind a tap, and the time it gets.
    pub forward: Option<(String, Duration)>,
    /// The journal file.
    pub journal: PathBuf,
    /// What a written record survives.
    pub sync: Sync,
    /// When a new file is begun.
    pub rotation: Rotation,
    /// Guards reading back.
    pub token: Option<Token>,
    /// Signs what comes, for runs that register before they begin.
    pub witness: Option<SigningKey>,
    /// Breaks attempts on purpose.
    pub interceptor: Option<Arc<dyn Interceptor>>,
    /// The faults as typed.
    pub faults: Vec<FaultSpec>,
}

/// What the header of a journal without a scenario says.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What kind of run the journal is of.
    pub kind: RunKind,
    /// Name of the environment.
    pub environment: String,
    /// The system that is watched, as far as it is known.
    pub target: String,
    /// The URL that the sender posts to.
    pub endpoint: String,
    /// The gates, as JSON, and the SHA-256 of their file.
    pub gates: (Value, String),
    /// Signature scheme.
    pub scheme: Scheme,
    /// The sender's profile, where one is named.
    pub sender: Option<Box<SenderProfile>>,
    pub retry: RetryContract,
    pub sender_timeout: Duration,
    /// Length of the secret in characters.
    pub secret_chars: usize,
    /// How many secrets there are.
    pub secrets: usize,
    /// Whether signatures are not checked here.
    pub blind: bool,
}

/// The header of a journal that no scenario drives.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn header(identity: &Identity, clock: Clock) -> Result<Header, getrandom::Error> {
    let (endpoint, retry) = (identity.endpoint.clone(), identity.retry.clone());
    let (secret_chars, secrets) =
        if identity.blind { (0, 1) } else { (identity.secret_chars, identity.secrets) };
    Ok(Header {
        gates: identity.gates.0.clone(),
        gates_sha256: identity.gates.1.clone(),
        environment: identity.environment.clone(),
        target: identity.target.clone(),
        scheme: identity.scheme,
        sender: identity.sender.clone(),
        webhook: WebhookConfig::new(endpoint, identity.sender_timeout, &retry, secret_chars)
            .accepting(secrets),
        retry,
        blind: identity.blind,
        ..Header::new(identity.kind, clock.started())?
    })
}

/// How many file descriptors this process may have open (Linux); 1024 where that cannot be read.
#[must_use]
pub fn descriptors() -> usize {
    const USUAL: usize = 1024;
    crate::resources::open_files().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL)
}
