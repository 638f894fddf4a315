//! What must never get 2xx: webhooks that nobody has signed, and that say themselves why they need not be.

use super::forgery::{Shots, case};
use crate::case::{Bench, Case};
use crate::shot::Shot;
use record::Right::Refused;

/// Headers by which a proxy says who asks, and whoever asks can say so too.
const ORIGIN: [(&str, &str); 4] = [
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-Real-IP", "127.0.0.1"),
    ("X-Client-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1"),
];

pub(crate) static CASES: &[Case] = &[
    case(
        "trusted-origin",
        "not validly signed, and said to come from the receiver's own machine",
        "CWE-290, CWE-348: `X-Forwarded-For` is what the sender of a request writes there; it spares nobody the signature",
        |bench| {
            let unsigned = bench.with_value("from 127.0.0.1, not signed", None, Refused);
            let draft = bench.draft();
            let wrong = bench.forge.value(&draft, &bench.forge.wrong_tag(&draft));
            let wrong = bench.forge.shot(
                "from 127.0.0.1, signed with another key",
                &draft,
                Some(wrong.as_bytes()),
                Refused,
            );
            Ok([unsigned, wrong].map(as_from_here).into())
        },
    ),
    case(
        "no-algorithm",
        "a header that says that nothing is signed: `none=`",
        "CWE-347; RFC 8725 section 3.1, of `alg: none`: the sender of a request must not choose that it is not verified",
        no_algorithm,
    ),
];

fn as_from_here(shot: Shot) -> Shot {
    ORIGIN.into_iter().fold(shot, |shot, (name, value)| shot.with_header(name, Some(value)))
}

/// With nothing behind it, and with something.
fn no_algorithm(bench: &mut Bench<'_>) -> Shots {
    let prefix = bench.forge.layout().prefix.clone();
    if !prefix.contains("sha") {
        return Err("this sender's header names no algorithm");
    }
    let label = prefix
        .replace("hmac-", "")
        .replace("sha256", "none")
        .replace("sha512", "none")
        .replace("sha1", "none");
    let mut shot = |tag: &str| {
        let value = format!("{label}{tag}");
        bench.with_value(&format!("`{value}`"), Some(value.as_bytes()), Refused)
    };
    Ok(vec![shot(""), shot("none")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Forge, can_imitate};
    use signature::Scheme;

    #[test]
    fn every_sender_has_an_origin_and_those_that_name_an_algorithm_have_none() {
        let mut named = Vec::new();
        for sender in Scheme::ALL.into_iter().filter(|sender| can_imitate(*sender).is_ok()) {
            let forge =
                Forge::new(sender, &sender.generate_secret().unwrap(), "event", None, "canary").unwrap();
            let shots = |case: &str| Case::of(case).unwrap().shots(&forge, 0, 0);
            let origin = shots("trusted-origin").unwrap();
            assert!(
                origin.iter().all(|shot| shot.header("x-forwarded-for") == Some(b"127.0.0.1")),
                "{sender}"
            );
            assert!(origin[0].header(forge.layout().signature).is_none(), "{sender}");
            if let Ok(none) = shots("no-algorithm") {
                assert_eq!(none[0].header(forge.layout().signature), Some(&b"none="[..]), "{sender}");
                named.push(sender.sender());
            }
        }
        assert!(named.contains(&"github") && !named.contains(&"stripe"), "{named:?}");
    }
}
