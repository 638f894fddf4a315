//! Runs of digit groups as people write numbers, and the words before them that say what they number.

use super::pairs;
use crate::keys::{self, Says, WordSet, word_set};
use crate::text;
use std::sync::LazyLock;

/// A run never has more groups than this; longer ones are cut.
const MAX_GROUPS: usize = 48;

/// Digit groups with nothing but blanks and number punctuation between them.
#[derive(Debug)]
pub(crate) struct Run<'t> {
    text: &'t str,
    groups: &'t [Group],
    /// All digits of all groups.
    digits: String,
    /// How many digits there are up to the end of each group.
    ends: Vec<usize>,
}

impl<'t> Run<'t> {
    /// Makes it the run of these groups.
    fn set(&mut self, groups: &'t [Group]) {
        self.groups = groups;
        self.digits.clear();
        self.ends.clear();
        for (start, end) in groups {
            self.digits.push_str(self.text.get(*start..*end).unwrap_or(""));
            self.ends.push(self.digits.len());
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The text the run stands in.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The digits of groups `first..=last`.
    pub fn digits(&self, first: usize, last: usize) -> &str {
        let start = first.checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0);
        self.ends.get(last).and_then(|end| self.digits.get(start..*end)).unwrap_or("")
    }

    /// The digits of all groups up to `last`.
    pub fn digits_until(&self, last: usize) -> &str {
        self.digits(0, last)
    }

    /// All digits from group `first` on.
    pub fn digits_from(&self, first: usize) -> &str {
        self.digits(first, self.groups().saturating_sub(1))
    }

    /// A day and an hour, `2025-11-13 14`, as most log lines begin.
    pub fn is_day_and_hour(&self) -> bool {
        let gaps = (self.gap(0), self.gap(1), self.gap(2));
        self.groups() == 4
            && self.len_of(0) == 4
            && (1..4).all(|at| self.len_of(at) == 2)
            && gaps == ("-", "-", " ")
    }

    /// A date begins with `group`, as behind a version: `0.1.5 (2024-05-28)`.
    pub fn is_date(&self, group: usize) -> bool {
        let number = |group: usize| self.written(group, group).parse::<u32>().unwrap_or(0);
        self.gap(group) == "-"
            && self.gap(group + 1) == "-"
            && (self.len_of(group), self.len_of(group + 1), self.len_of(group + 2)) == (4, 2, 2)
            && matches!(number(group), 1900..=2099)
            && matches!((number(group + 1), number(group + 2)), (1..=12, 1..=31))
    }

    /// The length of a group in digits.
    pub fn len_of(&self, group: usize) -> usize {
        self.groups.get(group).map_or(0, |(start, end)| end - start)
    }

    /// Where groups `first..=last` stand in the text.
    pub fn span(&self, first: usize, last: usize) -> (usize, usize) {
        let start = self.groups.get(first).map_or(0, |first| first.0);
        (start, self.groups.get(last).map_or(start, |last| last.1))
    }

    /// The text of groups `first..=last` with their punctuation.
    pub fn written(&self, first: usize, last: usize) -> &'t str {
        let (start, end) = self.span(first, last);
        self.text.get(start..end).unwrap_or("")
    }

    /// What stands between group `group` and the next.
    pub fn gap(&self, group: usize) -> &'t str {
        match (self.groups.get(group), self.groups.get(group + 1)) {
            (Some(a), Some(b)) => self.text.get(a.1..b.0).unwrap_or(""),
            _ => "",
        }
    }

    /// No letter of any script touches the end of `group`.
    pub fn ends_alone(&self, group: usize) -> bool {
        let end = self.groups.get(group).map_or(0, |group| group.1);
        !text::after(self.text, end).is_some_and(text::is_wordy)
    }

    /// No letter joins the end of `group`.
    pub fn ends_freely(&self, group: usize) -> bool {
        let end = self.groups.get(group).map_or(0, |group| group.1);
        !text::after(self.text, end).is_some_and(text::is_joining)
    }

    /// Whether digit number `at` of the run begins a group that no letter of any script touches.
    pub fn starts_freely(&self, at: usize) -> bool {
        let group =
            if at == 0 { Some(0) } else { self.ends.iter().position(|end| *end == at).map(|g| g + 1) };
        let start = group.and_then(|g| self.groups.get(g));
        start.is_some_and(|g| !text::before(self.text, g.0).is_some_and(text::is_wordy))
    }

    /// No letter joins the beginning of `group`.
    pub fn group_is_free(&self, group: usize) -> bool {
        self.groups.get(group).is_some_and(|g| !text::before(self.text, g.0).is_some_and(text::is_joining))
    }

    /// A `+` stands right before `group`, perhaps with a bracket between; nothing joins two groups with one.
    pub fn has_plus(&self, group: usize) -> bool {
        let Some((start, _)) = self.groups.first().filter(|_| group == 0) else { return false };
        // Most groups have nothing of the kind near them.
        let near = self.text.as_bytes().get(start.saturating_sub(3)..*start);
        if !near.is_some_and(|near| near.contains(&b'+')) {
            return false;
        }
        let front = text::left_of(self.text, *start, 3).trim_end_matches(['(', ' ']);
        let Some(rest) = front.strip_suffix('+') else { return false };
        !rest.chars().next_back().is_some_and(text::is_wordy)
    }
}

