//! Scans one text through all its layers: what it says itself, and what is encoded in it.

use super::canary::Canaries;
use super::category::Category;
use super::decode::{self, Decoded};
use super::detect::hints::{Hints, hints};
use super::detect::{account, card, digits, email, gov, iban, ip, pairs, phone, token};
use super::document::{Document, Leaf, Name};
use super::hits::Hits;
use super::judge::{Context, Subject, judge, username};
use super::keys::{self, Role, Says};
use super::memo::Memo;
use super::text::{self, Classes};
use regex::Regex;
use std::collections::HashMap;

/// How many encodings may lie on each other; one more than promised, for a JSON text around them.
const MAX_LAYERS: usize = 4;

/// Decoded bytes per byte of a leaf. Nested base64 shrinks and JSON copies, so honest texts stay far below.
const DECODED_PER_BYTE: usize = 6;

/// What does not change from leaf to leaf.
#[derive(Clone, Copy)]
pub(super) struct Rules<'e> {
    pub canaries: [&'e Canaries; 2],
    pub extra_keys: &'e HashMap<String, Category>,
    pub extra_patterns: &'e [(Regex, Category)],
    /// What was found clean under these very rules.
    pub memo: Option<&'e Memo>,
}

impl Rules<'_> {
    /// The context of a member `name` in a container of context `parent`.
    pub fn step(&self, parent: Context, name: &Name<'_>) -> Context {
        match name {
            Name::Root => parent,
            Name::Index(_) => parent.element(),
            Name::Key(key) => self.under(parent, key),
        }
    }

    /// The context under a key.
    pub fn under(&self, parent: Context, key: &str) -> Context {
        let class = keys::classify(key);
        let part = class.says == Says::Part;
        let inside = match class.role {
            Role::Person => Subject::Person,
            Role::Thing => Subject::Thing,
            Role::Platform => Subject::Platform,
            Role::Wrapper => parent.inside.element(),
            Role::Carrier => Subject::Carrier,
            Role::Carriers => Subject::Carriers,
            Role::Other if parent.inside == Subject::Carriers => Subject::Carrier,
            // Parts of a thing are about it.
            Role::Other if parent.inside == Subject::Thing => Subject::Thing,
            Role::People | Role::Other => Subject::Unknown,
        };
        // `versions: {ios: …}` are versions, whatever the members are called; `patch: {author: …}` is a person.
        let inherited = class.role != Role::Person
            && match parent.says {
                Says::Version => {
                    matches!(class.says, Says::Nothing | Says::Id | Says::BareName | Says::Opaque)
                }
                Says::UserAgent => class.says == Says::Nothing,
                Says::Ip => key.eq_ignore_ascii_case("address"),
                _ => false,
            };
        let (says, around) = match class.says {
            Says::Part => (parent.says, parent.around),
            _ if inherited => (parent.says, parent.inside),
            says => (says, parent.inside),
        };
        let extra = if self.extra_keys.is_empty() {
            None
        } else {
            self.extra_keys.get(&key.to_lowercase()).copied().or(parent.extra.filter(|_| part))
        };
        Context { says, around, inside, extra }
    }
}

/// What a text has in it.
#[derive(Clone, Copy)]
struct Glance {
    classes: Classes,
    /// Its digits; none of them counts when the decoded text shows them better.
    digits: usize,
    /// Words are joined by `+`, and the text without it is scanned too.
    joined: bool,
}

/// A scan of the texts at one place.
pub(super) struct Layers<'r, 'h> {
    pub rules: Rules<'r>,
    pub hits: &'h mut Hits,
    budget: usize,
}

impl<'r, 'h> Layers<'r, 'h> {
    /// A scan that decodes at most a fixed multiple of `bytes`.
    pub fn new(rules: Rules<'r>, hits: &'h mut Hits, bytes: usize) -> Self {
        Self { rules, hits, budget: bytes.saturating_mul(DECODED_PER_BYTE).saturating_add(4096) }
    }

    /// Scans the value of a leaf. `parent` is what surrounds the key, for what it says about objects inside a text.
    pub fn value(&mut self, raw: &str, context: Context) {
        self.layer(raw, context, 0);
    }

