//! What was tested, for the statement that is signed and for whoever asks it of one: `--subject`, and what a CI system says
//! in its variables.

use super::Failure;
use evidence::report::Tested;
use record::seal::Subject;

/// Resolves `--subject` and the variables of this process.
///
/// # Errors
/// Usage: a subject that is none.
pub(super) fn tested(given: &[String]) -> Result<Tested, Failure> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let mut subjects = typed(given)?;
    let has_commit = subjects.iter().any(|subject| subject.digest.contains_key("gitCommit"));
    subjects.extend(commit(&env).filter(|_| !has_commit));
    Ok(Tested { subjects, url: url(&env) })
}

/// Reads `--subject`.
///
/// # Errors
/// Usage: a subject that is none.
pub(super) fn typed(given: &[String]) -> Result<Vec<Subject>, Failure> {
    let read = |text: &String| {
        subject(text).map_err(|why| {
            Failure::usage(format!("--subject {}: {why}", pii::shown(&without_credentials(text))))
        })
    };
    given.iter().map(read).collect()
}

/// A name that may be a URL, which may have a token in it.
fn without_credentials(name: &str) -> String {
    let (front, url) = name.strip_prefix("git+").map_or(("", name), |url| ("git+", url));
    if url.contains("://") { format!("{front}{}", crate::outbound::shown_url(url)) } else { name.to_owned() }
}

/// `git+SHA`, `git+URL@SHA`, `IMAGE@sha256:HEX` or `NAME=sha256:HEX`.
fn subject(text: &str) -> Result<Subject, &'static str> {
    const WRONG: &str = "write git+COMMIT, git+URL@COMMIT, IMAGE@sha256:HEX or NAME=sha256:HEX";
    let is_hex = |digest: &str, lengths: &[usize]| {
        lengths.contains(&digest.len())
            && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if let Some(rest) = text.strip_prefix("git+") {
        let (name, commit) = rest.rsplit_once('@').map_or((text, rest), |(url, commit)| (url, commit));
        let name = if name == text { text.to_owned() } else { format!("git+{name}") };
        return if is_hex(commit, &[40, 64]) {
            Ok(Subject::of(&without_credentials(&name), "gitCommit", commit))
        } else {
            Err(WRONG)
        };
    }
    let (name, digest) = text.rsplit_once("sha256:").ok_or(WRONG)?;
    let name = name.strip_suffix(['@', '=']).filter(|name| !name.is_empty()).ok_or(WRONG)?;
    if is_hex(digest, &[64]) {
        Ok(Subject::of(&without_credentials(name), "sha256", digest))
    } else {
        Err(WRONG)
    }
}

/// The commit that the job is about: GitHub, GitLab, Jenkins, Buildkite.
fn commit(env: &dyn Fn(&str) -> Option<String>) -> Option<Subject> {
    let github = || {
        let (server, repository) = (env("GITHUB_SERVER_URL")?, env("GITHUB_REPOSITORY")?);
        Some((format!("git+{server}/{repository}"), env("GITHUB_SHA")?))
    };
    let gitlab = || Some((format!("git+{}", env("CI_PROJECT_URL")?), env("CI_COMMIT_SHA")?));
    let others = [("GIT_URL", "GIT_COMMIT"), ("BUILDKITE_REPO", "BUILDKITE_COMMIT")];
    let other = || others.iter().find_map(|(url, sha)| Some((format!("git+{}", env(url)?), env(sha)?)));
    let (name, sha) = github().or_else(gitlab).or_else(other)?;
    subject(&format!("{name}@{sha}")).ok()
}

/// Where the job can be looked at.
fn url(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let github = || {
        let (server, repository) = (env("GITHUB_SERVER_URL")?, env("GITHUB_REPOSITORY")?);
        Some(format!("{server}/{repository}/actions/runs/{}", env("GITHUB_RUN_ID")?))
    };
    let url = github().or_else(|| env("CI_JOB_URL")).or_else(|| env("BUILD_URL"))?;
    Some(crate::outbound::shown_url(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_told_by_their_digests() {
        let sha = "d20ace7968ba43c0219f62d71334c1095bab1602";
        let of = |text: &str| subject(text).map(|s| (s.name, s.digest.into_iter().next().unwrap()));
        let git = ("gitCommit".to_owned(), sha.to_owned());
        assert_eq!(of(&format!("git+{sha}")), Ok((format!("git+{sha}"), git.clone())));
        assert_eq!(
            of(&format!("git+https://h.example/o/r@{sha}")),
            Ok(("git+https://h.example/o/r".to_owned(), git))
        );
        for (given, named) in [
            (
                format!("git+https://u:s3cr3t@h.example/y?token=s3cr3t@{sha}"),
                "git+https://[hidden]@h.example/y",
            ),
            (
                format!("https://u:s3cr3t@h.example/app=sha256:{}", "ab".repeat(32)),
                "https://[hidden]@h.example/app",
            ),
        ] {
            let (name, _) = of(&given).unwrap();
            assert!(name.starts_with(named) && !name.contains("s3cr3t"), "{name}");
        }
        let hex = "ab".repeat(32);
        let image = of(&format!("registry.example/app@sha256:{hex}"));
        assert_eq!(image, Ok(("registry.example/app".to_owned(), ("sha256".to_owned(), hex.clone()))));
        for wrong in ["git+main", "app:latest", "sha256:abc", "", &format!("sha256:{hex}")] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_ci_system_says_what_it_tests() {
        let sha = "d20ace7968ba43c0219f62d71334c1095bab1602";
        let env = |name: &str| {
            let all = [
                ("GITHUB_SERVER_URL", "https://github.com"),
                ("GITHUB_REPOSITORY", "o/r"),
                ("GITHUB_SHA", sha),
                ("GITHUB_RUN_ID", "17"),
            ];
            all.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        };
        let found = commit(&env).unwrap();
        assert_eq!(
            (found.name.as_str(), found.digest["gitCommit"].as_str()),
            ("git+https://github.com/o/r", sha)
        );
        assert_eq!(url(&env).unwrap(), "https://github.com/o/r/actions/runs/17");
        assert!(commit(&|_| None).is_none());
    }
}
