//! The deliveries that were broken on purpose: attempts as a table and as log lines.

use super::artifact::{FaultInjection, InjectedAttempt, InjectedDelivery};
use super::sections::ms;
use crate::analysis::{Analysis, AttemptResult, Delivery, gaps};
use record::Ending;
use std::borrow::Cow;

/// Most injected deliveries that are listed one by one.
const LISTED: usize = 100;

pub(super) fn section(analysis: &Analysis) -> FaultInjection {
    let injected: Vec<Cow<'_, Delivery>> = analysis.own_troubled().filter(|d| d.met_a_fault()).collect();
    FaultInjection {
        faults: analysis.header.faults.iter().map(ToString::to_string).collect(),
        deliveries: injected.iter().take(LISTED).map(|d| listed(analysis, d)).collect(),
        total: injected.len() as u64,
    }
}

fn listed(analysis: &Analysis, delivery: &Delivery) -> InjectedDelivery {
    let fate = serde_json::to_value(delivery.fate(&analysis.header.retry)).unwrap_or_default();
    InjectedDelivery {
        delivery: delivery.number,
        event: delivery.event.to_string(),
        fate: fate.as_str().unwrap_or_default().to_owned(),
        attempts: attempts(analysis, delivery),
        log: delivery.tries.iter().enumerate().map(|(i, t)| log_line(analysis, delivery, i, t)).collect(),
    }
}

fn attempts(analysis: &Analysis, delivery: &Delivery) -> Vec<InjectedAttempt> {
    let first = delivery.first_byte();
    let before = gaps(analysis, &delivery.tries);
    let row = |(i, t): (usize, &AttemptResult)| InjectedAttempt {
        attempt: i + 1,
        offset_ms: ms(t.first_byte.0.saturating_sub(first.0)),
        gap_ms: i.checked_sub(1).and_then(|i| *before.get(i)?).map(ms),
        status: t.status,
        fault: t.fault.map(|fault| fault.to_string()),
    };
    delivery.tries.iter().enumerate().map(row).collect()
}

/// One attempt as a log line with the wall time of its first byte.
fn log_line(analysis: &Analysis, delivery: &Delivery, index: usize, t: &AttemptResult) -> String {
    let at = t.first_byte.wall(analysis.header.started).format("%Y-%m-%dT%H:%M:%S%.3fZ");
    let outcome = match (t.status, t.how) {
        (Some(status), _) => format!("answered {status}"),
        (None, Some(Ending::SenderClosed)) => "the sender gave up waiting".to_owned(),
        (None, Some(_)) => "connection broken".to_owned(),
        (None, None) => "end not recorded".to_owned(),
    };
    let fault = t.fault.map(|f| format!(" (injected {f})")).unwrap_or_default();
    let of = match &analysis.header.retry {
        contract if contract.endless => String::new(),
        contract => format!("/{}", contract.attempts()),
    };
    format!("{at} {} attempt {}{of}: {outcome}{fault}", delivery.event, index + 1)
}
