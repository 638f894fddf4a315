//! Makes a run ready: sockets bound, stand-in started, data read, journal begun; nothing driven yet.

use super::error::RunError;
use super::injector::{self, Turns, injector};
use super::phases::Budget;
use super::plan::{Plan, Receiver, StandIn, Target};
use super::row_facts::RowFacts;
use super::row_source::{RowSource, variables};
use super::webhook_source::{self, WebhookSource};
use crate::drive::{Attached, Client, Reply, Reuse, SeenWebhooks};
use crate::inbox::{Config, Door, Inbox, KeptInPart};
use crate::journal::Journal;
use crate::outbound::shown_url;
use record::{Aggregator, Header, LoadPlan, Note, Record, RunKind, ScenarioRef, WebhookConfig};
use scenario::{Method, ResolvedBody, ResolvedRequest, Rows, RowsFrom, Run, RunSettings, read_rows};
use signature::Verifier;
use stand_in::{FixtureSize, Options, SERVER, Staging, Timing};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Tracing;
use tokio::net::TcpListener;
use wire::Clock;

/// Limit for the first contact with the target.
const FIRST_CONTACT: Duration = Duration::from_secs(10);

/// A run that is ready to be driven.
pub(crate) struct Prepared {
    pub(super) plan: Plan,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) client: Client,
    pub(super) webhook_source: WebhookSource,
    pub(super) inbox: Arc<Inbox>,
    pub(super) staging: Option<Staging>,
    pub(super) rows: Rows,
    pub(super) rows_from: RowsFrom,
    pub(super) run: Arc<Run>,
    pub(super) turns: Option<Turns>,
    pub(super) tracing: Option<Tracing>,
    pub(super) seen: Option<Arc<SeenWebhooks>>,
    pub(super) run_id: uuid::Uuid,
    endpoint: String,
    about_stand_in: bool,
}

impl Prepared {
    /// Binds, starts, reads and checks everything that a run needs. `make_way` is called when all of that is in order, before the
    /// journal of an earlier run is replaced.
    ///
    /// # Errors
    /// Whatever is missing or wrong; nothing has been driven then.
    pub(crate) async fn new(
        mut plan: Plan,
        make_way: impl FnOnce() -> io::Result<()>,
    ) -> Result<Self, RunError> {
        let clock = Clock::start();
        plan.redactor.learn(&plan.secret);
        let verifier = if plan.blind { None } else { Some(Verifier::new(plan.scheme, &plan.secret)?) };
        let (webhook_source, endpoint) = webhook_source::ready(&plan, clock).await?;
        let verifier = verifier.map(|verifier| verifier.with_url(&endpoint));
        let staging = match plan.target.clone() {
            Target::StandIn(how) => Some(start_stand_in(&plan, &how, &endpoint, clock).await?),
            Target::Url(_) => None,
        };
        let client = client(&plan, staging.as_ref())?;
        let run_id = uuid::Uuid::new_v4();
        let (run, rows) = rows_of(&plan, staging.as_ref(), clock, run_id)?;
        let RowFacts { identities, canaries, ours } = RowFacts::of(&plan, &run, &rows)?;
        let matcher = Arc::new(injector::matcher(&plan, &ours));
        let turns = injector::turns(&plan, &matcher);
        if turns.is_some() {
            plan.concurrency = 1;
        }
        let mut header = Header { identities, ..header(&plan, clock, run_id, &client, &endpoint)? };
        header.in_turn = turns.is_some();
        // What the user typed has been checked by now: a mistake there is target even when staging is down.
        header.stand_in = match &staging {
            Some(_) => true,
            None => reach(&client).await?.header("server") == Some(SERVER),
        };
        let about_stand_in = header.stand_in;
        let aggregator = plan.aggregator.map(|make| make(&header, canaries)).transpose()?;
        let turn = turns.as_ref().map(|turns| turns.turn.clone()).unwrap_or_default();
        let interceptor = injector(&plan, &endpoint, &matcher, turn.clone()).await?;
        make_way().map_err(RunError::Earlier)?;
        let journal = begin_journal(&plan, &header, aggregator)?;
        let captures =
            |step: &scenario::Step| step.webhooks.iter().any(|webhook| !webhook.capture.is_empty());
        let seen =
            plan.loaded.scenario.all_steps().any(captures).then(|| Arc::new(SeenWebhooks::new(plan.scheme)));
        let config = Config {
            kept_in_part: KeptInPart::Strangers,
            secrets: Some(plan.redactor.clone()),
            door: door_of(&plan.receiver),
            scheme: plan.scheme,
            verifier,
            contract: plan.retry.clone(),
            content: injector::content(&plan, &matcher, turns.as_ref()),
            interceptor,
            matcher,
            turn,
            handshakes: header.handshakes(),
            seen: seen.clone(),
        };
        let inbox = Arc::new(Inbox::new(config, clock, journal.clone()));
        Ok(Self {
            rows_from: rows_from(&plan),
            tracing: plan.traced.then(|| Tracing::of(run_id)),
            plan,
            clock,
            journal,
            client,
            webhook_source,
            inbox,
            staging,
            rows,
            run,
            turns,
            seen,
            run_id,
            endpoint,
            about_stand_in,
        })
    }