    /// Scans a whole number. Counts are written as numbers, too: only long ones are phones, and none is a name or secret.
    pub fn number(&mut self, number: u64, context: Context) {
        if number < 1000 {
            return;
        }
        let written = number.to_string();
        let judged = match context.says {
            Says::Phone => number >= 10_000_000,
            Says::Card | Says::Account | Says::GovId | Says::Ip | Says::Platform | Says::Id => true,
            _ => context.extra.is_some(),
        };
        if judged {
            judge(&written, context, self.hits);
        }
        if number >= 100_000 {
            self.canaries(&written);
            self.numbers(&written, context, Hints::default(), false);
        }
    }

    /// One layer and those below it.
    fn layer(&mut self, raw: &str, context: Context, depth: usize) {
        let view = text::normalise(raw);
        let view = view.as_ref();
        let (classes, digits) = text::survey(view);
        self.hits.worked(view.len());
        if (classes.has(Classes::BRACE.or(Classes::BACKSLASH)) || view.starts_with('"'))
            && let Some(rest) = self.json(view, context, depth)
        {
            for part in rest.into_iter().filter(|p| !p.trim().is_empty()) {
                let (classes, digits) = text::survey(part);
                self.flat(part, context, classes, digits, depth);
            }
            return;
        }
        judge(view, context, self.hits);
        if is_digest(view) {
            self.canaries(view);
            return;
        }
        self.flat(view, context, classes, digits, depth);
    }

    /// A text that is no document, and what is encoded in it.
    fn flat(&mut self, view: &str, context: Context, classes: Classes, digits: usize, depth: usize) {
        let decoded = self.inline(view, classes, depth);
        let form = self.form(view, classes, depth);
        // What numbers are is said by the words before them, which the decoded text shows.
        let digits = if decoded.as_ref().is_some_and(|d| d.veiled) { 0 } else { digits };
        self.plain(view, context, Glance { classes, digits, joined: form.is_some() });
        for text in decoded.map(|d| d.text).into_iter().chain(form) {
            self.layer(&text, context, depth + 1);
        }
        self.base64(view, context, classes, depth);
    }

    /// The text without percent-encoding, entities and escapes, as far as the budget goes.
    fn inline(&mut self, view: &str, classes: Classes, depth: usize) -> Option<Decoded> {
        let marked = classes.has(Classes::PERCENT.or(Classes::AMPERSAND).or(Classes::BACKSLASH));
        if depth >= MAX_LAYERS || !marked {
            return None;
        }
        self.hits.worked(view.len());
        let decoded = decode::inline(view)?;
        self.spend(decoded.text.len()).map(|()| decoded)
    }

    /// The text with blanks for `+`, otherwise like [`Layers::inline`].
    fn form(&mut self, view: &str, classes: Classes, depth: usize) -> Option<String> {
        if depth >= MAX_LAYERS || !classes.has(Classes::PLUS) {
            return None;
        }
        self.hits.worked(view.len());
        let form = decode::form(view)?;
        let decoded = decode::inline(&form).map_or(form, |d| d.text);
        self.spend(decoded.len()).map(|()| decoded)
    }

    /// What a text says as it stands.
    fn plain(&mut self, view: &str, context: Context, glance: Glance) {
        let Glance { classes, digits, joined } = glance;
        self.canaries(view);
        if classes.has(Classes::PLUS) && self.rules.canaries.iter().any(|c| c.has_blanks()) {
            self.canaries(&view.replace('+', " "));
        }
        if classes.has(Classes::AT) && !joined {
            email::detect(view, self.hits);
        }
        // Under a version key stands a version, but a whole sentence may speak of anything.
        let says = match context.says {
            Says::Version if view.split_whitespace().nth(3).is_some() => Says::Nothing,
            says => says,
        };
        let place = ip::Place { says, canaries: self.rules.canaries };
        if digits >= 4 && classes.has(Classes::DOT) && !joined {
            ip::detect_v4(view, place, self.hits);
        }
        if classes.has(Classes::COLON) && view.len() >= 3 {
            ip::detect_v6(view, place, self.hits);
        }
        let marks = Classes::COLON.or(Classes::SLASH).or(Classes::EQUALS);
        let hinted = digits > 0 || classes.has(marks) || view.contains("-----B");
        let hints = if hinted && view.len() >= 8 {
            self.hits.worked(view.len());
            hints(view)
        } else {
            Hints::default()
        };
        if digits >= 6 {
            self.numbers(view, context, hints, joined);
        }
        token::detect(view, hints, self.hits);
        if classes.has(Classes::EQUALS.or(Classes::COLON).or(Classes::ANGLE)) {
            self.pairs(view, joined);
        }
        for (pattern, category) in self.rules.extra_patterns {
            self.hits.worked(view.len());
            for found in pattern.find_iter(view).filter(|f| !f.is_empty()) {
                self.hits.shape(*category, found.as_str());
            }
        }
    }

