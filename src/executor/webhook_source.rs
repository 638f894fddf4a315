//! How webhooks come in: to a socket of our own, or read back from a receiver elsewhere.

use super::error::RunError;
use super::plan::{Listen, Plan, Receiver, RemoteInbox};
use crate::drive::Blocked;
use crate::inbox::{Inbox, Replay, Tls, serve};
use crate::outbound::shown_url;
use crate::record_source::RecordSource;
use record::witness::Registering;
use signature::Verifier;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use uuid::Uuid;
use wire::Clock;
use wire::http1::Limits;

/// Connections that the inbox holds open at once.
const CONNECTIONS: usize = 4096;
/// How long the receiver elsewhere waits for something to tell.
const WAIT: Duration = Duration::from_secs(2);
/// How long it has for an answer beyond that.
const LIMIT: Duration = Duration::from_secs(15);
/// Pause after a look that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// Where webhooks come in.
pub(super) enum WebhookSource {
    /// Here.
    Socket(TcpListener, Tls),
    /// At a receiver that is read back.
    Records(Box<RecordSource>),
    /// At somebody else's, who judges them.
    Nowhere,
}

/// Binds, or asks the receiver elsewhere; gives the URL that the sender posts to as well.
pub(super) async fn ready(plan: &Plan, clock: Clock) -> Result<(WebhookSource, String), RunError> {
    match &plan.receiver {
        Receiver::Here(listen) => {
            let failed = |source| RunError::Bind { address: listen.address, source };
            let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
            let endpoint = endpoint(listen, &listener)?;
            Ok((WebhookSource::Socket(listener, plan.tls.clone()), endpoint))
        }
        Receiver::Remote(inbox) => remote(plan, inbox, clock).await,
        Receiver::Watched(endpoint) => Ok((WebhookSource::Nowhere, endpoint.clone())),
    }
}

fn endpoint(listen: &Listen, listener: &TcpListener) -> Result<String, RunError> {
    let failed = |source| RunError::Bind { address: listen.address, source };
    match &listen.public_url {
        Some(url) => Ok(url.clone()),
        None => {
            let scheme = if listen.tls { "https" } else { "http" };
            Ok(format!("{scheme}://{}{}", listener.local_addr().map_err(failed)?, listen.door.path))
        }
    }
}

/// Asks the receiver who it is, and measures its clock.
async fn remote(plan: &Plan, inbox: &RemoteInbox, clock: Clock) -> Result<(WebhookSource, String), RunError> {
    let failed = |source| RunError::Inbox { url: shown_url(&inbox.url), source };
    let (source, meta) =
        RecordSource::remote(&inbox.url, inbox.token.clone(), clock).await.map_err(failed)?;
    let (ours, theirs) = (plan.scheme.to_string(), meta.scheme);
    if ours != theirs {
        return Err(RunError::OtherScheme { url: shown_url(&inbox.url), ours, theirs });
    }
    let endpoint = inbox.public_url.clone().unwrap_or(meta.endpoint);
    let own =
        if plan.blind { None } else { Some(Verifier::new(plan.scheme, &plan.secret)?.with_url(&endpoint)) };
    Ok((WebhookSource::Records(Box::new(source.verified_by(own))), endpoint))
}

impl WebhookSource {
    /// Registers the run at a receiver elsewhere that vouches for what comes, before anything is driven.
    ///
    /// # Errors
    /// When the receiver does not answer as it should.
    pub(super) async fn register(&mut self, run: Uuid, plan: &Plan) -> Result<(), RunError> {
        let (Self::Records(source), Receiver::Remote(inbox)) = (self, &plan.receiver) else { return Ok(()) };
        let failed = |source| RunError::Inbox { url: shown_url(&inbox.url), source };
        let registering = Registering::new(run, plan.kind, &plan.loaded.scenario.name, plan.flows);
        source.register(registering).await.map_err(failed)
    }

    /// Takes webhooks in until `stop` turns true, and says what stands in the way.
    ///
    /// # Errors
    /// When what was read back cannot be written.
    pub(super) async fn open(
        self,
        inbox: Arc<Inbox>,
        stop: watch::Receiver<bool>,
        tell: watch::Sender<Option<Blocked>>,
    ) -> io::Result<()> {
        match self {
            Self::Socket(listener, tls) => {
                let lacking = |error: &io::Error| {
                    let why = format!("webhooks cannot be taken in: {error}");
                    let _ = tell.send(Some(Blocked::Machine { why }));
                };
                serve((listener, tls), inbox, Limits::default(), CONNECTIONS, &lacking, stop).await;
                Ok(())
            }
            Self::Nowhere => Ok(()),
            Self::Records(source) => replay(*source, Replay::new(inbox), stop, &tell).await,
        }
    }
}

/// Reads records back until `stop` turns true, and then what has come until then.
async fn replay(
    mut source: RecordSource,
    mut replay: Replay,
    mut stop: watch::Receiver<bool>,
    tell: &watch::Sender<Option<Blocked>>,
) -> io::Result<()> {
    loop {
        let stopping = *stop.borrow();
        let wait = if stopping { Duration::ZERO } else { WAIT };
        let look = tokio::select! {
            look = source.look(wait, wait + LIMIT) => look,
            _ = stop.wait_for(|stop| *stop), if !stopping => continue,
        };
        look.records.iter().try_for_each(|record| replay.take(record))?;
        if let Some(receiver) = look.other_secret.filter(|_| tell.borrow().is_none()) {
            let _ = tell.send(Some(Blocked::OtherSecret { receiver: shown_url(&receiver) }));
        }
        let is_dark = source.open_gap().is_some();
        if stopping && (is_dark || !look.more) {
            return source.end(LIMIT).await.iter().try_for_each(|record| replay.take(record));
        }
        if is_dark {
            sleep(PAUSE).await;
        }
    }
}
