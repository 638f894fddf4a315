//! `did you mean …?`: the nearest of the names that would have been right.

/// `; did you mean `x`?` when one of `known` is near enough to `typed`, else nothing.
pub(super) fn hint<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The nearest of `known`; none when all are too far from `typed`.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ, and at least one: `jsn` is near `json`, `x` is near nothing.
    let length = typed.chars().count();
    let limit = (length / 3).max(1);
    let known: Vec<&str> = known.into_iter().collect();
    let scored = known.iter().map(|name| (distance(&typed.to_lowercase(), &name.to_lowercase()), *name));
    let near =
        scored.filter(|(d, _)| *d <= limit && *d < length).min_by_key(|(d, _)| *d).map(|(_, name)| name);
    near.or_else(|| begun(typed, &known))
}

/// The only name that begins so: somebody left its end off.
fn begun<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let mut all = known.iter().filter(|name| typed.len() >= BEGUN && name.starts_with(typed));
    all.next().filter(|_| all.next().is_none()).copied()
}

/// Fewest letters by which a name is known.
const BEGUN: usize = 4;

/// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours cost 1 each.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, x) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut cost =
                (get(&last, j) + usize::from(x != *y)).min(get(&last, j + 1) + 1).min(get(&row, j) + 1);
            let swapped = j > 0 && previous == Some(*y) && b.get(j - 1) == Some(&x);
            if swapped {
                cost = cost.min(get(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(x);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["json", "form", "multipart", "timeout"];
        assert_eq!(hint("jsno", known), "; did you mean `json`?");
        assert_eq!(hint("Timeout_ms", known), "; did you mean `timeout`?");
        assert_eq!(hint("wibble", known), "");
        assert_eq!(
            hint("success_rate", ["success_rate_min_percent", "lost_max"]),
            "; did you mean `success_rate_min_percent`?"
        );
        assert_eq!(nearest("log_", ["log_errors", "log_formats"]), None);
        assert_eq!(hint("x", ["y"]), "");
    }

    #[test]
    fn distances() {
        for (a, b, d) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)] {
            assert_eq!(distance(a, b), d, "{a} {b}");
            assert_eq!(distance(b, a), d, "{b} {a}");
        }
    }
}