    fn canaries(&mut self, view: &str) {
        for canaries in self.rules.canaries {
            canaries.search(view, self.hits);
        }
    }

    /// Values made of digits: cards, phones, IBANs, accounts, numbers of a state.
    fn numbers(&mut self, view: &str, context: Context, hints: Hints, joined: bool) {
        let mut covered = Vec::new();
        if view.len() >= 15 && view.bytes().any(|b| b.is_ascii_alphabetic()) {
            iban::detect(view, self.hits, |start, end| covered.push(start..end));
        }
        let hidden;
        let view = if covered.is_empty() {
            view
        } else {
            hidden = hide(view, &covered);
            hidden.as_str()
        };
        let opaque = joined || is_opaque(view, context.says);
        let hits = &mut *self.hits;
        hits.worked(view.len());
        let canaries = self.rules.canaries;
        let mut national = false;
        digits::runs(view, 6, |run| {
            for set in canaries.iter().filter(|c| c.has_phones()) {
                set.search_run(run, hits);
            }
            if !opaque {
                card::detect(run, hits);
                national |= run.groups() >= 2 && run.digits_until(run.groups() - 1).len() >= 9;
            }
            if !opaque || run.has_plus(0) && !(joined && phone::is_numbered(run, 0)) {
                phone::detect(run, hits);
            }
        });
        if national {
            phone::detect_national(view, hits);
        }
        if hints.has(Hints::PHONE_LINK) {
            phone::detect_links(view, hits);
        }
        if hints.has(Hints::STEAM) {
            account::detect(view, hits);
        }
        if hints.has(Hints::GOV) && context.says != Says::GovId {
            gov::detect(view, hits);
        }
    }

    /// Keys inside the text; where `+` joins words, only those that need no words after them.
    fn pairs(&mut self, view: &str, joined: bool) {
        let rules = self.rules;
        let hits = &mut *self.hits;
        hits.worked(view.len());
        let wanted = |key: &str| {
            let context = rules.under(Context::NONE, key);
            context.extra.is_some()
                || !matches!(
                    context.says,
                    Says::Nothing | Says::Opaque | Says::Id | Says::Version | Says::Part
                )
        };
        pairs::pairs(view, wanted, |pair| {
            let context = rules.under(Context::NONE, pair.key);
            hits.worked(pair.key.len() + pair.value.len());
            let plain = pair.value.replace('+', " ");
            let value = decode::percent(&plain).unwrap_or(plain);
            let readable = !joined || pair.bond == pairs::Bond::Tight;
            if readable && fits(context.says, pair, &value) {
                judge(&value, context, hits);
            }
        });
    }

