//! Plays the cases one after the other, gently, within a budget of time and requests.

use super::exchange::{Outcome, exchange};
use super::observer::Observer;
use super::recorder::Recorder;
use super::watch::Watch;
use crate::load::{Dialer, Target};
use futures_util::future::join_all;
use probe::{Case, DIAGNOSIS, Forge, HELD_OPEN, MAX_REQUESTS, Play, Shot, diagnosis_shots};
use record::{Came, ErrorKind, ProbeFact, ProbeSent};
use signature::Secret;
use std::cell::Cell;
use std::io;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use wire::Clock;
use wire::http1::Response;

/// Limit of one request: the usual sender's time-out (docs/deltacrown.md section 8).
const LIMIT: Duration = Duration::from_secs(10);
/// Webhooks whose answers are timed are sent for so long.
const SAMPLED: Duration = Duration::from_secs(7);
/// So much later the fast ones begin.
const HEAD_START: Duration = Duration::from_millis(250);
/// How long a receiver that has gone may take to come back, as one does that is started again, and how often that is tried.
const AWAY: Duration = Duration::from_millis(500);
const AWAY_TRIES: u32 = 6;
/// Longest `Retry-After` that is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is played on what.
pub(crate) struct Plan {
    pub target: Target,
    pub dialer: Dialer,
    pub forge: Forge,
    pub secret: Secret,
    pub cases: Vec<&'static Case>,
    pub budget: Duration,
    /// Between two requests.
    pub gap: Duration,
    pub observer: Option<Observer>,
    pub clock: Clock,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself; cases that the budget did not reach are left out.
    Itself,
    /// It was told to stop.
    Interrupted,
}

/// A request that was sent, and the case that it belongs to.
pub(crate) type Played = (&'static str, Shot);

struct Prober<'p> {
    plan: &'p Plan,
    recorder: &'p Recorder,
    deadline: Instant,
    requests: Cell<usize>,
    watch: Option<Watch<'p>>,
    played: std::cell::RefCell<Vec<Played>>,
}

