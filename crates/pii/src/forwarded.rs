//! What the headers of reverse proxies say: who connected to the proxy. In front of a receiver that is the sender's own server, and
//! nobody's personal data; a sender that writes its user's address there gives it away. Nothing in one request tells the two apart;
//! a server has the same address in each of them, and users have their own.

use super::finding::Finding;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Headers in which proxies say who connected to them, or where to: RFC 7239, and what nginx, Envoy, the load balancers of
/// clouds, Cloudflare, Akamai, Fastly, Fly, Vercel and DigitalOcean write by their documentation.
const HEADERS: [&str; 27] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-pseudo-ipv4",
    "client-ip",
    "do-connecting-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "forwarded-for",
    "remote-addr",
    "true-client-ip",
    "via",
    "x-appengine-user-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-original-forwarded-for",
    "x-original-host",
    "x-real-ip",
    "x-remote-addr",
    "x-vercel-forwarded-for",
];

/// Most places of one address that are kept.
const KEPT: usize = 100;
/// Most addresses of one request that are looked at: each is compared with each of those before. Proxies stand in row, and few.
const MOST: usize = 64;

/// An address in a header of proxies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forwarded {
    /// The address, which is no private one and no test user's.
    pub address: IpAddr,
    /// The finding that it is where it is somebody's; it stands at the header's name.
    pub finding: Finding,
}

/// Whether proxies write their callers' addresses in the header.
pub(super) fn is_of_proxies(header: &str) -> bool {
    HEADERS.iter().any(|known| header.eq_ignore_ascii_case(known))
}

/// Whether an address is of no public network: loopback, link-local, private (RFC 1918, 3927, 4193, 4291, 6598), or none at all. Many
/// networks have it, each for itself, so that it is no person's.
#[must_use]
pub fn is_of_no_public_network(address: IpAddr) -> bool {
    match address.to_canonical() {
        // 100.64.0.0/10 is shared in the same way (RFC 6598).
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            v4.is_loopback() || v4.is_unspecified() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => {
            let local = v6.is_unique_local() || v6.is_unicast_link_local();
            v6.is_loopback() || v6.is_unspecified() || local
        }
    }
}

/// Tells, over the requests of one receiver, the addresses that stand in every one of them from those that differ.
/// `T` says where a request was.
#[derive(Debug, Clone)]
pub struct Hops<T> {
    requests: u64,
    steady: Vec<Steady<T>>,
}

/// An address that stood at one header in every request so far.
#[derive(Debug, Clone)]
struct Steady<T> {
    said: Forwarded,
    places: Vec<T>,
}

/// An address that does not stand in every request, and in how many it stood until that was known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs<T> {
    /// What was found.
    pub finding: Finding,
    /// In so many requests.
    pub times: u64,
    /// Where the first ones were.
    pub places: Vec<T>,
}

impl<T> Default for Hops<T> {
    fn default() -> Self {
        Self { requests: 0, steady: Vec::new() }
    }
}

impl<T> Hops<T> {
    /// Takes what the headers of one more request say, and gives what is known to differ by it. Addresses that are `known`, such as
    /// the connection's own peer, are left out.
    pub fn take(
        &mut self,
        mut said: Vec<Forwarded>,
        known: &[IpAddr],
        place: impl Fn() -> T,
    ) -> Vec<Differs<T>> {
        let before = self.requests;
        self.requests += 1;
        if said.is_empty() && self.steady.is_empty() {
            return Vec::new();
        }
        said.truncate(MOST);
        said.retain(|one| !known.iter().any(|known| known.to_canonical() == one.address.to_canonical()));
        if before == 0 {
            self.steady = said.into_iter().map(|said| Steady { said, places: vec![place()] }).collect();
            return Vec::new();
        }
        let mut differ: Vec<Differs<T>> = Vec::new();
        for mut one in std::mem::take(&mut self.steady) {
            if said.iter().any(|said| said.is_as(&one.said)) {
                if one.places.len() < KEPT {
                    one.places.push(place());
                }
                self.steady.push(one);
            } else if !differ.iter().any(|known| known.finding.place == one.said.finding.place) {
                // One finding for each request and header.
                differ.push(Differs { finding: one.said.finding, times: before, places: one.places });
            }
        }
        let mut new: Vec<Differs<T>> = Vec::new();
        for one in said {
            let is_steady = self.steady.iter().any(|known| known.said.is_as(&one));
            if !is_steady && !new.iter().any(|known| known.finding.place == one.finding.place) {
                new.push(Differs { finding: one.finding, times: 1, places: vec![place()] });
            }
        }
        differ.extend(new);
        differ
    }

