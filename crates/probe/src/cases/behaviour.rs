//! What a receiver does with webhooks that are validly signed: once each, in time, and without giving anything away.

use crate::case::{Bench, Case, Group, Judged, Overall, Play};
use crate::shot::{Manner, Shot};
use record::Right::{Accepted, ByCase, Handled, Refused};

type Shots = Result<Vec<Shot>, &'static str>;

/// Webhooks whose answers are timed.
const SAMPLES: usize = 10;
/// The same delivery so many times at once.
const AT_ONCE: usize = 5;
/// Pairs of forged signatures whose answers are timed.
const PAIRS: usize = 12;

const ONCE: &str =
    "Stripe, Standard Webhooks: delivery is at least once; the effect must happen exactly once";

pub(crate) static ANSWER_TIME: Case = case(
    "answer-time",
    "how long a response takes",
    "Slack waits 3 s for a response, Shopify 5 s, GitHub 10 s, Standard Webhooks 15 s: acknowledge first, work later",
    Play::Sampled,
    Judged::AnswerTime,
    |bench| Ok((0..SAMPLES).map(|_| bench.signed("valid", ByCase)).collect()),
);

const fn case(
    id: &'static str,
    title: &'static str,
    why: &'static str,
    play: Play,
    judged: Judged,
    build: fn(&mut Bench<'_>) -> Shots,
) -> Case {
    Case { id, group: Group::Behaviour, title, why, play, judged, build }
}

pub(crate) static CASES: &[Case] = &[
    case("same-delivery-twice", "the same delivery twice", ONCE, Play::InTurn, Judged::Once, |bench| {
        let shot = bench.signed("first", Accepted);
        Ok(vec![shot.clone(), Shot { label: "again".to_owned(), ..shot }])
    }),
    case(
        "same-delivery-at-once",
        "the same delivery five times at once",
        "CWE-362, CWE-367: checking for a known id, doing the work and only then storing the id does the work several times",
        Play::Together,
        Judged::OnceOfMany,
        |bench| {
            let shot = bench.signed("at once", ByCase).sent(Manner::Barrier);
            Ok(vec![shot; AT_ONCE])
        },
    ),
    case(
        "after-time-out",
        "a delivery the sender gave up waiting for, and its retry",
        ONCE,
        Play::InTurn,
        Judged::Once,
        |bench| {
            let shot = bench.signed("retry", Accepted);
            let first = Shot { label: "response not awaited".to_owned(), right: ByCase, ..shot.clone() };
            Ok(vec![first.sent(Manner::Abandon), shot])
        },
    ),
    case(
        "retry-with-new-timestamp",
        "a retry with a new signature",
        "Standard Webhooks: a retry keeps its id and gets a new timestamp and signature",
        Play::InTurn,
        Judged::Once,
        |bench| {
            let draft = bench.draft();
            if !bench.forge.scheme.has_id() || bench.forge.layout().unit.is_none() {
                return Err("without id and timestamp a re-signed retry is the same request");
            }
            let mut anew = draft.clone();
            anew.stamp = bench.forge.stamp(bench.now_ms + 1000);
            Ok(vec![
                bench.forge.signed("first", &draft, Accepted),
                bench.forge.signed("signed anew", &anew, Accepted),
            ])
        },
    ),
    case(
        "same-id-other-content",
        "an id reused with different content",
        "CWE-345: one id is one delivery; if the id is not signed, whoever replays a webhook chooses it",
        Play::InTurn,
        Judged::Reuse,
        |bench| {
            if !bench.forge.scheme.has_id() {
                return Err("webhooks of this sender carry no id");
            }
            let draft = bench.draft();
            let other = draft.with_fields("\"smoke_other\":\"content\"");
            Ok(vec![
                bench.forge.signed("first", &draft, Accepted),
                bench.forge.signed("other content", &other, Handled),
            ])
        },
    ),
    case(
        "forged-first",
        "a forged webhook, then the real one with its id",
        "CWE-696: a receiver that remembers an id before it has verified the signature drops the real webhook of whoever \
         knows its id",
        Play::InTurn,
        Judged::Once,
        |bench| {
            if !bench.forge.scheme.has_id() {
                return Err("webhooks of this sender carry no id");
            }
            let draft = bench.draft();
            let forged = bench.forge.value(&draft, &bench.forge.wrong_tag(&draft));
            Ok(vec![
                bench.forge.shot("forged", &draft, Some(forged.as_bytes()), Refused),
                bench.forge.signed("the real one", &draft, Accepted),
            ])
        },
    ),
    case(
        "out-of-order",
        "two webhooks in reverse order",
        "Stripe: the order of delivery is not guaranteed",
        Play::InTurn,
        Judged::EachShot,
        |bench| {
            let (earlier, later) = (bench.draft_at(bench.now_ms - 2000), bench.draft());
            Ok(vec![
                bench.forge.signed("the later one", &later, Accepted),
                bench.forge.signed("the earlier one", &earlier, Accepted),
            ])
        },
    ),
    case(
        "unknown-event",
        "an unknown event",
        "senders add events; to every sender anything but 2xx is a failure: it tries again, opens its circuit breaker or \
         disables the endpoint",
        Play::InTurn,
        Judged::EachShot,
        |bench| {
            let draft = bench.draft_of("smoke.probe.unknown");
            Ok(vec![bench.forge.signed("unknown event", &draft, Accepted)])
        },
    ),
    case(
        "unknown-field",
        "an unknown field",
        "senders add fields without calling it a breaking change (Stripe: backward-compatible changes)",
        Play::InTurn,
        Judged::EachShot,
        |bench| {
            let draft = bench.draft().with_fields("\"smoke_unknown\":{\"nested\":[1,2,3]}");
            Ok(vec![bench.forge.signed("unknown field", &draft, Accepted)])
        },
    ),
    case(
        "secret-rotation",
        "signatures under the old and the new secret in one header",
        "Stripe, Standard Webhooks: during secret rotation a webhook carries a signature under each secret",
        Play::InTurn,
        Judged::EachShot,
        rotation,
    ),
    case(
        "slow-beside-fast",
        "fast requests while a slow one is being sent",
        "CWE-400: one slow client must not keep others waiting (slowloris)",
        Play::Beside,
        Judged::Beside,
        |bench| {
            let slow = bench.signed("slow", ByCase).sent(Manner::Trickle);
            Ok([slow].into_iter().chain((0..3).map(|_| bench.signed("fast", ByCase))).collect())
        },
    ),
    case(
        "timing",
        "whether comparing takes longer the more of the signature is right",
        "CWE-208: compare in constant time; times over a network are reported, never judged, but none of these signatures is right",
        Play::InTurn,
        Judged::Timing,
        timing,
    ),
    overall(
        "no-redirect",
        "a valid webhook is not redirected",
        "senders follow no redirects (SSRF), or turn the POST into a GET and lose the body",
        Overall::Redirect,
    ),
    overall(
        "rate-limit",
        "429 says when to come back",
        "RFC 6585 section 4, RFC 9110 section 10.2.3: 429 with Retry-After; nothing here provokes it",
        Overall::RateLimit,
    ),
    overall(
        "no-secret-in-answer",
        "no response holds the secret, the key or the right signature",
        "CWE-209, CWE-200: an error that reveals the right signature signs for anyone who asks",
        Overall::Echo,
    ),
    overall(
        "no-server-error",
        "no request of any other case gets a 5xx, a stack trace or no response",
        "CWE-755, CWE-209: a 5xx makes the sender retry, and a stack trace leaks internals",
        Overall::ServerError,
    ),
];

/// A case without requests of its own.
const fn overall(id: &'static str, title: &'static str, why: &'static str, overall: Overall) -> Case {
    case(id, title, why, Play::InTurn, Judged::Overall(overall), |_| Ok(Vec::new()))
}

fn rotation(bench: &mut Bench<'_>) -> Shots {
    if bench.forge.layout().separator.is_none() {
        return Err("this sender puts one signature into a header, so rotation cannot be tested");
    }
    let prefix = bench.forge.layout().prefix.clone();
    // Libraries of one sender differ on several signatures.
    let in_front = if bench.forge.layout().last_only { Handled } else { Accepted };
    let shot = |bench: &mut Bench<'_>, label, known_first: bool| {
        let draft = bench.draft();
        let known = format!("{prefix}{}", bench.forge.tag(&draft));
        let other = format!("{prefix}{}", bench.forge.wrong_tag(&draft));
        let tags = if known_first { [known, other] } else { [other, known] };
        let value = bench.forge.value_of(&draft, &tags);
        let right = if known_first { in_front } else { Accepted };
        bench.forge.shot(label, &draft, Some(value.as_bytes()), right)
    };
    Ok(vec![shot(bench, "the known secret's first", true), shot(bench, "the known secret's last", false)])
}

fn timing(bench: &mut Bench<'_>) -> Shots {
    let shot = |bench: &mut Bench<'_>, label, at_the_end: bool| {
        let draft = bench.draft();
        let spoilt = bench.forge.spoilt_tag(&draft, |mac| {
            let (byte, bit) = if at_the_end { (mac.last_mut(), 0x01) } else { (mac.first_mut(), 0x80) };
            byte.into_iter().for_each(|byte| *byte ^= bit);
        });
        let value = bench.forge.value(&draft, &spoilt);
        bench.forge.shot(label, &draft, Some(value.as_bytes()), Refused)
    };
    let pair = |_| [shot(bench, "wrong at the beginning", false), shot(bench, "wrong at the end", true)];
    Ok((0..PAIRS).flat_map(pair).collect())
}
