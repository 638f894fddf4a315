//! Personal data in webhooks, and in the API's responses, which are counted apart.

use super::own_query::OwnQuery;
use pii::{
    Allowance, Canaries, Category, Certainty, Detector, Engine, Finding, Hops, Memo, Policy, PolicyError,
    Request, Scan,
};
use record::{Attempt, Header, Step};
use signature::Scheme;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Most findings that are kept one by one; all are counted.
const KEPT: usize = 100;

/// A finding and where it was.
#[derive(Debug, Clone, serde::Serialize, crate::JsonSchema)]
pub struct Located {
    /// `attempt 3` or `step verify, flow 2`.
    pub source: String,
    /// The finding, masked.
    #[serde(flatten)]
    pub finding: Finding,
    /// Index of the delivery that it was found in; `None` in an answer.
    #[serde(skip)]
    pub delivery: Option<usize>,
}

/// The findings of one kind of traffic.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// Requests or answers that were read to their end.
    pub inspected: u64,
    /// Requests or answers that could not be read as text, or not to their end.
    pub unread: u64,
    /// Findings by category.
    pub by_category: BTreeMap<Category, u64>,
    /// The first findings.
    pub kept: Vec<Located>,
    /// All findings.
    pub total: u64,
    /// Addresses in headers of proxies that stood in every request so far; where they differ they are findings.
    hops: Hops<Spot>,
}

/// Where a request was.
type Spot = (String, Option<usize>);

/// Whose webhook is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Ours,
    Foreign,
}

/// What of a request is looked at.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    /// All but its body.
    Head,
}

/// What the PII engine found in a run.
#[derive(Debug)]
pub struct Privacy {
    engine: Arc<Engine>,
    memo: Memo,
    /// How the sender signs.
    scheme: Scheme,
    own_query: OwnQuery,
    /// Address of the system under test, where its URL says it.
    target: Option<IpAddr>,
    pub webhooks: Findings,
    /// Findings in webhooks of others, which are not judged.
    pub foreign: u64,
    /// In API responses to driven steps.
    pub api: Findings,
    /// Policy allowances that were used.
    pub allowances: BTreeSet<String>,
}

impl Privacy {
    pub(super) fn new(header: &Header) -> Result<Self, PolicyError> {
        Self::knowing(header, Canaries::new(&header.identities))
    }

    /// The canaries stand elsewhere than in the header.
    pub(super) fn knowing(header: &Header, canaries: Canaries) -> Result<Self, PolicyError> {
        let policy = Policy::from_value(header.pii_policy.as_ref())?;
        let engine = Engine::knowing(&policy, canaries, header.pii_salt.as_bytes())?;
        Ok(Self {
            engine: Arc::new(engine),
            memo: Memo::default(),
            scheme: header.scheme,
            own_query: OwnQuery::of(&header.webhook.endpoint),
            target: address_of(&header.target),
            webhooks: Findings::default(),
            foreign: 0,
            api: Findings::default(),
            allowances: BTreeSet::new(),
        })
    }

    /// What finds it.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The same engine, nothing found yet.
    pub(super) fn successor(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            memo: Memo::default(),
            scheme: self.scheme,
            own_query: self.own_query.unseen(),
            target: self.target,
            webhooks: Findings::default(),
            foreign: 0,
            api: Findings::default(),
            allowances: BTreeSet::new(),
        }
    }

    /// Looks at a whole request.
    pub(super) fn scan_attempt(&mut self, of: (usize, &Attempt), whose: Traffic) {
        self.scan((of.0, of.1, Part::Whole), whose);
    }

    /// Looks at what one more attempt with a known body says beside it.
    pub(super) fn scan_head(&mut self, of: (usize, &Attempt), whose: Traffic) {
        self.scan((of.0, of.1, Part::Head), whose);
    }

    fn scan(&mut self, (delivery, attempt, part): (usize, &Attempt, Part), whose: Traffic) {
        let body = attempt.body.bytes();
        let target = match whose {
            Traffic::Foreign => attempt.target.as_str().into(),
            Traffic::Ours => self.own_query.without(&attempt.target),
        };
        let request = Request {
            headers: &attempt.headers,
            target: &target,
            body: &body,
            own_headers: self.scheme.own_headers(),
            own_places: self.scheme.own_places(),
        };
        let mut scan = match part {
            Part::Whole => self.engine.scan_request(&request, &self.memo),
            Part::Head => self.engine.scan_head(&request, &self.memo),
        };
        let is_seen = scan.findings.iter().any(|finding| finding.category == Category::Token);
        if attempt.holds_secret && !is_seen {
            scan.findings.push(secret());
        }
        if whose == Traffic::Foreign {
            self.foreign += scan.findings.len() as u64;
            return;
        }
        self.allowances.extend(scan.allowed.iter().map(|allowance| told(allowance, &self.engine)));
        let known: Vec<IpAddr> = attempt.peer.into_iter().chain(self.target).collect();
        let spot = || (format!("attempt {}", attempt.attempt), Some(delivery));
        self.webhooks.compare(&mut scan, (&known, &self.engine), spot);
        match part {
            Part::Whole => self.webhooks.add((scan, &self.engine), spot),
            Part::Head => self.webhooks.add_all((scan.findings, &self.engine), spot),
        }
    }

    /// A webhook that was taken for another's is this run's.
    pub(super) fn claim_attempt(&mut self, (delivery, attempt): (usize, &Attempt)) {
        let before = self.webhooks.total;
        self.scan_attempt((delivery, attempt), Traffic::Ours);
        self.foreign = self.foreign.saturating_sub(self.webhooks.total - before);
    }

    pub(super) fn scan_step(&mut self, step: &Step) {
        let Some(body) = &step.body else { return };
        let scan = self.engine.scan_response(body.as_bytes(), Some(&self.memo));
        self.allowances.extend(scan.allowed.iter().map(|allowance| told(allowance, &self.engine)));
        let flow = || step.flow.map_or_else(String::new, |f| format!(", flow {f}"));
        self.api.add((scan, &self.engine), || (format!("step {}{}", step.step, flow()), None));
    }
}

