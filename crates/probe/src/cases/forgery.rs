//! What must never get 2xx: webhooks that nobody with the secret has signed as they stand, or not now.

use crate::case::{Bench, Case, Group, Judged, Play};
use crate::shot::Shot;
use record::Right::{self, Accepted, Handled, Refused};
use signature::{Algorithm, Encoding, Scheme, Unit};

pub(super) type Shots = Result<Vec<Shot>, &'static str>;

const NO_TIMESTAMP: &str = "webhooks of this sender carry no timestamp, so their age is unknown";
const NO_VERSIONS: &str = "signatures of this sender have no versions";

/// A forgery whose requests are sent one after another, each judged by itself.
pub(super) const fn case(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    build: fn(&mut Bench<'_>) -> Shots,
) -> Case {
    Case { id, group: Group::Forgery, title, why, play: Play::InTurn, judged: Judged::EachShot, build }
}

pub(crate) static CASES: &[Case] = &[
    case(
        "no-signature",
        "no signature header at all",
        "CWE-347: a receiver that does not insist on a signature verifies nothing",
        |bench| Ok(vec![bench.with_value("no signature header", None, Refused)]),
    ),
    case(
        "empty-signature",
        "an empty signature header",
        "CWE-347: an empty string is a prefix of every signature, and equals that of a sender without a secret",
        |bench| {
            let mut shots = vec![bench.with_value("empty", Some(b""), Refused)];
            let draft = bench.draft();
            let bare = bench.forge.value(&draft, "");
            if !bare.is_empty() {
                shots.push(bench.forge.shot("prefix only", &draft, Some(bare.as_bytes()), Refused));
            }
            Ok(shots)
        },
    ),
    case(
        "wrong-key",
        "signed with another key",
        "RFC 2104: only the holder of the key can make the MAC",
        |bench| {
            let draft = bench.draft();
            let tag = bench.forge.wrong_tag(&draft);
            Ok(vec![tagged(bench, "another key", &draft, &tag, Refused)])
        },
    ),
    case(
        "empty-key",
        "signed with the empty key",
        "CWE-1391, CWE-321: a receiver without a configured secret verifies with a key everyone knows",
        |bench| {
            let draft = bench.draft();
            let tag = bench.forge.tag_under(b"", &draft);
            Ok(vec![tagged(bench, "empty key", &draft, &tag, Refused)])
        },
    ),
    case(
        "signature-prefix",
        "the first part of the right signature",
        "CWE-697, CWE-1023: startswith() and zip() treat a prefix as equal; then 16 tries guess a signature",
        |bench| {
            let shot = |bench: &mut Bench<'_>, label, keep: fn(&str) -> usize| {
                let draft = bench.draft();
                let tag = bench.forge.tag(&draft);
                let part = tag.get(..keep(&tag)).unwrap_or_default().to_owned();
                tagged(bench, label, &draft, &part, Refused)
            };
            Ok(vec![
                shot(bench, "the first character", |_| 1),
                shot(bench, "the first 16 characters", |_| 16),
                shot(bench, "all but the last character", |tag| tag.trim_end_matches('=').len() - 1),
            ])
        },
    ),
    case(
        "partly-right-signature",
        "signatures of full length of which only a part is right",
        "CWE-697, CWE-1023: what is not compared need not be known; where 8 hex digits are, 2^32 tries guess a signature",
        partly_right,
    ),
    case(
        "changed-body",
        "one byte of the body changed after signing",
        "CWE-354: a signature covers the body's bytes",
        |bench| {
            let draft = bench.draft();
            let value = bench.forge.value(&draft, &bench.forge.tag(&draft));
            let changed = draft.with_body(draft.text().replacen("smoke_probe", "smoke_probf", 1));
            Ok(vec![bench.forge.shot("one byte changed", &changed, Some(value.as_bytes()), Refused)])
        },
    ),
    case(
        "changed-id",
        "one character of the id changed after signing",
        "Standard Webhooks: the id is signed so that a replay cannot be given a new one",
        |bench| {
            if !bench.forge.layout().signs_id {
                return Err("this sender does not sign the id, so a changed one cannot be detected");
            }
            let draft = bench.draft();
            let value = bench.forge.value(&draft, &bench.forge.tag(&draft));
            let mut changed = draft.clone();
            changed.id = other_end(&draft.id);
            Ok(vec![bench.forge.shot("one character changed", &changed, Some(value.as_bytes()), Refused)])
        },
    ),
    case(
        "changed-timestamp",
        "the timestamp moved after signing",
        "CWE-294: an unsigned timestamp lets a captured webhook be replayed forever",
        changed_timestamp,
    ),
    case(
        "signature-of-another",
        "the signature of another delivery",
        "CWE-294: a captured signature must only fit its own webhook",
        |bench| {
            let (one, other) = (bench.draft(), bench.draft());
            let mut body = one.clone();
            body.body.clone_from(&other.body);
            let tag = bench.forge.tag(&one);
            Ok(vec![tagged(bench, "signature of another body", &body, &tag, Refused)])
        },
    ),
    case(
        "junk-in-signature",
        "the right signature with junk inside or after it",
        "CWE-436: lenient decoders (Python's b64decode, Buffer.from(…, 'hex')) skip what they cannot read, so one \
         signature has endless spellings",
        junk,
    ),
    case(
        "wrong-case",
        "the right signature with its case swapped",
        "CWE-178: base64 is case-sensitive; hex in two spellings defeats replay detection by signature",
        |bench| {
            let draft = bench.draft();
            let tag: String = bench.forge.tag(&draft).chars().map(other_case).collect();
            Ok(vec![tagged(bench, "the other case", &draft, &tag, Refused)])
        },
    ),
    case(
        "other-version",
        "the right signature only under another version",
        "Stripe: schemes other than v1 are to be ignored, to prevent downgrade attacks; Standard Webhooks likewise",
        |bench| {
            let other = bench.forge.layout().other_prefix().ok_or(NO_VERSIONS)?;
            let draft = bench.draft();
            let tag = bench.forge.tag(&draft);
            let value = bench.forge.value_of(&draft, &[format!("{other}{tag}")]);
            Ok(vec![bench.forge.shot(&format!("as {other}…"), &draft, Some(value.as_bytes()), Refused)])
        },
    ),
    case(
        "valid-among-broken",
        "the right signature in a list of broken ones",
        "Standard Webhooks, Stripe: one valid signature in a list suffices; unreadable entries are skipped",
        among_broken,
    ),
    case(
        "algorithm-swapped",
        "another algorithm: HMAC-SHA1, HMAC-SHA512, SHA-256 without a key",
        "CWE-757: the sender of a request must not choose how it is verified",
        |bench| {
            let mut shots = Vec::new();
            for i in 0..3 {
                let draft = bench.draft();
                if let Some((label, tag)) = bench.forge.other_algorithms(&draft).get(i) {
                    shots.push(tagged(bench, label, &draft, tag, Refused));
                }
            }
            shots.extend(own_label(bench));
            if bench.forge.scheme == Scheme::Github {
                shots.push(legacy_only(bench));
            }
            Ok(shots)
        },
    ),
    case(
        "body-only-signature",
        "signed over the body alone",
        "CWE-757: where an older scheme without timestamp is still accepted, a captured webhook can be replayed forever",
        body_only,
    ),
    case("stale-301s", "validly signed 301 s ago", STALE, |bench| aged(bench, "301 s old", -301)),
    case("stale-1h", "validly signed an hour ago", STALE, |bench| aged(bench, "an hour old", -3600)),
    case("future-301s", "validly signed 301 s from now", FUTURE, |bench| aged(bench, "301 s ahead", 301)),
    case("future-1y", "validly signed a year from now", FUTURE, |bench| {
        aged(bench, "a year ahead", 365 * 24 * 3600)
    }),
    case(
        "timestamp-text",
        "validly signed over a timestamp that is not a number, or is in another unit",
        "CWE-20: parseInt(\"1764115200abc\") is a time, int(…) of it an exception",
        timestamp_text,
    ),
];

