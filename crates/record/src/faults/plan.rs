//! Which fault meets which attempt of which delivery, settled before a run begins.

use super::spec::{Fault, FaultSpec, Percent, Target};
use crate::period::Period;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::time::Duration;

/// What a plan has to fit.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// Webhooks that the run will trigger.
    pub deliveries: u64,
    /// The sender's time-out.
    pub timeout: Duration,
    /// Attempts that the sender makes for one delivery.
    pub attempts: u32,
    /// Seed of the choice of a share.
    pub seed: u64,
}

/// Why faults cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Two faults claim one delivery.
    #[error("`{first}` and `{second}` contradict each other: both break {what}")]
    Contradiction {
        first: FaultSpec,
        /// The other.
        second: FaultSpec,
        /// What both break.
        what: String,
    },
    /// Shares that add up to more than all deliveries.
    #[error("the shares of the faults add up to more than 100%, up to and including `{0}`")]
    Shares(FaultSpec),
    /// Shares of what single faults leave over.
    #[error("`{spec}`: only {left} of {deliveries} deliveries are left for it")]
    NothingLeft {
        spec: FaultSpec,
        /// Deliveries that no other fault takes.
        left: u64,
        deliveries: u64,
    },
    /// A delivery that the run will not trigger.
    #[error("`{spec}`: delivery {number} is out of range: this run triggers {deliveries} webhooks")]
    OutOfRange {
        spec: FaultSpec,
        number: u64,
        /// Webhooks that will be triggered.
        deliveries: u64,
    },
    /// A hang that ends before the sender's time-out.
    #[error(
        "`{spec}`: the hang ends before the sender's timeout of {timeout}, so it would not show; \
         write hang to wait until the sender gives up, or delay={hang} for a slow answer"
    )]
    TooShort {
        spec: FaultSpec,
        /// Its time.
        hang: Period,
        /// The sender's.
        timeout: String,
    },
}

/// The faults of a run, each delivery with at most one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    specs: Vec<FaultSpec>,
    every: Option<FaultSpec>,
    by_delivery: HashMap<u64, FaultSpec>,
    deliveries: u64,
    attempts: u32,
}

impl FaultPlan {
    /// Settles which deliveries the faults take: single ones first, shares of the rest. A share takes exactly its part,
    /// rounded, but at least one delivery: those whose SHA-256 of seed and number comes first.
    ///
    /// # Errors
    /// When faults contradict each other, cannot be seen, or ask for deliveries that there are not.
    pub fn new(specs: &[FaultSpec], scope: Scope) -> Result<Self, PlanError> {
        let Scope { deliveries, attempts, .. } = scope;
        specs.iter().try_for_each(|spec| visible(spec, scope.timeout))?;
        let every = the_one_for_all(specs)?;
        let mut plan =
            Self { specs: specs.to_vec(), every, by_delivery: HashMap::new(), deliveries, attempts };
        plan.take_single(deliveries)?;
        plan.take_shares(scope)?;
        Ok(plan)
    }

    /// One fault for each of some deliveries, by number; the others are left alone.
    #[must_use]
    pub fn of_each(by_delivery: HashMap<u64, FaultSpec>, deliveries: u64, attempts: u32) -> Self {
        let specs = Vec::new();
        Self { specs, every: None, by_delivery, deliveries, attempts }
    }

