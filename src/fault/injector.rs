//! The faults of a run at work: asked by the inbox for each attempt, it says what to do to it.

use super::broken_wire;
use super::shim::{Shim, ShimError};
use futures_util::future::BoxFuture;
use record::Ending;
use record::faults::{Fault, FaultPlan};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use wire::http1::{Connection, Intercept, Interceptor, Play, RawRequest, Response, Sends, Socket};

/// A hang is given up this much later than the sender's time-out, so that a sender that never gives up ends as well.
const HANG_LONGER: Duration = Duration::from_secs(20);
/// A drip lasts this much longer than the sender's time-out, in parts of it …
const DRIP_LONGER: f64 = 1.1;
/// … and at least by this.
const DRIP_SLACK: Duration = Duration::from_millis(300);

/// Which requests are this run's, and what number they have in the plan.
#[derive(Debug, Default)]
pub struct FlowMatcher {
    /// Pointer into the body, value there as text, flow.
    ours: HashMap<String, HashMap<String, u32>>,
    numbering: Numbering,
    by_arrival: Mutex<Arrivals>,
}

#[derive(Debug, Default)]
struct Arrivals {
    numbers: HashMap<u64, u64>,
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

impl FlowMatcher {
    /// Takes what the flows say is theirs: for each flow, JSON pointer into a webhook's body to the value there. Without
    /// any, every webhook is ours.
    #[must_use]
    pub fn new(flows: &[BTreeMap<String, Value>], numbering: Numbering) -> Self {
        let mut ours: HashMap<String, HashMap<String, u32>> = HashMap::new();
        for (flow, values) in (0..).zip(flows) {
            for (pointer, value) in values {
                ours.entry(pointer.clone()).or_default().insert(value.to_string(), flow);
            }
        }
        Self { ours, numbering, by_arrival: Mutex::default() }
    }

    /// The number in the plan of the inbox's delivery `delivery`; `None` for other traffic, which is left alone.
    fn number(&self, delivery: u64, request: &RawRequest) -> Option<u64> {
        let flow = if self.ours.is_empty() { None } else { Some(self.flow(request)?) };
        if let (Numbering::Flow, Some(flow)) = (self.numbering, flow) {
            return Some(u64::from(flow) + 1);
        }
        let mut arrivals = self.by_arrival.lock().unwrap_or_else(PoisonError::into_inner);
        let next = arrivals.numbers.len() as u64 + 1;
        Some(*arrivals.numbers.entry(delivery).or_insert(next))
    }

    fn flow(&self, request: &RawRequest) -> Option<u32> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let mut found =
            self.ours.iter().filter_map(|(pointer, flows)| flows.get(&body.pointer(pointer)?.to_string()));
        found.next().copied()
    }
}

/// The faults of a run.
pub struct FaultInjector {
    plan: FaultPlan,
    matcher: FlowMatcher,
    shim: Option<Arc<Shim>>,
    timeout: Duration,
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
    /// Makes failing answers wait for every delivery of the plan to have begun, for at most 3 s or a third of the
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
    /// redirects point to `elsewhere`.
    ///
    /// # Errors
    /// When the shim cannot listen.
    pub async fn start(
        plan: FaultPlan,
        matcher: FlowMatcher,
        timeout: Duration,
        elsewhere: &str,
    ) -> Result<Self, ShimError> {
        let http: Vec<Fault> = plan.faults().into_iter().filter(|f| is_http(*f)).collect();
        let shim = if http.is_empty() {
            None
        } else {
            Some(Arc::new(Shim::start(http, elsewhere.to_owned()).await?))
        };
        Ok(Self { plan, matcher, shim, timeout, gather: None })
    }

    fn play(&self, fault: Fault) -> Option<Play> {
        if is_http(fault) {
            let shim = Arc::clone(self.shim.as_ref()?);
            return Some(match fault {
                Fault::Delay(_) => Play::Own(Box::pin(async move {
                    // A shim that fails gives no delay: the attempt is then answered at once, and is seen to be.
                    let _ = shim.ask(fault).await;
                })),
                _ => {
                    let gathered = if fault.ends(1, u32::MAX) { Some(self.gathered()) } else { None };
                    Play::Response(Box::pin(async move {
                        if let Some(gathered) = gathered {
                            gathered.await;
                        }
                        shim.ask(fault).await
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
    fn intercept(&self, delivery: u64, attempt: u32, request: &RawRequest) -> Option<Intercept> {
        let number = self.matcher.number(delivery, request)?;
        self.begin(number);
        let fault = self.plan.fault(number, attempt)?;
        // A drip ends as the whole answer to a sender that waits for it.
        let own = matches!(fault, Fault::Delay(_) | Fault::Drip(_));
        let sends = if own { Sends::Own } else { fault.status().map_or(Sends::Nothing, Sends::Status) };
        Some(Intercept { label: fault.to_string(), sends, play: self.play(fault)? })
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