/// A secret of the run in a body. Its value is known to nobody here.
fn secret() -> Finding {
    Finding {
        category: Category::Token,
        place: String::new(),
        detector: Detector::Canary,
        certainty: Certainty::Certain,
        excerpt: "***".to_owned(),
        value_sha256: String::new(),
    }
}

/// The address in a URL that has one for its host.
fn address_of(url: &str) -> Option<IpAddr> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next()?;
    let socket = authority.parse::<std::net::SocketAddr>().map(|socket| socket.ip());
    socket.ok().or_else(|| authority.trim_matches(['[', ']']).parse().ok())
}

/// An allowance as an artifact lists it.
fn told(allowance: &Allowance, engine: &Engine) -> String {
    format!("{}: {} at {}", allowance.rule, allowance.category.name(), engine.masked_place(&allowance.place))
}

impl Findings {
    /// Findings of one category.
    #[must_use]
    pub fn count(&self, category: Category) -> u64 {
        self.by_category.get(&category).copied().unwrap_or(0)
    }

    /// What headers of proxies said in every request, and in how many: `X-Forwarded-For says ADDRESS`.
    #[must_use]
    pub fn forwarded(&self) -> BTreeMap<String, u64> {
        self.hops.steady().map(|(header, address, n)| (format!("{header} says {address}"), n)).collect()
    }

    fn add(&mut self, (scan, engine): (Scan, &Engine), spot: impl Fn() -> Spot) {
        *if scan.unread.is_empty() { &mut self.inspected } else { &mut self.unread } += 1;
        self.add_all((scan.findings, engine), spot);
    }

    fn add_all(&mut self, (findings, engine): (Vec<Finding>, &Engine), spot: impl Fn() -> Spot) {
        for finding in findings {
            self.found((finding, engine), 1, [spot()]);
        }
    }

    /// Holds what the headers of proxies say against the requests before it.
    fn compare(&mut self, scan: &mut Scan, (known, engine): (&[IpAddr], &Engine), spot: impl Fn() -> Spot) {
        for one in self.hops.take(std::mem::take(&mut scan.forwarded), known, spot) {
            self.found((one.finding, engine), one.times, one.places);
        }
    }

