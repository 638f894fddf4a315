//! Canaries: the exact values of test users, found in any case, width and punctuation, standing on their own.

use super::category::Category;
use super::detect::digits::Run;
use super::finding::{Certainty, Detector};
use super::hits::Hits;
use super::text;
use super::text_index::TextIndex;
use crate::{Identity, IdentityKind};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Up to this many text canaries are compared one by one: an index costs more to build than it saves on one line.
const FEW: usize = 24;

/// How many last digits phones are looked up by.
const TAIL: usize = 7;

/// All canaries of a run or of a line, ready for matching.
#[derive(Debug, Default)]
pub(super) struct Canaries {
    texts: Texts,
    phones: HashMap<String, Vec<Phone>>,
    ips: HashSet<IpAddr>,
    /// Some text canary has a blank, so `+` may stand for it.
    blanks: bool,
}

/// Canaries that are texts, folded.
#[derive(Debug, Default)]
enum Texts {
    #[default]
    None,
    /// With the bytes, in either case, that they begin with.
    Few(Vec<(Category, String)>, Box<[bool; 256]>),
    Many(TextIndex),
}

/// A canary phone number: the digits that are always there, and what may stand before them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phone {
    core: String,
    country: String,
}

impl Canaries {
    /// Prepares `identities`. More than [`FEW`] texts become an index.
    pub fn new(identities: &[Identity]) -> Self {
        let mut all = Self::default();
        let mut texts = Vec::new();
        for identity in identities {
            let value = identity.value.trim();
            match identity.kind {
                IdentityKind::Ip => all.add_ip(value),
                IdentityKind::Phone => all.add_phone(value),
                kind => {
                    let folded = text::fold(value);
                    if folded.chars().nth(1).is_some() {
                        all.blanks |= folded.contains(' ');
                        texts.push((Category::of_identity(kind), folded));
                    }
                }
            }
        }
        all.texts = Texts::of(texts);
        all
    }

    fn add_ip(&mut self, value: &str) {
        let bare = value.trim_matches(['[', ']']);
        let bare = bare.split(['/', '%']).next().unwrap_or(bare);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            self.ips.insert(ip.to_canonical());
        }
    }

    fn add_phone(&mut self, value: &str) {
        let plain = text::normalise(value);
        let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
        let international = plain.trim_start().starts_with('+') || digits.starts_with("00");
        let digits = digits.trim_start_matches('0');
        let (country, core) = if international || digits.starts_with("880") && digits.len() == 13 {
            digits.split_at(super::detect::phone::country_code(digits).unwrap_or(0))
        } else {
            ("", digits)
        };
        let core = core.trim_start_matches('0');
        if core.len() < 6 {
            return;
        }
        let country =
            if country.is_empty() && core.len() == 10 && core.starts_with('1') { "880" } else { country };
        let tail = core.get(core.len().saturating_sub(TAIL)..).unwrap_or(core);
        let phone = Phone { core: core.to_owned(), country: country.to_owned() };
        let list = self.phones.entry(tail.to_owned()).or_default();
        if !list.contains(&phone) {
            list.push(phone);
        }
    }

    /// Whether a text with `+` for blanks is worth a look of its own.
    pub fn has_blanks(&self) -> bool {
        self.blanks
    }

    /// Whether an address is a canary's.
    pub fn has_ip(&self, ip: IpAddr) -> bool {
        !self.ips.is_empty() && self.ips.contains(&ip.to_canonical())
    }

    /// Whether there are canary phones.
    pub fn has_phones(&self) -> bool {
        !self.phones.is_empty()
    }

    /// Notes every text canary that stands on its own in `view` (normal form, any case).
    #[inline]
    pub fn search(&self, view: &str, hits: &mut Hits) {
        match &self.texts {
            Texts::None => {}
            Texts::Few(texts, first) => {
                let hay = if view.is_ascii() { Cow::Borrowed(view) } else { text::fold(view) };
                hits.worked(hay.len());
                compare(&hay, texts, first, hits);
            }
            Texts::Many(index) => {
                let hay = text::fold(view);
                hits.worked(hay.len());
                index.search(&hay, |category, value| {
                    hits.add(category, Detector::Canary, Certainty::Certain, value);
                });
            }
        }
    }

    /// Notes the canary phone whose digits end at a group of `run`.
    pub fn search_run(&self, run: &Run<'_>, hits: &mut Hits) {
        for last in 0..run.groups() {
            let digits = run.digits_until(last);
            let Some(tail) = digits.len().checked_sub(TAIL).and_then(|n| digits.get(n..)) else { continue };
            let Some(list) = self.phones.get(tail) else { continue };
            for phone in list {
                if run.ends_freely(last) && phone.is_at_end_of(digits, |at| run.starts_freely(at)) {
                    hits.add(Category::Phone, Detector::Canary, Certainty::Certain, &phone.core);
                }
            }
        }
    }
}

impl Texts {
    fn of(texts: Vec<(Category, Cow<'_, str>)>) -> Self {
        if texts.is_empty() {
            return Self::None;
        }
        if texts.len() > FEW {
            let mut index = TextIndex::default();
            texts.iter().for_each(|(category, folded)| index.add(*category, folded));
            return Self::Many(index);
        }
        let mut first = Box::new([false; 256]);
        for b in texts.iter().filter_map(|(_, t)| t.bytes().next()) {
            for b in [b.to_ascii_lowercase(), b.to_ascii_uppercase()] {
                if let Some(slot) = first.get_mut(usize::from(b)) {
                    *slot = true;
                }
            }
        }
        // Duplicates do no harm, and these are too few to look for them.
        let texts = texts.into_iter().map(|(category, folded)| (category, folded.into_owned())).collect();
        Self::Few(texts, first)
    }
}

/// The search among a few: compares wherever a first byte fits.
fn compare(hay: &str, texts: &[(Category, String)], first: &[bool; 256], hits: &mut Hits) {
    for (at, b) in hay.bytes().enumerate() {
        if !first.get(usize::from(b)).copied().unwrap_or(false) {
            continue;
        }
        for (category, value) in texts {
            let end = at + value.len();
            let same = hay.as_bytes().get(at..end).is_some_and(|s| s.eq_ignore_ascii_case(value.as_bytes()));
            if same {
                note(hay, at, end, *category, value, hits);
            }
        }
    }
}

impl Phone {
    /// Whether `digits` end in this number, with a prefix that starts where `free` says a number may start.
    fn is_at_end_of(&self, digits: &str, free: impl Fn(usize) -> bool) -> bool {
        let Some(front) = digits.strip_suffix(self.core.as_str()) else { return false };
        let c = &self.country;
        let prefixes =
            [String::new(), "0".into(), c.clone(), format!("{c}0"), format!("00{c}"), format!("00{c}0")];
        prefixes.iter().any(|p| front.strip_suffix(p.as_str()).is_some_and(|rest| free(rest.len())))
    }
}

/// Notes a canary when nothing touches it.
fn note(hay: &str, start: usize, end: usize, category: Category, value: &str, hits: &mut Hits) {
    let whole = hay.is_char_boundary(start) && hay.is_char_boundary(end);
    if whole && text::stands_alone(hay, start, end) {
        hits.add(category, Detector::Canary, Certainty::Certain, value);
    }
}
