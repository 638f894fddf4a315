//! A check's figure as people read it.

use crate::gate::Check;

/// The figure with its unit; `-` when there is none.
pub(super) fn actual(check: &Check) -> String {
    match (check.actual, check.unit.as_str()) {
        (None, _) => "-".to_owned(),
        (Some(x), "%") => format!("{x:.1} %"),
        (Some(x), "ms") => format!("{x:.1} ms"),
        (Some(x), _) => format!("{x}"),
    }
}
