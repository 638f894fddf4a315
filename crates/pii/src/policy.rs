//! The policy: what a team allows, adds or switches off, as a file or the `pii:` block of a scenario.

use super::category::Category;
use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Changes to the built-in rules. An empty policy changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Places that may contain personal data: JSON pointers with `*` for one step and `**` for any number (`/data/*/email`),
    /// or bare key or header names (`payer_account_number`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_paths: Vec<String>,
    /// Domains (including subdomains) whose e-mail addresses are not leaks, such as the platform's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_domains: Vec<String>,
    /// Individual e-mail addresses that are not leaks, such as `support@example.com`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_addresses: Vec<String>,
    /// Additional keys per category: any string, or number of 2 or more digits, under such a key is a leak.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra_keys: BTreeMap<Category, Vec<String>>,
    /// Further patterns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extra_patterns: Vec<ExtraPattern>,
    /// Categories not searched for at all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<Category>,
}

/// A pattern of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraPattern {
    /// A regular expression (Rust `regex` syntax); what it matches is the leaked value.
    pub regex: String,
    /// What it counts under.
    pub category: Category,
}

/// What is wrong with a policy.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The block has another shape.
    #[error("pii policy: {0}")]
    Shape(#[from] serde_json::Error),
    /// An extra pattern does not compile.
    #[error("pii policy: extra_patterns[{index}]: {source}")]
    Pattern {
        /// Which pattern, from 0.
        index: usize,
        /// What the regex engine says.
        source: Box<regex::Error>,
    },
    /// An allowed path is neither a JSON pointer nor a name.
    #[error("pii policy: allow_paths: {}", neither_pointer_nor_name(.0))]
    Path(String),
}

/// What of a policy cannot be, or can never match, so that less is searched for than it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyProblem {
    /// Where: keys and numbers with dots between them (`extra_patterns.0.regex`).
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Policy {
    /// What its author should know before anything is searched.
    #[must_use]
    pub fn problems(&self) -> Vec<PolicyProblem> {
        let mut problems = Vec::new();
        let mut wrong = |path: String, message: String| problems.push(PolicyProblem { path, message });
        for (index, path) in self.allow_paths.iter().enumerate() {
            if !is_pointer_or_name(path) {
                wrong(format!("allow_paths.{index}"), neither_pointer_nor_name(path));
            }
        }
        for (category, keys) in &self.extra_keys {
            for (index, key) in keys.iter().enumerate() {
                let at = format!("extra_keys.{}.{index}", category.name());
                if key.trim().is_empty() {
                    wrong(at, "an empty name is no key, and finds nothing".to_owned());
                } else if let Some(name) = key.strip_prefix('/') {
                    let last = name.rsplit('/').next().unwrap_or(name);
                    wrong(
                        at,
                        format!("`{key}` is a path, and a key is one name, wherever it stands: write {last}"),
                    );
                }
            }
        }
        for (index, extra) in self.extra_patterns.iter().enumerate() {
            let at = format!("extra_patterns.{index}.regex");
            match regex::Regex::new(&extra.regex) {
                Ok(_) if extra.regex.is_empty() => wrong(at, "an empty pattern finds nothing".to_owned()),
                Ok(_) => {}
                Err(error) => {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
                    wrong(at, format!("invalid regular expression: {reason}"));
                }
            }
        }
        problems
    }

    /// The policy in a scenario's `pii:` block; none is the empty policy.
    ///
    /// # Errors
    /// When the block has unknown fields or wrong types.
    pub fn from_value(value: Option<&serde_json::Value>) -> Result<Self, PolicyError> {
        match value {
            None | Some(serde_json::Value::Null) => Ok(Self::default()),
            Some(value) => Ok(Self::deserialize(value)?),
        }
    }
}

fn is_pointer_or_name(path: &str) -> bool {
    path.starts_with('/') || !path.is_empty() && !path.contains('/')
}

fn neither_pointer_nor_name(path: &str) -> String {
    format!("`{path}` is neither a JSON pointer (/data/email) nor a key name")
}

/// The allow list made ready for matching.
#[derive(Debug, Default)]
pub(super) struct AllowList {
    paths: Vec<(String, Vec<String>)>,
    names: Vec<String>,
    domains: Vec<String>,
    addresses: Vec<String>,
}

impl AllowList {
    /// Checks and prepares the allow rules of a policy.
    pub fn new(policy: &Policy) -> Result<Self, PolicyError> {
        let mut list = Self {
            domains: policy.allow_domains.iter().map(|d| d.trim_start_matches('@').to_lowercase()).collect(),
            addresses: policy.allow_addresses.iter().map(|a| a.to_lowercase()).collect(),
            ..Self::default()
        };
        for path in &policy.allow_paths {
            if !is_pointer_or_name(path) {
                return Err(PolicyError::Path(path.clone()));
            }
            match path.strip_prefix('/') {
                Some(steps) => list.paths.push((path.clone(), steps.split('/').map(str::to_owned).collect())),
                None => list.names.push(path.clone()),
            }
        }
        Ok(list)
    }

