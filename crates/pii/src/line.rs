//! One line of `smoke scan`: `{id, payload, headers, identities}`, parsed once, with its own canaries.

use super::canary::Canaries;
use super::category::Category;
use super::document::{Document, Leaf, Name, NodeId};
use super::engine::Engine;
use super::explain::{Explanation, Reason};
use super::finding::{Detector, Finding, Scan, Unread};
use crate::{Identity, IdentityKind};
use serde::Serialize;
use std::collections::BTreeSet;

/// The members of a wrapper around a payload.
const WRAPPER: [&str; 4] = ["id", "payload", "headers", "identities"];

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is no JSON document.
    #[error(
        "not a JSON object or list, or one like {{\"id\": 1, \"payload\": {{…}}, \"headers\": {{…}}, \"identities\": […]}}"
    )]
    Syntax,
    /// A member of the wrapper is there twice, and only one of them would be read.
    #[error("a member is there twice: only one of the two would be looked at")]
    Twice,
    /// An identity is malformed.
    #[error(
        "identities[{0}]: expected {{\"kind\": one of username, email, display_name, full_name, phone, ip, account_id; \"value\": text}}"
    )]
    Identity(usize),
}

/// The result of a line.
#[derive(Debug, Serialize)]
pub struct LineScan {
    /// The `id` of the line, as it stood there.
    pub id: serde_json::Value,
    /// What leaks.
    pub findings: Vec<Finding>,
    /// What could not be read, or not to its end: not read is not clean.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// Why something at a place of a line is a finding, or is none.
#[derive(Debug, Serialize)]
pub struct Explained {
    /// Where, as in [`Finding`].
    #[serde(rename = "where")]
    pub place: String,
    /// What the key was taken for.
    pub key: String,
    /// The encodings and carriers that were undone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<String>,
    /// What spoke for and against.
    pub reasons: Vec<Reason>,
}

impl Engine {
    /// Explains each place of a line at which something had to be decided, and each of its findings.
    ///
    /// # Errors
    /// When the line cannot be read.
    pub fn explain_line(&self, line: &[u8]) -> Result<Vec<Explained>, LineError> {
        let document = Document::parse(line).ok_or(LineError::Syntax)?;
        let parts = Parts::of(&document)?;
        let nodes = document.nodes().iter().enumerate().skip(parts.payload);
        let inside = nodes.take_while(|(id, n)| *id == parts.payload || n.parent >= parts.payload);
        let leaves =
            inside.filter_map(|(id, n)| Some((document.pointer(parts.payload, id), n.leaf.written()?)));
        let headers =
            parts.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_ref().to_owned()));
        let mut said: Vec<Explained> =
            leaves.chain(headers).filter_map(|(place, value)| self.explained(place, &value)).collect();
        // What members say together, what a key holds, and values of the line's own test users.
        let whole: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        let payload = if parts.payload == 0 { Some(&whole) } else { whole.get("payload") };
        let findings = self.scan_line(line)?.findings;
        said.iter_mut().for_each(|place| place.unsaid(&findings));
        for finding in findings {
            let told = |s: &Explained| {
                s.place == finding.place
                    && s.reasons.iter().any(|r| r.category == finding.category && r.speaks_for)
            };
            if said.iter().any(told) {
                continue;
            }
            let at = payload.and_then(|payload| payload.pointer(&finding.place)).filter(|at| at.is_object());
            let together = at.and_then(|at| self.explained(finding.place.clone(), &at.to_string()));
            match together.filter(|together| told(together)) {
                Some(together) => said.push(together),
                None => said.push(Explained::of(finding)),
            }
        }
        Ok(said)
    }

    /// Explains a plain text, as [`Engine::scan_text`] reads it; none where nothing had to be decided.
    #[must_use]
    pub fn explain_text(&self, text: &str) -> Option<Explained> {
        self.explained(String::new(), text)
    }

    fn explained(&self, place: String, value: &str) -> Option<Explained> {
        let Explanation { key, undone, reasons, .. } = self.explain(&place, value);
        (!reasons.is_empty()).then_some(Explained { place, key, undone, reasons })
    }

    /// Scans one line of JSON lines; the line's identities are looked for besides the engine's own.
    ///
    /// # Errors
    /// When the line is not such an object.
    pub fn scan_line(&self, line: &[u8]) -> Result<LineScan, LineError> {
        let document = Document::parse(line).ok_or(LineError::Syntax)?;
        let parts = Parts::of(&document)?;
        let canaries = Canaries::new(&parts.identities);
        let rules = self.rules(&canaries);
        let mut scan = Scan::default();
        self.document(&document, parts.payload, rules, &mut scan);
        for (name, value) in &parts.headers {
            self.named(name, value, name, rules, &mut scan);
        }
        Ok(LineScan { id: parts.id, findings: scan.findings, unread: scan.unread })
    }
}

