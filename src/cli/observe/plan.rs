//! From what the user typed to what an observation is made of.

use super::args::Args;
use super::hook::OurSecrets;
use super::watch::LOOK;
use crate::cli::evidence_files::EvidenceFiles;
use crate::cli::gates_file::GatesFile;
use crate::cli::{Failure, out, receive_files, receiver_plan, run_plan, secret_source};
use crate::journal::{Rotation, Sync};
use crate::observe::probe_url;
use crate::outbound::shown_url;
use crate::receive::{Identity, Keep, Receiver, Token};
use crate::record_source::{GrowingJournal, RecordSource, RemoteError};
use evidence::report::EMBEDDED;
use record::{OnTrigger, RunKind, Tick, WatchBegin};
use scenario::Env;
use signature::{Secret, Verifier};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use wire::Clock;
use wire::http1::Limits;

/// An observation, resolved, nothing opened.
pub(super) struct ObservePlan {
    pub gates: GatesFile,
    pub files: EvidenceFiles,
    pub source: SourcePlan,
    /// What the header of the window's journal says, as far as it is known before the source is open.
    pub identity: Identity,
    /// What a stand-in that is driven has to sign with, where it is known.
    pub secret: Option<Secret>,
    pub duration: Duration,
    pub on_trigger: OnTrigger,
    pub on_rollback: Option<String>,
    /// What the command of `--on-rollback` is not to have.
    pub ours: OurSecrets,
    pub logs: Vec<PathBuf>,
    embedded: bool,
    begin: WatchBegin,
}

/// Where webhooks are going to be seen.
pub(super) enum SourcePlan {
    /// In a journal that a receiver on this machine writes.
    Journal(PathBuf),
    /// At a receiver elsewhere.
    Remote { url: String, token: Token },
    /// At a receiver of this process.
    Listen { address: SocketAddr, path: String },
}

impl ObservePlan {
    /// Resolves flags and environment.
    ///
    /// # Errors
    /// Usage: whatever is missing or wrong.
    pub(super) fn resolve(args: &Args, env: &Env) -> Result<Self, Failure> {
        let embedded = args.drive.embedded(env);
        if args.inbox.is_some() && embedded {
            return Err(Failure::usage(
                "--drive: without --staging the stand-in is driven, which posts to --listen or next to --journal, not to --inbox",
            ));
        }
        if args.duration.get().is_zero() {
            return Err(Failure::usage("--duration 0s: give a window some length, for example 30m"));
        }
        if let Some(url) = &args.probe {
            probe_url(url).map_err(|e| Failure::usage(format!("--probe {}: {e}", shown_url(url))))?;
        }
        let gates = GatesFile::read(args.gates.as_deref(), None)?;
        let source = source(args, embedded)?;
        let secret = match &source {
            SourcePlan::Remote { .. } if args.secret.is_given() => {
                Some(run_plan::senders_secret(args.sender.scheme()?, &args.secret, env)?)
            }
            SourcePlan::Remote { .. } => secret_source::usual(env.as_ref())?,
            SourcePlan::Journal(_) if !embedded => None,
            SourcePlan::Listen { .. } if args.blind && !embedded => {
                Some(run_plan::no_secret_at_all(&args.secret, env)?)
            }
            SourcePlan::Listen { .. } if embedded && args.listen.is_none() => {
                Some(run_plan::embedded_secret(&args.secret)?)
            }
            SourcePlan::Journal(_) | SourcePlan::Listen { .. } => Some(match args.sender.sender {
                Some(_) => run_plan::senders_secret(args.sender.scheme()?, &args.secret, env)?,
                None => run_plan::staging_secret(&args.secret, env)?,
            }),
        };
        let ours = our_secrets(args, &source, secret.as_ref());
        let on_trigger = if args.keep_going { OnTrigger::KeepGoing } else { OnTrigger::End };
        Ok(Self {
            identity: identity(args, env, &gates, embedded)?,
            files: EvidenceFiles::new(&args.artifacts, "observation"),
            duration: args.duration.get(),
            on_rollback: args.on_rollback.clone(),
            ours,
            logs: args.logs.clone(),
            begin: WatchBegin {
                at: Tick(0),
                duration_ms: args.duration.as_millis(),
                source: source.name(),
                stage_percent: args.stage,
                drive: args.drive.typed(),
                on_trigger,
                probe: args.probe.clone(),
                logs: args.logs.iter().map(|p| p.display().to_string()).collect(),
            },
            gates,
            source,
            secret,
            on_trigger,
            embedded,
        })
    }

    /// Opens the source, from which the header of the window's journal learns the rest. A receiver of this process ends when
    /// `stop` turns true.
    ///
    /// # Errors
    /// Usage or environment: it cannot be opened.
    pub(super) async fn open(
        &mut self,
        clock: Clock,
        stop: watch::Receiver<bool>,
    ) -> Result<RecordSource, Failure> {
        match &self.source {
            SourcePlan::Remote { url, token } => {
                let failure = |error: RemoteError| {
                    let text = format!("--inbox {url}: {error}");
                    if error.is_environment() { Failure::environment(text) } else { Failure::usage(text) }
                };
                let (source, meta) =
                    RecordSource::remote(url, token.clone(), clock).await.map_err(failure)?;
                let own = self.secret.as_ref().and_then(|own| Verifier::new(self.identity.scheme, own).ok());
                self.identity.secrets = meta.secrets;
                if self.identity.endpoint.is_empty() {
                    self.identity.endpoint.clone_from(&meta.endpoint);
                }
                Ok(source.verified_by(own.map(|own| own.with_url(&meta.endpoint))))
            }
            SourcePlan::Journal(journal) => {
                let growing =
                    GrowingJournal::at_end(journal).map_err(|e| Failure::usage(format!("--journal {e}")))?;
                let theirs = growing.header();
                if self.identity.sender.is_none() {
                    self.identity.scheme = theirs.scheme;
                    self.identity.sender.clone_from(&theirs.sender);
                    self.identity.retry = theirs.retry.clone();
                } else if self.identity.scheme != theirs.scheme {
                    return Err(Failure::usage(format!(
                        "--sender: the receiver of this journal verifies webhooks of {}, not of {}",
                        theirs.scheme, self.identity.scheme
                    )));
                }
                self.identity.endpoint.clone_from(&theirs.webhook.endpoint);
                self.identity.secret_chars = theirs.webhook.secret_length_chars;
                self.identity.secrets = theirs.webhook.secrets;
                self.identity.blind |= theirs.blind;
                Ok(RecordSource::journal(growing, clock))
            }
            SourcePlan::Listen { address, path } => {
                let (address, path) = (*address, path.clone());
                self.receive(address, &path, clock, stop)
            }
        }
    }

