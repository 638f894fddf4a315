//! Reads attempts back from a receiver elsewhere, and measures how far its clock is from ours.

use super::Batch;
use crate::outbound::{http_url, why};
use crate::receive::{Meta, Registration, Token};
use chrono::{DateTime, Utc};
use record::seal::SignedCheckpoint;
use record::witness::Registering;
use record::{Offset, Record};
use std::time::Duration;
use url::Url;
use wire::Clock;

/// Limit for one answer.
const WITHIN: Duration = Duration::from_secs(15);
/// The longest that the receiver is asked to wait.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Largest answer in bytes: one journal line of the largest size and the meta line.
const MAX_ANSWER: usize = 24 * 1024 * 1024;

/// A receiver elsewhere.
#[derive(Debug)]
pub(crate) struct Remote {
    http: reqwest::Client,
    url: Url,
    token: Token,
    next: String,
    run: Option<uuid::Uuid>,
    offset: Option<Offset>,
    /// The run that is registered there.
    registered: Option<uuid::Uuid>,
}

/// How the receiver is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// How long it may wait for something to tell, at most 10 s.
    pub wait: Duration,
    /// Whether the run that is registered has ended.
    pub closes: bool,
}

impl Ask {
    /// What there is by now.
    pub(super) const NOW: Self = Self { wait: Duration::ZERO, closes: false };
}

/// Why nothing could be read back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    /// The URL is none of a receiver.
    #[error("{0}; give a URL such as http://receiver.staging:8787")]
    Url(String),
    /// No client can be set up.
    #[error("{0}")]
    Setup(String),
    /// It does not answer.
    #[error("the inbox does not respond: {0}")]
    Unreachable(String),
    #[error("the inbox responded with {status}: {text}")]
    Refused {
        status: u16,
        /// The beginning of its answer.
        text: String,
    },
    /// The answer is not understood.
    #[error("the inbox's response cannot be understood: {0}")]
    Malformed(String),
}

impl RemoteError {
    /// Whether the surroundings are at fault (exit 4), not what the user asked for (exit 2).
    pub(crate) const fn is_environment(&self) -> bool {
        match self {
            Self::Url(_) | Self::Setup(_) => false,
            Self::Unreachable(_) | Self::Refused { .. } | Self::Malformed(_) => true,
        }
    }
}