impl Explained {
    /// Notes why a name that its key speaks for is no finding: what stands beside it says that it names nobody.
    fn unsaid(&mut self, findings: &[Finding]) {
        for category in [Category::Name, Category::Username] {
            let own = |r: &Reason| r.category == category;
            let known = findings.iter().any(|f| f.category == category && f.place == self.place);
            let (spoken, opposed) = (
                self.reasons.iter().any(|r| own(r) && r.speaks_for),
                self.reasons.iter().any(|r| own(r) && !r.speaks_for),
            );
            if spoken && !opposed && !known {
                let why = "the object around it is about fields, or is a thing".to_owned();
                self.reasons.push(Reason { category, speaks_for: false, why });
            }
        }
    }

    /// What only the finding itself says.
    fn of(finding: Finding) -> Self {
        let why = match finding.detector {
            Detector::Canary => "a value of a test user",
            Detector::Key | Detector::Pattern => "the member's own name, or what is next to it",
        };
        let reason = Reason { category: finding.category, speaks_for: true, why: why.to_owned() };
        Self { place: finding.place, key: "nothing".to_owned(), undone: Vec::new(), reasons: vec![reason] }
    }
}

/// The members of a line.
struct Parts<'d> {
    id: serde_json::Value,
    payload: NodeId,
    headers: Vec<(&'d str, std::borrow::Cow<'d, str>)>,
    identities: Vec<Identity>,
}

impl<'d> Parts<'d> {
    fn of(document: &'d Document<'_>) -> Result<Self, LineError> {
        let nodes = document.nodes();
        if !matches!(nodes.first().map(|n| &n.leaf), Some(Leaf::Container)) {
            return Err(LineError::Syntax);
        }
        let top = nodes.iter().enumerate().skip(1).filter(|(_, n)| n.parent == 0);
        let members: Vec<(&str, NodeId)> = top
            .filter_map(|(id, n)| if let Name::Key(key) = &n.name { Some((key.as_ref(), id)) } else { None })
            .collect();
        let member = |name: &str| members.iter().find(|(key, _)| *key == name).map(|(_, id)| *id);
        let is_wrapper = member("payload").is_some()
            && (member("identities").is_some() || members.iter().all(|(key, _)| WRAPPER.contains(key)));
        if !is_wrapper {
            // A payload as it is.
            return Ok(Self {
                id: serde_json::Value::Null,
                payload: 0,
                headers: Vec::new(),
                identities: Vec::new(),
            });
        }
        let mut seen = BTreeSet::new();
        if !members.iter().all(|(key, _)| seen.insert(*key)) {
            return Err(LineError::Twice);
        }
        let payload = member("payload").ok_or(LineError::Syntax)?;
        let id =
            member("id").and_then(|at| nodes.get(at)).map_or(serde_json::Value::Null, |n| match &n.leaf {
                Leaf::Text(text) => text.as_ref().into(),
                Leaf::Whole(number) => (*number).into(),
                _ => serde_json::Value::Null,
            });
        Ok(Self {
            id,
            payload,
            headers: headers(document, member("headers")),
            identities: identities(document, member("identities"))?,
        })
    }
}

/// The headers of a line: text values, or lists of them.
fn headers<'d>(
    document: &'d Document<'_>,
    root: Option<NodeId>,
) -> Vec<(&'d str, std::borrow::Cow<'d, str>)> {
    let Some(root) = root else { return Vec::new() };
    let mut list: Vec<(&str, std::borrow::Cow<'d, str>)> = Vec::new();
    let nodes = document.nodes();
    for node in nodes.iter().skip(root + 1).take_while(|n| n.parent >= root) {
        let named = if node.parent == root {
            Some(node)
        } else {
            nodes.get(node.parent).filter(|n| n.parent == root)
        };
        let Some(Name::Key(name)) = named.map(|n| &n.name) else { continue };
        match &node.leaf {
            Leaf::Text(value) => list.push((name, value.as_ref().into())),
            Leaf::Whole(number) => list.push((name, number.to_string().into())),
            _ => {}
        }
    }
    list
}

/// The canaries of a line.
fn identities(document: &Document<'_>, root: Option<NodeId>) -> Result<Vec<Identity>, LineError> {
    let Some(root) = root else { return Ok(Vec::new()) };
    let nodes = document.nodes();
    let mut list = Vec::new();
    for (at, node) in nodes.iter().enumerate().skip(root + 1).take_while(|(_, n)| n.parent >= root) {
        if node.parent != root {
            continue;
        }
        let text = |name: &str| {
            nodes.iter().skip(at + 1).take_while(|n| n.parent >= at).find_map(|n| match (&n.name, &n.leaf) {
                (Name::Key(key), Leaf::Text(value)) if n.parent == at && key == name => Some(value.as_ref()),
                _ => None,
            })
        };
        let index = list.len();
        let kind = text("kind").and_then(kind).ok_or(LineError::Identity(index))?;
        let value = text("value").ok_or(LineError::Identity(index))?.to_owned();
        list.push(Identity { kind, value });
    }
    Ok(list)
}

/// The kind of a canary by its name.
fn kind(name: &str) -> Option<IdentityKind> {
    Some(match name {
        "username" => IdentityKind::Username,
        "email" => IdentityKind::Email,
        "display_name" => IdentityKind::DisplayName,
        "full_name" => IdentityKind::FullName,
        "phone" => IdentityKind::Phone,
        "ip" => IdentityKind::Ip,
        "account_id" => IdentityKind::AccountId,
        _ => return None,
    })
}
