//! The safety catch: which targets are refused, and what this machine cannot do.

use std::net::{IpAddr, SocketAddr};

/// The rate in starts per second above which a load on another machine must be asked for twice.
pub(crate) const HIGH_RATE: f64 = 10_000.0;
/// File descriptors that are kept for other things than connections.
const SPARE_DESCRIPTORS: u64 = 32;

/// Why a target or a load is refused. All but the last are overridden by `--i-own-this-target`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The host looks like production.
    #[error("{host} looks like production ({why}): if you may load it, say so with --i-own-this-target")]
    Production {
        host: String,
        /// What gives it away.
        why: String,
    },
    /// Very fast, and not on this machine.
    #[error("{rate} on {host}, which is not this machine, needs --i-own-this-target")]
    HighRate {
        /// The rate, in words.
        rate: String,
        host: String,
    },
    /// More connections than this process may have.
    #[error(
        "--connections {connections} takes {needed} file descriptors, but this process is limited to {limit}: raise the limit (ulimit -n {needed}) or give fewer"
    )]
    Descriptors {
        /// Asked for.
        connections: u64,
        /// With what else is open.
        needed: u64,
        /// The soft limit.
        limit: u64,
    },
}

/// Names that say that something is not production, where nothing says that it is.
const HARMLESS: [&str; 17] = [
    "staging", "stage", "stg", "test", "testing", "tst", "dev", "develop", "qa", "uat", "sandbox", "preprod",
    "nonprod", "demo", "preview", "local", "ci",
];
/// Those of them that say it within a registered domain's own name, too (`shop-staging.example`): the others are names of shops
/// and products there (`test-kitchen.example`).
const HARMLESS_ANYWHERE: [&str; 6] = ["staging", "stage", "stg", "uat", "preprod", "nonprod"];
const PRODUCTION: [&str; 5] = ["prod", "production", "prd", "live", "master"];
/// In front of a word of production they turn it into its opposite: `pre-prod`, `nonprod`.
const NOT_YET: [&str; 2] = ["pre", "non"];
/// Top-level names that are reserved for tests and private networks (RFC 2606, RFC 6762, RFC 8375).
const PRIVATE_TLDS: [&str; 6] = ["test", "localhost", "local", "internal", "lan", "home"];
/// What countries put between their own two letters and the name that is registered: `example.co.uk`.
const SECOND_LEVEL: [&str; 19] = [
    "co", "com", "org", "net", "ac", "gov", "edu", "or", "ne", "go", "gob", "mil", "sch", "ltd", "plc",
    "asn", "id", "nom", "gen",
];

/// What about a host, and the addresses that its name has, looks like production, if anything does. A name is harmless when a label of it
/// says so, an address when it is of a private network; what says nothing may be production. Platforms such as Heroku and Render have
/// names of production and of staging side by side, and are no exception.
#[must_use]
pub(crate) fn looks_like_production(host: &str, addresses: &[SocketAddr]) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return (!is_private(ip)).then(|| "a public address, with no sign of staging".to_owned());
    }
    let labels: Vec<&str> = host.split('.').collect();
    if let Some(word) = labels.iter().find_map(|label| word_of_production(label)) {
        return Some(format!("'{word}' in its name"));
    }
    let private = labels.last().is_some_and(|tld| PRIVATE_TLDS.contains(tld));
    let known = !addresses.is_empty() && addresses.iter().all(|a| is_private(a.ip()));
    if private || labels.len() == 1 || says_staging(&labels) || known {
        return None;
    }
    match labels.first() {
        _ if registered(&labels) == 0 => Some("a bare domain, with no sign of staging".to_owned()),
        Some(first @ (&"www" | &"api" | &"app")) => Some(format!("a bare '{first}.'")),
        _ => Some("nothing in its name suggests staging".to_owned()),
    }
}

