//! Which webhooks are unexpected: all that no step asked for, where steps ask for each; else those that a step forbids.

use super::{Analysis, Delivery};

impl Analysis {
    /// How many webhooks of a delivery are unexpected. Where others fire webhooks, too, it is what only a flow of this run can mean:
    /// its step forbids it by a value that no other flow has.
    pub(crate) fn unexpected(&self, delivery: &Delivery) -> u32 {
        if self.header.kind.accounts_for_each_webhook() {
            return delivery.unasked;
        }
        u32::from(delivery.forbidden.is_some_and(|by| self.expectations.forbids_its_own(by)))
    }

    /// How many deliveries a step forbids that may be meant for somebody else.
    pub(crate) fn perhaps_unexpected(&self) -> u64 {
        let accounted = self.header.kind.accounts_for_each_webhook();
        let unclear = |by: usize| !accounted && !self.expectations.forbids_its_own(by);
        self.own().filter(|delivery| delivery.forbidden.is_some_and(unclear)).count() as u64
    }
}
