//! Tells the binary which build it is: commit, profile, features, target. `smoke --version --verbose` prints it, and journals name it.
//! And packs the JSON Schemas for `smoke schema`: they are long, and seldom asked for.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// What the commit says of: a change in any other file makes no other binary.
const COMPILED: [&str; 7] =
    ["src", "crates", "scenarios", "docs/schema", "Cargo.toml", "Cargo.lock", "build.rs"];
/// Where the schemas are.
const SCHEMAS: [&str; 2] = ["docs/schema", "scenarios/schema"];
/// The commit of a build from sources without their history (a tarball, a package), which whoever builds it knows.
const COMMIT: &str = "SMOKE_COMMIT";

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed={COMMIT}");
    COMPILED.iter().for_each(|path| println!("cargo:rerun-if-changed={path}"));
    let (commit, modified) = commit();
    println!("cargo:rustc-env=SMOKE_BUILD_COMMIT={commit}");
    println!("cargo:rustc-env=SMOKE_BUILD_MODIFIED={modified}");
    println!("cargo:rustc-env=SMOKE_BUILD_PROFILE={}", profile());
    println!("cargo:rustc-env=SMOKE_BUILD_FEATURES={}", features());
    println!("cargo:rustc-env=SMOKE_BUILD_TARGET={}", variable("TARGET"));
    SCHEMAS.iter().try_for_each(|folder| pack(folder))
}

/// Writes each file of a folder to OUT_DIR, in zlib's format.
fn pack(folder: &str) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let mut packed = PathBuf::from(variable("OUT_DIR"));
        packed.push(path.file_name().unwrap_or_default());
        let mut encoder = ZlibEncoder::new(fs::File::create(packed)?, Compression::best());
        encoder.write_all(&fs::read(&path)?)?;
        encoder.finish()?;
    }
    Ok(())
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The commit in hex, and whether what is compiled differs from it; empty where nobody knows.
fn commit() -> (String, bool) {
    let given = variable(COMMIT);
    if given.bytes().all(|b| b.is_ascii_hexdigit()) && given.len() >= 7 {
        return (given, false);
    }
    // Of this folder and not of one around it: sources that were unpacked inside another repository are not its commit.
    if !Path::new(".git").exists() {
        return (String::new(), false);
    }
    // Written at each commit and checkout.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|path| Path::new(path).exists());
    if let Some(log) = log.or_else(|| git(&["rev-parse", "--git-path", "HEAD"])) {
        println!("cargo:rerun-if-changed={log}");
    }
    let Some(commit) = git(&["rev-parse", "HEAD"]) else { return (String::new(), false) };
    let mut status = vec!["status", "--porcelain", "--"];
    status.extend(COMPILED);
    let modified = git(&status).is_none_or(|changes| !changes.is_empty());
    (commit, modified)
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("--no-optional-locks").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The profile's name. cargo tells a build script only whether it is like `debug` or `release`; the folder has the name:
/// …/PROFILE/build/smoke-HASH/out.
fn profile() -> String {
    let out = variable("OUT_DIR");
    let folder = Path::new(&out).ancestors().nth(3).and_then(Path::file_name);
    match folder.map(|name| name.to_string_lossy().into_owned()) {
        Some(name) if name == "debug" => "dev".to_owned(),
        Some(name) => name,
        None => variable("PROFILE"),
    }
}

/// The features of the package, and `static` where the C library is linked in.
fn features() -> String {
    let mut features: Vec<String> = std::env::vars()
        .filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_").map(str::to_lowercase))
        .filter(|name| name != "default")
        .collect();
    if variable("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static") {
        features.push("static".to_owned());
    }
    features.sort();
    features.join(",")
}
