//! Scans one text through all its layers: what it says itself, and what travels in it.

use super::about::{self, Shown};
use super::category::Category;
use super::decode::{self, INSIDE, Outer, Piece, WHOLE, fields, markup};
use super::detect::{self, Hints, Member, View, account, date, digits, pairs};
use super::hits::Hits;
use super::judge::{Context, judge};
use super::keys::Says;
use super::rules::Rules;
use super::text::{self, Classes};
use std::borrow::Cow;
use std::sync::LazyLock;

/// How many layers may lie on each other: three encodings, a carrier, and a JSON text in it.
const MAX_LAYERS: usize = 5;

/// The last layer in which encodings are undone.
const MAX_ENCODED: usize = 4;

/// Decoded bytes per byte of a leaf. Nested base64 shrinks and JSON copies, so honest texts stay far below.
const DECODED_PER_BYTE: usize = 6;

/// Most bytes that all compressed texts of one leaf unpack to.
const INFLATED: usize = 1 << 20;

/// Fewest digits of a number that says something by itself.
const LEAST_DIGITS: usize = 6;

/// What one of the decoders of whole texts needs; most texts have nothing of it.
static CARRIED: LazyLock<Classes> =
    LazyLock::new(|| WHOLE.iter().fold(Classes::NONE, |all, decoder| all.or(decoder.classes)));

/// A scan of the texts at one place.
pub(super) struct Layers<'r, 'h> {
    rules: Rules<'r>,
    hits: &'h mut Hits,
    budget: usize,
    inflated: usize,
}

/// An object that is open: its context, and its members that may say something together.
struct Frame<'t> {
    context: Context,
    members: Vec<(Category, u8, Cow<'t, str>)>,
    /// Values that would be names, and what stands beside them.
    named: Vec<Cow<'t, str>>,
    shown: Shown,
}

impl Frame<'_> {
    fn new(context: Context) -> Self {
        Self { context, members: Vec::new(), named: Vec::new(), shown: Shown::default() }
    }
}

impl<'r, 'h> Layers<'r, 'h> {
    /// A scan that decodes at most a fixed multiple of `bytes`.
    pub fn new(rules: Rules<'r>, hits: &'h mut Hits, bytes: usize) -> Self {
        Self { rules, hits, budget: bytes.saturating_mul(DECODED_PER_BYTE).saturating_add(4096), inflated: 0 }
    }

    /// Scans the value of a leaf. `parent` is what surrounds the key, for what it says about objects inside a text.
    pub fn value(&mut self, raw: &str, context: Context) {
        self.layer(raw, context, 0);
    }

    /// Scans a negative number: nothing but its key can say what it is.
    pub fn negative(&mut self, number: i64, context: Context) {
        if matches!(context.says, Says::Of(category, _) if category.kind().least_number == 0) {
            self.judge(&number.to_string(), context);
        }
    }