const STALE: &str =
    "CWE-294; Stripe, Slack, Standard Webhooks: older than five minutes is a replay and must be refused";
const FUTURE: &str =
    "CWE-294; Standard Webhooks: a timestamp far ahead keeps a captured webhook valid until then";

fn tagged(bench: &Bench<'_>, label: &str, draft: &crate::forge::Draft, tag: &str, right: Right) -> Shot {
    bench.forge.shot(label, draft, Some(bench.forge.value(draft, tag).as_bytes()), right)
}

/// HMAC-SHA1 under its own label (`sha1=…`), where the header names the algorithm: a receiver that asks the request which one
/// it is takes it.
fn own_label(bench: &mut Bench<'_>) -> Option<Shot> {
    let names = bench.forge.layout().algorithm == Algorithm::HmacSha256;
    let label = bench.forge.layout().other_prefix().filter(|other| names && other.contains("sha1"))?;
    let draft = bench.draft();
    let value = bench.forge.value_of(&draft, &[format!("{label}{}", bench.forge.sha1_tag(&draft))]);
    Some(bench.forge.shot(&format!("HMAC-SHA1 as {label}…"), &draft, Some(value.as_bytes()), Refused))
}

/// GitHub's older header alone: HMAC-SHA1, which a receiver of today does not take.
fn legacy_only(bench: &mut Bench<'_>) -> Shot {
    let draft = bench.draft();
    let sha1 = bench.forge.sha1_tag(&draft);
    let shot = bench.forge.shot("X-Hub-Signature (HMAC-SHA1) alone", &draft, None, Refused);
    shot.with_header("X-Hub-Signature", Some(&format!("sha1={sha1}")))
}

