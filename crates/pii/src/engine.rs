//! The engine: built once per run from policy and canaries, then shared by reference between threads.

use super::about;
use super::canary::Canaries;
use super::category::Category;
use super::decode::{self, Coding, fields};
use super::document::{Document, Leaf, Name, NodeId, pointer_step, unescaped};
use super::entry;
use super::finding::{Allowance, Detector, Finding, Scan, Unread};
use super::forwarded::{self, Forwarded};
use super::hits::{Hit, Hits};
use super::judge::Context;
use super::layers::{Layers, joints};
use super::leaves::{known_clean, leaf, named, plain_key};
use super::mask::mask;
use super::memo::Memo;
use super::policy::{AllowList, Policy, PolicyError};
use super::request;
use super::rules::Rules;
use crate::Identity;
use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

/// Shortest value that is masked where it stands in a text, in bytes.
const SHORTEST: usize = 4;

/// Detectors, canaries and policy of a run.
#[derive(Debug)]
pub struct Engine {
    canaries: Canaries,
    allow: AllowList,
    disabled: Vec<Category>,
    extra_keys: HashMap<String, Category>,
    extra_patterns: Vec<(Regex, Category)>,
    salt: Vec<u8>,
}

/// One HTTP request as it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Names and values of all headers.
    pub headers: &'a [(String, String)],
    /// Path and query.
    pub target: &'a str,
    /// The raw body.
    pub body: &'a [u8],
    /// Names of the delivery's own signature headers, which are left out.
    pub own_headers: &'a [&'a str],
    /// JSON pointers of what the delivery's own signature is made of in the body: tokens there are its own, as long as they are
    /// none that a canary knows.
    pub own_places: &'a [String],
}

impl Engine {
    /// An engine for `policy` that knows the values of `identities`. `salt` goes before every hashed value.
    ///
    /// # Errors
    /// When a pattern or path of the policy is malformed.
    pub fn new(policy: &Policy, identities: &[Identity], salt: &[u8]) -> Result<Self, PolicyError> {
        Self::knowing(policy, Canaries::new(identities), salt)
    }

    /// The same of values that were added one by one.
    ///
    /// # Errors
    /// When a pattern or path of the policy is malformed.
    pub fn knowing(policy: &Policy, canaries: Canaries, salt: &[u8]) -> Result<Self, PolicyError> {
        let mut extra_keys = HashMap::new();
        for (category, keys) in &policy.extra_keys {
            extra_keys.extend(keys.iter().map(|k| (k.to_lowercase(), *category)));
        }
        let mut extra_patterns = Vec::new();
        for (index, extra) in policy.extra_patterns.iter().enumerate() {
            let pattern =
                Regex::new(&extra.regex).map_err(|e| PolicyError::Pattern { index, source: Box::new(e) })?;
            extra_patterns.push((pattern, extra.category));
        }
        Ok(Self {
            canaries,
            allow: AllowList::new(policy)?,
            disabled: policy.disabled.clone(),
            extra_keys,
            extra_patterns,
            salt: salt.to_vec(),
        })
    }

    /// Scans a whole request: body, keys, headers, path and query. `memo` is for this engine alone; what it holds as clean is
    /// not looked at again.
    #[must_use]
    pub fn scan_request(&self, request: &Request<'_>, memo: &Memo) -> Scan {
        let mut scan = Scan::default();
        let none = Canaries::default();
        let rules = Rules { memo: Some(memo), ..self.rules(&none) };
        let coding = request::coding(request.headers);
        let packed = coding.and_then(Coding::named);
        if request::is_form(request.headers) {
            self.form(request.body, packed, rules, &mut scan);
        } else {
            self.body(request.body, packed, rules, &mut scan);
        }
        if let Some(coding) = coding
            && scan.unread.is_empty()
            && decode::readable_as(request.body, packed).text.contains('\u{fffd}')
        {
            scan.unread.push(Unread { place: String::new(), why: format!("content-encoding {coding}") });
        }
        let own = |f: &Finding| {
            let known = f.category != Category::Token || f.detector == Detector::Canary;
            !known && request.own_places.contains(&f.place)
        };
        scan.findings.retain(|finding| !own(finding));
        self.beside_body(request, rules, &mut scan);
        scan
    }

    /// Scans what a request says beside its body: headers, path and query. Nothing of it can be unread.
    #[must_use]
    pub fn scan_head(&self, request: &Request<'_>, memo: &Memo) -> Scan {
        let mut scan = Scan::default();
        let none = Canaries::default();
        self.beside_body(request, Rules { memo: Some(memo), ..self.rules(&none) }, &mut scan);
        scan
    }

