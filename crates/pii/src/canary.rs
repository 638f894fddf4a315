//! Canaries: the exact values of test users, found in any case, width and punctuation, standing on their own.

use super::category::Category;
use super::detect::digits::Run;
use super::finding::{Certainty, Detector};
use super::hashed::{Hashed, Hasher};
use super::hits::Hits;
use super::text;
use super::text_index::TextIndex;
use crate::identity::{SHORTEST_PHONE, bare_ip};
use crate::{Identity, IdentityKind};
use foldhash::HashMap;
use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;

/// Up to this many text canaries are compared one by one: an index costs more to build than it saves on one line.
const FEW: usize = 24;

/// The exact values of test users: all of a run or of a line, ready for matching. Many of them are known by hashes, and not held.
#[derive(Debug, Default)]
pub struct Canaries {
    texts: Texts,
    phones: Phones,
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

/// Canary phone numbers: by the digits that are always there, what may stand before them.
#[derive(Debug, Default)]
struct Phones {
    hasher: Hasher,
    /// To these digits belong the country codes of that number.
    digits: HashMap<Hashed, u32>,
    /// Country codes of the same digits; nearly always one or none.
    countries: Vec<Vec<String>>,
    /// How many digits they have.
    lengths: Vec<usize>,
}

impl Canaries {
    /// The canaries of a list.
    #[must_use]
    pub fn new(identities: &[Identity]) -> Self {
        let mut all = Self::default();
        identities.iter().for_each(|identity| all.add(identity));
        all
    }

    /// From now on this one is looked for too.
    pub fn add(&mut self, identity: &Identity) {
        let value = identity.value.trim();
        match identity.kind {
            IdentityKind::Ip => self.add_ip(value),
            IdentityKind::Phone => self.phones.add(value),
            kind => {
                let folded = text::fold(value);
                if folded.chars().nth(1).is_some() {
                    self.blanks |= folded.contains(' ');
                    let category = Category::of_identity(kind);
                    family_name_first(kind, &folded)
                        .into_iter()
                        .flatten()
                        .for_each(|name| self.texts.add(category, name.into()));
                    self.texts.add(category, folded);
                }
            }
        }
    }

    fn add_ip(&mut self, value: &str) {
        if let Some(ip) = bare_ip(value) {
            self.ips.insert(ip.to_canonical());
        }
    }

    /// Whether a text with `+` for blanks is worth a look of its own.
    pub(crate) fn has_blanks(&self) -> bool {
        self.blanks
    }

    /// Whether an address is a canary's.
    pub(crate) fn has_ip(&self, ip: IpAddr) -> bool {
        !self.ips.is_empty() && self.ips.contains(&ip.to_canonical())
    }

    /// Whether there are canary phones.
    pub(crate) fn has_phones(&self) -> bool {
        !self.phones.digits.is_empty()
    }

    /// Notes every text canary that stands on its own in `view` (normal form, any case).
    #[inline]
    pub(crate) fn search(&self, view: &str, hits: &mut Hits) {
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
    pub(crate) fn search_run(&self, run: &Run<'_>, hits: &mut Hits) {
        for last in (0..run.groups()).filter(|last| run.ends_alone(*last)) {
            let digits = run.digits_until(last);
            for length in &self.phones.lengths {
                let parts =
                    digits.len().checked_sub(*length).and_then(|front| digits.split_at_checked(front));
                let Some((front, core)) = parts else { continue };
                let is_free = |country: &String| may_stand_before(country, front, |at| run.starts_freely(at));
                if self.phones.countries_of(core).iter().any(is_free) {
                    hits.add(Category::Phone, Detector::Canary, Certainty::Certain, core);
                }
            }
        }
    }
}

impl Texts {
    fn add(&mut self, category: Category, folded: Cow<'_, str>) {
        match self {
            Self::None => *self = Self::Few(Vec::new(), Box::new([false; 256])),
            Self::Few(texts, _) if texts.len() == FEW => {
                let mut index = TextIndex::default();
                texts.iter().for_each(|(category, folded)| index.add(*category, folded));
                *self = Self::Many(index);
            }
            _ => {}
        }
        match self {
            Self::None => {}
            Self::Many(index) => index.add(category, &folded),
            // Of a run, users repeat in each of its rows.
            Self::Few(texts, _) if texts.iter().any(|known| *known == (category, folded.as_ref().into())) => {
            }
            Self::Few(texts, first) => {
                let begins = folded.bytes().next();
                for b in begins.iter().flat_map(|b| [b.to_ascii_lowercase(), b.to_ascii_uppercase()]) {
                    if let Some(slot) = first.get_mut(usize::from(b)) {
                        *slot = true;
                    }
                }
                texts.push((category, folded.into_owned()));
            }
        }
    }
}

impl Phones {
    fn add(&mut self, value: &str) {
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
        if core.len() < SHORTEST_PHONE {
            return;
        }
        let country =
            if country.is_empty() && core.len() == 10 && core.starts_with('1') { "880" } else { country };
        let known = self.countries_of(core);
        if known.iter().any(|known| known == country) {
            return;
        }
        let mut countries = known.to_vec();
        countries.push(country.to_owned());
        let list = self.countries.iter().position(|list| *list == countries).unwrap_or(self.countries.len());
        if list == self.countries.len() {
            self.countries.push(countries);
        }
        if !self.lengths.contains(&core.len()) {
            self.lengths.push(core.len());
        }
        self.digits.insert(self.hasher.hash(core), u32::try_from(list).unwrap_or(u32::MAX));
    }

    /// Country codes that the digits of a phone are known with.
    fn countries_of(&self, core: &str) -> &[String] {
        let list =
            self.digits.get(&self.hasher.hash(core)).and_then(|list| self.countries.get(*list as usize));
        list.map_or(&[], Vec::as_slice)
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

/// A name of several words as registers write it: the last one first, with a comma and without.
fn family_name_first(kind: IdentityKind, folded: &str) -> Option<[String; 2]> {
    let is_name = matches!(kind, IdentityKind::DisplayName | IdentityKind::FullName);
    let (others, last) = folded.rsplit_once(' ').filter(|_| is_name)?;
    // A number or a letter behind a word is no family name.
    let is_word = last.chars().nth(1).is_some() && last.chars().all(char::is_alphabetic);
    if !is_word {
        return None;
    }
    Some([format!("{last}, {others}"), format!("{last} {others}")])
}

/// Whether `front`, the digits before those of a phone of this country, ends in what may be left out, and that begins where `free` says
/// that a number may.
fn may_stand_before(country: &str, front: &str, free: impl Fn(usize) -> bool) -> bool {
    let c = country;
    let prefixes =
        [String::new(), "0".into(), c.to_owned(), format!("{c}0"), format!("00{c}"), format!("00{c}0")];
    prefixes.iter().any(|p| front.strip_suffix(p.as_str()).is_some_and(|rest| free(rest.len())))
}

/// Notes a canary when nothing touches it.
fn note(hay: &str, start: usize, end: usize, category: Category, value: &str, hits: &mut Hits) {
    let whole = hay.is_char_boundary(start) && hay.is_char_boundary(end);
    if whole && text::stands_alone(hay, start, end) {
        hits.add(category, Detector::Canary, Certainty::Certain, value);
    }
}