    /// The headers and addresses that stood in every request, and in how many.
    pub fn steady(&self) -> impl Iterator<Item = (&str, IpAddr, u64)> {
        self.steady.iter().map(|one| (one.said.finding.place.as_str(), one.said.address, self.requests))
    }
}

impl Forwarded {
    fn is_as(&self, other: &Self) -> bool {
        self.address == other.address && self.finding.place.eq_ignore_ascii_case(&other.finding.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Category, Certainty, Detector, Engine, Identity, IdentityKind, Memo, Policy, Request};

    fn said(headers: &[(&str, &str)]) -> (Vec<Forwarded>, usize) {
        let canary = [Identity { kind: IdentityKind::Ip, value: "198.18.0.9".to_owned() }];
        let policy = Policy { allow_paths: vec!["X-Real-IP".to_owned()], ..Policy::default() };
        let engine = Engine::new(&policy, &canary, b"salt").unwrap();
        let headers: Vec<_> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let request =
            Request { headers: &headers, target: "/", body: b"{}", own_headers: &[], own_places: &[] };
        let scan = engine.scan_request(&request, &Memo::default());
        (scan.forwarded, scan.findings.len())
    }

    fn addresses(headers: &[(&str, &str)]) -> Vec<String> {
        let (said, found) = said(headers);
        assert_eq!(found, 0, "{headers:?}");
        said.iter().map(|one| one.address.to_string()).collect()
    }

    #[test]
    fn the_word_of_a_proxy_is_no_finding_and_a_test_users_address_is_one() {
        assert_eq!(addresses(&[("X-Forwarded-For", "198.51.100.7")]), ["198.51.100.7"]);
        assert_eq!(addresses(&[("x-forwarded-for", "198.51.100.7, 10.0.0.3")]), ["198.51.100.7"]);
        assert_eq!(addresses(&[("CF-Connecting-IP", "2001:db8::7")]), ["2001:db8::7"]);
        let rfc = "for=\"[2001:db8:cafe::17]:4711\";proto=https;by=203.0.113.43";
        let mut both = addresses(&[("Forwarded", rfc)]);
        both.sort();
        assert_eq!(both, ["2001:db8:cafe::17", "203.0.113.43"]);
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.9",
            "172.16.5.4",
            "169.254.1.1",
            "::1",
            "fd00::1",
            "100.64.0.8",
        ] {
            assert!(addresses(&[("X-Forwarded-For", private)]).is_empty(), "{private}");
        }
        assert!(addresses(&[("X-Real-IP", "198.51.100.7")]).is_empty(), "the policy allows it");
        let (forwarded, found) = said(&[("X-Forwarded-For", "198.18.0.9, 198.51.100.7")]);
        assert_eq!((forwarded.len(), found), (0, 1), "a canary");
        assert_eq!(said(&[("X-User-IP", "198.51.100.7")]).1, 1);
        assert_eq!(said(&[("X-Forwarded-For", "john.smith@gmail.com")]).1, 1);
    }

    #[test]
    fn what_stands_in_every_request_is_steady_and_what_differs_is_found_in_each() {
        let one = |address: &str| Forwarded {
            address: address.parse().unwrap(),
            finding: Finding {
                category: Category::IpAddress,
                place: "X-Forwarded-For".to_owned(),
                detector: Detector::Key,
                certainty: Certainty::Certain,
                excerpt: String::new(),
                value_sha256: address.to_owned(),
            },
        };
        let mut hops = Hops::default();
        for n in 0..3 {
            assert!(hops.take(vec![one("198.51.100.7")], &[], || n).is_empty());
        }
        let steady: Vec<_> = hops.steady().collect();
        assert_eq!(steady, [("X-Forwarded-For", "198.51.100.7".parse().unwrap(), 3)]);
        // Another address: all four are findings, and those that come later too.
        let differ = hops.take(vec![one("198.51.100.8")], &[], || 3);
        let told: Vec<_> = differ.iter().map(|d| (d.times, d.places.clone())).collect();
        assert_eq!(told, [(3, vec![0, 1, 2]), (1, vec![3])]);
        assert_eq!(hops.take(vec![one("198.51.100.7")], &[], || 4).len(), 1);
        assert_eq!(hops.steady().count(), 0);
        // A request without the header differs, too, and the peer's own address is nobody's.
        let mut hops = Hops::default();
        assert!(hops.take(vec![one("198.51.100.7")], &[], || 0).is_empty());
        assert_eq!(hops.take(Vec::new(), &[], || 1).len(), 1);
        let mut hops = Hops::default();
        assert!(hops.take(vec![one("198.51.100.7")], &["198.51.100.7".parse().unwrap()], || 0).is_empty());
        assert_eq!(hops.steady().count(), 0);
    }
}
