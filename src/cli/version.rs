//! `smoke --version`, and with `--verbose` which build it is.

use super::out;
use crate::build_info::{TARGET, VERSION, build};
use record::FORMAT_VERSION;

/// Prints the version; `verbose` adds a line for each thing that tells builds of one version apart.
pub(super) fn print(verbose: bool) {
    out::line(format!("smoke {VERSION}"));
    if !verbose {
        return;
    }
    let build = build();
    let changed = if build.modified { " (modified)" } else { "" };
    let commit = build.commit.as_deref().unwrap_or("unknown (built without the history of the sources)");
    let features = if build.features.is_empty() { "none".to_owned() } else { build.features.join(", ") };
    out::line(format!("commit: {commit}{changed}"));
    out::line(format!("profile: {}", build.profile));
    out::line(format!("features: {features}"));
    out::line(format!("target: {TARGET}"));
    out::line(format!("journal format: {FORMAT_VERSION}"));
}