/// Where in a name the label stands that was registered: before the top-level name, or before what a country puts there.
fn registered(labels: &[&str]) -> usize {
    let suffix = match labels {
        [_, .., second, top] if top.len() == 2 && SECOND_LEVEL.contains(second) => 2,
        _ => 1,
    };
    labels.len().saturating_sub(suffix + 1)
}

/// Whether a name says that it is not production. What was registered, and what stands behind it, is a name like any other: `dev.to`.
fn says_staging(labels: &[&str]) -> bool {
    let at = registered(labels);
    let harmless = |word: &str| HARMLESS.contains(&word) || NOT_YET.contains(&word) || is_negated(word);
    let in_front = labels.iter().take(at).any(|label| words(label).any(harmless));
    let in_own = |label: &&str| words(label).any(|word| HARMLESS_ANYWHERE.contains(&word));
    in_front || labels.get(at).is_some_and(in_own)
}

/// Whether an address is of no public network, or of the documentation (RFC 5737, 3849).
fn is_private(ip: IpAddr) -> bool {
    let is_documentation = match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_documentation(),
        IpAddr::V6(ip) => matches!(ip.segments(), [0x2001, 0x0db8, ..]),
    };
    is_documentation || pii::is_of_no_public_network(ip)
}

/// The words of a label, without the numbers behind them.
fn words(label: &str) -> impl Iterator<Item = &str> {
    label.split(['-', '_']).map(|w| w.trim_end_matches(|c: char| c.is_ascii_digit()))
}

/// A word such as `preproduction` or `nonprod`.
fn is_negated(word: &str) -> bool {
    NOT_YET.iter().any(|not| word.strip_prefix(not).is_some_and(|w| PRODUCTION.contains(&w)))
}

/// The first word of a label that says production, unless the one before it says that this is not it yet.
fn word_of_production(label: &str) -> Option<&str> {
    let mut before = "";
    for word in words(label) {
        let says = PRODUCTION.contains(&word) || word.ends_with("prod");
        if says && !is_negated(word) && !NOT_YET.contains(&before) {
            return Some(word);
        }
        before = word;
    }
    None
}

/// Whether all of these are this machine.
#[must_use]
pub(crate) fn is_loopback(addresses: &[SocketAddr]) -> bool {
    !addresses.is_empty() && addresses.iter().all(|a| a.ip().to_canonical().is_loopback())
}

/// Whether a load at this rate (starts per second; `None` for as fast as it goes) may be put on this host.
///
/// # Errors
/// When it looks like production, or is very fast and not on this machine.
pub(crate) fn check_target(host: &str, addresses: &[SocketAddr], rate: Option<f64>) -> Result<(), Refusal> {
    if is_loopback(addresses) {
        return Ok(());
    }
    if let Some(why) = looks_like_production(host, addresses) {
        return Err(Refusal::Production { host: host.to_owned(), why });
    }
    let rate = match rate {
        Some(rate) if rate <= HIGH_RATE => return Ok(()),
        Some(rate) => format!("{rate} starts per second"),
        None => "a load as fast as responses arrive".to_owned(),
    };
    Err(Refusal::HighRate { rate, host: host.to_owned() })
}

/// Whether the process may open that many connections.
///
/// # Errors
/// When its soft limit of file descriptors is lower.
pub(crate) const fn check_descriptors(connections: u64, limit: Option<u64>) -> Result<(), Refusal> {
    let needed = connections + SPARE_DESCRIPTORS;
    match limit {
        Some(limit) if needed > limit => Err(Refusal::Descriptors { connections, needed, limit }),
        _ => Ok(()),
    }
}

