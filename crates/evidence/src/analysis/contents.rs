//! What the webhooks of one request mean for the expectations, and whether they are this run's.

use super::correlate::is_authentic_body;
use super::expected::{Freed, Fulfilment};
use super::fold::Analysis;
use correlate::{Arrived, Contradiction, Webhook, Webhooks, Whose, contradiction};
use record::Attempt;

/// What the webhooks of one request mean for the expectations.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) fulfils: Option<usize>,
    pub(super) surplus: u32,
    pub(super) unasked: u32,
    /// How many came before, by their ids.
    pub(super) repeated: u32,
    /// Index of the expectation that forbids the first of those.
    pub(super) forbidden: Option<usize>,
    /// What each of them means, in order.
    pub(super) each: Vec<Fulfilment>,
    /// Whether none of them is this run's.
    pub(super) foreign: bool,
}

impl Contents {
    /// Those of a request, where it is known `before` what some of them mean.
    pub(super) fn by_now(
        analysis: &mut Analysis,
        index: usize,
        came: &[Arrived<'_>],
        attempt: &Attempt,
        before: &[Fulfilment],
    ) -> Self {
        let mut found = Self { foreign: true, ..Self::default() };
        let mut waiting_since = None;
        for (at, one) in came.iter().enumerate() {
            let before = before.get(at).copied();
            if let Some(Fulfilment::Forbidden(by)) = before {
                analysis.expectations.pardon(by);
            }
            let known = before.filter(|known| !known.may_change());
            let fulfilment = known.unwrap_or_else(|| analysis.fulfilment(index, attempt, one));
            let others = matches!(fulfilment, Fulfilment::None | Fulfilment::Repeats)
                && analysis.is_others(one.webhook);
            found.each.push(fulfilment);
            found.foreign &= others;
            match fulfilment {
                Fulfilment::Fulfils(expectation) | Fulfilment::Against(expectation, _) => {
                    let since = analysis.expectations.get(expectation).map(|asked| asked.at);
                    if found.fulfils.is_none() || since < waiting_since {
                        (found.fulfils, waiting_since) = (Some(expectation), since);
                    }
                }
                Fulfilment::Surplus(_) => found.surplus += 1,
                // Of a batch that is ours in part, the rest is somebody else's.
                Fulfilment::Repeats => found.repeated += u32::from(!others),
                Fulfilment::None if others && came.len() > 1 => {}
                Fulfilment::None => found.unasked += 1,
                Fulfilment::Forbidden(_) => {}
            }
            if let Fulfilment::Against(_, by) | Fulfilment::Forbidden(by) = fulfilment {
                found.forbidden.get_or_insert(by);
                found.unasked += 1;
            }
        }
        if found.foreign {
            found.unasked = found.unasked.max(1);
        }
        found
    }
}

impl Analysis {
    /// What a webhook means for those that are due. An authentic one takes the place of one that was not.
    fn fulfilment(&mut self, index: usize, attempt: &Attempt, one: &Arrived<'_>) -> Fulfilment {
        let when = (attempt.first_byte, self.turn);
        let authentic = attempt.verdict.reason.is_authentic();
        if authentic && self.strangers.any_stands_in() {
            let stands_in = |delivery: usize| self.strangers.is_standing_in(delivery);
            if let Some((whose, displaced)) = self.expectations.replace(index, one, when, stands_in) {
                if let Some(delivery) = self.deliveries.get_mut(displaced) {
                    delivery.fulfils = None;
                    delivery.unasked = delivery.unasked.max(1);
                    self.strangers.displaced(displaced, delivery);
                    self.parked.forget(displaced);
                }
                return Fulfilment::Fulfils(whose);
            }
        }
        if authentic && let Some((whose, freed)) = self.expectations.reclaim(index, one, when) {
            self.freed(&freed);
            return Fulfilment::Fulfils(whose);
        }
        if authentic && let Some((whose, moved)) = self.expectations.make_room(index, one, when) {
            for one in moved {
                let fulfils = self.deliveries.get_mut(one.delivery).map(|delivery| &mut delivery.fulfils);
                fulfils.filter(|f| **f == Some(one.before)).into_iter().for_each(|f| *f = Some(one.now));
            }
            return Fulfilment::Fulfils(whose);
        }
        let fulfilment = self.expectations.assign(index, one, when);
        if !authentic && matches!(fulfilment, Fulfilment::Fulfils(_) | Fulfilment::Against(..)) {
            self.strangers.stands_in(index, attempt.peer);
        }
        fulfilment
    }

