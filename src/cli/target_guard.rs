//! The safety catch of every command that drives a target: one that looks like production is driven when the user says that it is
//! theirs, and not before.

use super::Failure;
use crate::executor::Target;
use crate::load::{self, guard};

/// Refuses a target that looks like production, or a load on another machine at a very high rate. `peak` is the highest rate in
/// starts per second; `None` for as fast as responses arrive.
///
/// # Errors
/// Usage: it is refused, and `owned` (`--i-own-this-target`) is not given.
pub(super) async fn check(target: &Target, owned: bool, peak: Option<f64>) -> Result<(), Failure> {
    let Target::Url(url) = target else { return Ok(()) };
    if owned {
        return Ok(());
    }
    let target = load::Target::parse(url).map_err(|e| Failure::usage(format!("--staging: {e}")))?;
    // A name that nobody knows is told when it is driven.
    let addresses = target.addresses().await.unwrap_or_default();
    guard::check_target(target.host(), &addresses, peak).map_err(Failure::usage)
}
