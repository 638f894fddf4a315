//! Adding up what was counted apart: each field of a struct has a rule, and there is no other place that lists the fields.

use crate::latency::Latency;
use std::collections::BTreeMap;

/// Where a count ends, 2^53: what JSON readers keep exactly, and so far below the end of an `u64` that no two of them reach it.
const MOST: u64 = 1 << 53;

/// What can be added up. Counts of a journal may be anything: a sum that wraps would be a small one.
pub trait Sum {
    /// Adds what was counted elsewhere.
    fn add(&mut self, other: &Self);
}

impl Sum for u64 {
    fn add(&mut self, other: &Self) {
        *self = self.saturating_add(*other).min(MOST);
    }
}

impl Sum for Option<u64> {
    fn add(&mut self, other: &Self) {
        *self = match (*self, *other) {
            (Some(a), Some(b)) => Some(a.saturating_add(b).min(MOST)),
            (a, b) => a.or(b),
        };
    }
}

impl Sum for Latency {
    fn add(&mut self, other: &Self) {
        Self::add(self, other);
    }
}

impl<K: Ord + Clone, V: Sum + Default> Sum for BTreeMap<K, V> {
    fn add(&mut self, other: &Self) {
        for (key, value) in other {
            self.entry(key.clone()).or_default().add(value);
        }
    }
}

/// Appends up to a bound.
pub fn extend<T: Clone>(kept: &mut Vec<T>, others: &[T], most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend(others.iter().take(room).cloned());
}

/// Keeps the value that was set first.
pub fn keep_first<T: Clone + Default + PartialEq>(kept: &mut T, other: &T) {
    if *kept == T::default() {
        kept.clone_from(other);
    }
}

/// Counts under a name; beyond so many different names they count as one.
pub fn count_named(counts: &mut BTreeMap<String, u64>, name: &str, times: u64, most: usize) {
    let room = counts.len() < most || counts.contains_key(name);
    counts.entry(if room { name } else { "something else" }.to_owned()).or_default().add(&times);
}

/// Defines a struct whose values can be added up. Without a rule a field is a [`Sum`] itself; `=> latest` keeps the greater,
/// `=> first` the one that is set, `=> most(N)` a list of at most N, `=> named(N)` counts of at most N names, and `=> apart`
/// leaves it to whoever adds.
#[macro_export]
macro_rules! summed {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$doc:meta])* pub $field:ident: $type:ty $(=> $rule:ident $(($most:expr))?)?,)*
        }
    ) => {
        $(#[$meta])*
        pub struct $name {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl $name {
            /// Adds what was counted elsewhere.
            pub fn add(&mut self, other: &Self) {
                $($crate::summed!(@add self.$field, other.$field $(, $rule $(($most))?)?);)*
            }
        }

        impl $crate::Sum for $name {
            fn add(&mut self, other: &Self) {
                Self::add(self, other);
            }
        }
    };
    (@add $sum:expr, $other:expr) => { $crate::Sum::add(&mut $sum, &$other) };
    (@add $sum:expr, $other:expr, latest) => { $sum = $sum.max($other) };
    (@add $sum:expr, $other:expr, first) => { $crate::keep_first(&mut $sum, &$other) };
    (@add $sum:expr, $other:expr, most($most:expr)) => { $crate::extend(&mut $sum, &$other, $most) };
    (@add $sum:expr, $other:expr, named($most:expr)) => {
        $other.iter().for_each(|(name, n)| $crate::count_named(&mut $sum, name, *n, $most))
    };
    (@add $sum:expr, $other:expr, apart) => {};
}
