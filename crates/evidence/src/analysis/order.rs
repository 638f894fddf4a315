//! Whether webhooks came after those that they follow (`after:`), as their first attempts arrived.

use super::{Analysis, Delivery, Expectation};
use record::Tick;
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// How a webhook came, as far as its order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// After the one that it follows.
    InOrder,
    /// So long before it.
    Early(Duration),
    /// Nothing tells for certain whose webhooks the two are.
    Unclear,
}

/// When the first webhook of each event that others follow came, by flow.
#[derive(Debug, Default)]
pub(crate) struct Order<'a> {
    first: HashMap<(u32, &'a str), (Tick, bool)>,
}

impl<'a> Order<'a> {
    pub(crate) fn of(analysis: &'a Analysis) -> Self {
        let mut order = Self::default();
        let followed: Vec<&str> = analysis.expectations().filter_map(|asked| asked.after).collect();
        if followed.is_empty() {
            return order;
        }
        for asked in analysis.expectations().filter(|asked| followed.contains(&asked.event)) {
            for delivery in asked.by().filter_map(|index| analysis.deliveries.get(index)) {
                let sure = is_sure(analysis, &asked, &delivery);
                let first =
                    order.first.entry((asked.flow, asked.event)).or_insert((delivery.first_byte(), true));
                first.0 = first.0.min(delivery.first_byte());
                first.1 &= sure;
            }
        }
        order
    }

    /// How the webhooks of an expectation came; none where it has no order, or what it follows never came, which is told as a
    /// loss.
    pub(crate) fn turns<'d>(
        &self,
        analysis: &'d Analysis,
        asked: &'d Expectation<'_>,
    ) -> Vec<(Turn, Cow<'d, Delivery>)> {
        let Some((first, sure)) = asked.after.and_then(|after| self.first.get(&(asked.flow, after))) else {
            return Vec::new();
        };
        let turn = |delivery: &Delivery| match first.since(delivery.first_byte()) {
            Duration::ZERO => Turn::InOrder,
            _ if !(*sure && is_sure(analysis, asked, delivery)) => Turn::Unclear,
            early => Turn::Early(early),
        };
        let by = asked.by().filter_map(|index| analysis.deliveries.get(index));
        by.map(|delivery| (turn(&delivery), delivery)).collect()
    }
}

/// Whether a webhook is this flow's for certain.
fn is_sure(analysis: &Analysis, asked: &Expectation<'_>, delivery: &Delivery) -> bool {
    let alone = analysis.header.in_turn || analysis.header.flows <= 1;
    delivery.is_certain() && !asked.is_interchangeable && (asked.is_told || alone)
}