/// Where a group of digits begins and ends.
pub(crate) type Group = (usize, usize);

/// Groups of digits that there is room for at once.
const USUAL: usize = 64;

/// Where the groups of digits in `text` stand, which has at most `digits` of them.
pub(crate) fn groups(text: &str, digits: usize) -> Vec<Group> {
    let mut list = Vec::with_capacity(digits.min(USUAL));
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let (mut begun, mut before) = (None, 0);
    let mut take = |at: usize, digits: u64| {
        // One bit for each byte before which a group begins or ends.
        let mut edges = digits ^ (digits << 8 | before);
        before = digits >> 56;
        while edges != 0 {
            let edge = at + edges.trailing_zeros() as usize / 8;
            edges &= edges - 1;
            match begun.take() {
                Some(start) => list.push((start, edge)),
                None => begun = Some(edge),
            }
        }
    };
    eights.iter().enumerate().for_each(|(n, eight)| take(8 * n, text::digits_of(*eight)));
    // Behind the end stands no digit, so that the last group ends, too.
    let last = rest.iter().rev().fold(0, |bits, b| bits << 8 | u64::from(b.is_ascii_digit()));
    take(8 * eights.len(), last);
    list
}

/// Whether nothing but a dot stands between two groups.
#[inline]
pub(crate) fn is_decimal(text: &str, pair: &[Group]) -> bool {
    matches!(pair, [(_, end), (start, _)] if end + 1 == *start && text.as_bytes().get(*end) == Some(&b'.'))
}

/// Calls `each` with every run of `text` that has at least `least` digits.
pub(crate) fn runs(text: &str, groups: &[Group], least: usize, mut each: impl FnMut(&Run<'_>)) {
    let gap = |(_, end): &Group, (start, _): &Group| text.as_bytes().get(*end..*start).unwrap_or(b"");
    // One after another, so that there is room for their digits once.
    let mut run =
        Run { text, groups: &[], digits: String::with_capacity(USUAL), ends: Vec::with_capacity(MAX_GROUPS) };
    let mut rest = groups;
    while !rest.is_empty() {
        let joined = rest.windows(2).take(MAX_GROUPS - 1);
        let joined = joined.take_while(|pair| matches!(pair, [a, b] if joins(gap(a, b)))).count();
        let (own, others) = rest.split_at(joined + 1);
        rest = others;
        // Most have too few digits to be looked at any closer.
        if own.iter().map(|(start, end)| end - start).sum::<usize>() >= least {
            run.set(own);
            each(&run);
        }
    }
}

/// Whether what stands between two groups joins them to one number.
fn joins(gap: &[u8]) -> bool {
    !gap.is_empty()
        && gap.len() <= 3
        && gap.iter().all(|b| matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/'))
}

/// What the text before a number says that it numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing that matters.
    Open,
    /// A key, `key=` or `key:`, of this class.
    Key(Says),
    /// `order`, `ticket`, `barcode`, … : the number of a thing.
    Thing,
    /// Letters and a hyphen or `#`: a code such as `TKT-2025-0142`.
    Code,
}

/// Reads what stands before byte `start`.
pub(crate) fn before(text: &str, start: usize) -> Before {
    let left = text::left_of(text, start, 48);
    let trimmed = left.trim_end_matches(['(', '+']);
    if let Some(front) = trimmed.strip_suffix('#') {
        return if words_before(front).any(is_numbered_thing) { Before::Thing } else { Before::Code };
    }
    let code = trimmed.trim_end_matches(['-', '_']);
    if code.len() < trimmed.len() && code.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return Before::Code;
    }
    if let Some(name) = name_before(text, start, trimmed) {
        let says = keys::classify(name).says;
        if says != Says::Nothing {
            return Before::Key(says);
        }
    }
    let thing = words_before(trimmed).any(is_numbered_thing) || is_thing_abroad(trimmed);
    if thing { Before::Thing } else { Before::Open }
}

