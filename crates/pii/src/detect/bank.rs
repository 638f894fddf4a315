//! Bank accounts: a number beside its bank's code, in one object or text, and UPI addresses.

use super::{Joint, Keyed, Kind, Member, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::judge::Context;
use crate::keys::{Words, among};
use crate::text::{self, Classes};
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// A UPI address under its key.
const UPI: u8 = 0;
/// A number of an account, which says nothing alone.
const NUMBER: u8 = 1;
/// The code of a bank.
const CODE: u8 = 2;

pub(crate) static KIND: Kind = Kind {
    order: 92,
    key: |words| {
        if is_upi(words) { Some(UPI) } else { part(words).filter(|p| *p == CODE || bank_only(words)) }
    },
    own_digits: |grade| grade != UPI,
    judge,
    scripts: true,
    hints: &[&["ifsc", "sort", "routing", "bsb", "swift", "bic", "aba", "rtn"]],
    cover: Some(cover),
    // `{number: …, sort_code: …}`: whose number it is, the other member says.
    member: |words| part(words).or((words.len() == 1 && words.last == "number").then_some(NUMBER)),
    record,
    disowns: &[Category::Phone, Category::Card],
    ..Kind::NONE
};

/// Names behind the sign of UPI addresses.
const PROVIDERS: &str = "okaxis oksbi okicici okhdfcbank ybl ibl axl apl yapl rapl upi paytm ptyes ptsbi pthdfc ptaxis axisbank axis axisb \
sbi hdfcbank hdfc icici kotak kbl federal fbl indus indie idfcbank idfcfirst barodampay pnb cnrb unionbank unionbankofindia uboi mahb rbl \
yesbank yesbankltd hsbc citi citigold dbs sc postbank equitas airtel freecharge jupiteraxis ikwik waaxis waicici wahdfcbank wasbi \
slice tapicici timecosmos dlb kvb idbi iob ubi obc allbank aubank bandhan boi cboi csbpay dcb jkb jsb karb kaypay lvb mkb nsdl pockets \
psb s2b sib srcb superyes tjsb uco utbi vijb abfspay amazonpay goaxb niyoicici pingpay trans yescred fam naviaxis fkaxis shriramhdfcbank";

/// Keys of UPI addresses, which name no account elsewhere: `vpa`, `upi_id`, `payer_upi_handle`, `upi_username`.
pub(super) fn is_upi(words: &Words<'_>) -> bool {
    let upi = |word: &str| matches!(word, "vpa" | "upi");
    let Words { last, prev, .. } = *words;
    let before = words.len().checked_sub(3).and_then(|at| words.all.get(at)).map_or("", String::as_str);
    upi(last)
        || upi(prev) && matches!(last, "id" | "address" | "handle" | "number")
        || upi(before) && prev == "user" && matches!(last, "name" | "handle")
        || last == "address" && prev == "payment" && words.any("virtual")
}

/// Whether a key is the number of an account, or the code of a bank.
fn part(words: &Words<'_>) -> Option<u8> {
    let Words { last, prev, .. } = *words;
    let number = matches!(last, "number" | "no" | "num" | "nr" | "nbr" | "id");
    let noun = if number { prev } else { last };
    let code = among(
        "ifsc bsb swift bic aba rtn sortcode ifsccode swiftcode routing routingnumber sortierung bankleitzahl blz clabe_code",
        noun,
    ) || last == "code" && among("sort ifsc bsb swift bic routing aba bank branch", prev)
        || noun == "transit";
    if code && last != "key" {
        return Some(CODE);
    }
    let account = among(
        "account acct acc accountno accountnumber acctno accno konto kontonummer cuenta compte ac iban_number bankaccount beneficiaryaccount payoutaccount",
        noun,
    );
    let thing = words.any("game user steam riot psn xbox epic platform ledger gl merchant service cloud aws customer holder name type status");
    if words.joined() == "a c" {
        return Some(NUMBER);
    }
    (account && last != "id" && (number || words.len() <= 3) && !thing).then_some(NUMBER)
}

/// A number that is a bank's rather than a wallet's: no person stands before it.
fn bank_only(words: &Words<'_>) -> bool {
    words.len() <= 2
        && matches!(words.last, "number" | "no" | "num" | "accountno" | "accountnumber" | "acctno" | "accno")
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = keyed.value.trim();
    let masked = value.contains('*') || text::is_masked(value.split('@').next().unwrap_or(""));
    if keyed.grade == UPI && !text::is_placeholder(value) && !masked {
        let address = value.split_once("pa=").map_or(value, |(_, rest)| rest.split('&').next().unwrap_or(""));
        let shape = address.split_once('@').is_some_and(|(name, bank)| {
            name.len() >= 2
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
                && bank.len() >= 2
                && bank.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        hits.keyed(Category::BankAccount, shape.then_some(address));
    }
}

/// An account's number and a code in one object.
fn record(members: &[Member<'_>], _: Context) -> Option<Joint> {
    let at = members.iter().position(|m| m.part == NUMBER && is_number(m.value))?;
    let code = members.iter().any(|m| m.part == CODE && is_code(m.value));
    let value = members.get(at)?.value.to_owned();
    code.then_some(Joint { value, at: Some(at) })
}

/// 5 to 18 digits, perhaps grouped, with nothing hidden.
fn is_number(value: &str) -> bool {
    let value = value.trim();
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    (5..=18).contains(&digits)
        && value.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'/'))
        && value.bytes().any(|b| b.is_ascii_digit() && b != b'0')
}

/// A code of a bank: IFSC, SWIFT, or 6 to 9 digits.
fn is_code(value: &str) -> bool {
    let compact: String = value.trim().chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let digits = compact.bytes().all(|b| b.is_ascii_digit());
    let letters = |n: usize| compact.bytes().take(n).all(|b| b.is_ascii_alphabetic());
    digits && (6..=9).contains(&compact.len())
        || compact.bytes().all(|b| b.is_ascii_alphanumeric())
            && (compact.len() == 11 && letters(4) || matches!(compact.len(), 8 | 11) && letters(6))
}

/// A code after its name, and a number after the word for an account, in either order.
static CODES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?-u:\b)(?:ifsc(?:\ code)?[\s:=\#.\-(]{0,4}(?:is\s)?[a-z]{4}0[a-z0-9]{6}
        |sort\ ?-?code[\s:=\#.\-(]{0,4}(?:is\s)?[0-9]{2}[-\ ]?[0-9]{2}[-\ ]?[0-9]{2}
        |bsb(?:\ (?:number|no\.?|code))?[\s:=\#.\-(]{0,4}(?:is\s)?[0-9]{3}[-\ ]?[0-9]{3}
        |(?:(?:aba|bank)\ )?(?:routing|rtn|aba)(?:\ (?:transit\ )?(?:number|no\.?|code|\#))?[\s:=\#.\-(]{0,4}(?:is\s)?[0-9]{9}
        |(?:swift|bic)(?:[/\ -](?:bic|code))?(?:\ code)?[\s:=\#.\-(]{0,4}(?:is\s)?[a-z]{6}[a-z0-9]{2}(?:[a-z0-9]{3})?)(?-u:\b)",
    )
    .ok()
});
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?-u:\b)(?:a/?c|acc(?:oun)?t\.?|acct|account|acc|konto(?:nummer)?|cuenta|compte|হিসাব|অ্যাকাউন্ট|खाता)(?:\ (?:number|no\.?|num|nr\.?|nummer|\#|নম্বর|নং))?
        [\s:=\#.\-(]{0,4}(?:is\s)?(?P<number>[0-9][0-9\ -]{4,20}[0-9])",
    )
    .ok()
});

/// Covers account numbers beside a code, and UPI addresses.
fn cover(view: &View<'_>, hits: &mut Hits, covered: &mut Vec<Range<usize>>) {
    if view.classes.has(Classes::AT) {
        hits.worked(view.text.len());
        upi(view.text, hits, covered);
    }
    if view.digits < 6 || !view.hints.has(Category::BankAccount, 0) {
        return;
    }
    hits.worked(view.text.len());
    let (Some(codes), Some(numbers)) = (CODES.as_ref(), NUMBERS.as_ref()) else { return };
    let Some(code) = codes.find(view.text) else { return };
    covered.push(code.range());
    let named = numbers.captures_iter(view.text).filter_map(|c| c.name("number"));
    for number in named.filter(|n| is_number(n.as_str()) && !code.range().contains(&n.start())) {
        hits.likely(Category::BankAccount, number.as_str().trim());
        covered.push(number.range());
    }
}

/// `name@psp` without a dot behind the sign.
fn upi(text: &str, hits: &mut Hits, covered: &mut Vec<Range<usize>>) {
    let part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    for (at, _) in text.match_indices('@') {
        let name =
            text.as_bytes().get(..at).map_or(0, |l| l.iter().rev().take(64).take_while(|b| part(b)).count());
        let bank = text
            .as_bytes()
            .get(at + 1..)
            .map_or(0, |r| r.iter().take(64).take_while(|b| b.is_ascii_alphanumeric()).count());
        let (start, end) = (at - name, at + 1 + bank);
        let provider = text.get(at + 1..end).unwrap_or("").to_ascii_lowercase();
        let right = text::right_of(text, end, 2);
        let goes_on = matches!(right.as_bytes(), [b'.' | b'-' | b'_', b, ..] if b.is_ascii_alphanumeric())
            || right.starts_with(['@', '/', '_'])
            || right.chars().next().is_some_and(text::is_joining);
        let free = !text::before(text, start).is_some_and(text::is_joining);
        let masked = text::is_masked(text.get(start..at).unwrap_or(""));
        if name >= 2 && free && !goes_on && !masked && among(PROVIDERS, &provider) {
            hits.shape(Category::BankAccount, text.get(start..end).unwrap_or(""));
            covered.push(start..end);
        }
    }
}
