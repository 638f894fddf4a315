//! Which part of a schedule this process runs: shard k of n takes the starts k, k+n, k+2n, …

use record::LoadShard;
use std::fmt;
use std::str::FromStr;

/// Shard `index` of `count`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: u64,
    count: u64,
}

/// Why a shard is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShardError {
    /// Not `k/n`.
    #[error("'{0}' is not a shard: write k/n with k counted from 0, as in 2/8")]
    Text(String),
    /// No shards, or too many.
    #[error("{0} shards: must be 1 to {most}", most = LoadShard::MOST)]
    Count(u64),
    /// `k` is not below `n`.
    #[error("there is no shard {index} of {count}: shards count from 0, so the last one is {last}/{count}", last = count - 1)]
    Index {
        /// As given.
        index: u64,
        /// As given.
        count: u64,
    },
    /// A variable of the engine does not hold a number.
    #[error("{name} is '{value}', which is not a whole number")]
    Variable {
        /// The variable.
        name: &'static str,
        value: String,
    },
    /// An index without a count.
    #[error("{0} is set, but the number of shards is not: give --shards N (or SMOKE_SHARDS, or --shard k/n)")]
    NoCount(&'static str),
    /// A count without an index.
    #[error(
        "the number of shards is given, but not this shard's index: give --shard k/n, or run as a Kubernetes Indexed Job or a Slurm array"
    )]
    NoIndex,
    /// Slurm's count is that of this submission, which need not be the number of shards.
    #[error(
        "this Slurm array is {min}-{max}:{step} with {count} tasks, so SLURM_ARRAY_TASK_COUNT is not the number of shards \
         (a re-submitted part of an array?): give --shards N (or SMOKE_SHARDS), or submit --array=0-{last}"
    )]
    PartialArray {
        /// SLURM_ARRAY_TASK_MIN.
        min: u64,
        /// SLURM_ARRAY_TASK_MAX.
        max: u64,
        /// SLURM_ARRAY_TASK_STEP.
        step: u64,
        /// SLURM_ARRAY_TASK_COUNT.
        count: u64,
        /// Last index of a whole array of that count.
        last: u64,
    },
}

impl Shard {
    /// The only shard of an undivided run.
    pub(crate) const WHOLE: Self = Self { index: 0, count: 1 };

    /// Shard `index` of `count`.
    ///
    /// # Errors
    /// When `count` is zero or above [`LoadShard::MOST`], or `index` is not below it.
    pub(crate) const fn new(index: u64, count: u64) -> Result<Self, ShardError> {
        if count == 0 || count > LoadShard::MOST {
            Err(ShardError::Count(count))
        } else if index >= count {
            Err(ShardError::Index { index, count })
        } else {
            Ok(Self { index, count })
        }
    }

    /// `k`.
    #[must_use]
    pub(crate) const fn index(&self) -> u64 {
        self.index
    }

    /// `n`.
    #[must_use]
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// As a journal's header has it.
    #[must_use]
    pub(crate) const fn recorded(self) -> LoadShard {
        LoadShard { index: self.index, count: self.count }
    }

    /// Number in the whole schedule of this shard's start `j`.
    #[must_use]
    pub(crate) const fn nth(&self, j: u64) -> u64 {
        self.index + j * self.count
    }

    /// How many of `total` starts are this shard's.
    #[must_use]
    pub(crate) const fn share(&self, total: u64) -> u64 {
        self.recorded().share(total)
    }

    /// Share `index` of `count` of this shard, for one of its threads: what holds for shards of a schedule holds for shares of a shard.
    #[must_use]
    pub(super) const fn split(&self, index: u64, count: u64) -> Self {
        Self { index: self.index + index * self.count, count: self.count * count }
    }