/// Whether a text ends in a word for the number of a thing in a script that is not Latin.
fn is_thing_abroad(left: &str) -> bool {
    const NUMBERS: [&str; 12] =
        ["নম্বর", "নাম্বার", "নং", "号码", "番号", "号", "번호", "номер", "№", "no", "رقم", "नंबर"];
    const THINGS: [&str; 37] = [
        "অর্ডার",
        "অর্ডারের",
        "টিকিট",
        "টিকেট",
        "চালান",
        "ইনভয়েস",
        "রসিদ",
        "পার্সেল",
        "ট্র্যাকিং",
        "লেনদেন",
        "ऑर्डर",
        "टिकट",
        "रसीद",
        "订单",
        "单",
        "编",
        "流水",
        "交易",
        "快递",
        "注文",
        "追跡",
        "伝票",
        "予約",
        "주문",
        "송장",
        "예약",
        "заказ",
        "заказа",
        "счёт",
        "счета",
        "накладная",
        "билет",
        "замовлення",
        "طلب",
        "الطلب",
        "فاتورة",
        "sipariş",
    ];
    if left.is_ascii() {
        return false;
    }
    let lower = left.to_lowercase();
    let bare = |text: &'_ str| text.trim_end_matches(|c: char| !text::is_wordy(c)).len();
    let whole = lower.get(..bare(&lower)).unwrap_or("");
    let noun = NUMBERS.iter().find_map(|word| whole.strip_suffix(word)).unwrap_or(whole);
    let noun = noun.get(..bare(noun)).unwrap_or("");
    let ends = |text: &str| THINGS.iter().any(|word| text.ends_with(word));
    // Arabic puts the word for number in front.
    ends(noun) || ends(whole)
}

/// The name whose value begins at `start`, behind `=` or `:` or in a tuple: `trimmed` is what stands before it.
fn name_before<'t>(text: &'t str, start: usize, trimmed: &'t str) -> Option<&'t str> {
    let near = text.as_bytes().get(..start).unwrap_or_default();
    if near.ends_with(b")=(") || near.ends_with(b", ") {
        return pairs::column_before(text::left_of(text, start, 160));
    }
    let unquoted = trimmed.trim_end_matches([' ', '"', '\'', '\\']);
    let front = unquoted.strip_suffix(['=', ':'])?.trim_end_matches([' ', '"', '\'', '\\']);
    // `row[app_version]=`
    let front = front.strip_suffix(']').unwrap_or(front);
    let name = front.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).next();
    name.filter(|name| !name.is_empty())
}

/// The last two words of `left` that say something, nearest first.
fn words_before(left: &str) -> impl Iterator<Item = &str> {
    left.rsplit(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .filter(|w| {
            !matches!(
                w.to_ascii_lowercase().as_str(),
                "no" | "nr" | "number" | "num" | "nummer" | "numero" | "is" | "the" | "was" | "13" | "8"
            )
        })
        .take(1)
}

/// Words after which a number is that of a thing.
fn is_numbered_thing(word: &str) -> bool {
    static WORDS: WordSet = LazyLock::new(|| word_set(THINGS));
    const THINGS: &str = "order orders ticket tickets invoice invoices parcel ref reference tracking barcode ean gtin upc isbn sku imei serial batch lot case receipt voucher coupon txn trx trxid txnid transaction shipment consignment awb booking match epoch timestamp ts docket claim job ean13 item sequence seq id uid inv tkt ord po rma pnr code sn hash cursor \
pedido factura boleto commande facture billet bestellung bestellnummer auftrag auftragsnummer rechnung rechnungsnummer sendung sendungsnummer \
ordine fattura biglietto encomenda fatura faktura bestilling ordre ordernummer ordrenummer siparis tilaus pesanan";
    WORDS.contains(word.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn groups_are_as_told_one_by_one(text in prop_oneof!["[ -~]{0,60}", "[0-9a-f]{0,40}", "[0-9]{0,30}", "\\PC{0,40}"]) {
            let mut all: Vec<Group> = Vec::new();
            for (at, _) in text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()) {
                match all.last_mut().filter(|(_, end)| *end == at) {
                    Some((_, end)) => *end += 1,
                    None => all.push((at, at + 1)),
                }
            }
            prop_assert_eq!(groups(&text, 0), all);
        }
    }
}