fn body_only(bench: &mut Bench<'_>) -> Shots {
    let (timestamp, id) = (bench.forge.layout().timestamp, bench.forge.layout().id);
    let draft = bench.draft();
    let tag = bench.forge.body_only_tag(&draft);
    if tag == bench.forge.tag(&draft) {
        return Err("this sender signs the body alone");
    }
    let mut shots = vec![tagged(bench, "the body alone", &draft, &tag, Refused)];
    // As an older sender would send it, which has neither.
    if let Some(timestamp) = timestamp {
        let draft = bench.draft();
        let tag = bench.forge.body_only_tag(&draft);
        let shot = tagged(bench, "the body alone, without timestamp and id", &draft, &tag, Refused);
        let shot = shot.with_header(timestamp, None);
        shots.push(id.into_iter().fold(shot, |shot, id| shot.with_header(id, None)));
    }
    Ok(shots)
}

/// The MAC's bytes are changed and not its text: in base64 the last character has bits that no byte has.
fn partly_right(bench: &mut Bench<'_>) -> Shots {
    let base64 = bench.forge.layout().encoding != Encoding::Hex;
    // So many bytes are in eight characters.
    let eight = if base64 { 6 } else { 4 };
    // In which bytes of so many there is a mistake, and which bits of them it turns.
    type Wrong = fn(usize, usize) -> (std::ops::Range<usize>, u8);
    let wrongs: [(&str, Wrong); 7] = [
        ("the last character wrong", |n, _| (n - 1..n, 0x01)),
        ("the first character wrong", |_, _| (0..1, 0x80)),
        ("a byte in the middle wrong", |n, _| (n / 2..n / 2 + 1, 0xff)),
        ("the second half wrong", |n, _| (n / 2..n, 0xff)),
        ("the first half wrong", |n, _| (0..n / 2, 0xff)),
        ("all but the first 8 characters wrong", |n, eight| (eight..n, 0xff)),
        ("all but the last 8 characters wrong", |n, eight| (0..n - eight, 0xff)),
    ];
    let shot = |(label, wrong): (&str, Wrong)| {
        let draft = bench.draft();
        let tag = bench.forge.spoilt_tag(&draft, |mac| {
            let (bytes, bits) = wrong(mac.len(), eight);
            mac.get_mut(bytes).into_iter().flatten().for_each(|byte| *byte ^= bits);
        });
        tagged(bench, label, &draft, &tag, Refused)
    };
    Ok(wrongs.into_iter().map(shot).collect())
}

fn changed_timestamp(bench: &mut Bench<'_>) -> Shots {
    bench.forge.layout().unit.ok_or(NO_TIMESTAMP)?;
    let draft = bench.draft();
    let tag = bench.forge.tag(&draft);
    let mut changed = draft.clone();
    // Still fresh.
    changed.stamp = bench.forge.stamp(bench.now_ms - 1000);
    Ok(vec![tagged(bench, "a second earlier", &changed, &tag, Refused)])
}

fn junk(bench: &mut Bench<'_>) -> Shots {
    let base64 = bench.forge.layout().encoding != Encoding::Hex;
    let spoil = |bench: &mut Bench<'_>, label, spoilt: fn(&str, usize) -> String| {
        let draft = bench.draft();
        let tag = bench.forge.tag(&draft);
        let spoilt = spoilt(&tag, tag.len() / 2);
        tagged(bench, label, &draft, &spoilt, Refused)
    };
    let middle: fn(&str, usize) -> String = |tag, at| match tag.split_at_checked(at) {
        Some((head, tail)) => format!("{head}!{tail}"),
        None => format!("!{tag}"),
    };
    let mut shots = vec![
        spoil(bench, "`!` in the middle", middle),
        spoil(bench, "`zz` after it", |tag, _| format!("{tag}zz")),
    ];
    if base64 {
        shots.push(spoil(bench, "base64 after the padding", |tag, _| format!("{tag}AAAA")));
    }
    Ok(shots)
}