    /// A finding, in so many requests, of which the first ones are at `spots`.
    fn found(
        &mut self,
        (finding, engine): (Finding, &Engine),
        times: u64,
        spots: impl IntoIterator<Item = Spot>,
    ) {
        self.total += times;
        *self.by_category.entry(finding.category).or_default() += times;
        let room = KEPT.saturating_sub(self.kept.len());
        if room == 0 {
            return;
        }
        // What is kept is shown.
        let finding = Finding { place: engine.masked_place(&finding.place), ..finding };
        let located = |(source, delivery)| Located { source, finding: finding.clone(), delivery };
        self.kept.extend(spots.into_iter().take(room).map(located));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use record::{Body, RunKind, Tick};

    const BODY: &str =
        r#"{"event":"payment_verified","data":{"tournament_id":42,"body":"write to someone@example.org"}}"#;
    /// The same in gzip, brotli and zlib.
    const GZIP: &str = "H4sIAAAAAAACAx3LOwqAMBBF0a3Iq8VCrFK5ExnJUwImI3H8BHHvit2Fw73Bg8ngsEqJXw0Hc5gCPWp4MYG7YbrnJL8GD9e1NUb15ZvOHIyVabVppCb2vCSuCxvNM57nBVe8XU5eAAAA";
    const BROTLI: &str = "G10AoJ0FdiyzfikIy3VanV6LfNHsLZm01GHpaxEgsjI6OWD/djzd3gIJMLDE8pSlzgSo3+4jNMw/fSM4J9DDGbcbE4nCBRQmJXuBCcQD";
    const ZLIB: &str = "eJwdyzsKgDAQRdGtyKvFQqxSuRMZyVMCJiNx/ARx74rdhcO9wYPJ4LBKiV8NB3OYAj1qeDGBu2G65yS/Bg/XtTVG9eWbzhyMlWm1aaQm9rwkrgsbzTOe5wUyOSGj";

    fn attempt(body: Body, headers: &[(&str, &str)]) -> Attempt {
        Attempt {
            peer: Some([203, 0, 113, 1].into()),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body,
            ..fixtures::attempt(0, Tick(0))
        }
    }

    fn privacy() -> Privacy {
        let header = Header::new(RunKind::Run, chrono::Utc::now()).unwrap();
        Privacy::new(&Header { target: "http://203.0.113.2:8000/".to_owned(), ..header }).unwrap()
    }

    fn scanned(body: Body, headers: &[(&str, &str)]) -> Findings {
        let mut privacy = privacy();
        privacy.scan_attempt((0, &attempt(body, headers)), Traffic::Ours);
        privacy.webhooks
    }

    fn forwarded(addresses: &[&str]) -> Findings {
        let mut privacy = privacy();
        for address in addresses {
            let headers = [("X-Forwarded-For", *address)];
            privacy.scan_attempt((0, &attempt(Body::from_bytes(b"{}".to_vec()), &headers)), Traffic::Ours);
        }
        privacy.webhooks
    }

    #[test]
    fn the_word_of_a_proxy_is_the_same_each_time_and_users_differ() {
        let same = forwarded(&["198.51.100.7"; 4]);
        assert_eq!(same.total, 0);
        assert_eq!(same.forwarded(), [("X-Forwarded-For says 198.51.100.7".to_owned(), 4)].into());
        let differ = forwarded(&["198.51.100.7", "198.51.100.7", "198.51.100.8"]);
        assert_eq!((differ.total, differ.count(Category::IpAddress), differ.kept.len()), (3, 3, 3));
        assert!(differ.forwarded().is_empty());
        // The peer and the system under test.
        let own = forwarded(&["203.0.113.1", "203.0.113.2"]);
        assert_eq!((own.total, own.forwarded().len(), own.inspected), (0, 0, 2));
    }

    /// What the sender's own signature is made of in a body is no leak; what else stands there is.
    #[test]
    fn the_token_that_a_sender_signs_is_its_own() {
        let header =
            Header { scheme: Scheme::Mailgun, ..Header::new(RunKind::Run, chrono::Utc::now()).unwrap() };
        let of = |signature: &str, event: &str| {
            let mut privacy = Privacy::new(&header).unwrap();
            let body = format!("{{\"signature\":{signature},\"event-data\":{event}}}");
            privacy.scan_attempt((0, &attempt(Body::from_bytes(body.into_bytes()), &[])), Traffic::Ours);
            privacy.webhooks
        };
        let token = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
        let signed = format!(
            "{{\"timestamp\":\"1764115200\",\"token\":\"{token}\",\"signature\":\"{}\"}}",
            "0f".repeat(32)
        );
        assert_eq!(of(&signed, "{}").total, 0);
        let elsewhere = of(&signed, &format!("{{\"token\":\"{token}\"}}"));
        assert_eq!((elsewhere.total, elsewhere.count(Category::Token)), (1, 1));
        let address = of("{\"token\":\"rahim@gmail.com\"}", "{}");
        assert_eq!(address.count(Category::Email), 1);
    }

    #[test]
    fn a_key_that_is_somebodys_data_is_not_shown() {
        let found = scanned(
            Body::from_bytes(br#"{"data":{"joe.smith@gmail.com":1,"email":"a.b@example.org"}}"#.to_vec()),
            &[],
        );
        let places: Vec<&str> = found.kept.iter().map(|located| located.finding.place.as_str()).collect();
        assert_eq!(places, ["/data/j***@g***.com", "/data/email"]);
    }

    #[test]
    fn what_can_be_decoded_is_looked_at_and_all_else_is_unread() {
        let utf16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let utf32: Vec<u8> = BODY.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let packed = [GZIP, ZLIB].map(|text| Body::Base64(text.to_owned()));
        for body in [BODY.as_bytes().to_vec(), utf16, utf32].map(Body::from_bytes).into_iter().chain(packed) {
            let found = scanned(body.clone(), &[]);
            assert_eq!((found.inspected, found.unread, found.total), (1, 0, 1), "{body:?}");
        }
        let coded = scanned(Body::Base64(GZIP.to_owned()), &[("Content-Encoding", "gzip")]);
        assert_eq!((coded.inspected, coded.total), (1, 1));
        let brotli = scanned(Body::Base64(BROTLI.to_owned()), &[("Content-Encoding", "br")]);
        assert_eq!((brotli.inspected, brotli.unread, brotli.total), (1, 0, 1));
        let unknown = Body::from_bytes(vec![0x8b, 0x2e, 0x80, 0xff, 0x90, 0xfe, 0x03, 0xc1, 0x03]);
        for headers in [&[][..], &[("Content-Encoding", "zstd")]] {
            let found = scanned(unknown.clone(), headers);
            assert_eq!((found.inspected, found.unread, found.total), (0, 1, 0), "{headers:?}");
        }
    }
}
