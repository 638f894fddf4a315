//! A receiver: made ready, then served until it is told to stop.

use super::admin::Admin;
use super::api::{Health, MOST_WRONG, Paths};
use super::keep::Keeper;
use super::metrics::Metrics;
use super::plan::{Plan, header};
use super::scan::{self, Inspection, Scan};
use super::tap::{Tap, TapError};
use super::upkeep::Upkeep;
use super::witness::Witness;
use crate::inbox::{Config, Content, Door, Doors, Inbox, KeptInPart, Lanes, Routes, Tls, serve_with};
use crate::journal::{IntactMark, Journal, Options, Pace, Sealed};
use correlate::{FlowMatcher, Turn};
use record::seal::PublicKey;
use record::{Header, Note, Record};
use signature::{KeyError, Verifier};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use wire::Clock;

/// One address has one in so many connections, unless said otherwise.
const SHARE: usize = 4;
/// Connections that wait to be accepted; the kernel may allow fewer.
const QUEUE: u32 = 4096;

/// Why a receiver cannot be started or stopped in order.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// It cannot listen.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The journal cannot be written.
    #[error("cannot write the journal {}: {source}", path.display())]
    Journal {
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The secret does not fit the scheme.
    #[error("the webhook secret: {0}")]
    Key(#[from] KeyError),
    /// The URL behind the tap is none.
    #[error("--forward: {0}")]
    Tap(#[from] TapError),
    /// The engine that looks for personal data cannot be made.
    #[error(transparent)]
    Policy(#[from] pii::PolicyError),
    /// No random bytes.
    #[error("no random bytes from the operating system: {0}")]
    Random(getrandom::Error),
}

impl ReceiverError {
    /// Whether the surroundings are at fault (exit 4), not what the user asked for (exit 2).
    #[must_use]
    pub const fn is_environment(&self) -> bool {
        matches!(
            self,
            Self::Bind { .. } | Self::Journal { .. } | Self::Random(_) | Self::Tap(TapError::Roots(_))
        )
    }
}

/// A receiver that is ready: bound, its journal begun.
pub struct Receiver {
    listener: TcpListener,
    address: SocketAddr,
    tls: Tls,
    doors: Doors,
    inbox: Arc<Inbox>,
    journal: Journal,
    path: PathBuf,
    metrics: Arc<Metrics>,
    clock: Clock,
    scan: Scan,
    keeper: Keeper,
    admin: Option<Admin>,
    witness: Option<Arc<Witness>>,
}

impl Receiver {
    /// Binds, and begins the journal.
    ///
    /// # Errors
    /// Whatever is missing or wrong.
    pub fn new(plan: Plan) -> Result<Self, ReceiverError> {
        Self::with_clock(plan, Clock::start())
    }

    /// The same with a clock that has just been started.
    ///
    /// # Errors
    /// Whatever is missing or wrong.
    pub fn with_clock(mut plan: Plan, clock: Clock) -> Result<Self, ReceiverError> {
        let verifier = verifier(&plan)?;
        let tap = plan.forward.as_ref().map(|(url, within)| Tap::new(url, *within)).transpose()?;
        let failed = |source| ReceiverError::Bind { address: plan.address, source };
        let listener = listen(plan.address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        tap.as_ref().map_or(Ok(()), |tap| tap.check_is_not(address))?;
        if plan.identity.endpoint.is_empty() {
            let scheme = if plan.tls.is_some() { "https" } else { "http" };
            plan.identity.endpoint = format!("{scheme}://{address}{}", plan.path);
        }
        let verifier = verifier.map(|verifier| verifier.with_url(&plan.identity.endpoint));
        let mut header = header(&plan.identity, clock).map_err(ReceiverError::Random)?;
        header.faults.clone_from(&plan.faults);
        let options = Options { rotation: plan.rotation, sync: plan.sync, pace: Pace::Together, clock };
        let not_written = |source| ReceiverError::Journal { path: plan.journal.clone(), source };
        let journal = Journal::create_in_segments(&plan.journal, &header, options).map_err(not_written)?;
        let mark = IntactMark::set(&plan.journal).map_err(not_written)?;
        let metrics = Arc::new(Metrics::of_journal(Some(mark)));
        let unread_from = Arc::new(AtomicU64::new(0));
        let witness = plan.witness.take().map(|key| Witness::new(key, journal.clone(), clock)).transpose();
        let witness = witness.map_err(not_written)?.map(Arc::new);
        let paths = Arc::new(Paths {
            journal: journal.clone(),
            metrics: Arc::clone(&metrics),
            scrapes: Default::default(),
            clock,
            token: plan.token.clone(),
            scheme: plan.identity.scheme,
            wrong: Semaphore::new(MOST_WRONG),
            unread_from: Arc::clone(&unread_from),
            witness: witness.clone(),
        });
        let scan = scan::start(Arc::clone(&paths))?;
        let admin = plan.admin.map(|address| admin(address, &plan.tls, &paths, clock)).transpose()?;
        let routes: Arc<dyn Routes> = match &admin {
            Some(_) => Arc::new(Health(paths)),
            None => paths,
        };
        let inbox = Inbox::new(config(&plan, &header, verifier), clock, journal.clone())
            .with_routes(routes)
            .with_observer(Arc::clone(&metrics) as Arc<dyn crate::inbox::Observer>);
        let inbox = match tap {
            Some(tap) => inbox.with_upstream(Arc::new(tap)),
            None => inbox,
        };
        Ok(Self {
            listener,
            address,
            doors: doors(&plan),
            tls: plan.tls,
            inbox: Arc::new(inbox),
            path: plan.journal,
            keeper: Keeper {
                journal: journal.clone(),
                keep: plan.keep,
                metrics: Arc::clone(&metrics),
                clock,
                unread_from,
            },
            admin,
            witness,
            journal,
            metrics,
            clock,
            scan,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where metrics and reading back are, when they are on a listener of their own.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.listener.local_addr().ok())
    }

    /// The key that what it vouches for is checked with, where it has one.
    #[must_use]
    pub fn witness(&self) -> Option<PublicKey> {
        self.witness.as_ref().map(|witness| witness.public())
    }

    #[must_use]
    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// Its counters.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The end of the look for personal data, for whoever tells the counters once more when the receiver has stopped.
    pub const fn inspection(&mut self) -> Inspection {
        self.scan.inspection()
    }

    /// Serves until `stop` turns true, then lets open exchanges end and closes the journal.
    ///
    /// # Errors
    /// When the journal cannot be closed.
    pub async fn serve(self, stop: watch::Receiver<bool>) -> Result<Sealed, ReceiverError> {
        let upkeep = Upkeep {
            journal: self.journal.clone(),
            path: self.path.clone(),
            inbox: Arc::clone(&self.inbox),
            metrics: Arc::clone(&self.metrics),
            clock: self.clock,
            keeper: self.keeper,
            witness: self.witness,
        };
        let upkeep = tokio::spawn(upkeep.run());
        let admin = self.admin.map(|admin| tokio::spawn(admin.serve(stop.clone())));
        // Where there are no more threads to be had, on those that there are.
        let lanes = Lanes::start().unwrap_or_default();
        serve_with((self.listener, self.tls), self.inbox, self.doors, &lanes, &|_| (), stop).await;
        upkeep.abort();
        admin.iter().for_each(tokio::task::JoinHandle::abort);
        self.scan.stop();
        let failed = |source| ReceiverError::Journal { path: self.path.clone(), source };
        self.metrics.untold().tell(&self.journal, self.clock);
        let note = Note { at: self.clock.now(), text: "the receiver was told to stop".to_owned() };
        self.journal.append(&Record::Note(note)).map_err(failed)?;
        self.journal.finish(self.clock.now(), true).map_err(failed)
    }
}

/// Checks signatures; none where the receiver has no secret.
fn verifier(plan: &Plan) -> Result<Option<Verifier>, KeyError> {
    if plan.identity.blind {
        return Ok(None);
    }
    Verifier::new(plan.identity.scheme, &plan.secret).map(Some)
}

fn config(plan: &Plan, header: &Header, verifier: Option<Verifier>) -> Config {
    Config {
        door: Door { more_paths: plan.more_paths.clone(), ..Door::posted(plan.path.clone()) },
        seen: None,
        scheme: plan.identity.scheme,
        verifier,
        contract: plan.identity.retry.clone(),
        interceptor: plan.interceptor.clone(),
        matcher: Arc::new(FlowMatcher::default().for_sender(plan.identity.scheme)),
        handshakes: header.handshakes(),
        content: Content::OfMany,
        turn: Turn::default(),
        kept_in_part: KeptInPart::All,
        secrets: None,
    }
}

fn doors(plan: &Plan) -> Doors {
    Doors {
        limits: plan.limits,
        connections: plan.connections,
        per_address: plan.connections_per_address.unwrap_or(plan.connections.div_ceil(SHARE)),
        drain: plan.drain,
        bodies: Doors::BODIES,
    }
}

fn admin(address: SocketAddr, tls: &Tls, paths: &Arc<Paths>, clock: Clock) -> Result<Admin, ReceiverError> {
    let listener = listen(address).map_err(|source| ReceiverError::Bind { address, source })?;
    Ok(Admin { listener, tls: tls.clone(), paths: Arc::clone(paths), clock })
}

/// A listener with a long queue: the 128 that are usual overflow when a few hundred senders connect at once, and each that
/// does not fit waits a second for its next try.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // So that a restart does not wait for connections of the last run to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}