impl Remote {
    /// A receiver at `url`, read from now on.
    ///
    /// # Errors
    /// When the URL is none, or the HTTP client cannot be set up.
    pub(crate) fn new(url: &str, token: Token) -> Result<Self, RemoteError> {
        let base = http_url(url).map_err(RemoteError::Url)?;
        if !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            let why = "not an http or https URL without credentials, query and fragment";
            return Err(RemoteError::Url(why.to_owned()));
        }
        let url = base.join("/_smoke/attempts").map_err(|e| RemoteError::Url(e.to_string()))?;
        let builder =
            crate::outbound::client_builder([url.as_str()]).map_err(|e| RemoteError::Setup(e.to_string()))?;
        let http = builder.timeout(WITHIN).build().map_err(|e| RemoteError::Setup(e.to_string()))?;
        Ok(Self { http, url, token, next: "now".to_owned(), run: None, offset: None, registered: None })
    }

    /// The clock of the receiver, as far as it is known.
    pub(super) const fn offset(&self) -> Option<&Offset> {
        self.offset.as_ref()
    }

    /// Registers a run, which is read from then on.
    ///
    /// # Errors
    /// When the receiver does not answer as it should.
    pub(super) async fn register(
        &mut self,
        Registering { run, kind, scenario, flows }: Registering<'_>,
    ) -> Result<SignedCheckpoint, RemoteError> {
        #[derive(serde::Deserialize)]
        struct Answer {
            smoke: Registration,
        }
        let mut url = self.url.clone();
        url.set_path("/_smoke/runs");
        url.query_pairs_mut()
            .append_pair("run", &run.to_string())
            .append_pair("kind", kind.name())
            .append_pair("scenario", scenario);
        if let Some(flows) = flows {
            url.query_pairs_mut().append_pair("flows", &flows.to_string());
        }
        let request = self.http.post(url).bearer_auth(self.token.expose());
        let body = whole(request.send().await?).await?;
        let malformed = |e: serde_json::Error| RemoteError::Malformed(e.to_string());
        let Registration { next, checkpoint } =
            serde_json::from_slice::<Answer>(&body).map_err(malformed)?.smoke;
        (self.next, self.registered) = (next, Some(run));
        Ok(checkpoint)
    }

    /// Asks on without having anything vouched for.
    pub(super) const fn forget_registration(&mut self) {
        self.registered = None;
    }

    /// What has come since the last look, with what the receiver says of itself.
    ///
    /// # Errors
    /// When the receiver does not answer as it should; the next look goes on where the last good one ended, and so it does
    /// when this one is dropped.
    pub(super) async fn look(&mut self, clock: Clock, ask: Ask) -> Result<(Meta, Batch), RemoteError> {
        let mut url = self.url.clone();
        let wait = ask.wait.min(MAX_WAIT).as_secs_f64();
        let mut query = format!("since={}&wait={wait}", self.next);
        if let Some(run) = self.registered {
            query += &format!("&run={run}{}", if ask.closes { "&close=1" } else { "" });
        }
        url.set_query(Some(&query));
        let sent = clock.now();
        let request = self.http.get(url).bearer_auth(self.token.expose());
        let answer = request.send().await?;
        let read = clock.now();
        let body = whole(answer).await?;
        let (meta, records) = parse(&body)?;
        // A receiver that was started again has another clock, as far as anybody knows.
        if self.run.replace(meta.run_id) != Some(meta.run_id) {
            self.offset = None;
        }
        self.measure(&meta, clock, (sent.wall(clock.started()), read.wall(clock.started())));
        self.next.clone_from(&meta.next);
        let missed = meta.missed.then_some(meta.ahead_ms);
        let (run_id, started, secrets) = (meta.run_id, meta.started, meta.secrets);
        let batch = Batch { run_id, started, records, secrets, missed };
        Ok((meta, batch))
    }

    /// The midpoint of request and answer on both sides (RFC 5905, section 8); the shortest round trip is the best one.
    fn measure(&mut self, meta: &Meta, clock: Clock, ours: (DateTime<Utc>, DateTime<Utc>)) {
        let micros = |a: DateTime<Utc>, b: DateTime<Utc>| (a - b).num_microseconds().unwrap_or(i64::MAX / 4);
        let offset_us = i64::midpoint(micros(meta.received, ours.0), micros(meta.answered, ours.1));
        let round_trip = micros(ours.1, ours.0) - micros(meta.answered, meta.received);
        let uncertainty_us = u64::try_from(round_trip.max(0)).unwrap_or(0).div_ceil(2);
        let samples = self.offset.as_ref().map_or(0, |o| o.samples) + 1;
        match &mut self.offset {
            Some(best) if best.uncertainty_us <= uncertainty_us => best.samples = samples,
            best => *best = Some(Offset { at: clock.now(), offset_us, uncertainty_us, samples }),
        }
    }
}

impl From<reqwest::Error> for RemoteError {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(why(&error))
    }
}

/// The body of a good answer.
async fn whole(mut answer: reqwest::Response) -> Result<Vec<u8>, RemoteError> {
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > MAX_ANSWER {
            return Err(RemoteError::Malformed(format!("more than {MAX_ANSWER} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    if status == 200 {
        return Ok(body);
    }
    let text = String::from_utf8_lossy(&body).chars().take(200).collect();
    Err(RemoteError::Refused { status, text })
}

fn parse(body: &[u8]) -> Result<(Meta, Vec<Record>), RemoteError> {
    #[derive(serde::Deserialize)]
    struct First {
        smoke: Meta,
    }
    let malformed = |e: serde_json::Error| RemoteError::Malformed(e.to_string());
    let mut lines = body.split(|b| *b == b'\n').filter(|l| !l.is_empty());
    let first = lines.next().ok_or_else(|| RemoteError::Malformed("it is empty".to_owned()))?;
    let meta = serde_json::from_slice::<First>(first).map_err(malformed)?.smoke;
    let records = lines.map(Record::parse).collect::<Result<_, _>>().map_err(malformed)?;
    Ok((meta, records))
}
