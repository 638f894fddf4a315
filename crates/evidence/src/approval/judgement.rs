//! What the approval gate answers: items, contradictions, and a verdict for each artifact and over all.

use super::demand::FlowsOf;
use super::trust::Trust;
use crate::JsonSchema;
use crate::gate::Verdict;
use serde::Serialize;
use std::collections::BTreeSet;
use std::str::FromStr;
use uuid::Uuid;

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// What was run, and what the runner chose.
    Setting,
    /// Whether the file can be trusted.
    Evidence,
    /// The guide's success criteria.
    Checklist,
}

/// One line of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Item {
    /// Stable name, for machines.
    pub id: String,
    /// What it is about.
    pub group: Group,
    /// For people.
    pub title: String,
    /// The answer.
    pub verdict: Verdict,
    /// The figure, or what was seen.
    pub figure: String,
    /// Where the figure comes from.
    pub source: String,
    /// What the trust level leaves open about it: why it is not settled although the figure is correct.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
}

/// A contradiction in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Finding {
    /// Stable name of its kind, for machines.
    pub kind: String,
    /// One sentence.
    pub sentence: String,
}

/// What an artifact is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A run of payments.
    Payments,
    /// A run of matches.
    Matches,
    /// An observation window.
    Observation,
    /// A probe of a receiver.
    Probe,
    /// A run of another scenario, or a file that does not say.
    Other,
}

impl Kind {
    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Payments => "payments",
            Self::Matches => "matches",
            Self::Observation => "observation",
            Self::Probe => "probe",
            Self::Other => "other",
        }
    }
}

/// One artifact, judged.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Judgement {
    /// The file.
    pub artifact: String,
    /// What it is evidence of.
    pub kind: Kind,
    /// The scenario that was run, according to the journal or, without one, the file itself; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// Fail before unproven before pass.
    pub verdict: Verdict,
    /// The checklist.
    pub items: Vec<Item>,
    /// Contradictions; any of them fails the artifact.
    pub contradictions: Vec<Finding>,
    /// Who vouches for it.
    pub trust: Trust,
    /// What was judged, as it was read: whatever lies there by now.
    #[serde(skip)]
    pub judged: Judged,
}

/// The files that a judgement is about, as they were when they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Name and SHA-256 (lower hex) of the artifact, and of each journal that it follows from.
    pub files: Vec<(String, String)>,
    /// The runs of those journals.
    pub runs: BTreeSet<Uuid>,
    /// What a least number of flows is asked of; `None` of a probe, and of a file that does not say what it is.
    pub flows_of: Option<FlowsOf>,
}

impl Judgement {
    /// Puts the verdict together: any contradiction fails; nothing at all is unproven.
    #[must_use]
    pub fn new(artifact: &str, kind: Kind, items: Vec<Item>, mut contradictions: Vec<Finding>) -> Self {
        let mut seen = BTreeSet::new();
        contradictions.retain(|f| seen.insert(f.clone()));
        let contradictions = bounded(contradictions);
        let failed = !contradictions.is_empty();
        let verdict = if failed { Verdict::Fail } else { worst(items.iter().map(|i| i.verdict)) };
        // A file is somebody else's, its name too: a line end in it would begin a command of a CI runner.
        let artifact = pii::shown(artifact);
        let (trust, judged) = (Trust::Numbers, Judged::default());
        Self { artifact, kind, scenario: None, verdict, items, contradictions, trust, judged }
    }
}

/// Most findings of one kind that are told one by one.
const TOLD: usize = 20;

/// A file with a million mistakes need not be told about each of them.
fn bounded(findings: Vec<Finding>) -> Vec<Finding> {
    let mut counts: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    let mut told = Vec::new();
    for finding in findings {
        let count = counts.entry(finding.kind.clone()).or_default();
        *count += 1;
        if *count <= TOLD {
            told.push(finding);
        }
    }
    let more = counts.into_iter().filter(|(_, n)| *n > TOLD);
    told.extend(more.map(|(kind, n)| Finding { kind, sentence: format!("{} more of these", n - TOLD) }));
    told
}

/// The complete judgement.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Approval {
    /// Fail before unproven before pass.
    pub verdict: Verdict,
    /// One for each artifact.
    pub artifacts: Vec<Judgement>,
    /// Required artifacts that are missing.
    pub missing: Vec<Required>,
}

/// An artifact that must be there: `payments`, `matches`, `observation`, `probe`, or the name of another scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Required(String);

impl Required {
    /// Whether this is it.
    fn is(&self, judgement: &Judgement) -> bool {
        match judgement.kind {
            Kind::Other => judgement.scenario.as_deref() == Some(self.word()),
            kind => kind.word() == self.word(),
        }
    }

    /// The word on the command line.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.0
    }
}

impl FromStr for Required {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            return Err("give payments, matches, observation, probe or a scenario name".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

impl Approval {
    /// Puts the verdict together; a required artifact that is missing leaves it unproven.
    #[must_use]
    pub fn new(artifacts: Vec<Judgement>, required: &[Required]) -> Self {
        let is_missing = |required: &&Required| !artifacts.iter().any(|artifact| required.is(artifact));
        let missing: Vec<Required> = required.iter().filter(is_missing).cloned().collect();
        let absent = missing.iter().map(|_| Verdict::Unproven);
        let verdict = worst(artifacts.iter().map(|a| a.verdict).chain(absent));
        Self { verdict, artifacts, missing }
    }
}

/// Fail before unproven before pass; nothing that passed is unproven.
fn worst(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut worst = Verdict::NotExercised;
    for verdict in verdicts {
        worst = match (worst, verdict) {
            (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
            (Verdict::Unproven, _) | (_, Verdict::Unproven) => Verdict::Unproven,
            (Verdict::Pass, _) | (_, Verdict::Pass) => Verdict::Pass,
            _ => Verdict::NotExercised,
        };
    }
    if worst == Verdict::NotExercised { Verdict::Unproven } else { worst }
}

/// Collects contradictions.
#[derive(Debug, Default)]
pub(super) struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(&mut self, kind: &str, sentence: impl Into<String>) {
        self.0.push(Finding { kind: kind.to_owned(), sentence: sentence.into() });
    }
}

/// An item of the group [`Group::Evidence`].
pub(super) fn evidence(
    id: &str,
    title: &str,
    verdict: Verdict,
    figure: impl Into<String>,
    source: impl Into<String>,
) -> Item {
    Item {
        id: id.to_owned(),
        group: Group::Evidence,
        title: title.to_owned(),
        verdict,
        figure: figure.into(),
        source: source.into(),
        open: None,
    }
}