    fn beside_body(&self, request: &Request<'_>, rules: Rules<'_>, scan: &mut Scan) {
        let shown = |name: &str| !request.own_headers.iter().any(|own| own.eq_ignore_ascii_case(name));
        for (name, value) in request.headers.iter().filter(|(n, _)| shown(n)) {
            if let Some(work) = known_clean(name, value, rules) {
                scan.bytes_examined += work;
            } else if forwarded::is_of_proxies(name) {
                self.forwarded(name, value, rules, scan);
            } else {
                self.named(name, value, name, rules, scan);
            }
        }
        self.target(request.target, rules, scan);
    }

    /// Scans a parsed payload and its headers.
    #[must_use]
    pub fn scan_payload(&self, payload: &Value, headers: &[(String, String)]) -> Scan {
        let mut scan = Scan::default();
        let none = Canaries::default();
        let rules = self.rules(&none);
        if let Ok(document) = Document::read(payload) {
            self.document(&document, 0, rules, &mut scan);
        }
        for (name, value) in headers {
            self.named(name, value, name, rules, &mut scan);
        }
        scan
    }

    /// Scans a plain text, such as a log line. Findings stand at the empty place.
    #[must_use]
    pub fn scan_text(&self, text: &str) -> Scan {
        let mut scan = Scan::default();
        let none = Canaries::default();
        self.text(text, "", Context::NONE, self.rules(&none), &mut scan);
        scan
    }