    /// Says in the journal of a load what is going to be played, before there is anything to see of it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) fn announce(&self, plan: LoadPlan) -> Result<(), RunError> {
        self.journal
            .append(&Record::Load(Box::new(plan)))
            .map_err(|source| RunError::Journal { path: self.plan.journal.clone(), source })
    }

    /// Takes everything down and closes the journal of a run that never began, and says why.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub(crate) async fn cancel(self, why: &str) -> Result<(), RunError> {
        if let Some(staging) = self.staging {
            staging.shutdown().await;
        }
        let at = self.clock.now();
        let note = Record::Note(Note { at, text: why.to_owned() });
        self.journal
            .append(&note)
            .and_then(|()| self.journal.finish(at, false))
            .map(drop)
            .map_err(|source| RunError::Journal { path: self.plan.journal, source })
    }

    /// The URL that the sender has to post to.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The plan as it will be played.
    pub(crate) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether flows are played in turn because nothing else tells whose a webhook is.
    pub(crate) const fn plays_in_turn(&self) -> bool {
        self.turns.is_some()
    }

    /// The base URL of the target.
    pub(crate) fn target(&self) -> &str {
        self.client.base()
    }

    /// Whether the target is smoke's own stand-in, here or as a server: no evidence about staging.
    pub(crate) const fn is_about_stand_in(&self) -> bool {
        self.about_stand_in
    }
}

/// Sends the steps. A kept connection stays with one of several processes, each of which may have a breaker of its own: where
/// one is opened, each request goes to whichever takes it.
fn client(plan: &Plan, staging: Option<&Staging>) -> Result<Client, RunError> {
    let opens_breaker = matches!(plan.budget(), Budget::Tripped(_) | Budget::LetOpen);
    let reuse = match plan.kind {
        _ if opens_breaker => Reuse::Nothing,
        RunKind::Load => Reuse::Everything,
        _ => Reuse::Idempotent,
    };
    Client::new(&target_url(plan, staging), plan.concurrency as usize, reuse).map_err(RunError::Target)
}

fn begin_journal(
    plan: &Plan,
    header: &Header,
    aggregator: Option<Box<dyn Aggregator>>,
) -> Result<Journal, RunError> {
    let journal = Journal::create(&plan.journal, header)
        .map_err(|source| RunError::Journal { path: plan.journal.clone(), source })?;
    Ok(match aggregator {
        Some(aggregator) => journal.counting(aggregator),
        None => journal,
    })
}

fn rows_from(plan: &Plan) -> RowsFrom {
    match plan.data.as_deref().or(plan.loaded.scenario.data.file.as_deref().map(Path::new)) {
        Some(file) => RowsFrom::File(file.display().to_string()),
        None => RowsFrom::Elsewhere,
    }
}

/// Where webhooks are posted to.
fn door_of(receiver: &Receiver) -> Door {
    if let Receiver::Here(listen) = receiver { listen.door.clone() } else { Door::posted("/") }
}

async fn start_stand_in(
    plan: &Plan,
    how: &StandIn,
    endpoint: &str,
    clock: Clock,
) -> Result<Staging, RunError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(RunError::StandIn)?;
    let flows = plan.flows as usize;
    let fixtures = FixtureSize::of(plan.loaded.scenario.subject.kind.as_str(), plan.flows);
    let mut options = Options::new(plan.secret.clone(), endpoint);
    options.scheme = plan.scheme;
    options.timeout = plan.sender_timeout;
    options.max_attempts = plan.retry.attempts();
    options.timing = Timing::of(&plan.retry);
    options.timing.promises = plan.sender.as_ref().map(|_| plan.retry.clone());
    options.misbehave = how.misbehave.clone();
    options.profile = how.profile;
    options.fixtures = fixtures;
    options.seed = plan.seed;
    options.clock = clock;
    options.rows = match plan.data.as_deref() {
        Some(file) => {
            let skipped = plan.skipped_rows as usize;
            read_rows(file, skipped.saturating_add(flows))?.into_iter().skip(skipped).collect()
        }
        None => Vec::new(),
    };
    Staging::start(listener, options).map_err(RunError::StandIn)
}

