//! What must never get 2xx though a signature of it may be right: other spellings of what was signed, a time that was not, and keys that
//! everybody guesses.

use super::forgery::{Shots, case};
use crate::case::{Bench, Case};
use crate::forge::Draft;
use crate::shot::Shot;
use record::Right::Refused;
use signature::{Encoding, PUBLIC_EXAMPLE};

/// The body of a draft in another spelling.
type Spell = fn(&Draft) -> Vec<u8>;
/// A header's value of the right signature and another one.
type List = fn(&str, &str) -> String;

/// What languages make of a secret that is not set, and what examples have in its place.
const GUESSES: [&str; 9] =
    ["None", "null", "nil", "undefined", "secret", "changeme", "password", "test", PUBLIC_EXAMPLE];
/// So much older than the sender's limit is what comes with a fresh timestamp beside its own, ms.
const OLDER_MS: i64 = 3_600_000;
/// Drafts of which one has a signature with a character that another alphabet writes in another way.
const DRAFTS: usize = 64;

pub(crate) static CASES: &[Case] = &[
    case(
        "guessable-key",
        "signed with a key that everybody guesses",
        "CWE-798, CWE-1392: a secret that is not set becomes `None` or `undefined`, and one of an example is everybody's",
        |bench| Ok(GUESSES.iter().flat_map(|guess| guessed(bench, guess)).collect()),
    ),
    case(
        "respelt-body",
        "the body written in another way after signing",
        "CWE-347: the bytes that came are what is signed; whoever verifies what a parser or decoder made of them takes bodies \
         that nobody signed",
        respelt_body,
    ),
    case(
        "respelt-signature",
        "the right signature in a list, or in another form of base64",
        "CWE-436: the sender writes one signature in one way; other spellings of it defeat replay detection by signature",
        respelt_signature,
    ),
    case(
        "timestamp-twice",
        "validly signed long ago, with a fresh timestamp beside the old one",
        "CWE-294, CWE-436: one timestamp is signed and another one is fresh, so that a captured webhook can be replayed forever",
        timestamp_twice,
    ),
];

/// Under a guess as text and, where the sender's secrets are base64, as what its libraries make of it.
fn guessed(bench: &mut Bench<'_>, guess: &'static str) -> Vec<Shot> {
    let label =
        if guess == PUBLIC_EXAMPLE { "a guide's public example".to_owned() } else { format!("`{guess}`") };
    let mut keys = vec![(label.clone(), guess.as_bytes().to_vec())];
    keys.extend(bench.forge.key_of(guess).map(|key| (format!("{label}, decoded"), key)));
    let shot = |(label, key): (String, Vec<u8>)| {
        let draft = bench.draft();
        let value = bench.forge.value(&draft, &bench.forge.tag_under(&key, &draft));
        bench.forge.shot(&label, &draft, Some(value.as_bytes()), Refused)
    };
    keys.into_iter().map(shot).collect()
}

fn respelt_body(bench: &mut Bench<'_>) -> Shots {
    let spellings: [(&str, Spell); 6] = [
        ("a newline added", |draft| [&*draft.body, b"\n"].concat()),
        ("blanks added", |draft| draft.text().replace("\":", "\": ").into_bytes()),
        ("a character escaped", |draft| {
            draft.text().replace("smoke_probe", "smoke\\u005fprobe").into_bytes()
        }),
        ("a byte that is not UTF-8 added", |draft| {
            let (head, tail) = draft.body.split_at(draft.body.len().saturating_sub(1));
            [head, b"\xff", tail].concat()
        }),
        ("a byte order mark added", |draft| [b"\xef\xbb\xbf", &*draft.body].concat()),
        ("a NUL and more added", |draft| [&*draft.body, b"\0smoke"].concat()),
    ];
    let shot = |(label, spell): (&str, Spell)| {
        // One that has blanks of its own is none of those that a receiver without them verifies.
        let draft = bench.draft();
        let text: String = draft.text().split_ascii_whitespace().collect();
        let draft = draft.with_body(text);
        let value = bench.forge.value(&draft, &bench.forge.tag(&draft));
        let respelt = draft.with_body(spell(&draft));
        bench.forge.shot(label, &respelt, Some(value.as_bytes()), Refused)
    };
    Ok(spellings.into_iter().map(shot).collect())
}

