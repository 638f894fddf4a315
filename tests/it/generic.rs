//! What is one system's stands in its profiles, its scenarios and its stand-in: generic code does not know it.

use std::path::{Path, PathBuf};

/// Words of one system. Its name in the path of its contract, from which figures are taken, is the figure's source.
const WORDS: [&str; 5] =
    ["deltacrown", "0/2/4", "0 s / 2 s / 4 s", "0, 2000, 4000", "notifications_webhook_enabled"];
const SOURCE: &str = "docs/deltacrown.md";

/// Files and folders that may say them, and why.
const ALLOWED: [(&str, &str); 13] = [
    ("crates/stand-in/", "it is the system's stand-in"),
    ("src/cli/seed", "the script that makes that system's rows"),
    ("src/cli/staging.rs", "the options of the stand-in, read from that system's environment variables"),
    ("src/cli/run_args.rs", "whose behaviour the stand-in shows"),
    ("src/cli/listed.rs", "the names of the stand-in's two behaviours"),
    ("src/cli/sender_option.rs", "the help lists built-in senders by name"),
    ("src/cli/verify.rs", "the help lists built-in senders by name"),
    ("src/cli/probe/args.rs", "the help says which built-in sender is the default"),
    ("src/cli/help_pages.rs", "an example of `smoke seed`, whose system has to be named"),
    ("src/cli/svr.rs", "the address of this project's own verifier"),
    ("src/load/request_template.rs", "the quick way for the one sender whose requests are patched in place"),
    ("crates/signature/src/scheme.rs", "the table of the built-in profiles"),
    ("crates/signature/src/secret.rs", "the example secret that its guide has published"),
];

/// As above, by what they say.
const ALLOWED_LINES: [(&str, &str); 1] = [(
    "crates/pii/src/detect/username.rs",
    "accounts of the platform itself, as the rules that were given have them",
)];

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["tests", "benches", "examples", "vectors", "target"].contains(&name.as_str()) {
                sources(&path, into);
            }
        } else if name.ends_with(".rs")
            && !name.ends_with("tests.rs")
            && name != "properties.rs"
            && name != "vectors.rs"
        {
            into.push(path);
        }
    }
}

/// What is left of a file without its tests, which take what is at hand as an example.
fn without_tests(text: &str) -> &str {
    text.split_once("#[cfg(test)]\nmod ")
        .or_else(|| text.split_once("#[cfg(test)]\npub(super) mod tests"))
        .map_or(text, |(code, _)| code)
}

#[test]
fn generic_code_names_nothing_of_one_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("crates"), &mut files);
    assert!(files.len() > 300, "{} files", files.len());
    let may = |name: &str| ALLOWED.iter().chain(&ALLOWED_LINES).any(|(place, _)| name.starts_with(place));
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).unwrap().display().to_string();
        if may(&name) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (n, line) in without_tests(&text).lines().enumerate() {
            let bare = line.to_lowercase().replace(SOURCE, "");
            if WORDS.iter().any(|word| bare.contains(word)) {
                found.push(format!("{name}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "one system's words in generic code:\n{}", found.join("\n"));
}