fn target_url(plan: &Plan, staging: Option<&Staging>) -> String {
    match (&plan.target, staging) {
        (Target::Url(url), _) => url.clone(),
        (Target::StandIn(_), Some(staging)) => staging.base_url(),
        (Target::StandIn(_), None) => String::new(),
    }
}

/// Any answer will do: this asks whether something is there, before a run is begun against it.
async fn reach(client: &Client) -> Result<Reply, RunError> {
    let request = ResolvedRequest {
        method: Method::Get,
        path: "/healthz/".to_owned(),
        origin: scenario::Origin::Target,
        headers: Vec::new(),
        body: ResolvedBody::None,
        timeout: FIRST_CONTACT,
    };
    let failed = |e: crate::drive::ClientError| RunError::Unreachable {
        url: client.base().to_owned(),
        why: match client.proxy() {
            Some(via) => format!("{e}, through the proxy {via}"),
            None => e.to_string(),
        },
    };
    let reply = client.send(&request, &Attached::default()).await.map_err(failed)?;
    match client.proxy() {
        Some(via) if matches!(reply.status, 407 | 502..=504) => Err(RunError::Unreachable {
            url: client.base().to_owned(),
            why: format!("the proxy {via} responded with {}; hosts in NO_PROXY bypass it", reply.status),
        }),
        _ => Ok(reply),
    }
}

/// The variables and data rows: the user's, else the stand-in's fixtures, else the scenario's own.
fn rows_of(
    plan: &Plan,
    staging: Option<&Staging>,
    clock: Clock,
    run_id: uuid::Uuid,
) -> Result<(Arc<Run>, Rows), RunError> {
    let scenario = &plan.loaded.scenario;
    let fixtures = staging.map(Staging::fixtures);
    let vars = variables(scenario, &plan.vars, fixtures);
    let settings = RunSettings {
        seed: plan.seed,
        run_id: run_id.to_string(),
        now: Arc::new(move || clock.wall()),
        env: Arc::clone(&plan.env),
        vars,
        dir: plan.loaded.dir.clone(),
        challenge: plan.challenge.clone(),
    };
    let run = Run::new(scenario, settings)?;
    let from =
        RowSource { fixtures, data: plan.data.as_deref(), flows: plan.flows, skipped: plan.skipped_rows };
    let unset = run.unset(scenario, from.is_written(&plan.loaded));
    if !unset.is_empty() {
        return Err(RunError::Unset(unset));
    }
    let rows = from.rows(scenario, &run)?;
    Ok((run, rows))
}

fn header(
    plan: &Plan,
    clock: Clock,
    run_id: uuid::Uuid,
    client: &Client,
    endpoint: &str,
) -> Result<Header, RunError> {
    let scenario = &plan.loaded.scenario;
    let retry = plan.retry.clone();
    let (chars, secrets) = if plan.blind { (0, 1) } else { (plan.secret.chars(), plan.secret.count()) };
    let webhook =
        WebhookConfig::new(shown_url(endpoint), plan.sender_timeout, &retry, chars).accepting(secrets);
    Ok(Header {
        run_id,
        shard: plan.shard,
        scenario: ScenarioRef {
            name: scenario.name.clone(),
            subject: scenario.subject.kind.clone(),
            plural: scenario.subject.plural.clone(),
            sha256: plan.loaded.sha256.clone(),
        },
        gates: plan.gates.value.clone(),
        gates_sha256: plan.gates.sha256.clone(),
        environment: plan.environment.clone(),
        target: client.base().to_owned(),
        scheme: plan.scheme,
        sender: plan.sender.clone(),
        flows: plan.flows,
        concurrency: plan.concurrency,
        seed: plan.seed,
        webhook,
        retry,
        ours: scenario.webhooks.ours.keys().cloned().collect(),
        learns: scenario::learns(scenario),
        pii_policy: scenario.pii.clone(),
        clauses: plan.sweep.as_ref().map(|sweep| sweep.clauses.clone()).unwrap_or_default(),
        faults: plan.faults.specs().to_vec(),
        overrides: plan.overrides.clone(),
        blind: plan.blind,
        interrupted_before: plan.interrupted_before,
        challenge: plan.challenge.clone(),
        ..Header::new(plan.kind, clock.started()).map_err(RunError::Random)?
    })
}