    /// A plain text with each value that leaks masked where it stands. A value that stands there in another writing, and one
    /// too short to be told from other words, stay: who shows the text scans it again.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        let mut hits = Hits::default();
        let none = Canaries::default();
        Layers::new(self.rules(&none), &mut hits, text.len()).value(text, Context::NONE);
        hits.list.retain(|hit| hit.value.len() >= SHORTEST && !self.disabled.contains(&hit.category));
        // The longer first: it may have the shorter one in it.
        hits.list.sort_by_key(|hit| Reverse(hit.value.len()));
        let list = hits.list.iter();
        list.fold(text.to_owned(), |text, hit| text.replace(&hit.value, &mask(hit.category, &hit.value)))
    }

    /// A place as people may see it: a key that is somebody's data is masked in it, so that the pointer leads nowhere then.
    #[must_use]
    pub fn masked_place(&self, place: &str) -> String {
        let step = |step: &str| {
            let key = unescaped(step);
            let masked = self.masked(&key);
            let clean = self.scan_text(&masked).findings.is_empty();
            if clean { pointer_step(&masked) } else { "***".to_owned() }
        };
        place.split('/').map(step).collect::<Vec<_>>().join("/")
    }

    /// Scans the body of an API response: JSON by its leaves, anything else as text. With a memo, as for [`Engine::scan_request`].
    #[must_use]
    pub fn scan_response(&self, body: &[u8], memo: Option<&Memo>) -> Scan {
        let mut scan = Scan::default();
        let none = Canaries::default();
        self.body(body, None, Rules { memo, ..self.rules(&none) }, &mut scan);
        scan
    }

    /// The rules with further canaries.
    pub(super) fn rules<'e>(&'e self, more: &'e Canaries) -> Rules<'e> {
        Rules {
            canaries: [&self.canaries, more],
            extra_keys: &self.extra_keys,
            extra_patterns: &self.extra_patterns,
            memo: None,
        }
    }

    fn body(&self, body: &[u8], packed: Option<Coding>, rules: Rules<'_>, scan: &mut Scan) {
        scan.bytes_examined += body.len() as u64;
        if let Some(document) = Document::parse(body) {
            self.document(&document, 0, rules, scan);
            return;
        }
        let read = decode::readable_as(body, packed);
        if let Some(why) = read.unread {
            scan.unread.push(Unread { place: String::new(), why: why.to_owned() });
        }
        match Document::parse(read.text.as_bytes()) {
            Some(document) => self.document(&document, 0, rules, scan),
            None => self.text(&read.text, "", Context::NONE, rules, scan),
        }
    }

    /// A form: every field is a leaf, its place the pointer `/NAME`.
    fn form(&self, body: &[u8], packed: Option<Coding>, rules: Rules<'_>, scan: &mut Scan) {
        let read = decode::readable_as(body, packed);
        if let Some(why) = read.unread {
            scan.unread.push(Unread { place: String::new(), why: why.to_owned() });
        }
        self.fields(&read.text, |name| format!("/{}", pointer_step(name)), rules, scan);
    }

    /// Path and query of a request.
    fn target(&self, target: &str, rules: Rules<'_>, scan: &mut Scan) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !path.is_empty() {
            let mut hits = Hits::default();
            leaf(path, Context::NONE, rules, &mut hits);
            self.emit(&hits, || "path".to_owned(), scan);
        }
        self.fields(query, |name| format!("query:{name}"), rules, scan);
    }

    /// The fields of a form or query: each by itself, and those of one object together.
    fn fields(&self, text: &str, place: impl Fn(&str) -> String, rules: Rules<'_>, scan: &mut Scan) {
        let list: Vec<(String, String)> = request::pairs(text).collect();
        let mut members = Vec::new();
        for (name, value) in &list {
            self.named(name, value, &place(name), rules, scan);
            if let Some((category, part)) = rules.field(Context::NONE, name).member {
                let object = fields::enclosing(name).unwrap_or("");
                members.push((object, name, (category, part, Cow::Borrowed(value.as_str()))));
            }
        }
        members.sort_by_key(|(object, ..)| *object);
        for own in members.chunk_by(|a, b| a.0 == b.0) {
            let object = own.first().map_or("", |(object, ..)| object);
            let said: Vec<_> = own.iter().map(|(.., member)| member.clone()).collect();
            for (category, joint) in joints(&said, rules.field(Context::NONE, object)) {
                let at = joint.at.and_then(|at| own.get(at)).or(own.first());
                self.joint(
                    category,
                    &joint.value,
                    &at.map_or_else(String::new, |(_, name, _)| place(name)),
                    scan,
                );
            }
        }
    }

    /// A value with a name: a header, a form field, a query parameter.
    pub(super) fn named(&self, name: &str, value: &str, place: &str, rules: Rules<'_>, scan: &mut Scan) {
        let hits = named(name, value, rules);
        self.emit(&hits, || place.to_owned(), scan);
    }

    /// A header of proxies: an address in it that is no test user's is known only beside those of other requests.
    fn forwarded(&self, header: &str, value: &str, rules: Rules<'_>, scan: &mut Scan) {
        let mut hits = named(header, value, rules);
        let own = |hit: &Hit| {
            let judged = hit.category == Category::IpAddress && hit.detector != Detector::Canary;
            let open = judged && !self.disabled.contains(&hit.category);
            hit.value.parse::<IpAddr>().ok().filter(|_| open)
        };
        let allowed = |hit: &Hit| self.allow.rule(hit.category, header, &hit.value).is_some();
        let mut said = Vec::new();
        hits.list.retain(|hit| match own(hit) {
            Some(address) if !allowed(hit) => {
                if !forwarded::is_of_no_public_network(address) {
                    said.push(Forwarded { address, finding: self.finding(hit, header.to_owned()) });
                }
                false
            }
            _ => true,
        });
        // One finding for a category and place: what stands beside a user's address makes it no other.
        if !hits.list.iter().any(|hit| hit.category == Category::IpAddress && !allowed(hit)) {
            scan.forwarded.extend(said);
        }
        self.emit(&hits, || header.to_owned(), scan);
    }

    fn text(&self, text: &str, place: &str, context: Context, rules: Rules<'_>, scan: &mut Scan) {
        let mut hits = Hits::default();
        Layers::new(rules, &mut hits, text.len()).value(text, context);
        self.emit(&hits, || place.to_owned(), scan);
    }

    /// Every leaf and key below `root`.
    pub(super) fn document(&self, document: &Document<'_>, root: NodeId, rules: Rules<'_>, scan: &mut Scan) {
        let nodes = document.nodes();
        let mut contexts: Vec<Context> = Vec::with_capacity(nodes.len().saturating_sub(root));
        // Members that may say something together: their container and themselves.
        let mut members: Vec<(NodeId, NodeId)> = Vec::new();
        for (id, node) in nodes.iter().enumerate().skip(root) {
            if id != root && node.parent < root {
                break;
            }
            let parent = node.parent.checked_sub(root).and_then(|at| contexts.get(at));
            let parent = parent.copied().filter(|_| id != root);
            let entry = parent.and_then(|_| entry::named(document, id, |key| rules.tells(key)));
            let context = parent.map_or(Context::NONE, |parent| match &entry {
                Some(key) => rules.under(parent, key),
                None => rules.step(parent, &node.name),
            });
            contexts.push(context);
            if context.member.is_some() && !matches!(node.leaf, Leaf::Container | Leaf::Nothing) {
                members.push((node.parent, id));
            }
            let mut hits = Hits::default();
            match &node.leaf {
                Leaf::Text(value) if !value.is_empty() => leaf(value, context, rules, &mut hits),
                Leaf::Whole(number) => Layers::new(rules, &mut hits, 20).number(*number, context),
                Leaf::Signed(number) => Layers::new(rules, &mut hits, 20).negative(*number, context),
                Leaf::Real(number) => Layers::new(rules, &mut hits, 20).real(*number, context),
                _ => {}
            }
            if entry.is_none() && hits.has_keyed_words() && matches!(node.name, Name::Key(_)) {
                let around = parent.unwrap_or(context).describes;
                about::drop_of_nobody(document, (id, context, around), &mut hits);
            }
            if let Name::Key(key) = &node.name
                && let Some(parent) = parent
            {
                self.key(key, (parent, context.data), rules, &mut hits);
            }
            self.emit(&hits, || document.pointer(root, id), scan);
        }
        if members.len() >= 2 {
            members.sort_by_key(|(container, _)| *container);
            for own in members.chunk_by(|a, b| a.0 == b.0) {
                self.record(document, (root, own), &contexts, scan);
            }
        }
    }

    /// What members of one object say together.
    fn record(
        &self,
        document: &Document<'_>,
        (root, own): (NodeId, &[(NodeId, NodeId)]),
        contexts: &[Context],
        scan: &mut Scan,
    ) {
        let context = |id: NodeId| {
            id.checked_sub(root).and_then(|at| contexts.get(at)).copied().unwrap_or(Context::NONE)
        };
        let list: Vec<(Category, u8, Cow<'_, str>)> = own
            .iter()
            .filter_map(|(_, id)| {
                let (category, part) = context(*id).member?;
                Some((category, part, Cow::Owned(document.nodes().get(*id)?.leaf.written()?)))
            })
            .collect();
        let Some((container, _)) = own.first().filter(|_| list.len() == own.len()) else { return };
        for (category, joint) in joints(&list, context(*container)) {
            let at = joint.at.and_then(|at| own.get(at)).map_or(*container, |(_, id)| *id);
            self.joint(category, &joint.value, &document.pointer(root, at), scan);
        }
    }

    /// What members say together at a place, which may be something else than one of them says alone.
    fn joint(&self, category: Category, value: &str, place: &str, scan: &mut Scan) {
        let other =
            |f: &Finding| category.kind().disowns.contains(&f.category) && f.detector != Detector::Canary;
        scan.findings.retain(|f| f.place != place || !other(f));
        let mut hits = Hits::default();
        hits.keyed(category, Some(value));
        self.emit(&hits, || place.to_owned(), scan);
    }

    /// A key that may hold data.
    fn key(&self, key: &str, (parent, data): (Context, bool), rules: Rules<'_>, hits: &mut Hits) {
        if data {
            Layers::new(rules, hits, key.len()).value(key, parent.of_keys());
        } else {
            plain_key(key, rules, hits);
        }
    }

    /// Turns the hits of a place into at most one finding per category.
    pub(super) fn emit(&self, hits: &Hits, place: impl Fn() -> String, scan: &mut Scan) {
        scan.bytes_examined += hits.work;
        if hits.list.is_empty() && hits.unread.is_none() {
            return;
        }
        let place = place();
        if let Some(why) = hits.unread {
            scan.unread.push(Unread { place: place.clone(), why: why.to_owned() });
        }
        for category in Category::ALL {
            if self.disabled.contains(&category) {
                continue;
            }
            let mut best: Option<&Hit> = None;
            for hit in hits.list.iter().filter(|h| h.category == category) {
                if !self.allow.is_empty()
                    && let Some(rule) = self.allow.rule(category, &place, &hit.value)
                {
                    let used = Allowance { rule, category, place: place.clone() };
                    if !scan.allowed.contains(&used) {
                        scan.allowed.push(used);
                    }
                    continue;
                }
                if best.is_none_or(|b| (hit.certainty, hit.detector) > (b.certainty, b.detector)) {
                    best = Some(hit);
                }
            }
            if let Some(hit) = best {
                scan.findings.push(self.finding(hit, place.clone()));
            }
        }
    }

    fn finding(&self, hit: &Hit, place: String) -> Finding {
        Finding {
            category: hit.category,
            place,
            detector: hit.detector,
            certainty: hit.certainty,
            excerpt: mask(hit.category, &hit.value),
            value_sha256: self.hash(&hit.value),
        }
    }

    /// SHA-256 of salt and value.
    fn hash(&self, value: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.salt);
        hasher.update(value.as_bytes());
        hex::encode(hasher.finalize())
    }
}
