//! Variants: whether their steps exist, and whether any flow takes them.

use super::check::Checker;
use super::model::{Scenario, Step, Variant};
use super::names::{Names, at};
use super::suggest;
use super::tree::Seg;
use std::collections::BTreeSet;

/// Most flows of a run.
pub(super) const MOST_FLOWS: u32 = 1_000_000;

impl Checker<'_> {
    pub(super) fn variants(&mut self) {
        let mut seen = BTreeSet::new();
        for (index, variant) in self.scenario.variants.iter().enumerate() {
            let path: Vec<Seg> = vec!["variants".into(), index.into()];
            if !seen.insert(&variant.name) {
                self.wrong(
                    &at(&path, ["name".into()]),
                    format!("the variant name `{}` is taken", variant.name),
                );
            }
            if variant.of_every == 0 {
                self.wrong(&at(&path, ["of_every".into()]), "`of_every` is 0: give 1 or more");
            }
            if variant.last == 0 || variant.last > variant.of_every {
                let message = format!("`last` is {}: give 1 to {}", variant.last, variant.of_every.max(1));
                self.wrong(&at(&path, ["last".into()]), message);
            }
            self.steps_of_variant(variant, &path);
        }
        self.idle_variants();
    }

    /// Its own steps, behind those of the scenario that it keeps.
    fn steps_of_variant(&mut self, variant: &Variant, path: &[Seg]) {
        let scenario = self.scenario;
        let kept = variant.after.as_ref().and_then(|name| {
            let found = scenario.steps.iter().position(|s| s.name == *name);
            if found.is_none() {
                let hint = suggest::hint(name, scenario.steps.iter().map(|s| s.name.as_str()));
                let message = format!("the scenario's main steps have no `{name}`{hint}");
                self.wrong(&at(path, ["after".into()]), message);
            }
            found
        });
        let before: Vec<&Step> = scenario.steps.iter().take(kept.map_or(0, |last| last + 1)).collect();
        let mut names = Names::of_flow(scenario);
        before.iter().flat_map(|step| step.captured()).for_each(|name| names.add(name));
        self.steps(&variant.steps, &at(path, ["steps".into()]), names, &before);
        if variant.steps.is_empty() && before.is_empty() {
            self.wrong(&at(path, ["steps".into()]), "the variant has no steps");
        }
    }

    /// Variants whose flows others take.
    fn idle_variants(&mut self) {
        let (scenario, flows) = (self.scenario, self.period());
        for index in scenario.variants_without_flow(flows) {
            let takers = self.takers(index, flows);
            if let Some(variant) = scenario.variants.get(index).filter(|_| !takers.is_empty()) {
                let takers = takers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
                let verb = if takers.contains(" and ") { "take" } else { "takes" };
                let message = format!("variant `{}` never runs: {takers} {verb} its flows", variant.name);
                self.wrong(&["variants".into(), index.into()], message);
            }
        }
    }

    /// After how many flows the variants begin anew; not more than a run may have.
    fn period(&self) -> u32 {
        let gcd = |mut a: u32, mut b: u32| {
            while b > 0 {
                (a, b) = (b, a.checked_rem(b).unwrap_or_default());
            }
            a
        };
        let lcm =
            |a: u32, b: u32| a.checked_div(gcd(a, b)).unwrap_or_default().saturating_mul(b).min(MOST_FLOWS);
        self.scenario.variants.iter().map(|variant| variant.of_every.max(1)).fold(1, lcm)
    }

    /// The variants that have the flows which this one claims.
    fn takers(&self, index: usize, flows: u32) -> BTreeSet<&str> {
        let (before, from) = self.scenario.variants.split_at_checked(index).unwrap_or_default();
        let claimed = (0..flows).filter(|flow| from.first().is_some_and(|own| own.claims(*flow)));
        let takers = claimed.filter_map(|flow| before.iter().find(|other| other.claims(flow)));
        takers.map(|taker| taker.name.as_str()).collect()
    }
}

impl Scenario {
    /// The variants, by number, that none of so many flows takes: their steps and webhooks are not tried.
    fn variants_without_flow(&self, flows: u32) -> Vec<usize> {
        let mut idle: Vec<usize> = (0..self.variants.len()).collect();
        for flow in 0..flows {
            if idle.is_empty() {
                break;
            }
            let taker = self.variants.iter().position(|variant| variant.claims(flow));
            idle.retain(|index| Some(*index) != taker);
        }
        idle
    }

    /// What a run of so many flows leaves out: the variants that none of them takes, as a sentence.
    #[must_use]
    pub fn left_out(&self, flows: u32) -> Option<String> {
        let idle = self.variants_without_flow(flows);
        let named = idle.iter().filter_map(|index| self.variants.get(*index));
        let named: Vec<String> = named.map(|variant| format!("`{}`", variant.name)).collect();
        let (what, them) = if named.len() == 1 { ("variant", "it") } else { ("variants", "them") };
        let flows = if flows == 1 {
            "1 flow does not reach".to_owned()
        } else {
            format!("{flows} flows do not reach")
        };
        (!named.is_empty())
            .then(|| format!("{flows} the {what} {}: nothing of {them} is tried", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::{GOOD, try_load};

    fn with(variants: &[(&str, u32, u32)]) -> Result<crate::Scenario, String> {
        let one = |(name, last, every): &(&str, u32, u32)| {
            format!(
                "  - {{ name: {name}, of_every: {every}, last: {last}, steps: [{{ name: x, request: {{ method: GET, path: / }} }}] }}\n"
            )
        };
        let variants: String = variants.iter().map(one).collect();
        try_load(&format!("{GOOD}variants:\n{variants}")).map(|loaded| loaded.scenario)
    }

    #[test]
    fn a_variant_whose_flows_others_have_is_told() {
        for (variants, told) in [
            (&[("one", 1, 2), ("two", 1, 2)][..], "variant `two` never runs: `one` takes its flows"),
            (&[("one", 2, 2), ("two", 1, 2)], "variant `two` never runs: `one` takes its flows"),
            (&[("one", 1, 2), ("two", 1, 4)], "variant `two` never runs: `one` takes its flows"),
            (
                &[("one", 1, 4), ("two", 2, 4), ("three", 2, 4)],
                "variant `three` never runs: `one` and `two` take its flows",
            ),
            (&[("one", 1, 1), ("two", 1, 999_983), ("x", 1, 999_979)], "variant `two` never runs"),
        ] {
            let error = with(variants).unwrap_err();
            assert!(error.contains(told), "{variants:?}: {error}");
        }
    }

    #[test]
    fn flows_that_are_too_few_for_a_variant_are_told() {
        let scenario = with(&[("one", 1, 2), ("two", 2, 2), ("three", 1, 10)]);
        assert!(scenario.unwrap_err().contains("`three` never runs: `one` takes"));
        let scenario = with(&[("one", 1, 2), ("two", 2, 10)]).unwrap();
        assert_eq!(scenario.left_out(10), None);
        assert_eq!(
            scenario.left_out(8).unwrap(),
            "8 flows do not reach the variant `two`: nothing of it is tried"
        );
        assert_eq!(
            scenario.left_out(1).unwrap(),
            "1 flow does not reach the variants `one`, `two`: nothing of them is tried"
        );
    }
}
