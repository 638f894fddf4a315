//! The faults of a run at work: asked by the inbox for each attempt, it says what to do to it.

use super::broken_wire;
use super::shim::{Shim, ShimError};
use correlate::{FlowMatcher, Turn, Webhooks, Whose};
use futures_util::future::BoxFuture;
use record::Ending;
use record::faults::{Fault, FaultPlan};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use wire::http1::{
    AttemptNumber, Connection, Intercept, Interceptor, Play, RawRequest, Response, Sends, Socket,
};

/// A hang is given up this much later than the sender's time-out, so that a sender that never gives up ends as well.
const HANG_LONGER: Duration = Duration::from_secs(20);
/// A drip lasts this much longer than the sender's time-out, in parts of it …
const DRIP_LONGER: f64 = 1.1;
/// … and at least by this.
const DRIP_SLACK: Duration = Duration::from_millis(300);

/// Which number a delivery has in the plan; `None` for other traffic, which is left alone.
#[derive(Debug, Default)]
pub struct Numbers {
    matcher: Arc<FlowMatcher>,
    numbering: Numbering,
    turn: Turn,
    /// The inbox's number of a delivery to its number in the plan.
    known: Mutex<HashMap<u64, u64>>,
}

/// What the numbers of a plan count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Numbering {
    /// Deliveries in order of first arrival, from 1.
    #[default]
    Arrival,
    /// Flows, from 1: each fires one webhook.
    Flow,
}

impl Numbers {
    /// Numbers the webhooks that `matcher` says are ours; `turn` says which flow is under way where they are played in turn.
    #[must_use]
    pub fn new(matcher: Arc<FlowMatcher>, numbering: Numbering, turn: Turn) -> Self {
        Self { matcher, numbering, turn, known: Mutex::default() }
    }

    /// The number in the plan of the inbox's delivery `delivery`.
    fn of(&self, delivery: u64, request: &RawRequest) -> Option<u64> {
        let read = self.matcher.read(&request.headers, &request.body);
        let of_any = |read: &Webhooks| {
            let mut whose = read.iter().map(|webhook| self.matcher.whose(Some(webhook)));
            whose.find(|whose| *whose != Whose::Others).unwrap_or(Whose::Others)
        };
        let whose = read.as_ref().map_or_else(|| self.matcher.whose(None), of_any);
        let flow = match (whose, self.turn.flow()) {
            (Whose::Others, _) => return None,
            (Whose::Flow(flow), _) | (Whose::Some, Some(flow)) => Some(flow),
            (Whose::Some, None) => None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.len() as u64 + 1;
        // A retry is of the flow that its first attempt was of, whose turn it may be by now.
        let first = match (self.numbering, flow) {
            (Numbering::Flow, Some(flow)) => u64::from(flow) + 1,
            _ => next,
        };
        Some(*known.entry(delivery).or_insert(first))
    }
}

/// The faults of a run.
pub struct FaultInjector {
    plan: FaultPlan,
    numbers: Numbers,
    shim: Option<Arc<Shim>>,
    timeout: Duration,
    /// The URL that redirects point to, without the number of the attempt.
    elsewhere: String,
    gather: Option<Gather>,
}

/// Holds answers that end a delivery as failed until every webhook of the run is on its way: five of them would open
/// the sender's circuit breaker, and it would swallow the rest.
struct Gather {
    begun: watch::Sender<u64>,
    at_most: Duration,
}

/// The longest that an answer is held back for the others.
const GATHER: Duration = Duration::from_secs(3);

impl FaultInjector {
    /// Makes failing responses wait for every delivery of the plan to have begun, for at most 3 s or a third of the
    /// sender's time-out.
    pub fn gather(&mut self) {
        self.gather = Some(Gather { begun: watch::Sender::new(0), at_most: GATHER.min(self.timeout / 3) });
    }

    /// Notes a delivery that begins.
    fn begin(&self, number: u64) {
        if let Some(gather) = &self.gather {
            gather.begun.send_if_modified(|n| number > std::mem::replace(n, number.max(*n)));
        }
    }