    /// Whether nothing is broken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.every.is_none() && self.by_delivery.is_empty()
    }

    /// The faults as they are typed.
    #[must_use]
    pub fn specs(&self) -> &[FaultSpec] {
        &self.specs
    }

    /// Every different fault of the plan.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut all: Vec<Fault> = Vec::new();
        for spec in self.every.iter().chain(self.by_delivery.values()) {
            if !all.contains(&spec.fault) {
                all.push(spec.fault);
            }
        }
        all
    }

    /// The fault that meets attempt `attempt` of delivery `delivery`, both from 1.
    #[must_use]
    pub fn fault(&self, delivery: u64, attempt: u32) -> Option<Fault> {
        self.of(delivery).filter(|spec| spec.takes(attempt)).map(|spec| spec.fault)
    }

    /// Whether delivery `delivery` will fail in the end under the sender's contract, and count against its breaker.
    #[must_use]
    pub fn fails(&self, delivery: u64) -> bool {
        let ends = |n| self.fault(delivery, n).is_some_and(|fault| fault.ends(n, self.attempts));
        (1..=self.attempts).take_while(|&n| self.fault(delivery, n).is_some()).any(ends)
    }

    /// How many deliveries will fail in the end.
    #[must_use]
    pub fn failing(&self) -> u64 {
        match self.every {
            Some(_) if self.fails(self.deliveries.max(1)) => self.deliveries,
            Some(_) => 0,
            None => self.by_delivery.keys().filter(|&&n| self.fails(n)).count() as u64,
        }
    }

    /// Webhooks that the run will trigger.
    #[must_use]
    pub const fn deliveries(&self) -> u64 {
        self.deliveries
    }

    fn of(&self, delivery: u64) -> Option<&FaultSpec> {
        self.every.as_ref().or_else(|| self.by_delivery.get(&delivery))
    }

    fn take_single(&mut self, deliveries: u64) -> Result<(), PlanError> {
        for &spec in &self.specs {
            let Target::Nth(number) = spec.target else { continue };
            if number > deliveries {
                return Err(PlanError::OutOfRange { spec, number, deliveries });
            }
            if let Some(first) = self.by_delivery.insert(number, spec) {
                let what = format!("delivery {number}");
                return Err(PlanError::Contradiction { first, second: spec, what });
            }
        }
        Ok(())
    }

    fn take_shares(&mut self, scope: Scope) -> Result<(), PlanError> {
        let shares = self.specs.iter().copied();
        let shares: Vec<(FaultSpec, Percent)> = shares
            .filter_map(
                |spec| if let Target::Share(share) = spec.target { Some((spec, share)) } else { None },
            )
            .collect();
        if shares.is_empty() {
            return Ok(());
        }
        let free = (1..=scope.deliveries).filter(|n| !self.by_delivery.contains_key(n));
        let mut order: Vec<([u8; 32], u64)> = free.map(|n| (draw(scope.seed, n), n)).collect();
        order.sort_unstable();
        let mut order = order.into_iter().map(|(_, n)| n);
        let mut steps = 0;
        for (spec, share) in shares {
            steps += share.steps();
            if steps > Percent::ALL_STEPS {
                return Err(PlanError::Shares(spec));
            }
            let count = share.of(scope.deliveries);
            let taken: Vec<u64> = order.by_ref().take(usize::try_from(count).unwrap_or(usize::MAX)).collect();
            // Rounding may leave the last share one short; nothing at all, or singles in its way, is a mistake.
            let left = taken.len() as u64;
            if left == 0 || left + 1 < count {
                return Err(PlanError::NothingLeft { spec, left, deliveries: scope.deliveries });
            }
            self.by_delivery.extend(taken.into_iter().map(|n| (n, spec)));
        }
        Ok(())
    }
}

/// The place of a delivery in the order in which shares take them.
fn draw(seed: u64, delivery: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(delivery.to_le_bytes()).finalize().into()
}

fn the_one_for_all(specs: &[FaultSpec]) -> Result<Option<FaultSpec>, PlanError> {
    let Some(&every) = specs.iter().find(|spec| spec.target == Target::Every) else { return Ok(None) };
    let mut once = false;
    let other = specs.iter().find(|spec| **spec != every || std::mem::replace(&mut once, true));
    match other {
        None => Ok(Some(every)),
        Some(&second) => {
            let what = match second.target {
                Target::Every => "every delivery".to_owned(),
                Target::Share(share) => format!("{share} of the deliveries"),
                Target::Nth(n) => format!("delivery {n}"),
            };
            Err(PlanError::Contradiction { first: every, second, what })
        }
    }
}

