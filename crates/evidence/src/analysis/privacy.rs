//! Personal data in webhooks, and in the API's answers, which are counted apart.

use super::own_query::OwnQuery;
use pii::{Allowance, Category, Engine, Finding, Memo, Policy, PolicyError, Request, Scan};
use record::{Attempt, Header, Step};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most findings that are kept one by one; all are counted.
const KEPT: usize = 100;

/// A finding and where it was.
#[derive(Debug, Clone, serde::Serialize, schemars::JsonSchema)]
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
}

/// Whose webhook is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Ours,
    Foreign,
}

/// What the PII engine found in a run.
#[derive(Debug)]
pub struct Privacy {
    engine: Arc<Engine>,
    memo: Memo,
    own_query: OwnQuery,
    pub webhooks: Findings,
    /// Findings in webhooks of others, which are not judged.
    pub foreign: u64,
    /// In the API's answers to driven steps.
    pub api: Findings,
    /// Allowances of the policy that were used.
    pub allowances: BTreeSet<String>,
}

impl Privacy {
    pub(super) fn new(header: &Header) -> Result<Self, PolicyError> {
        let policy = Policy::from_value(header.pii_policy.as_ref())?;
        let engine = Engine::new(&policy, &header.identities, header.pii_salt.as_bytes())?;
        Ok(Self {
            engine: Arc::new(engine),
            memo: Memo::default(),
            own_query: OwnQuery::of(&header.webhook.endpoint),
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
            own_query: self.own_query.unseen(),
            webhooks: Findings::default(),
            foreign: 0,
            api: Findings::default(),
            allowances: BTreeSet::new(),
        }
    }

    pub(super) fn scan_attempt(
        &mut self,
        (delivery, attempt): (usize, &Attempt),
        own_headers: &[&str],
        whose: Traffic,
    ) {
        let body = attempt.body.bytes();
        let target = match whose {
            Traffic::Foreign => attempt.target.as_str().into(),
            Traffic::Ours => self.own_query.without(&attempt.target),
        };
        let request = Request { headers: &attempt.headers, target: &target, body: &body, own_headers };
        let scan = self.engine.scan_request(&request, &self.memo);
        if whose == Traffic::Foreign {
            self.foreign += scan.findings.len() as u64;
            return;
        }
        self.allowances.extend(scan.allowed.iter().map(|allowance| told(allowance, &self.engine)));
        self.webhooks.add((scan, &self.engine), Some(delivery), || format!("attempt {}", attempt.attempt));
    }

    /// A webhook that was taken for another's is this run's.
    pub(super) fn claim_attempt(&mut self, (delivery, attempt): (usize, &Attempt), own_headers: &[&str]) {
        let before = self.webhooks.total;
        self.scan_attempt((delivery, attempt), own_headers, Traffic::Ours);
        self.foreign = self.foreign.saturating_sub(self.webhooks.total - before);
    }

    pub(super) fn scan_step(&mut self, step: &Step) {
        let Some(body) = &step.body else { return };
        let scan = self.engine.scan_response(body.as_bytes());
        self.allowances.extend(scan.allowed.iter().map(|allowance| told(allowance, &self.engine)));
        let flow = || step.flow.map_or_else(String::new, |f| format!(", flow {f}"));
        self.api.add((scan, &self.engine), None, || format!("step {}{}", step.step, flow()));
    }
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

    fn add(&mut self, (scan, engine): (Scan, &Engine), delivery: Option<usize>, source: impl Fn() -> String) {
        *if scan.unread.is_empty() { &mut self.inspected } else { &mut self.unread } += 1;
        for finding in scan.findings {
            self.total += 1;
            *self.by_category.entry(finding.category).or_default() += 1;
            if self.kept.len() < KEPT {
                // What is kept is shown.
                let finding = Finding { place: engine.masked_place(&finding.place), ..finding };
                self.kept.push(Located { source: source(), finding, delivery });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Body, RunKind, Tick};
    use signature::Verdict;

    const BODY: &str =
        r#"{"event":"payment_verified","data":{"tournament_id":42,"body":"write to someone@example.org"}}"#;
    /// The same in gzip, brotli and zlib.
    const GZIP: &str = "H4sIAAAAAAACAx3LOwqAMBBF0a3Iq8VCrFK5ExnJUwImI3H8BHHvit2Fw73Bg8ngsEqJXw0Hc5gCPWp4MYG7YbrnJL8GD9e1NUb15ZvOHIyVabVppCb2vCSuCxvNM57nBVe8XU5eAAAA";
    const BROTLI: &str = "G10AoJ0FdiyzfikIy3VanV6LfNHsLZm01GHpaxEgsjI6OWD/djzd3gIJMLDE8pSlzgSo3+4jNMw/fSM4J9DDGbcbE4nCBRQmJXuBCcQD";
    const ZLIB: &str = "eJwdyzsKgDAQRdGtyKvFQqxSuRMZyVMCJiNx/ARx74rdhcO9wYPJ4LBKiV8NB3OYAj1qeDGBu2G65yS/Bg/XtTVG9eWbzhyMlWm1aaQm9rwkrgsbzTOe5wUyOSGj";

    fn scanned(body: Body, headers: &[(&str, &str)]) -> Findings {
        let header = Header::new(RunKind::Run, chrono::Utc::now()).unwrap();
        let mut privacy = Privacy::new(&header).unwrap();
        let attempt = Attempt {
            attempt: 0,
            first_byte: Tick(0),
            received: Tick(0),
            peer: None,
            method: "POST".to_owned(),
            target: "/".to_owned(),
            headers: headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            body,
            verdict: Verdict::valid(),
            answer: Some(200),
            duplicate: false,
            elsewhere: false,
            fault: None,
            redirect: None,
        };
        privacy.scan_attempt((0, &attempt), &[], Traffic::Ours);
        privacy.webhooks
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
