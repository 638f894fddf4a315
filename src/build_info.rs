//! Which build of smoke this is, as `build.rs` found it.

use record::Build;

/// Version of the package.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What rustc calls the platform.
pub(crate) const TARGET: &str = env!("SMOKE_BUILD_TARGET");

/// This build, as journals name it.
pub(crate) fn build() -> Build {
    let commit = env!("SMOKE_BUILD_COMMIT");
    Build {
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        modified: env!("SMOKE_BUILD_MODIFIED") == "true",
        profile: env!("SMOKE_BUILD_PROFILE").to_owned(),
        features: env!("SMOKE_BUILD_FEATURES")
            .split(',')
            .filter(|f| !f.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}
