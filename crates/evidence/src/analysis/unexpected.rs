//! Which webhooks are unexpected: all that no step asked for, where steps ask for each; else those that a step forbids.

use super::delivery::index_of;
use super::sample::event_name;
use super::{Analysis, Delivery};
use record::EMBEDDED;

impl Analysis {
    /// How many webhooks of a delivery are unexpected. Where others fire webhooks, too, it is what only a flow of this run can mean:
    /// its step forbids it by a value that no other flow has.
    pub(crate) fn unexpected(&self, delivery: &Delivery) -> u32 {
        if self.header.kind.accounts_for_each_webhook() {
            return delivery.unasked;
        }
        u32::from(delivery.forbidden.is_some_and(|by| self.expectations.forbids_its_own(by)))
    }

    /// Whether a delivery may be somebody else's doing although it holds a value of this run: others use the system and what the
    /// rows are about, and no step knows its event, as that of a reminder, which staff or a timer sets off.
    pub(crate) fn may_be_others(&self, delivery: &Delivery) -> bool {
        // A name that is not shown is none.
        let is_unknown = |event: &str| !event.starts_with('(') && !self.expectations.knows(event);
        self.header.kind.accounts_for_each_webhook()
            && self.header.tested() != EMBEDDED
            && !self.header.learns
            && delivery.is_authentic()
            && delivery.fulfils.is_none()
            && delivery.surplus == 0
            && !self.is_nearly_missing(delivery)
            && delivery.forbidden.is_none()
            && event_name(&delivery.event).split(" + ").all(is_unknown)
    }

    /// Whether it differs only slightly from a webhook that never came.
    fn is_nearly_missing(&self, delivery: &Delivery) -> bool {
        let near = self.near.of_delivery(index_of(delivery.number));
        let asked = near.and_then(|(expectation, _)| self.expectation(expectation));
        asked.is_some_and(|asked| asked.missing() > 0)
    }

    /// How many deliveries a step forbids that may be meant for somebody else.
    pub(crate) fn perhaps_unexpected(&self) -> u64 {
        let accounted = self.header.kind.accounts_for_each_webhook();
        let unclear = |by: usize| !accounted && !self.expectations.forbids_its_own(by);
        self.own().filter(|delivery| delivery.forbidden.is_some_and(unclear)).count() as u64
    }
}