    /// The shard that the environment of a Kubernetes Indexed Job or a Slurm array names; `None` outside of both.
    ///
    /// `count` is the number of shards where it was given apart; SMOKE_SHARDS says it too. Kubernetes tells a pod its index only. Slurm's count is
    /// taken only when the array is 0 to count-1 in steps of 1: a re-submitted part of an array has another count.
    ///
    /// # Errors
    /// When the variables contradict each other or do not say how many shards there are.
    pub(crate) fn from_environment(
        count: Option<u64>,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ShardError> {
        let number = |name: &'static str| match get(name) {
            // As an engine sets it that has nothing to say.
            Some(value) if value.trim().is_empty() => Ok(None),
            None => Ok(None),
            Some(value) => match value.trim().parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(ShardError::Variable { name, value }),
            },
        };
        let count = count.map_or_else(|| number("SMOKE_SHARDS"), |count| Ok(Some(count)))?;
        if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let count = count.ok_or(ShardError::NoCount("JOB_COMPLETION_INDEX"))?;
            return Self::new(index, count).map(Some);
        }
        let Some(index) = number("SLURM_ARRAY_TASK_ID")? else {
            return if count.is_some() { Err(ShardError::NoIndex) } else { Ok(None) };
        };
        if let Some(count) = count {
            return Self::new(index, count).map(Some);
        }
        let count = number("SLURM_ARRAY_TASK_COUNT")?.ok_or(ShardError::NoCount("SLURM_ARRAY_TASK_ID"))?;
        let last = count.saturating_sub(1);
        let min = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
        let max = number("SLURM_ARRAY_TASK_MAX")?.unwrap_or(last);
        let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1);
        if min != 0 || step != 1 || max != last {
            return Err(ShardError::PartialArray { min, max, step, count, last });
        }
        Self::new(index, count).map(Some)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let wrong = || ShardError::Text(text.to_owned());
        let (index, count) = text.trim().split_once('/').ok_or_else(wrong)?;
        Self::new(index.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(count: Option<u64>, vars: &[(&str, &str)]) -> Result<Option<Shard>, ShardError> {
        Shard::from_environment(count, |name| {
            vars.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn shards_parse() {
        assert_eq!("2/8".parse(), Shard::new(2, 8));
        assert_eq!("2/8".parse::<Shard>().unwrap().to_string(), "2/8");
        assert_eq!("8/8".parse::<Shard>(), Err(ShardError::Index { index: 8, count: 8 }));
        assert!("8/8".parse::<Shard>().unwrap_err().to_string().contains("the last one is 7/8"));
        assert_eq!("0/0".parse::<Shard>(), Err(ShardError::Count(0)));
        for text in ["", "2", "2/", "/8", "-1/8", "a/b", "1/2/3", "1.5/3"] {
            assert!(matches!(text.parse::<Shard>(), Err(ShardError::Text(_))), "{text}");
        }
    }

    #[test]
    fn shares_add_up() {
        let share = |k, total| Shard::new(k, 3).unwrap().share(total);
        assert_eq!((share(0, 7), share(1, 7), share(2, 7)), (3, 2, 2));
        assert_eq!((share(0, 1), share(1, 1), share(2, 1)), (1, 0, 0));
    }

    #[test]
    fn shares_of_a_shard_are_the_shard() {
        let shard = Shard::new(2, 5).unwrap();
        let mut starts = Vec::new();
        for thread in 0..3 {
            let share = shard.split(thread, 3);
            starts.extend((0..share.share(47)).map(|j| share.nth(j)));
        }
        starts.sort_unstable();
        assert_eq!(starts, (0..shard.share(47)).map(|j| shard.nth(j)).collect::<Vec<_>>());
    }

    #[test]
    fn kubernetes_gives_the_index_and_needs_the_count() {
        assert_eq!(environment(None, &[]), Ok(None));
        assert_eq!(environment(Some(4), &[("JOB_COMPLETION_INDEX", "3")]), Shard::new(3, 4).map(Some));
        assert!(matches!(environment(None, &[("JOB_COMPLETION_INDEX", "3")]), Err(ShardError::NoCount(_))));
        assert!(matches!(
            environment(Some(4), &[("JOB_COMPLETION_INDEX", "x")]),
            Err(ShardError::Variable { .. })
        ));
        assert_eq!(environment(Some(4), &[]), Err(ShardError::NoIndex));
    }

    #[test]
    fn slurm_gives_both_unless_the_array_is_only_a_part() {
        let array = |id, count, min, max, step| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", count),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_STEP", step),
            ]
        };
        assert_eq!(environment(None, &array("2", "4", "0", "3", "1")), Shard::new(2, 4).map(Some));
        // --array=2, 1-4, 0,2,5 and 0-6:2 as Slurm 22.05 reports them.
        for part in [
            array("2", "1", "2", "2", "1"),
            array("1", "4", "1", "4", "1"),
            array("5", "3", "0", "5", "1"),
            array("2", "4", "0", "6", "2"),
        ] {
            let refused = environment(None, &part).unwrap_err();
            assert!(matches!(refused, ShardError::PartialArray { .. }), "{refused}");
        }
        // Re-submitting shard 2 with the count given apart is right.
        assert_eq!(environment(Some(4), &array("2", "1", "2", "2", "1")), Shard::new(2, 4).map(Some));
        assert_eq!(
            environment(Some(4), &array("5", "1", "5", "5", "1")),
            Err(ShardError::Index { index: 5, count: 4 })
        );
    }
}