    /// Whether a webhook that nothing asks for is somebody else's, by what the flows have named so far.
    fn is_others(&self, webhook: Option<Webhook<'_>>) -> bool {
        // What cannot be read cannot be another's: it was posted to us, and signed or not it is ours to explain.
        webhook.is_some_and(|webhook| webhook.is_object() && !self.is_ours(webhook))
    }

    fn is_ours(&self, webhook: Webhook<'_>) -> bool {
        // Before the first flow begins, what comes cannot be ours; flows that name nothing tell nothing apart, unless they are
        // still to learn what they name.
        let names_nothing = self.ours.is_empty() && !self.steps.flows.is_empty() && !self.header.learns;
        self.header.ours.is_empty() || names_nothing || self.holds_ours(webhook)
    }

    /// How a webhook of a request contradicts its sender's profile.
    pub(super) fn contradiction(&self, attempt: &Attempt, came: &[Arrived<'_>]) -> Option<Contradiction> {
        // What somebody else wrote says nothing about the sender, and a redirect may turn a request into one without a body.
        if !is_authentic_body(attempt) || attempt.elsewhere {
            return None;
        }
        // One that cannot be read is told as such where no flow asks for it.
        let accounted = self.header.kind.accounts_for_each_webhook();
        let mut judged = came.iter().filter(|one| accounted || one.webhook.is_some());
        judged.find_map(|one| contradiction(self.header.scheme, one.headers, one.webhook))
    }

    /// Holds an attempt after the first against the profile: its delivery contradicts it as soon as one of them does.
    pub(super) fn look_at_retry(&mut self, index: usize, attempt: &Attempt) {
        let Some(delivery) = self.deliveries.get(index).filter(|delivery| !delivery.contradicts) else {
            return;
        };
        let read = self.reader.read(&attempt.headers, &attempt.body.bytes());
        let came = self.webhooks_of(&attempt.headers, read.as_ref());
        let Some(how) = self.contradiction(attempt, &came) else { return };
        if !delivery.foreign {
            let before = delivery.tries.len() + delivery.after_acceptance.len();
            self.payloads.contradicted(index, before + 1, how);
        }
        self.deliveries.get_mut(index).into_iter().for_each(|delivery| delivery.contradicts = true);
    }

    pub(super) fn holds_ours(&self, webhook: Webhook<'_>) -> bool {
        self.ours.whose(webhook) != Whose::Others
    }

    /// The webhooks of a request, each with the flow that it names.
    pub(super) fn webhooks_of<'a>(
        &self,
        headers: &'a [(String, String)],
        read: Option<&'a Webhooks>,
    ) -> Vec<Arrived<'a>> {
        let mut all = Arrived::all(self.header.scheme, headers, read);
        for one in &mut all {
            one.flow = match one.webhook.map(|webhook| self.ours.whose(webhook)) {
                Some(Whose::Flow(flow)) => Some(flow),
                _ => None,
            };
        }
        all
    }

    /// A webhook that lost its expectation is that of another which waits for one like it, or nobody asked for it.
    pub(super) fn freed(&mut self, freed: &Freed) {
        let Some(delivery) = self.deliveries.get(freed.delivery) else { return };
        let fulfils = self.expectations.take_over(freed, delivery.first_byte());
        let Some(delivery) = self.deliveries.get_mut(freed.delivery) else { return };
        delivery.fulfils = fulfils;
        if fulfils.is_none() {
            delivery.unasked = delivery.unasked.max(1);
            self.parked.forget(freed.delivery);
        }
    }
}
