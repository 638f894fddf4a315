//! How webhooks come in: through a webhook_source of our own, or read back from a receiver elsewhere.

use super::error::RunError;
use super::plan::{Elsewhere, Listen, Plan, Receiver};
use crate::inbox::{Inbox, Replay, serve};
use crate::receive::{Batch, ClockAlignment, Meta, Remote, RemoteError};
use record::Tick;
use record::{Gap, Note, Offset, Record, Watch};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;
use wire::Clock;
use wire::http1::Limits;

/// Round trips with which the clock of a receiver elsewhere is measured before the run.
const ROUND_TRIPS: usize = 9;
/// How long the receiver elsewhere waits for something to tell.
const WAIT: Duration = Duration::from_secs(2);
/// Pause after a look that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// Where webhooks come in.
pub(super) enum WebhookSource {
    /// Here.
    Here(TcpListener),
    /// RemoteReceiver.
    RemoteReceiver(Box<RemoteReceiver>),
    /// Somebody else's.
    Closed,
}

/// A receiver elsewhere that is being read.
pub(super) struct RemoteReceiver {
    remote: Remote,
    url: String,
    clock: Clock,
    alignment: ClockAlignment,
    run: uuid::Uuid,
    /// By which its times are put on our time line; it stays what it was measured at first.
    offset: Offset,
    seen: Tick,
    /// Since when nothing could be seen, and why.
    blind: Option<(Tick, String)>,
}

/// Binds, or asks the receiver elsewhere; gives the URL that the sender posts to as well.
pub(super) async fn ready(plan: &Plan, clock: Clock) -> Result<(WebhookSource, String), RunError> {
    match &plan.receiver {
        Receiver::Here(listen) => {
            let failed = |source| RunError::Bind { address: listen.address, source };
            let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
            let endpoint = endpoint(listen, &listener)?;
            Ok((WebhookSource::Here(listener), endpoint))
        }
        Receiver::Elsewhere(elsewhere) => there(plan, elsewhere, clock).await,
        Receiver::Watched(endpoint) => Ok((WebhookSource::Closed, endpoint.clone())),
    }
}

fn endpoint(listen: &Listen, listener: &TcpListener) -> Result<String, RunError> {
    let failed = |source| RunError::Bind { address: listen.address, source };
    let base = match &listen.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", listener.local_addr().map_err(failed)?),
    };
    Ok(if base.ends_with(&listen.path) { base } else { format!("{base}{}", listen.path) })
}

/// Asks the receiver who it is, and measures its clock.
async fn there(
    plan: &Plan,
    elsewhere: &Elsewhere,
    clock: Clock,
) -> Result<(WebhookSource, String), RunError> {
    let failed = |source| RunError::Inbox { url: elsewhere.url.clone(), source };
    let mut remote = Remote::new(&elsewhere.url, elsewhere.token.clone()).map_err(failed)?;
    let mut meta = look_once(&mut remote, clock).await.map_err(failed)?;
    for _ in 1..ROUND_TRIPS {
        meta = look_once(&mut remote, clock).await.map_err(failed)?;
    }
    let (ours, theirs) = (plan.scheme.to_string(), meta.scheme);
    if ours != theirs {
        return Err(RunError::OtherScheme { url: elsewhere.url.clone(), ours, theirs });
    }
    let unknown = || RemoteError::Malformed("it does not tell its time".to_owned());
    let offset = remote.offset().cloned().ok_or_else(unknown).map_err(failed)?;
    let endpoint = elsewhere.public_url.clone().unwrap_or(meta.endpoint);
    let there = RemoteReceiver {
        remote,
        url: elsewhere.url.clone(),
        clock,
        alignment: ClockAlignment::default(),
        run: meta.run_id,
        offset,
        seen: clock.now(),
        blind: None,
    };
    Ok((WebhookSource::RemoteReceiver(Box::new(there)), endpoint))
}

async fn look_once(remote: &mut Remote, clock: Clock) -> Result<Meta, RemoteError> {
    // What is there already is not this run's.
    Ok(remote.look(clock, Duration::ZERO).await?.0)
}

impl WebhookSource {
    /// Takes webhooks in until `stop` turns true.
    ///
    /// # Errors
    /// When what was read back cannot be written.
    pub(super) async fn open(
        self,
        inbox: Arc<Inbox>,
        connections: usize,
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        match self {
            Self::Here(listener) => {
                serve(listener, None, inbox, Limits::default(), connections, stop).await;
                Ok(())
            }
            Self::Closed => Ok(()),
            Self::RemoteReceiver(there) => there.follow(Replay::new(inbox), stop).await,
        }
    }
}

impl RemoteReceiver {
    async fn follow(mut self, mut replay: Replay, mut stop: watch::Receiver<bool>) -> io::Result<()> {
        loop {
            let stopping = *stop.borrow();
            let looked = tokio::select! {
                looked = self.remote.look(self.clock, if stopping { Duration::ZERO } else { WAIT }) => looked,
                _ = stop.wait_for(|stop| *stop), if !stopping => continue,
            };
            match looked {
                Ok((meta, batch)) => {
                    self.take(&mut replay, batch)?;
                    if stopping && !meta.more {
                        return self.end(&mut replay);
                    }
                }
                Err(error) => {
                    self.blind.get_or_insert_with(|| (self.seen, error.to_string()));
                    if stopping {
                        return self.end(&mut replay);
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn take(&mut self, replay: &mut Replay, batch: Batch) -> io::Result<()> {
        self.end_blindness(replay)?;
        if batch.missed {
            let why = "the receiver has dropped records that were not read yet".to_owned();
            let gap = Gap { from: self.seen, to: self.clock.now(), why };
            replay.take(&Record::Watch(Watch::Gap(gap)))?;
        }
        if batch.run_id != self.run {
            self.run = batch.run_id;
            self.offset = self.remote.offset().cloned().unwrap_or_else(|| self.offset.clone());
            let url = &self.url;
            let text = format!("the receiver at {url} was started again; its clock was measured anew");
            self.note(replay, text)?;
        }
        for record in self.alignment.take(batch, self.clock, self.offset.offset_us) {
            replay.take(&record)?;
        }
        self.seen = self.clock.now();
        Ok(())
    }

    fn end_blindness(&mut self, replay: &mut Replay) -> io::Result<()> {
        let Some((from, why)) = self.blind.take() else { return Ok(()) };
        replay.take(&Record::Watch(Watch::Gap(Gap { from, to: self.clock.now(), why })))
    }

    /// States the clocks. What was measured since the beginning may only make the uncertainty larger.
    fn end(mut self, replay: &mut Replay) -> io::Result<()> {
        self.end_blindness(replay)?;
        let mut stated = self.offset.clone();
        if let Some(best) = self.remote.offset() {
            let apart = stated.offset_us.abs_diff(best.offset_us).saturating_add(best.uncertainty_us);
            stated.uncertainty_us = stated.uncertainty_us.max(apart);
            stated.samples = best.samples;
        }
        #[expect(clippy::cast_precision_loss, reason = "µs below 2^52")]
        let (offset, uncertainty) = (stated.offset_us as f64 / 1000.0, stated.uncertainty_us as f64 / 1000.0);
        let text = format!(
            "webhooks were read back from {}, whose clock is {offset:+.1} ms from this one, known to {uncertainty:.1} ms \
             ({} round trips)",
            self.url, stated.samples
        );
        self.note(replay, text)?;
        replay.take(&Record::Watch(Watch::Offset(stated)))
    }

    fn note(&self, replay: &mut Replay, text: String) -> io::Result<()> {
        replay.take(&Record::Note(Note { at: self.clock.now(), text }))
    }
}