/// Most connections that fit in a limit of file descriptors.
#[must_use]
pub(crate) const fn most_connections(limit: u64) -> u64 {
    limit.saturating_sub(SPARE_DESCRIPTORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_recognised() {
        for host in [
            "prod.example.com",
            "api-prod.example.com",
            "prod1.eu.example.com",
            "production.example.com",
            "www.example.com",
            "api.example.com",
            "API.Example.COM.",
            "live.example.com",
            "hooks.live.example.com",
            "myprod.example.com",
            "example.com",
            "deltacrown.gg",
            "receiver.prod.svc.cluster.local",
            "receiver.production.svc.cluster.local",
            "prod.example.internal",
            "prod.local",
            "canary.prod.example.invalid",
            "prod-canary.example.invalid",
            "internal.live.example.invalid",
            "demo.prod.example.invalid",
            "api.example.invalid",
            "www.example.invalid",
            "pre.prod.example.com",
            "example.co.uk",
            "shop.example.com.au",
            "shop.example.com",
            "test.co.uk",
            "dev.to",
            "test-kitchen.com",
            "shop.ci",
            "deltacrown.herokuapp.com",
            "deltacrown.onrender.com",
            "deltacrown.fly.dev",
            "eu.deliverance.example.com",
            "hooks.example.com",
            "8.8.8.8",
            "[2606:4700:4700::1111]",
            "[::ffff:8.8.8.8]",
        ] {
            assert!(looks_like_production(host, &[]).is_some(), "{host}");
        }
    }

    #[test]
    fn staging_and_private_names_are_not() {
        for host in [
            "staging.example.com",
            "api.staging.example.com",
            "staging-api.example.com",
            "pre-prod.example.com",
            "preprod.example.com",
            "nonprod.example.com",
            "non-prod-2.example.com",
            "preproduction.example.com",
            "deliverance.example.test",
            "staging.example.co.uk",
            "shop-uat.example.com.au",
            "deltacrown-staging.herokuapp.com",
            "staging.fly.dev",
            "deltacrown-stg.gg",
            "staging.example",
            "product.staging.example.com",
            "delivery.ci.example.com",
            "host.local",
            "host.lan",
            "app.localhost",
            "receiver",
            "receiver.test",
            "api.svc.cluster.local",
            "127.0.0.1",
            "10.0.0.9",
            "[::1]",
            "100.64.0.9",
            "169.254.169.254",
            "192.0.2.1",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.9]",
        ] {
            assert_eq!(looks_like_production(host, &[]), None, "{host}");
        }
    }

    #[test]
    fn a_name_of_a_private_network_is_not_production_unless_it_says_so() {
        let at =
            |ips: &[&str]| ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 80)).collect::<Vec<_>>();
        assert_eq!(looks_like_production("shop.example.com", &at(&["10.0.0.9", "fd00::1"])), None);
        assert!(looks_like_production("shop.example.com", &at(&["10.0.0.9", "8.8.8.8"])).is_some());
        assert!(looks_like_production("prod.example.com", &at(&["10.0.0.9"])).is_some());
    }

    #[test]
    fn loopback_may_be_loaded_as_one_likes() {
        let at = |ip: &str| vec![format!("{ip}:80").parse::<SocketAddr>().unwrap()];
        assert_eq!(check_target("prod.example.com", &at("127.0.0.1"), None), Ok(()));
        assert_eq!(check_target("x", &at("[::ffff:127.0.0.1]"), None), Ok(()));
        let far = at("192.0.2.1");
        assert!(matches!(check_target("prod.example.com", &far, Some(1.0)), Err(Refusal::Production { .. })));
        assert!(matches!(check_target("staging.x.com", &far, Some(10_001.0)), Err(Refusal::HighRate { .. })));
        assert!(matches!(check_target("staging.x.com", &far, None), Err(Refusal::HighRate { .. })));
        assert_eq!(check_target("staging.x.com", &far, Some(10_000.0)), Ok(()));
        assert!(check_target("staging.x.com", &[], None).is_err());
    }

    #[test]
    fn connections_take_descriptors() {
        assert!(check_descriptors(1000, Some(1024)).is_err());
        assert!(check_descriptors(900, Some(1024)).is_ok());
        assert_eq!(most_connections(1024), 992);
    }
}