    /// What a failing answer waits for.
    fn gathered(&self) -> BoxFuture<'static, ()> {
        let Some(gather) = &self.gather else { return Box::pin(std::future::ready(())) };
        let (mut begun, all, at_most) = (gather.begun.subscribe(), self.plan.deliveries(), gather.at_most);
        Box::pin(async move {
            // Webhooks that never come must not hold the others up.
            let _ = timeout(at_most, begun.wait_for(|n| *n >= all)).await;
        })
    }

    /// Makes the faults of `plan` ready; starts the shim when one of `faults` needs it. `timeout` is the sender's,
    /// each redirect points to a path of its own below `elsewhere`.
    ///
    /// # Errors
    /// When the shim cannot listen.
    pub async fn start(
        plan: FaultPlan,
        numbers: Numbers,
        timeout: Duration,
        elsewhere: &str,
    ) -> Result<Self, ShimError> {
        let http: Vec<Fault> = plan.faults().into_iter().filter(|f| is_http(*f)).collect();
        let shim = if http.is_empty() { None } else { Some(Arc::new(Shim::start(http).await?)) };
        Ok(Self { plan, numbers, shim, timeout, elsewhere: elsewhere.to_owned(), gather: None })
    }

    fn play(&self, fault: Fault, redirect: Option<u64>) -> Option<Play> {
        if is_http(fault) {
            let shim = Arc::clone(self.shim.as_ref()?);
            return Some(match fault {
                Fault::Delay(_) => Play::Own(Box::pin(async move {
                    // A shim that fails gives no delay: the attempt is then answered at once, and is seen to be.
                    let _ = shim.ask(fault).await;
                })),
                _ => {
                    let location = redirect.map(|number| format!("{}/{number}", self.elsewhere));
                    let gathered = if fault.ends(1, u32::MAX) { Some(self.gathered()) } else { None };
                    Play::Response(Box::pin(async move {
                        if let Some(gathered) = gathered {
                            gathered.await;
                        }
                        let answer = shim.ask(fault).await?;
                        Ok(match location {
                            Some(location) => answer.with("Location", &location),
                            None => answer,
                        })
                    }))
                }
            });
        }
        let timeout = self.timeout;
        Some(Play::Wire(Box::new(move |connection, own| {
            Box::pin(break_wire(fault, timeout, connection, own))
        })))
    }
}

impl Interceptor for FaultInjector {
    fn intercept(&self, attempt: AttemptNumber, request: &RawRequest) -> Option<Intercept> {
        let number = self.numbers.of(attempt.delivery, request)?;
        self.begin(number);
        let fault = self.plan.fault(number, attempt.attempt)?;
        // A drip ends as the whole answer to a sender that waits for it.
        let sends = if fault.sends_own_answer() {
            Sends::Own
        } else {
            fault.status().map_or(Sends::Nothing, Sends::Status)
        };
        let redirect = fault.redirects().then_some(attempt.record);
        Some(Intercept { fault, sends, play: self.play(fault, redirect)? })
    }
}

async fn break_wire(
    fault: Fault,
    timeout: Duration,
    connection: Connection<Socket>,
    own: Response,
) -> Ending {
    match fault {
        Fault::Reset => broken_wire::reset(connection).await,
        Fault::ResetAfterHead => broken_wire::reset_after_head(connection, own).await,
        Fault::Truncate => broken_wire::send_and_close(connection, broken_wire::truncated(&own)).await,
        Fault::Garbage => broken_wire::send_and_close(connection, broken_wire::garbage()).await,
        Fault::Hang(time) => {
            let at_most = time.map_or(timeout + HANG_LONGER, record::period::Period::get);
            broken_wire::hang(connection, at_most).await
        }
        Fault::Drip(rate) => {
            let at_least = timeout.mul_f64(DRIP_LONGER).max(timeout + DRIP_SLACK);
            broken_wire::drip(connection, own, rate, at_least).await
        }
        Fault::Close | Fault::Status { .. } | Fault::Delay(_) => {
            broken_wire::send_and_close(connection, Vec::new()).await
        }
    }
}

const fn is_http(fault: Fault) -> bool {
    matches!(fault, Fault::Status { .. } | Fault::Delay(_))
}