/// Why no more is played.
enum Halt {
    /// The journal cannot be written.
    Io(io::Error),
    /// The receiver has gone, or the most requests were sent.
    Over,
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Plays all cases; `tell` hears of each before it begins. Everything ends at once when `stop` turns true.
///
/// # Errors
/// When the journal cannot be written.
pub(crate) async fn run(
    plan: &Plan,
    recorder: &Recorder,
    mut stop: watch::Receiver<bool>,
    tell: impl Fn(usize, &'static Case),
) -> io::Result<(Ended, Vec<Played>)> {
    let prober = Prober {
        plan,
        recorder,
        deadline: Instant::now() + plan.budget,
        requests: Cell::new(0),
        watch: plan.observer.as_ref().map(|observer| Watch::new(observer, plan.clock)),
        played: std::cell::RefCell::new(Vec::new()),
    };
    let ended = tokio::select! {
        played = prober.all(tell) => match played {
            Ok(()) | Err(Halt::Over) => Ended::Itself,
            Err(Halt::Io(error)) => return Err(error),
        },
        _ = stop.wait_for(|stopped| *stopped) => Ended::Interrupted,
    };
    Ok((ended, prober.played.into_inner()))
}

impl Prober<'_> {
    async fn all(&self, tell: impl Fn(usize, &'static Case)) -> Result<(), Halt> {
        for (i, case) in self.plan.cases.iter().enumerate() {
            tell(i, case);
            let Ok(played) = timeout_at(self.deadline, self.case(case)).await else { return Ok(()) };
            let sent = played?;
            let accepted =
                |s: &ProbeSent| matches!(&s.came, Came::Answer(a) if (200..300).contains(&a.status));
            if case.id == "valid" && !sent.iter().any(accepted) {
                if sent.iter().any(|s| matches!(s.came, Came::Answer(_))) {
                    // Nothing else means anything; but what is wrong can be found out.
                    let _ = timeout_at(self.deadline, self.diagnose()).await;
                }
                return Ok(());
            }
        }
        if let Some(watch) = &self.watch
            && let Ok(closed) = timeout_at(self.deadline, watch.close(self.recorder)).await
        {
            closed?;
        }
        Ok(())
    }

    async fn diagnose(&self) -> Result<(), Halt> {
        let plan = self.plan;
        for shot in diagnosis_shots(&plan.forge, &plan.secret, plan.clock.unix_ms()) {
            self.send(DIAGNOSIS, &shot, None).await?;
        }
        Ok(())
    }

    async fn case(&self, case: &'static Case) -> Result<Vec<ProbeSent>, Halt> {
        let shots = || case.shots(&self.plan.forge, self.plan.clock.unix_ms(), 0);
        if let (Some(watch), Ok(shots)) = (&self.watch, shots()) {
            watch.begin(case, &shots, self.recorder).await?;
        }
        // Signed only now: that takes time, and what is signed ages.
        let Ok(shots) = shots() else { return Ok(Vec::new()) };
        self.played.borrow_mut().extend(shots.iter().map(|shot| (case.id, shot.clone())));
        let sent = match case.play {
            Play::InTurn => self.in_turn(case.id, &shots, None).await?,
            Play::Sampled => self.in_turn(case.id, &shots, Some(Instant::now() + SAMPLED)).await?,
            Play::Together => self.together(case.id, &shots).await?,
            Play::Beside => self.beside(case.id, &shots).await?,
        };
        if let Some(watch) = &self.watch {
            watch.end(self.recorder).await?;
        }
        Ok(sent)
    }

    async fn in_turn(
        &self,
        case: &str,
        shots: &[Shot],
        until: Option<Instant>,
    ) -> Result<Vec<ProbeSent>, Halt> {
        let mut all = Vec::new();
        for shot in shots {
            if until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            all.push(self.send(case, shot, None).await?);
        }
        Ok(all)
    }

    /// All but the last byte of each, then those together.
    async fn together(&self, case: &str, shots: &[Shot]) -> Result<Vec<ProbeSent>, Halt> {
        let (go, _) = watch::channel(false);
        let requests = shots.iter().map(|shot| self.send(case, shot, Some(go.subscribe())));
        let start = async {
            sleep(HEAD_START).await;
            let _ = go.send(true);
        };
        let (all, ()) = tokio::join!(join_all(requests), start);
        all.into_iter().collect()
    }

    /// The first one slowly, the others meanwhile.
    async fn beside(&self, case: &str, shots: &[Shot]) -> Result<Vec<ProbeSent>, Halt> {
        let Some((slow, fast)) = shots.split_first() else { return Ok(Vec::new()) };
        let (go, done) = watch::channel(false);
        let fast = async {
            sleep(HEAD_START).await;
            let all = self.in_turn(case, fast, None).await;
            let _ = go.send(true);
            all
        };
        let end = async {
            sleep(HELD_OPEN).await;
            let _ = go.send(true);
        };
        let slow = async {
            tokio::select! {
                biased;
                sent = self.send(case, slow, Some(done.clone())) => sent,
                // It goes on; only the end of its request comes now.
                never = async { end.await; std::future::pending().await } => never,
            }
        };
        let (slow, fast) = tokio::join!(slow, fast);
        Ok([slow?].into_iter().chain(fast?).collect())
    }

    /// One request, written down. A receiver that limits rates is waited for, one that has gone for a moment too.
    async fn send(
        &self,
        case: &str,
        shot: &Shot,
        others: Option<watch::Receiver<bool>>,
    ) -> Result<ProbeSent, Halt> {
        let mut first = self.once(shot, others.clone()).await?;
        for _ in 0..AWAY_TRIES {
            if !matches!(&first.1, Outcome::Nothing { kind, .. } if is_away(*kind)) {
                break;
            }
            sleep(AWAY).await;
            first = self.once(shot, others.clone()).await?;
        }
        let sent = match &first {
            (times, Outcome::Answer { answer, early }) if answer.status == 429 && others.is_none() => {
                match self.wait_of(answer).filter(|wait| *wait <= PATIENCE) {
                    Some(wait) if Instant::now() + wait < self.deadline => {
                        let limited = Outcome::Answer { answer: answer.clone(), early: *early };
                        let by_case =
                            Shot { right: record::Right::ByCase, label: case.to_owned(), ..shot.clone() };
                        let limited = self.recorder.sent("rate-limit", &by_case, *times, limited);
                        self.recorder.write(ProbeFact::Sent(Box::new(limited)))?;
                        sleep_until(Instant::now() + wait).await;
                        self.once(shot, None).await?
                    }
                    _ => first,
                }
            }
            _ => first,
        };
        let gone = matches!(&sent.1, Outcome::Nothing { kind, .. } if is_away(*kind));
        let sent = self.recorder.sent(case, shot, sent.0, sent.1);
        self.recorder.write(ProbeFact::Sent(Box::new(sent.clone())))?;
        if gone { Err(Halt::Over) } else { Ok(sent) }
    }

    /// How long the answer says to wait. A date is one of the receiver's clock, which its `Date` shows.
    fn wait_of(&self, answer: &Response) -> Option<Duration> {
        let shown = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok());
        let here =
            || UNIX_EPOCH + Duration::from_millis(self.plan.clock.unix_ms().try_into().unwrap_or_default());
        let wait = http1::retry_after(answer.header("retry-after")?, || shown.unwrap_or_else(here))?;
        Some(Duration::from_secs(wait))
    }

    async fn once(
        &self,
        shot: &Shot,
        others: Option<watch::Receiver<bool>>,
    ) -> Result<((record::Tick, record::Tick), Outcome), Halt> {
        if self.requests.get() >= MAX_REQUESTS {
            return Err(Halt::Over);
        }
        self.requests.set(self.requests.get() + 1);
        sleep(self.plan.gap).await;
        let others = others.unwrap_or_else(|| watch::channel(true).1);
        let started = self.plan.clock.now();
        // A budget that is shorter than a request shall still see one that hangs.
        let limit = LIMIT.min(self.plan.budget / 2);
        let outcome = exchange(&self.plan.dialer, &self.plan.target, shot, limit, others).await;
        Ok(((started, self.plan.clock.now()), outcome))
    }
}

/// Whether nobody is there who could answer.
const fn is_away(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Refused | ErrorKind::Unreachable | ErrorKind::ConnectTimeout)
}
