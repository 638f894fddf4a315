//! Why a value is a finding, or is none: for `--explain` and for whoever writes rules.

use super::category::Category;
use super::document::unescaped;
use super::engine::Engine;
use super::finding::Scan;
use super::hits::Hits;
use super::judge::Context;
use super::keys;
use super::layers::Layers;
use serde::Serialize;

/// One thing that speaks for or against a value being of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The category in question.
    pub category: Category,
    /// It speaks for it; otherwise against.
    pub speaks_for: bool,
    /// What it is, in a few words.
    pub why: String,
}

/// What a scan notes on its way when it is asked for reasons.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub steps: Vec<String>,
    pub reasons: Vec<Reason>,
}

/// Why a value at a place is a finding, or is none.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// What the key was taken for, such as `phone`, `version` or `nothing`.
    pub key: String,
    /// The encodings and carriers that were undone.
    pub undone: Vec<String>,
    /// What spoke for and against, in the order in which it was noticed.
    pub reasons: Vec<Reason>,
    /// What was found, and what the policy allowed.
    pub scan: Scan,
}

impl Engine {
    /// Says for `value` at `place` (a JSON pointer such as `/player/address`, or the name of a header or field) which rules
    /// decided, and what spoke for and against. Objects that only together say something, such as latitude and longitude, are
    /// explained by passing the object as a JSON text.
    #[must_use]
    pub fn explain(&self, place: &str, value: &str) -> Explanation {
        let none = super::canary::Canaries::default();
        let rules = self.rules(&none);
        let steps = place.strip_prefix('/').map_or_else(|| vec![place], |p| p.split('/').collect());
        let context = steps.iter().fold(Context::NONE, |around, step| {
            if step.bytes().all(|b| b.is_ascii_digit()) {
                around.element()
            } else {
                rules.field(around, &unescaped(step))
            }
        });
        let mut hits = Hits::default();
        hits.trace = Some(Box::default());
        Layers::new(rules, &mut hits, value.len()).value(value, context);
        let mut scan = Scan::default();
        self.emit(&hits, || place.to_owned(), &mut scan);
        let Trace { mut steps, mut reasons } = *hits.trace.take().unwrap_or_default();
        steps.dedup();
        reasons.dedup();
        for allowed in &scan.allowed {
            let why = format!("the policy allows it: {}", allowed.rule);
            reasons.push(Reason { category: allowed.category, speaks_for: false, why });
        }
        Explanation { key: said(context.says), undone: steps, reasons, scan }
    }
}

/// What a key says, in a word.
fn said(says: keys::Says) -> String {
    match says {
        keys::Says::Of(category, _) => category.name().to_owned(),
        keys::Says::Nothing | keys::Says::Part => "nothing".to_owned(),
        keys::Says::Version => "version".to_owned(),
        keys::Says::Host => "machine".to_owned(),
        keys::Says::UserAgent => "user agent".to_owned(),
        keys::Says::Opaque | keys::Says::Id => "identifier or measure".to_owned(),
    }
}