fn among_broken(bench: &mut Bench<'_>) -> Shots {
    let prefix = bench.forge.layout().prefix.clone();
    let has_list = bench.forge.layout().separator.is_some();
    let (last_only, only_keys) = (bench.forge.layout().last_only, bench.forge.layout().only_keys);
    let right = if has_list { Accepted } else { Handled };
    let shot = |bench: &mut Bench<'_>, label, right, order: fn(String, Vec<String>) -> Vec<String>| {
        let draft = bench.draft();
        let tag = format!("{prefix}{}", bench.forge.tag(&draft));
        let wrong = bench.forge.wrong_tag(&draft);
        // A part that is no pair makes a header of pairs one that stripe-go and others refuse as a whole; so does an entry
        // without a comma for the library of Standard Webhooks for Python.
        let other = match prefix.chars().last() {
            Some('=') => "v9=1",
            Some(',') => "v9,1",
            _ => "v9",
        };
        let mut broken = vec![format!("{prefix}{wrong}"), format!("{prefix}!!!")];
        broken.extend((!only_keys).then(|| other.to_owned()));
        let value = bench.forge.value_of(&draft, &order(tag, broken));
        bench.forge.shot(label, &draft, Some(value.as_bytes()), right)
    };
    Ok(vec![
        shot(bench, "after broken ones", right, |tag, broken| broken.into_iter().chain([tag]).collect()),
        shot(bench, "before broken ones", if last_only { Handled } else { right }, |tag, broken| {
            [tag].into_iter().chain(broken).collect()
        }),
    ])
}

fn aged(bench: &mut Bench<'_>, label: &str, seconds: i64) -> Shots {
    let layout = bench.forge.layout();
    let unit = layout.unit.ok_or(NO_TIMESTAMP)?.ms();
    let limit = if seconds < 0 { layout.limits.0 } else { layout.limits.1 };
    if limit.is_none_or(|limit| i64::from(limit) >= seconds.abs()) {
        return Err("this sender's profile sets no limit for this to exceed");
    }
    let at = bench.now_ms + seconds * 1000;
    // Rounded up: a receiver's clock, too, may show the next second before this arrives.
    let draft = bench.draft_at(if seconds > 0 { (at + unit - 1).div_euclid(unit) * unit } else { at });
    Ok(vec![bench.forge.signed(label, &draft, Refused)])
}

fn timestamp_text(bench: &mut Bench<'_>) -> Shots {
    let unit = bench.forge.layout().unit.ok_or(NO_TIMESTAMP)?;
    let now = bench.forge.stamp(bench.now_ms);
    let other = match unit {
        Unit::Seconds => ("milliseconds for seconds", bench.now_ms.to_string()),
        _ => ("seconds for milliseconds", bench.now_ms.div_euclid(1000).to_string()),
    };
    let texts = [
        ("letters after it", format!("{now}abc")),
        ("a fraction", format!("{now}.9")),
        other,
        ("negative", format!("-{now}")),
        ("20 digits", "9".repeat(20)),
    ];
    let shot = |(label, text): (&str, String)| {
        let mut draft = bench.draft();
        draft.stamp = text;
        bench.forge.signed(label, &draft, Right::RefusedAndHandled)
    };
    let mut shots: Vec<Shot> = texts.into_iter().map(shot).collect();
    // Whoever signs the number that it has read, and not the text that came, takes these.
    for (label, end) in [("letters added after signing", "abc"), ("a fraction added after signing", ".9")] {
        let draft = bench.draft();
        let tag = bench.forge.tag(&draft);
        let mut longer = draft.clone();
        longer.stamp.push_str(end);
        shots.push(tagged(bench, label, &longer, &tag, Right::RefusedAndHandled));
    }
    Ok(shots)
}

fn other_case(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

/// The same with another last character.
fn other_end(text: &str) -> String {
    let mut changed = text.to_owned();
    let last = changed.pop();
    changed.push(if last == Some('0') { '1' } else { '0' });
    changed
}

#[cfg(test)]
mod tests;