    /// Receives here meanwhile.
    fn receive(
        &mut self,
        address: SocketAddr,
        path: &str,
        clock: Clock,
        stop: watch::Receiver<bool>,
    ) -> Result<RecordSource, Failure> {
        let secret = self.secret.clone().ok_or_else(|| Failure::usage("no webhook secret"))?;
        (self.identity.secret_chars, self.identity.secrets) = (secret.chars(), secret.count());
        let journal = self.own_journal();
        let receiver = Receiver::new(crate::receive::Plan {
            address,
            identity: Identity { kind: RunKind::Receive, ..self.identity.clone() },
            path: path.to_owned(),
            more_paths: Vec::new(),
            secret,
            tls: None,
            limits: Limits::default(),
            connections: crate::receive::descriptors() / 2,
            connections_per_address: None,
            admin: None,
            keep: Keep::default(),
            drain: LOOK,
            forward: None,
            journal: journal.clone(),
            sync: Sync::Kernel,
            rotation: Rotation::default(),
            token: None,
            witness: None,
            interceptor: None,
            faults: Vec::new(),
        })
        .map_err(Failure::environment)?;
        let at = format!("http://{}{path}", receiver.address());
        out::say(format!("receiving on {at}"));
        if self.embedded || self.identity.endpoint.is_empty() {
            self.identity.endpoint = at;
        }
        tokio::spawn(receiver.serve(stop));
        let growing = GrowingJournal::at_end(&journal).map_err(Failure::environment)?;
        Ok(RecordSource::journal(growing, clock))
    }

    /// Where a receiver of this process writes its journal.
    fn own_journal(&self) -> PathBuf {
        self.files.dir().join("receive_journal.jsonl")
    }

    /// The journal of the receiver of this process, where there is one.
    pub(super) fn receives(&self) -> Option<PathBuf> {
        matches!(self.source, SourcePlan::Listen { .. }).then(|| self.own_journal())
    }

    /// How the window begins.
    pub(super) fn begin(&self, at: Tick) -> WatchBegin {
        WatchBegin { at, ..self.begin.clone() }
    }
}

impl SourcePlan {
    /// What it is called in the journal.
    fn name(&self) -> String {
        match self {
            Self::Journal(journal) => journal.display().to_string(),
            Self::Remote { url, .. } => url.clone(),
            Self::Listen { .. } => WatchBegin::LISTEN.to_owned(),
        }
    }
}

fn our_secrets(args: &Args, source: &SourcePlan, secret: Option<&Secret>) -> OurSecrets {
    let mut ours = OurSecrets::new();
    for scenario in args.drive.scenarios() {
        ours = ours.with_scenario(scenario);
    }
    for name in args.secret.variables() {
        ours = ours.with_name(name);
    }
    if let SourcePlan::Remote { token, .. } = source {
        ours = ours.with_value(&Secret::new(token.expose()));
    }
    match secret {
        Some(secret) => ours.with_value(secret),
        None => ours,
    }
}

fn source(args: &Args, embedded: bool) -> Result<SourcePlan, Failure> {
    if let (Some(url), Some(token)) = (&args.inbox, &args.token_file) {
        return Ok(SourcePlan::Remote { url: url.clone(), token: receive_files::token(token)? });
    }
    if let Some(journal) = &args.journal {
        return Ok(SourcePlan::Journal(journal.clone()));
    }
    let usual = embedded.then(|| SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = args
        .listen
        .or(usual)
        .ok_or_else(|| Failure::usage("nothing to observe: give --journal, --inbox or --listen, or --drive SCENARIO=RATE for the stand-in"))?;
    Ok(SourcePlan::Listen { address, path: receiver_plan::checked_path(args.path.clone())? })
}

fn identity(args: &Args, env: &Env, gates: &GatesFile, embedded: bool) -> Result<Identity, Failure> {
    let reference = gates.reference();
    let sender = args.sender.profile()?;
    let environment =
        if embedded { EMBEDDED.to_owned() } else { run_plan::checked_environment(&args.environment)? };
    Ok(Identity {
        kind: RunKind::Observe,
        environment,
        target: args.drive.target(env).unwrap_or_default(),
        endpoint: env("WEBHOOK_ENDPOINT").unwrap_or_default(),
        gates: (reference.value, reference.sha256),
        scheme: args.sender.scheme()?,
        retry: run_plan::retry(sender.as_ref(), gates, env)?,
        sender_timeout: run_plan::sender_timeout(sender.as_ref(), env)?,
        sender: sender.map(Box::new),
        secret_chars: 0,
        secrets: 1,
        blind: args.blind,
    })
}
