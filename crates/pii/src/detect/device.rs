//! Identifiers of devices: hardware addresses, IMEI, advertising and Android ids, under their keys or after their names.

use super::card::luhn;
use super::{Keyed, Kind, View};
use crate::category::Category;
use crate::hits::Hits;
use crate::keys::{Words, among};
use crate::text;
use regex::Regex;
use std::ops::Range;
use std::sync::LazyLock;

const HARDWARE: u8 = 0;
const IMEI: u8 = 1;
const ADVERTISING: u8 = 2;
const ANDROID: u8 = 3;

pub(crate) static KIND: Kind = Kind {
    order: 15,
    least_number: 0,
    key,
    own_digits: |_| true,
    judge,
    hints: &[&[
        "mac",
        "hwaddr",
        "imei",
        "bssid",
        "ether ",
        "lladdr",
        "hardware addr",
        "idfa",
        "gaid",
        "aaid",
        "dhcp",
    ]],
    cover: Some(cover),
    ..Kind::NONE
};

fn key(words: &Words<'_>) -> Option<u8> {
    let address = matches!(words.last, "address" | "addr" | "id" | "adr");
    let at = if address { words.prev } else { words.last };
    let joined = words.joined();
    if among(
        "mac bssid hwaddr hardware bluetooth_mac macaddress macaddr hwaddress wifimac btmac ether lladdr bluetooth wlan bt hw",
        at,
    ) || among("macaddress macaddr hwaddr hwaddress hwid_mac wifimac btmac", words.last)
        || words.any("mac bssid hwaddr macaddress")
            && !words.any("version os app type count vendor format model")
    {
        return Some(HARDWARE);
    }
    if words.last.starts_with("imei")
        || words.prev == "imei" && matches!(words.last, "number" | "no" | "id" | "sv")
    {
        return (words.last != "sv").then_some(IMEI);
    }
    let advertising = among("idfa gaid aaid idfv adid oaid ifa", words.last)
        || [
            "advertising id",
            "advertising identifier",
            "ad id",
            "ads id",
            "advertiser id",
            "id for advertiser",
            "id for vendor",
            "google ad id",
            "advertising uuid",
        ]
        .iter()
        .any(|end| {
            joined == *end || joined.ends_with(&format!(" {end}")) || joined.ends_with(&format!(" {end}s"))
        });
    if advertising {
        return Some(ADVERTISING);
    }
    (joined == "android id" || joined.ends_with(" android id") || joined == "androidid" || joined == "ssaid")
        .then_some(ANDROID)
}

/// Twelve hex digits in pairs with one kind of mark, or in fours with dots.
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?-u:\b)(?:(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?-u:\b)").ok()
});

/// The name of such a value, and the value.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)(?:
        (?:(?:wi-?fi|bluetooth|bt|device|ethernet|client|lan|wlan)[\ _-]?)?(?:mac|hwaddr|hw\ addr|hardware|bssid|ether|lladdr|link/ether|physical)(?:[\ _-]?(?:address|addr\.?|adress[ea]|adres|id|no\.?))?
          [\s:=\x22'`(\[>\#*–-]{0,5}(?:is|was|of\ [^\s]+\ is|:)?\s*[\x22'`(\[]?
          (?P<mac>(?:[0-9a-f]{2}:){5,}[0-9a-f]{2}|(?:[0-9a-f]{2}-){5,}[0-9a-f]{2}|[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})
        |dhcp[^\n]{0,120}?[\s(\[=\x22'](?P<lease>(?:[0-9a-f]{2}:){5,}[0-9a-f]{2})
        |imei(?:[\ _-]?(?:number|no\.?|\#|1|2))?[\s:=\x22'`(\[>\#*–-]{0,5}(?:is|was)?\s*[\x22'`(]?(?P<imei>[0-9]{2}[\ -]?[0-9]{6}[\ -]?[0-9]{6}[\ -]?[0-9]|[0-9]{6}[\ -][0-9]{2}[\ -][0-9]{6}[\ -][0-9])
        |(?:idfa|gaid|aaid|idfv)[\s:=\x22'`(\[>–-]{1,5}(?P<ad>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})
        )",
    )
    .ok()
});

/// Not all its digits are the same, and it is more than a broadcast: the zeros and `ff` of nobody, and what Android gives
/// to applications in place of the address (`02:00:00:00:00:00`).
fn is_somebodys(value: &str) -> bool {
    if value.len() == 17
        && value.starts_with("02")
        && !value.bytes().skip(2).any(|b| b.is_ascii_hexdigit() && b != b'0')
    {
        return false;
    }
    let hex = || value.bytes().filter(u8::is_ascii_hexdigit).map(|b| b.to_ascii_lowercase());
    let first = hex().next();
    hex().any(|b| Some(b) != first)
}

fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    let value = keyed.value.trim();
    let found = match keyed.grade {
        HARDWARE => {
            let bare = value.len() == 12
                && value.bytes().all(|b| b.is_ascii_hexdigit())
                && value.bytes().any(|b| b.is_ascii_alphabetic());
            let written =
                ADDRESS.as_ref().and_then(|p| p.find(value)).filter(|m| is_whole(value, &m.range()));
            written.map(|m| m.as_str()).or(bare.then_some(value))
        }
        IMEI => is_imei(value).then_some(value),
        ADVERTISING => text::is_uuid(value).then_some(value),
        _ => (value.len() == 16 && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(value),
    };
    hits.keyed(Category::DeviceId, found.filter(|v| is_somebodys(v)));
}

/// Nothing continues the groups at either end, as a fingerprint does.
fn is_whole(text: &str, range: &Range<usize>) -> bool {
    let joins = |c: char| matches!(c, ':' | '-' | '.');
    let left = text::left_of(text, range.start, 4);
    let right = text::right_of(text, range.end, 4);
    let hex = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
    let before = left.ends_with(joins) && hex(left.chars().rev().nth(1)) && hex(left.chars().rev().nth(2));
    let after = right.starts_with(joins) && hex(right.chars().nth(1)) && hex(right.chars().nth(2));
    !before && !after
}

/// 15 digits with a check digit.
fn is_imei(value: &str) -> bool {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let plain = value.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '-'));
    plain && digits.len() == 15 && luhn(&digits)
}

/// Values after their names.
fn cover(view: &View<'_>, hits: &mut Hits, covered: &mut Vec<Range<usize>>) {
    if !view.hints.has(Category::DeviceId, 0) {
        return;
    }
    let Some(named) = NAMED.as_ref() else { return };
    hits.worked(view.text.len());
    for found in named.captures_iter(view.text) {
        let value = ["mac", "lease", "imei", "ad"].iter().find_map(|name| found.name(name));
        let begins = found
            .get(0)
            .is_some_and(|all| !text::before(view.text, all.start()).is_some_and(text::is_joining));
        let Some(value) = value.filter(|v| begins && is_whole(view.text, &v.range())) else { continue };
        let fits = match (found.name("mac").or_else(|| found.name("lease")), found.name("imei")) {
            (Some(mac), _) => matches!(mac.as_str().len(), 14 | 17),
            (_, Some(imei)) => is_imei(imei.as_str()),
            _ => true,
        };
        if fits
            && is_somebodys(value.as_str())
            && !text::after(view.text, value.end()).is_some_and(text::is_joining)
        {
            hits.likely(Category::DeviceId, value.as_str());
            covered.push(value.range());
        } else {
            hits.against(Category::DeviceId, "its length or check digit does not fit");
        }
    }
}
