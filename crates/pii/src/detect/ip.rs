//! IPv4 and IPv6 addresses; not versions, rule numbers, OIDs, times, hardware addresses or network blocks.

use super::digits::is_decimal;
use super::version::{chained, is_addressed, is_version};
use super::{Keyed, Kind, View};
use crate::category::Category;
use crate::finding::{Certainty, Detector};
use crate::hits::Hits;
use crate::keys::{Says, Words};
use crate::text::{self, Classes};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address under a key that says so.
pub(crate) const IP: Says = Says::Of(Category::IpAddress, 0);

pub(crate) static KIND: Kind = Kind {
    order: 10,
    least_number: 0,
    key: |words| is_key(words).then_some(0),
    judge,
    find: Some(find),
    mask: |value| if value.contains(':') { "***:***:***".into() } else { "*.*.*.*".into() },
    ..Kind::NONE
};

/// Keys of addresses of the internet protocol.
fn is_key(words: &Words<'_>) -> bool {
    let (last, prev) = (words.last, words.prev);
    match last {
        "ip" | "ipv" | "ipaddress" => true,
        "address" | "addr" | "host" | "port" if prev == "ip" || prev == "ipv" => last != "port",
        "addr" => matches!(prev, "remote" | "client" | "peer" | "source" | "src" | "inet" | "socket"),
        "address" => matches!(prev, "remote" | "peer" | "source" | "inet" | "net" | "network"),
        "for" => prev == "forwarded",
        "forwarded" => words.len() <= 2,
        "from" | "src" | "source" | "used" | "seen" | "login" | "int" | "integer" | "num" | "number"
        | "decimal" | "dec" | "long" | "hex" | "packed" => matches!(prev, "ip" | "ipv"),
        _ => false,
    }
}

/// An integer or hex number under an address key.
fn judge(keyed: &Keyed<'_>, hits: &mut Hits) {
    if let Some(ip) = from_integer(keyed.value.trim()) {
        hits.keyed(Category::IpAddress, Some(&ip.to_string()));
    }
}

/// What is known about the place.
#[derive(Clone, Copy)]
struct Place<'v> {
    /// What the key or header says.
    says: Says,
    view: &'v View<'v>,
}

fn find(view: &View<'_>, hits: &mut Hits) {
    // Under a version key stands a version of four parts, but a whole sentence may speak of anything.
    let says = match view.context.says {
        Says::Version if view.text.split_whitespace().nth(3).is_some() => Says::Nothing,
        says => says,
    };
    let place = Place { says, view };
    if view.digits >= 4 && view.classes.has(Classes::DOT) && !view.joined && may_have_quad(view) {
        detect_v4(view.text, place, hits);
    }
    if view.classes.has(Classes::COLON) && view.text.len() >= 3 && has_colons(view.text.as_bytes()) {
        detect_v6(view.text, place, hits);
    }
}

/// Adds every IPv4 address.
fn detect_v4(text: &str, place: Place<'_>, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut versions_until = 0;
    let mut at = 0;
    while let Some(dot) = bytes.get(at..).and_then(|b| memchr::memchr(b'.', b)).map(|n| n + at) {
        at = dot + 1;
        let mut start = dot;
        while start > 0 && dot - start < 4 && bytes.get(start - 1).is_some_and(u8::is_ascii_digit) {
            start -= 1;
        }
        if start == dot {
            continue;
        }
        hits.worked(16);
        let Some((ip, end)) = quad(bytes, start) else { continue };
        at = end;
        if !v4_stands_alone(text, start, end) {
            continue;
        }
        // The words before it are read.
        hits.worked(48);
        let canary = place.view.canaries.iter().any(|c| c.has_ip(IpAddr::V4(ip)));
        if canary {
            hits.add(Category::IpAddress, Detector::Canary, Certainty::Certain, &ip.to_string());
            continue;
        }
        let version = is_version(text, start, end)
            || start < versions_until && chained(text.get(..start).unwrap_or(""));
        if version {
            versions_until = end + 12;
        }
        if !version && v4_leaks(text, ip, (start, end), place) {
            hits.shape(Category::IpAddress, text.get(start..end).unwrap_or(""));
        }
    }
}