    /// There is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.names.is_empty() && self.domains.is_empty() && self.addresses.is_empty()
    }

    /// The rule that allows `value` at `place`, in the words of the policy.
    pub fn rule(&self, category: Category, place: &str, value: &str) -> Option<String> {
        if category == Category::Email {
            let value = value.to_lowercase();
            if let Some(hit) = self.addresses.iter().find(|a| **a == value) {
                return Some(format!("allow_addresses: {hit}"));
            }
            let domain = value.rsplit_once('@').map_or("", |(_, d)| d);
            let under =
                |d: &str| domain == d || domain.strip_suffix(d).is_some_and(|front| front.ends_with('.'));
            if let Some(hit) = self.domains.iter().find(|d| under(d)) {
                return Some(format!("allow_domains: {hit}"));
            }
        }
        let steps: Vec<&str> = place.strip_prefix('/').map_or_else(Vec::new, |p| p.split('/').collect());
        if let Some((path, _)) = self.paths.iter().find(|(_, pattern)| path_matches(pattern, &steps)) {
            return Some(format!("allow_paths: {path}"));
        }
        let last = steps.last().copied().unwrap_or(place.strip_prefix("query:").unwrap_or(place));
        let named = self.names.iter().find(|n| n.eq_ignore_ascii_case(last))?;
        Some(format!("allow_paths: {named}"))
    }
}

/// Whether `pattern` (`*` one step, `**` any number) fits all of `steps`.
fn path_matches(pattern: &[String], steps: &[&str]) -> bool {
    match (pattern.split_first(), steps.split_first()) {
        (None, None) => true,
        (Some((p, rest)), _) if p == "**" => {
            (0..=steps.len()).any(|skip| steps.get(skip..).is_some_and(|tail| path_matches(rest, tail)))
        }
        (Some((p, rest)), Some((s, tail))) => (p == "*" || p == s) && path_matches(rest, tail),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unknown_fields_are_errors() {
        let error = Policy::from_value(Some(&json!({"allow_pathes": []}))).unwrap_err();
        assert!(error.to_string().contains("allow_pathes"), "{error}");
        assert_eq!(Policy::from_value(None).unwrap(), Policy::default());
    }

    #[test]
    fn paths_domains_and_addresses_allow() {
        let policy = Policy::from_value(Some(&json!({
            "allow_paths": ["/data/*/email", "/deep/**/ip", "X-Contact"],
            "allow_domains": ["deltacrown.gg"],
            "allow_addresses": ["Help@Example.org"],
        })))
        .unwrap();
        let list = AllowList::new(&policy).unwrap();
        let rule = |c, place, value| list.rule(c, place, value);
        assert!(rule(Category::Email, "/data/x/email", "a@b.cd").is_some());
        assert!(rule(Category::Email, "/data/x/y/email", "a@b.cd").is_none());
        assert!(rule(Category::IpAddress, "/deep/ip", "1.1.1.1").is_some());
        assert!(rule(Category::IpAddress, "/deep/a/b/ip", "1.1.1.1").is_some());
        assert!(rule(Category::Email, "x-contact", "a@b.cd").is_some());
        assert!(rule(Category::Email, "/a", "ops@mail.DeltaCrown.gg").is_some());
        assert!(rule(Category::Email, "/a", "ops@notdeltacrown.gg").is_none());
        assert!(rule(Category::Email, "/a", "help@example.org").is_some());
        assert!(rule(Category::Username, "/a", "help@example.org").is_none());
    }

    #[test]
    fn what_can_never_match_is_a_problem() {
        let policy = Policy::from_value(Some(&json!({
            "allow_paths": ["data/email", "/a/*", "email"],
            "extra_keys": {"account_id": ["", "/data/acc", "acc"]},
            "extra_patterns": [{"regex": "", "category": "email"}, {"regex": "(", "category": "email"}],
        })))
        .unwrap();
        let told: Vec<String> =
            policy.problems().into_iter().map(|p| format!("{}: {}", p.path, p.message)).collect();
        assert_eq!(
            told,
            [
                "allow_paths.0: `data/email` is neither a JSON pointer (/data/email) nor a key name",
                "extra_keys.account_id.0: an empty name is no key, and finds nothing",
                "extra_keys.account_id.1: `/data/acc` is a path, and a key is one name, wherever it stands: write acc",
                "extra_patterns.0.regex: an empty pattern finds nothing",
                "extra_patterns.1.regex: invalid regular expression: unclosed group",
            ]
        );
    }

    #[test]
    fn a_path_that_is_neither_pointer_nor_name_is_refused() {
        let policy = Policy { allow_paths: vec!["data/email".into()], ..Policy::default() };
        assert!(matches!(AllowList::new(&policy), Err(PolicyError::Path(_))));
    }
}