    /// Scans a number with a decimal point. Some write whole numbers so, and what they are only their key can say: `9876543210.0`.
    pub fn real(&mut self, number: f64, context: Context) {
        // Up to there each whole number is a float of its own.
        const LARGEST: f64 = 9_007_199_254_740_992.0;
        if matches!(context.says, Says::Of(..))
            && number.fract() == 0.0
            && (1000.0..LARGEST).contains(&number)
        {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "whole, and in these bounds"
            )]
            self.number(number as u64, context);
        }
    }

    /// Scans a whole number. Counts are written as numbers, too: only long ones are phones, and none is a name or secret.
    pub fn number(&mut self, number: u64, context: Context) {
        if number < 1000 {
            return;
        }
        let judged = match context.says {
            Says::Of(category, _) => number >= category.kind().least_number,
            Says::Id => true,
            _ => context.extra.is_some(),
        };
        if !judged && number < 100_000 {
            return;
        }
        let written = number.to_string();
        if judged {
            self.judge(&written, context);
        }
        if number >= 100_000 {
            self.canaries(&written);
            let view = self.view(&written, context, Classes::DIGIT, written.len());
            self.numbers(&view);
        }
    }

    /// One layer and those below it.
    fn layer(&mut self, raw: &str, context: Context, depth: usize) {
        let mut view = Cow::Borrowed(raw);
        let (mut classes, mut digits) = text::survey(self.said(raw));
        if classes.has(Classes::WIDE) {
            view = text::normalise(raw);
            (classes, digits) = text::survey(self.said(&view));
        }
        let view = view.as_ref();
        let said = self.said(view);
        self.hits.worked(view.len());
        let outer = self.carried(said, context, classes, depth);
        if outer == Outer::Gone {
            return;
        }
        self.judge(view, context);
        if is_digest(view) || date::is_instant(view) {
            self.canaries(view);
            self.extra(view);
            return;
        }
        self.flat(said, context, (classes, if outer == Outer::Veiled { 0 } else { digits }), depth);
    }

    /// What a text says behind the time of a log's line; all of it for a policy whose patterns may be about times.
    fn said<'v>(&self, view: &'v str) -> &'v str {
        if self.rules.extra_patterns.is_empty() { date::behind_time(view) } else { view }
    }

    fn judge(&mut self, value: &str, context: Context) {
        if context.says == Says::Id {
            account::judge_id(value, context.around, self.hits);
        }
        judge(value, context, self.hits);
    }

    /// Takes apart what carries keys and values of its own.
    fn carried(&mut self, view: &str, context: Context, classes: Classes, depth: usize) -> Outer {
        let mut said = Outer::Stays;
        // A value that its key explains is one; a cookie has pairs, too.
        let explained = matches!(context.says, Says::Of(Category::Token, _) | Says::UserAgent);
        if depth >= MAX_LAYERS || view.len() < 4 || !classes.has(*CARRIED) {
            return said;
        }
        let mut pieces = Vec::new();
        for decoder in WHOLE.iter().filter(|d| classes.has(d.classes)) {
            if explained && decoder.name != "JSON" {
                break;
            }
            self.hits.worked(view.len());
            let outer = (decoder.decode)(view, &mut pieces);
            if pieces.is_empty() {
                continue;
            }
            self.hits.step(decoder.name);
            self.pieces(std::mem::take(&mut pieces), context, depth);
            if outer == Outer::Gone {
                self.canaries(view);
                return outer;
            }
            if outer == Outer::Veiled {
                said = outer;
            }
        }
        said
    }

    /// A text that is no carrier, and what is encoded in it.
    fn flat(&mut self, view: &str, context: Context, (classes, digits): (Classes, usize), depth: usize) {
        let mut pieces = Vec::new();
        let (mut veiled, mut joined) = (false, false);
        if depth < MAX_ENCODED {
            for decoder in INSIDE.iter().filter(|d| classes.has(d.classes)) {
                let before = pieces.len();
                self.hits.worked(view.len());
                match (decoder.decode)(view, &mut pieces) {
                    Outer::Veiled => veiled = true,
                    Outer::Joined => joined = true,
                    Outer::Stays | Outer::Gone => {}
                }
                if pieces.len() > before {
                    self.hits.step(decoder.name);
                }
            }
        }
        // What numbers are is said by the words before them, which the decoded text shows.
        let view = self.view(view, context, classes, if veiled { 0 } else { digits });
        self.plain(View { joined, ..view });
        if !pieces.is_empty() {
            self.pieces(pieces, context, depth);
        }
    }

    /// Scans what a decoder yields.
    fn pieces(&mut self, pieces: Vec<Piece<'_>>, context: Context, depth: usize) {
        let outer = Context { says: Says::Nothing, member: None, ..context };
        let mut open: Vec<Frame<'_>> = vec![Frame::new(outer)];
        for piece in pieces {
            let around = open.last().map_or(outer, |frame| frame.context);
            match piece {
                Piece::Text(text) if open.len() == 1 => self.below(&text, context, depth),
                Piece::Text(text) => self.below(&text, Context { says: Says::Nothing, ..around }, depth),
                Piece::Inflated(text, unread) => self.inflated(&text, unread, context, depth),
                Piece::Rest(text) => self.flat(text, context, text::survey(text), depth),
                Piece::Pair(key, value) => {
                    let context = self.key(key.as_deref(), around, depth);
                    self.below(&value, context, depth);
                    let Some(frame) = open.last_mut() else { continue };
                    if let Some(key) = &key {
                        frame.shown.note(key, context.says, &value);
                    }
                    if let Some((category, part)) = context.member {
                        frame.members.push((category, part, value));
                    } else if key.is_some() && about::is_of_words(context.says) {
                        frame.named.push(value);
                    }
                }
                Piece::Number(key, number) => {
                    let context = self.key(key.as_deref(), around, depth);
                    self.number(number, context);
                    if let (Some((category, part)), Some(frame)) = (context.member, open.last_mut()) {
                        frame.members.push((category, part, number.to_string().into()));
                    }
                }
                Piece::Open(key) => {
                    let context = self.key(key.as_deref(), around, depth);
                    open.push(Frame::new(context));
                }
                Piece::Close => {
                    if let Some(frame) = open.pop() {
                        self.record(&frame);
                    }
                }
            }
        }
        for frame in open {
            self.record(&frame);
        }
    }

    /// The context under a key, which may hold data itself.
    fn key(&mut self, key: Option<&str>, around: Context, depth: usize) -> Context {
        let Some(key) = key else { return self.rules.element(around) };
        let context = self.rules.under(around, key);
        if context.data {
            self.layer(key, around.of_keys(), depth.max(1));
        } else {
            self.canaries(key);
        }
        context
    }

    /// One layer further down, as far as the budget goes.
    fn below(&mut self, text: &str, context: Context, depth: usize) {
        if let Some(rest) = self.budget.checked_sub(text.len()) {
            self.budget = rest;
            self.layer(text, context, depth + 1);
        }
    }

    /// A text that was compressed.
    fn inflated(&mut self, text: &str, unread: Option<&'static str>, context: Context, depth: usize) {
        self.hits.unread = self.hits.unread.or(unread);
        if self.inflated + text.len() > INFLATED {
            self.hits.unread = Some("the compressed texts of one value are larger than 1 MiB");
            return;
        }
        self.inflated += text.len();
        self.budget = self.budget.saturating_add(text.len() * DECODED_PER_BYTE);
        self.below(text, context, depth);
    }

    /// What the members of one object say together.
    fn record(&mut self, frame: &Frame<'_>) {
        let is_about = |value: &str| frame.shown.is_about_fields(frame.context.describes, value);
        if frame.named.iter().any(|value| is_about(value)) {
            let own = |value: &str| frame.named.iter().any(|named| named.trim() == value);
            self.hits.drop_words(|value| own(value) && is_about(value));
        }
        for (category, joint) in joints(&frame.members, frame.context) {
            self.hits.disown(category.kind().disowns, &joint.value);
            self.hits.keyed(category, Some(&joint.value));
        }
    }

    /// What is known about a text before any detector looks at it.
    fn view<'v>(&self, text: &'v str, context: Context, classes: Classes, digits: usize) -> View<'v>
    where
        'r: 'v,
    {
        let canaries = self.rules.canaries;
        View {
            text,
            context,
            classes,
            groups: &[],
            digits,
            joined: false,
            grouped: false,
            hints: Hints::default(),
            canaries,
        }
    }

    /// What a text says as it stands.
    fn plain(&mut self, mut view: View<'_>) {
        self.canaries(view.text);
        if view.classes.has(Classes::PLUS) && self.rules.canaries.iter().any(|c| c.has_blanks()) {
            self.canaries(&view.text.replace('+', " "));
        }
        let marks = Classes::COLON.or(Classes::SLASH).or(Classes::EQUALS).or(Classes::AT).or(Classes::WIDE);
        let hinted = view.text.len() >= 6 && (view.digits > 0 || view.classes.has(marks));
        if hinted || view.text.len() >= 12 {
            self.hits.worked(view.text.len());
            view.hints = detect::hints(view.text);
            if view.classes.has(Classes::WIDE) {
                view.hints = view.hints.or(Hints::scripts());
            }
        }
        let (text, classes, joined) = (view.text, view.classes, view.joined);
        self.numbers(&view);
        if classes.has(Classes::EQUALS.or(Classes::COLON).or(Classes::ANGLE)) {
            self.pairs(text, joined);
        }
        self.extra(text);
    }

    /// The patterns of the policy.
    fn extra(&mut self, text: &str) {
        for (pattern, category) in self.rules.extra_patterns {
            self.hits.worked(text.len());
            for found in pattern.find_iter(text).filter(|f| !f.is_empty()) {
                self.hits.shape(*category, found.as_str());
            }
        }
    }

    fn canaries(&mut self, view: &str) {
        for canaries in self.rules.canaries {
            canaries.search(view, self.hits);
        }
    }

    /// Asks every kind: first those whose values have characters of their own, then about digits, then about all the rest.
    fn numbers(&mut self, view: &View<'_>) {
        // What no kind asks about: most names and sentences.
        let asked = view.digits > 0 || view.hints != Hints::default();
        if !asked && !view.classes.has(Classes::AT.or(Classes::COLON)) {
            return;
        }
        let groups =
            |text| if view.digits >= LEAST_DIGITS { digits::groups(text, view.digits) } else { Vec::new() };
        let own = groups(view.text);
        let view = View { groups: &own, ..*view };
        let mut covered = Vec::new();
        let hits = &mut *self.hits;
        for cover in detect::COVERS.iter() {
            cover(&view, hits, &mut covered);
        }
        let (hidden, left);
        let mut view = if covered.is_empty() {
            view
        } else {
            hidden = hide(view.text, &covered);
            left = groups(&hidden);
            View { text: hidden.as_str(), groups: &left, ..view }
        };
        if view.digits >= LEAST_DIGITS {
            hits.worked(view.text.len());
            let (mut grouped, mut national) = (false, false);
            digits::runs(view.text, view.groups, LEAST_DIGITS, |run| {
                for set in view.canaries.iter().filter(|c| c.has_phones()) {
                    set.search_run(run, hits);
                }
                for number in detect::NUMBERS.iter() {
                    number(run, &view, hits);
                }
                grouped |= run.groups() >= 2 && run.digits_from(0).len() >= 9;
                national |= detect::phone::may_be_national(run);
            });
            view.grouped = grouped && national;
        }
        for find in detect::FINDS.iter() {
            find(&view, hits);
        }
    }

    /// Keys inside the text; where `+` joins words, only those that need no words after them.
    fn pairs(&mut self, view: &str, joined: bool) {
        let rules = self.rules;
        let hits = &mut *self.hits;
        hits.worked(view.len());
        let wanted = |key: &str| rules.tells(key);
        let mut members: Vec<(Category, u8, Cow<'_, str>)> = Vec::new();
        pairs::pairs(view, wanted, |pair| {
            let around =
                enclosing(view, pair.at).map_or(Context::NONE, |key| rules.field(Context::NONE, key));
            let context = rules.under(Context { says: Says::Nothing, ..around }, pair.key);
            hits.worked(pair.key.len() + pair.value.len());
            let value = decode::component(pair.value);
            let readable = !joined || pair.bond == pairs::Bond::Tight;
            let known = hits.list.len();
            let mut told = |value: &str| {
                if pairs::fits(context.says, pair, value) {
                    judge(value, context, hits);
                }
                hits.list.len() > known
            };
            if readable
                && !told(&value)
                && let Says::Of(category, _) = context.says
            {
                // It may go on behind its first word.
                let _ = detect::read_on(view, &pair, category).into_iter().any(told);
            }
            if let Some((category, part)) = context.member {
                members.push((category, part, value.into()));
            }
        });
        if members.len() >= 2 {
            self.record(&Frame { members, ..Frame::new(Context::NONE) });
        }
    }
}

/// The key of what the pair whose mark stands at `at` is in: an element, the object of a field, or braces.
fn enclosing(text: &str, at: usize) -> Option<&str> {
    if text.as_bytes().get(at) == Some(&b'>') {
        return markup::enclosing(text, at);
    }
    fields::name_before(text, at).and_then(fields::enclosing).or_else(|| pairs::enclosing(text, at))
}

/// What members of one object say together, each category by itself.
pub(super) fn joints(
    members: &[(Category, u8, Cow<'_, str>)],
    context: Context,
) -> Vec<(Category, detect::Joint)> {
    let mut found = Vec::new();
    if members.len() < 2 {
        return found;
    }
    for category in Category::ALL {
        let own: Vec<usize> =
            (0..members.len()).filter(|i| members.get(*i).is_some_and(|m| m.0 == category)).collect();
        let list: Vec<Member<'_>> = own
            .iter()
            .filter_map(|i| members.get(*i))
            .map(|(_, part, value)| Member { part: *part, value })
            .collect();
        if list.len() >= 2
            && let Some(mut joint) = (category.kind().record)(&list, context)
        {
            joint.at = joint.at.and_then(|at| own.get(at).copied());
            found.push((category, joint));
        }
    }
    found
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