    /// JSON that the text is, or that stands in it: its leaves are scanned; gives what stands around it.
    fn json<'t>(&mut self, view: &'t str, context: Context, depth: usize) -> Option<[&'t str; 2]> {
        if depth >= MAX_LAYERS {
            return None;
        }
        let start = if view.starts_with('"') { 0 } else { view.find(['{', '['])? };
        let mut from = start;
        for _ in 0..3 {
            let rest = view.get(from..)?;
            self.hits.worked(rest.len().min(4096));
            if let Some((document, used)) = Document::parse_prefix(rest).filter(|(d, n)| is_telling(d, *n)) {
                self.spend(used)?;
                self.document(&document, Context { says: Says::Nothing, ..context }, depth + 1);
                return Some([view.get(..from)?, view.get(from + used..)?]);
            }
            if from == 0 && view.starts_with('"') {
                return None;
            }
            from = view.get(from + 1..)?.find(['{', '['])? + from + 1;
        }
        None
    }

    /// The leaves and keys of a document inside a text.
    fn document(&mut self, document: &Document<'_>, outer: Context, depth: usize) {
        let mut contexts: Vec<Context> = Vec::with_capacity(document.nodes().len());
        for node in document.nodes() {
            let parent = contexts.get(node.parent).copied().unwrap_or(outer);
            let context = self.rules.step(parent, &node.name);
            contexts.push(context);
            if let Name::Key(key) = &node.name {
                if is_data(key) {
                    self.layer(key, parent.of_keys(), depth);
                } else {
                    self.canaries(key);
                }
            }
            match &node.leaf {
                Leaf::Text(value) => self.layer(value, context, depth),
                Leaf::Whole(number) => self.number(*number, context),
                _ => {}
            }
        }
    }

    /// What base64 hides in a text.
    fn base64(&mut self, view: &str, context: Context, classes: Classes, depth: usize) {
        if depth >= MAX_LAYERS {
            return;
        }
        if view.len() >= 8 && (classes.has(Classes::UPPER) || classes.has(Classes::DIGIT)) {
            self.hits.worked(view.len());
            let mut found = Vec::new();
            decode::base64_texts(view, |t| found.push(t));
            for decoded in found {
                if self.spend(decoded.len()).is_some() {
                    self.layer(&decoded, context, depth + 1);
                }
            }
        }
    }

    /// Takes decoded bytes from the budget.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.budget = self.budget.checked_sub(bytes)?;
        Some(())
    }
}

/// A key that holds data rather than a name: more than letters, digits and separators, or long.
pub(super) fn is_data(key: &str) -> bool {
    let (classes, digits) = text::survey(key);
    let marks = Classes::AT
        .or(Classes::DOT)
        .or(Classes::COLON)
        .or(Classes::PERCENT)
        .or(Classes::WIDE)
        .or(Classes::EQUALS)
        .or(Classes::SLASH)
        .or(Classes::AMPERSAND)
        .or(Classes::BACKSLASH)
        .or(Classes::PLUS)
        .or(Classes::BRACE);
    classes.has(marks) || digits >= 6 || key.len() >= 24
}

/// A document worth taking apart: an object, a non-empty array, or a string of its own.
fn is_telling(document: &Document<'_>, used: usize) -> bool {
    match document.nodes().first().map(|n| &n.leaf) {
        Some(Leaf::Container) => document.nodes().len() > 1 && used >= 6,
        Some(Leaf::Text(inner)) => used > inner.len() + 2 || inner.starts_with(['{', '[']),
        _ => false,
    }
}

/// A digest or UUID: hex digits of one of the usual lengths, at least one of them a letter.
fn is_digest(view: &str) -> bool {
    if match view.len() {
        36 => text::is_uuid(view),
        32 | 40 | 64 | 96 | 128 => view.bytes().all(|b| b.is_ascii_hexdigit()),
        _ => return false,
    } {
        view.bytes().any(|b| b.is_ascii_alphabetic())
    } else {
        false
    }
}

/// Digits of the whole value number something: it stands under such a key, and is no sentence.
fn is_opaque(view: &str, says: Says) -> bool {
    matches!(
        says,
        Says::Opaque | Says::Id | Says::Version | Says::Account | Says::UserAgent | Says::GovId | Says::Iban
    ) && view.split_whitespace().filter(|w| w.bytes().any(|b| b.is_ascii_alphabetic())).count() <= 1
}

/// The text with `covered` ranges blotted out.
fn hide(view: &str, covered: &[std::ops::Range<usize>]) -> String {
    let mut bytes = view.as_bytes().to_vec();
    for range in covered {
        if let Some(part) = bytes.get_mut(range.clone()) {
            part.fill(b'X');
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Whether a pair in prose is one: after a colon come words, too.
fn fits(says: Says, pair: pairs::Pair<'_>, value: &str) -> bool {
    let tight = pair.bond == pairs::Bond::Tight;
    let marked = value.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'_' | b'#'));
    match says {
        _ if value.is_empty() => false,
        Says::Username if !tight => {
            let explicit = pair.key.to_ascii_lowercase().replace(['_', '-'], "").contains("username");
            username(value).is_some_and(|u| u.chars().nth(2).is_some())
                && (marked || explicit && !pair.runs_on)
        }
        Says::PersonName | Says::DisplayName | Says::User => tight,
        Says::Token | Says::Password => tight || token::is_random(value),
        Says::Account | Says::GovId => tight || marked,
        _ => true,
    }
}