/// Four octets at `start` and where they end; octets have no leading zero.
fn quad(bytes: &[u8], start: usize) -> Option<(Ipv4Addr, usize)> {
    let mut octets = [0u8; 4];
    let mut at = start;
    for (i, octet) in octets.iter_mut().enumerate() {
        if i > 0 {
            if bytes.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
        let from = at;
        let mut value = 0u32;
        while let Some(b) = bytes.get(at).filter(|b| b.is_ascii_digit() && at - from < 4) {
            value = value * 10 + u32::from(b - b'0');
            at += 1;
        }
        if at == from || (at - from > 1 && bytes.get(from) == Some(&b'0')) {
            return None;
        }
        *octet = u8::try_from(value).ok()?;
    }
    Some((Ipv4Addr::from(octets), at))
}

/// No letter, digit or further part touches the four parts.
fn v4_stands_alone(text: &str, start: usize, end: usize) -> bool {
    if !text::is_unjoined(text, start, end) {
        return false;
    }
    let left = text::left_of(text, start, 2);
    let right = text::right_of(text, end, 2);
    let part_before = left.ends_with('.') && left.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let part_after = matches!(right.as_bytes(), [b'.', d] if d.is_ascii_digit());
    // The domain of an e-mail address, `user@[192.0.2.1]`, which is reported as such.
    let literal = left.ends_with("@[");
    !part_before && !part_after && !literal
}

/// Whether an address in this place is a leak.
fn v4_leaks(text: &str, ip: Ipv4Addr, (start, end): (usize, usize), place: Place<'_>) -> bool {
    let keyed = place.says == IP;
    let version = match place.says {
        // One address, however its key is called.
        Says::Version => !is_addressed(text, start, end) && block(text, end) != Some(32),
        says => says == Says::UserAgent,
    };
    if version {
        return false;
    }
    if is_mask(ip) || (ip.is_loopback() || ip.is_unspecified()) && !keyed {
        return false;
    }
    match block(text, end).or_else(|| masked_block(text, end)) {
        Some(bits) if bits < 32 => u32::from(ip) & (u32::MAX >> bits) != 0 && bits > 0,
        _ => true,
    }
}

/// The prefix length after an address, `/25`.
fn block(text: &str, end: usize) -> Option<u32> {
    let rest = text::right_of(text, end, 5).strip_prefix('/')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let next = rest.get(digits..)?.chars().next();
    if next.is_some_and(|c| text::is_wordy(c) || c == '/') {
        return None;
    }
    rest.get(..digits)?.parse().ok().filter(|bits| *bits <= 128)
}

/// A netmask, `255.255.240.0`, or what access lists write for one, `0.0.15.255`: no host has such an address.
fn is_mask(ip: Ipv4Addr) -> bool {
    let bits = u32::from(ip);
    let netmask = bits.leading_ones() > 0 && bits.leading_ones() + bits.trailing_zeros() == 32;
    // Above an octet of zero addresses begin.
    let wildcard = bits > 0 && bits.leading_zeros() >= 8 && bits.leading_zeros() + bits.trailing_ones() == 32;
    netmask || wildcard
}

/// The prefix length that a mask behind an address says: `10.4.0.0 netmask 255.252.0.0`, `10.4.0.0/255.252.0.0`, `10.4.0.0 0.3.255.255`.
fn masked_block(text: &str, end: usize) -> Option<u32> {
    let rest = text::right_of(text, end, 32);
    let mask = rest.trim_start_matches(['/', ' ', ',', ':', '=', '"']);
    let mask =
        ["netmask", "mask", "wildcard"].iter().find_map(|word| mask.strip_prefix(word)).unwrap_or(mask);
    let mask = mask.trim_start_matches([' ', ':', '=', '"']);
    if mask.len() == rest.len() {
        return None;
    }
    let (ip, _) = quad(mask.as_bytes(), 0).filter(|(ip, _)| is_mask(*ip))?;
    let bits = u32::from(ip);
    Some(bits.leading_ones().max(bits.leading_zeros()))
}

/// Adds every IPv6 address.
fn detect_v6(text: &str, place: Place<'_>, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'.');
    let mut at = 0;
    while let Some(colon) = bytes.get(at..).and_then(|b| memchr::memchr(b':', b)).map(|n| n + at) {
        let mut end = colon;
        while bytes.get(end).is_some_and(|b| is_part(*b)) {
            end += 1;
        }
        let from = std::mem::replace(&mut at, end);
        hits.worked(end - colon);
        // It is the run's first colon: most stand behind a word, or in a time of day.
        if !bytes.get(colon..end).is_some_and(has_colons) {
            continue;
        }
        let mut start = colon;
        while start > from && bytes.get(start - 1).is_some_and(|b| is_part(*b)) {
            start -= 1;
        }
        let run = text.get(start..end).unwrap_or("");
        hits.worked(run.len());
        if run.len() < 3 || belongs_to_more(text, start) {
            continue;
        }
        if let Some((ip, from, to)) = parse_v6(run) {
            let canary = place.view.canaries.iter().any(|c| c.has_ip(IpAddr::V6(ip)));
            if canary {
                hits.add(
                    Category::IpAddress,
                    Detector::Canary,
                    Certainty::Certain,
                    &IpAddr::V6(ip).to_canonical().to_string(),
                );
            } else if v6_leaks(text, run.get(from..to).unwrap_or(""), ip, start + to, place) {
                hits.shape(Category::IpAddress, run.get(from..to).unwrap_or(""));
            }
        }
    }
}

/// As many colons as an address has: two beside each other, or those between seven of its groups.
fn has_colons(run: &[u8]) -> bool {
    let mut colons = 0;
    memchr::memchr_iter(b':', run).any(|at| {
        colons += 1;
        colons == 6 || run.get(at + 1) == Some(&b':')
    })
}

/// Whether four groups of digits have nothing but a dot between them; where the groups are not known, they may.
fn may_have_quad(view: &View<'_>) -> bool {
    let mut dotted = 0;
    view.groups.is_empty()
        || view.groups.windows(2).any(|pair| {
            dotted = if is_decimal(view.text, pair) { dotted + 1 } else { 0 };
            dotted == 3
        })
}

/// A letter of another script touches the beginning, or it is the domain of an e-mail address.
fn belongs_to_more(text: &str, start: usize) -> bool {
    text::before(text, start).is_some_and(text::is_joining) || text::left_of(text, start, 2) == "@["
}

/// The address in a run of letters, digits, colons and dots: `ip:` may stand before it and punctuation after it.
fn parse_v6(run: &str) -> Option<(Ipv6Addr, usize, usize)> {
    let mut from = 0;
    for _ in 0..4 {
        let rest = run.get(from..)?;
        let mut body = rest.trim_end_matches('.');
        if body.ends_with(':') && !body.ends_with("::") {
            body = body.trim_end_matches(':');
        }
        let body = if body.len() > 45 { return None } else { body };
        if let Ok(ip) = body.parse::<Ipv6Addr>() {
            return Some((ip, from, from + body.len()));
        }
        if let Some(ip) =
            body.strip_suffix("::").filter(|b| b.contains(':')).and_then(|b| b.parse::<Ipv6Addr>().ok())
        {
            return Some((ip, from, from + body.len() - 2));
        }
        // With a port after eight groups.
        if let Some((host, port)) = body.rsplit_once(':')
            && port.len() == 5
            && port.bytes().all(|b| b.is_ascii_digit())
            && let Ok(ip) = host.parse::<Ipv6Addr>()
        {
            return Some((ip, from, from + host.len()));
        }
        let colon = rest.find(':')?;
        // What stands before the address is a word, or nothing.
        let word = rest.get(..colon)?;
        if !word.is_empty() && !word.bytes().any(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        from += colon + 1;
    }
    None
}

/// Whether an IPv6 address in this place is a leak.
fn v6_leaks(text: &str, written: &str, ip: Ipv6Addr, end: usize, place: Place<'_>) -> bool {
    let keyed = place.says == IP;
    // No version is written like one.
    if place.says == Says::UserAgent {
        return false;
    }
    if (ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()))
        && !keyed
    {
        return false;
    }
    // A netmask: none but those of groups begin with all ones.
    let bits = u128::from(ip);
    if bits.leading_ones() >= 16 && bits.leading_ones() + bits.trailing_zeros() == 128 {
        return false;
    }
    let path = || is_of_path(text, end - written.len().min(end), end);
    if text::after(text, end).is_some_and(text::is_joining) || !keyed && (!is_telling(written) || path()) {
        return false;
    }
    match block(text, end) {
        Some(bits) if bits < 128 => bits > 0 && u128::from(ip) & (u128::MAX >> bits) != 0,
        _ => true,
    }
}

/// Not a time, a hardware address, or `::` between two words.
fn is_telling(written: &str) -> bool {
    if written.contains('.') {
        return true;
    }
    let groups: Vec<&str> = written.split(':').filter(|g| !g.is_empty()).collect();
    let pairs = groups.iter().all(|g| g.len() == 2);
    let digits = written.bytes().any(|b| b.is_ascii_digit());
    digits && groups.len() >= 2 && !pairs && groups.iter().any(|g| g.len() >= 3)
}

/// Two names of a program with `::` between them: `c::B75`, `_ty_60::FDB_MAX`. An address has letters of one case.
fn is_of_path(text: &str, start: usize, end: usize) -> bool {
    let written = text.get(start..end).unwrap_or("");
    let cased = |is: fn(&u8) -> bool| written.as_bytes().iter().any(is);
    let named = text::before(text, start) == Some('_') || text::after(text, end) == Some('_');
    let two = written.split(':').filter(|group| !group.is_empty()).count() == 2;
    two && (named || cased(u8::is_ascii_lowercase) && cased(u8::is_ascii_uppercase))
}

/// The address of a number under an address key: an integer from 2^24 on, decimal or `0x` and hex.
fn from_integer(value: &str) -> Option<Ipv4Addr> {
    let number = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => value.parse::<u32>().ok()?,
    };
    (number >= 1 << 24).then(|| Ipv4Addr::from(number)).filter(|ip| !is_mask(*ip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

        #[test]
        fn what_has_too_few_colons_is_no_address(run in prop_oneof!["[0-9a-fg.:]{3,40}", "([0-9a-f]{0,4}:){1,8}([0-9.]{0,12})"]) {
            let colon = run.find(':').unwrap_or(0);
            prop_assert!(has_colons(&run.as_bytes()[colon..]) || parse_v6(&run).is_none(), "{run}");
        }
    }
}