fn respelt_signature(bench: &mut Bench<'_>) -> Shots {
    let mut shots = Vec::new();
    if bench.forge.layout().separator.is_none() {
        shots.extend(in_lists(bench));
    }
    if bench.forge.layout().encoding != Encoding::Hex {
        // Base64 for URLs is written with padding and without.
        if bench.forge.layout().encoding == Encoding::Base64 {
            shots.push(spelt(bench, "without its padding", |tag| tag.trim_end_matches('=').to_owned()));
        }
        shots.push(spelt(bench, "in the other alphabet", |tag| {
            let other = |c| match c {
                '+' => '-',
                '/' => '_',
                '-' => '+',
                '_' => '/',
                c => c,
            };
            tag.chars().map(other).collect()
        }));
    }
    if shots.is_empty() { Err("this sender's header is a list, and hex has one spelling") } else { Ok(shots) }
}

/// The right signature beside another one, in the header of a sender that writes one only.
fn in_lists(bench: &mut Bench<'_>) -> Vec<Shot> {
    let lists: [(&str, List); 3] = [
        ("after another one and a comma", |right, wrong| format!("{wrong},{right}")),
        ("before a comma and another one", |right, wrong| format!("{right},{wrong}")),
        ("after another one and a blank", |right, wrong| format!("{wrong} {right}")),
    ];
    let shot = |(label, list): (&str, List)| {
        let draft = bench.draft();
        let right = bench.forge.value(&draft, &bench.forge.tag(&draft));
        let wrong = bench.forge.value(&draft, &bench.forge.wrong_tag(&draft));
        bench.forge.shot(label, &draft, Some(list(&right, &wrong).as_bytes()), Refused)
    };
    lists.into_iter().map(shot).collect()
}

/// A signature that has another spelling, in that one.
fn spelt(bench: &mut Bench<'_>, label: &str, spell: fn(&str) -> String) -> Shot {
    let forge = bench.forge;
    let differs = |draft: &Draft| {
        let tag = forge.tag(draft);
        spell(&tag) != tag
    };
    let mut draft = bench.draft();
    for n in 0..DRAFTS {
        if differs(&draft) {
            break;
        }
        draft = draft.with_fields(&format!("\"smoke_n\":{n}"));
    }
    let value = forge.value(&draft, &spell(&forge.tag(&draft)));
    forge.shot(label, &draft, Some(value.as_bytes()), Refused)
}

fn timestamp_twice(bench: &mut Bench<'_>) -> Shots {
    let back = bench.forge.layout().limits.0;
    let back = back.ok_or("this sender's profile sets no limit for this to exceed")?;
    let then = bench.now_ms - i64::from(back) * 1000 - OLDER_MS;
    let fresh = bench.forge.stamp(bench.now_ms);
    let mut shot = |label, fresh_first: bool| {
        let draft = bench.draft_at(then);
        let value = bench.forge.value(&draft, &bench.forge.tag(&draft));
        let beside = |separator: &str, key: &str| {
            let (old, new) = (format!("{key}={}", draft.stamp), format!("{key}={fresh}"));
            let both = if fresh_first { [new, old.clone()] } else { [old.clone(), new] };
            value.replacen(&old, &both.join(separator), 1)
        };
        let layout = bench.forge.layout();
        let value = match (layout.time_key, layout.separator) {
            (Some(key), Some(separator)) => beside(separator, key),
            _ => value.clone(),
        };
        let mut shot = bench.forge.shot(label, &draft, Some(value.as_bytes()), Refused);
        if let Some(at) = shot.headers.iter().position(|(name, _)| Some(name.as_str()) == layout.timestamp) {
            let name = shot.headers.get(at).map(|(name, _)| name.clone()).unwrap_or_default();
            let at = if fresh_first { at } else { at + 1 };
            shot.headers.insert(at, (name, fresh.clone().into_bytes()));
        }
        shot
    };
    Ok(vec![shot("the fresh one first", true), shot("the fresh one last", false)])
}

#[cfg(test)]
mod tests;