fn visible(spec: &FaultSpec, timeout: Duration) -> Result<(), PlanError> {
    match spec.fault {
        Fault::Hang(Some(hang)) if hang.get() <= timeout => {
            let timeout = format!("{} s", timeout.as_secs_f64());
            Err(PlanError::TooShort { spec: *spec, hang, timeout })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(texts: &[&str], deliveries: u64, seed: u64) -> Result<FaultPlan, PlanError> {
        let specs: Vec<FaultSpec> = texts.iter().map(|t| t.parse().unwrap()).collect();
        FaultPlan::new(&specs, Scope { deliveries, timeout: Duration::from_secs(10), attempts: 3, seed })
    }

    fn broken(plan: &FaultPlan) -> Vec<u64> {
        (1..=plan.deliveries()).filter(|&n| plan.fault(n, 1).is_some()).collect()
    }

    #[test]
    fn attempts_and_deliveries_are_taken_as_typed() {
        let all = plan(&["503x2"], 10, 0).unwrap();
        let (first, second, third) = (all.fault(7, 1), all.fault(7, 2), all.fault(7, 3));
        assert!(first.is_some() && second.is_some() && third.is_none());
        let mixed = plan(&["503x*@1", "reset@2", "hang@4"], 10, 0).unwrap();
        assert_eq!(broken(&mixed), [1, 2, 4]);
        assert!(mixed.fault(1, 99).is_some());
        assert_eq!(mixed.fault(2, 1), Some(Fault::Reset));
    }

    #[test]
    fn a_share_is_exact_and_follows_the_seed() {
        let of = |seed| broken(&plan(&["503x2@20%"], 10, seed).unwrap());
        assert_eq!(of(1).len(), 2);
        assert_eq!(of(1), of(1));
        assert!((0..20).any(|seed| of(seed) != of(1)));
        let three = plan(&["503@30%", "reset@30%", "400@1"], 10, 7).unwrap();
        assert_eq!(broken(&three).len(), 7);
        assert_eq!(three.fault(1, 1), Some(Fault::Status { status: 400, retry_after: None }));
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        let error = |texts: &[&str]| plan(texts, 10, 0).unwrap_err().to_string();
        assert_eq!(
            error(&["503@3", "reset@3"]),
            "`503@3` and `reset@3` contradict each other: both break delivery 3"
        );
        assert!(error(&["503x2", "reset@3"]).contains("both break delivery 3"));
        assert!(error(&["503", "503"]).contains("both break every delivery"));
        assert!(error(&["reset@20%", "503x2"]).contains("20% of the deliveries"));
        assert!(error(&["503@60%", "400@60%"]).contains("more than 100%"));
        assert!(error(&["503@11"]).contains("delivery 11 is out of range: this run triggers 10 webhooks"));
        assert!(error(&["503@100%", "400@1", "400@2"]).contains("only 8 of 10"));
        assert!(error(&["hang=10s"]).contains("the sender's timeout of"));
        assert!(plan(&["hang=11s",], 10, 0).is_ok() && plan(&["delay=1s"], 10, 0).is_ok());
    }

    #[test]
    fn it_knows_which_deliveries_will_fail() {
        let failing = |texts: &[&str]| plan(texts, 10, 0).unwrap().failing();
        assert_eq!(failing(&["503x2"]), 0);
        assert_eq!(failing(&["503x3"]), 10);
        assert_eq!(failing(&["400"]), 10);
        assert_eq!(failing(&["400@20%", "hangx*@3", "302x2@4", "answer=206x*@5"]), 3);
    }

    proptest! {
        #[test]
        fn no_delivery_has_two_faults_and_shares_are_exact(n in 1u64..400, a in 1u32..50, b in 1u32..50, seed: u64) {
            let texts = [format!("503@{a}%"), format!("reset@{b}%")];
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            if let Ok(plan) = plan(&texts, n, seed) {
                let count = |fault: &dyn Fn(Fault) -> bool| (1..=n).filter(|&i| plan.fault(i, 1).is_some_and(fault)).count();
                let wanted = |p: u32| ((f64::from(p) / 100.0 * n as f64).round() as usize).max(1);
                prop_assert_eq!(count(&|f| f != Fault::Reset), wanted(a));
                prop_assert!(count(&|f| f == Fault::Reset).abs_diff(wanted(b)) <= 1);
            } else {
                prop_assert!(n < 3);
            }
        }
    }
}
