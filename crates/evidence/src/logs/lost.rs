//! Webhooks that the sender's log calls lost: given up, aborted, dropped or skipped. Those that came here and were refused are judged
//! as arrivals, and one that was accepted after all is not lost; what is left never came, and the log alone tells of it.

use super::formats::Kind;
use super::line::Entry;
use super::reconcile::{Arrivals, KEPT, Number};
use super::waiting::Waiting;
use chrono::{DateTime, Utc};
use record::{LogLost, RetryContract};
use std::collections::{BTreeMap, BTreeSet};

/// Most lines that are kept; an id takes about 100 bytes.
const MOST: usize = 200_000;
/// So many pairs of lines are not written in the same moment by chance.
const HANDLERS: usize = 3;
/// Longest id or event that is named, in characters.
const LONGEST: usize = 64;

/// Whether what came at some time would have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Certainly,
    Perhaps,
    /// It is no matter of this journal.
    No,
}

/// What the log says of webhooks that were lost.
#[derive(Debug)]
pub(super) struct Losses {
    said: Vec<Said>,
    not_kept: u64,
    waiting: Waiting,
    /// Openings of the circuit breaker, with their lines.
    opened: Vec<(u64, Option<DateTime<Utc>>)>,
    /// Attempts that failed otherwise than by an abort, by event.
    failed: BTreeMap<Box<str>, u64>,
}

/// A webhook that the log calls lost.
#[derive(Debug)]
struct Said {
    line: u64,
    at: Option<DateTime<Utc>>,
    /// When the line says that it was written, where that is more than a second: two handlers that write the same say the same.
    written_ms: Option<i64>,
    kind: Kind,
    status: Option<u16>,
    id: Option<Box<str>>,
    event: Option<Box<str>>,
}

impl Said {
    /// What became of it, and which it is as far as the line says.
    fn told(&self) -> String {
        let what = match self.kind {
            Kind::Aborted => "aborted after a 4xx",
            Kind::Blocked => "dropped by the circuit breaker",
            Kind::Skipped => "skipped, no endpoint configured",
            _ => "given up",
        };
        let cut = |text: &str| text.chars().take(LONGEST).collect::<String>();
        match (&self.id, &self.event, self.status) {
            (Some(id), ..) => format!("{what}: {}", cut(id)),
            (None, Some(event), _) => format!("{what}: event {}, no id", cut(event)),
            (None, None, Some(status)) => format!("{what}: status {status}, no id"),
            (None, None, None) => format!("{what}, no id"),
        }
    }
}

/// Until when the log goes, and how much later than its pause a next attempt may be told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    pub end: DateTime<Utc>,
    pub slack: chrono::TimeDelta,
}

impl Losses {
    /// Nothing said yet by a sender with this retry policy.
    pub(super) fn new(retry: RetryContract) -> Self {
        Self {
            said: Vec::new(),
            not_kept: 0,
            waiting: Waiting::new(retry),
            opened: Vec::new(),
            failed: BTreeMap::new(),
        }
    }

    /// Takes a line of the log that was written, or read, at `at`.
    pub(super) fn take(&mut self, entry: &Entry<'_>, line: u64, at: Option<DateTime<Utc>>) {
        let Some(kind) = entry.kind else { return };
        self.waiting.take(kind, entry, line, at);
        match kind {
            Kind::Exhausted | Kind::Aborted | Kind::Blocked | Kind::Skipped => {}
            Kind::BreakerOpened => {
                if self.opened.len() < MOST {
                    self.opened.push((line, at));
                }
                return;
            }
            Kind::Failed | Kind::Timeout | Kind::ConnectionError | Kind::RequestError => {
                let event = entry.event.as_deref().unwrap_or_default();
                if let Some(n) = self.failed.get_mut(event) {
                    *n += 1;
                } else if self.failed.len() < MOST {
                    self.failed.insert(event.into(), 1);
                }
                return;
            }
            _ => return,
        }
        if self.said.len() >= MOST {
            self.not_kept += 1;
            return;
        }
        let own = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(Into::into);
        let (id, event) = (own(&entry.webhook_id), own(&entry.event));
        let written_ms = entry.at.map(|at| at.timestamp_millis()).filter(|ms| ms % 1000 != 0);
        self.said.push(Said { line, at, written_ms, kind, status: entry.status, id, event });
    }

    /// The line with this number has no end: an id is cut off, unless it is a whole UUID, and so may be the event.
    pub(super) fn cut(&mut self, line: u64) {
        let is_whole = |id: &str| uuid::Uuid::try_parse(id).is_ok();
        if let Some(last) = self.said.last_mut().filter(|last| last.line == line)
            && !last.id.as_deref().is_some_and(is_whole)
        {
            (last.id, last.event) = (None, None);
        }
    }

    /// What of it is not in the journal. `seen` says whether what came at a time would have been seen.
    pub(super) fn settle(
        self,
        arrivals: &Arrivals,
        seen: impl Fn(Option<DateTime<Utc>>) -> Seen,
        until: Option<Until>,
    ) -> LogLost {
        let mut found = LogLost { unclear: self.not_kept, ..LogLost::default() };
        let mut judged =
            Judged { found: &mut found, arrivals, answered: BTreeMap::new(), given_up: BTreeMap::new() };
        let again = written_again(&self.said);
        for said in &self.said {
            let is_again = again.contains(&said.line);
            match seen(said.at) {
                Seen::No => {}
                _ if is_again && again.len() >= HANDLERS => {}
                Seen::Certainly => judged.take(said, is_again),
                Seen::Perhaps => judged.take(said, true),
            }
        }
        judged.given_up(&self.failed);
        let unexplained = found.count == 0 && arrivals.unconfirmed(None).certainly == 0;
        let opened = self.opened.iter().find(|(_, at)| unexplained && seen(*at) != Seen::No);
        if let Some((line, _)) = opened {
            add(
                &mut found,
                true,
                (*line, "the circuit breaker opened, and no webhook that failed arrived here".to_owned()),
            );
        }
        for (line, attempt) in self.waiting.left(seen, until) {
            let text = format!("attempt {attempt} failed, and no line says what came of the webhook");
            add(&mut found, true, (line, text));
        }
        found
    }
}

/// Lines with an abort that another handler has written before: where each of them, of which no id says which it is, stands there twice in
/// the same moment.
fn written_again(said: &[Said]) -> BTreeSet<u64> {
    let aborts: Vec<&Said> =
        said.iter().filter(|said| said.kind == Kind::Aborted && said.id.is_none()).collect();
    let (pairs, rest) = aborts.as_chunks();
    let is_one = |[one, again]: &[&Said; 2]| {
        one.written_ms.is_some() && one.written_ms == again.written_ms && one.status == again.status
    };
    let all = rest.is_empty() && pairs.iter().all(is_one);
    pairs.iter().filter(|_| all).map(|[_, again]| again.line).collect()
}

/// Adds one more.
fn add(found: &mut LogLost, unclear: bool, first: (u64, String)) {
    let (n, list) = if unclear {
        (&mut found.unclear, &mut found.unclear_first)
    } else {
        (&mut found.count, &mut found.first)
    };
    *n += 1;
    if list.len() < KEPT {
        list.push(first);
    }
}

/// The number of a line, and what it says.
type Named = (u64, String);

/// Lines against arrivals, where no id says which belongs to which by number.
struct Judged<'a> {
    found: &'a mut LogLost,
    arrivals: &'a Arrivals,
    /// Aborts that answers with a 4xx have been found for, by status.
    answered: BTreeMap<Option<u16>, u64>,
    /// Given up without an id, by event, each with whether it is unclear.
    given_up: BTreeMap<Option<Box<str>>, Vec<(Named, bool)>>,
}

impl Judged<'_> {
    fn take(&mut self, said: &Said, unclear: bool) {
        let first = (said.line, said.told());
        if let Some(id) = said.id.as_deref() {
            if !self.arrivals.knows(id) {
                add(self.found, unclear, first);
            }
            return;
        }
        match said.kind {
            Kind::Aborted => {
                let used = self.answered.entry(said.status).or_default();
                let Number { certainly, perhaps } = self.arrivals.client_errors(said.status);
                *used += 1;
                if *used > certainly {
                    add(self.found, unclear || *used <= certainly + perhaps, first);
                }
            }
            // Of what was broken on purpose a circuit breaker may open.
            Kind::Blocked => add(self.found, unclear || self.arrivals.broken_on_purpose(), first),
            Kind::Exhausted => {
                self.given_up.entry(said.event.clone()).or_default().push((first, unclear));
            }
            _ => add(self.found, unclear, first),
        }
    }

    /// Those that were given up without an id: each webhook, or attempt, that came and was not taken may be one of them. Where as many
    /// came, and others of their attempts did not, nobody knows whether all attempts of one are missing; nor where what came may be
    /// somebody else's.
    fn given_up(&mut self, failed: &BTreeMap<Box<str>, u64>) {
        for (event, lines) in std::mem::take(&mut self.given_up) {
            let Number { certainly, perhaps } = self.arrivals.unconfirmed(event.as_deref());
            let tried = match &event {
                Some(event) => failed.get(event).copied().unwrap_or(0),
                None => failed.values().sum(),
            };
            let beyond = |came: u64| lines.len().saturating_sub(usize::try_from(came).unwrap_or(usize::MAX));
            let certain = beyond(certainly + perhaps);
            let missing = usize::try_from(tried.saturating_sub(certainly)).unwrap_or(usize::MAX);
            let missing = if self.arrivals.have_ids() { 0 } else { missing.min(lines.len() - certain) };
            let unclear = missing.max(beyond(certainly) - certain);
            for (n, (first, edge)) in lines.into_iter().enumerate().take(certain + unclear) {
                add(self.found, edge || n >= certain, first);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Formats, LogWindow};
    use super::*;
    use crate::fixtures;
    use pii::{Engine, Policy};
    use record::{Answered, Attempt, Ending, Header, Record, RunKind, Tick};
    use signature::{Reason, Verdict};

    const AGENT: &str = "DeltaCrown-Webhook/1.0";
    const SECOND: u64 = 1_000_000;
    const NAME: &str = "apps.notifications.services.webhook_service";

    /// A window of two minutes with these arrivals of the sender, each in its second: id if any, and status.
    fn lost(came: &[(u64, Option<&str>, u16)], lines: &[(u64, &str)]) -> LogLost {
        lost_beside(came, &[], lines)
    }

    /// The same with requests that have no valid signature, each with its user agent and status, after them.
    fn lost_beside(
        came: &[(u64, Option<&str>, u16)],
        others: &[(&str, u16)],
        lines: &[(u64, &str)],
    ) -> LogLost {
        let formats = Formats::built_in().unwrap();
        let started = DateTime::from_timestamp_millis(1_795_854_615_123).unwrap();
        let header = Header::new(RunKind::Observe, started).unwrap();
        let mut log = LogWindow::new(&formats, &header, Engine::new(&Policy::default(), &[], b"").unwrap());
        let sent = came.iter().map(|(second, id, status)| (*second, *id, AGENT, *status, Verdict::valid()));
        let forged = || Verdict::invalid(Reason::Mismatch, None);
        let others = others.iter().map(|(agent, status)| (60, Some("other"), *agent, *status, forged()));
        for (attempt, (second, id, agent, status, verdict)) in (0..).zip(sent.chain(others)) {
            let at = Tick(second * SECOND);
            let mut headers = vec![("X-Webhook-Event".to_owned(), "e".to_owned())];
            headers.push(("User-Agent".to_owned(), agent.to_owned()));
            headers.extend(id.map(|id| ("X-Webhook-Id".to_owned(), id.to_owned())));
            log.take(&Record::Attempt(Box::new(Attempt {
                headers,
                verdict,
                answer: Some(status),
                ..fixtures::attempt(attempt, at)
            })));
            log.take(&Record::Answered(Answered { attempt, end: at, how: Ending::Sent }));
        }
        for (second, message) in lines {
            let read = Tick(second * SECOND);
            let written = formats.local(read.wall(header.started));
            log.read(&format!("ERROR {written} {NAME} {message}"), read);
        }
        log.compare(Tick(120 * SECOND), Vec::new()).found.lost.unwrap()
    }

    fn texts(list: &[(u64, String)]) -> Vec<&str> {
        list.iter().map(|(_, text)| text.as_str()).collect()
    }

    const GIVEN_UP: &str = "Webhook delivery failed after 3 attempts: event=e, endpoint=http://x/w";

    #[test]
    fn what_never_came_is_lost_and_what_was_refused_or_accepted_is_not() {
        let of = |id: &str| format!("{GIVEN_UP}, webhook_id={id}");
        let came = [(20, Some("refused"), 503), (30, Some("taken"), 200)];
        let found = lost(&came, &[(26, &of("refused")), (31, &of("taken")), (40, &of("john@example.com"))]);
        assert_eq!((found.count, found.unclear), (1, 0));
        assert_eq!(found.first, [(3, "given up: j***@e***.com".to_owned())]);
        // What was refused just before the window began was not seen.
        let early = lost(&[], &[(1, &of("a"))]);
        assert_eq!((early.count, early.unclear), (0, 1));
        // At the end every attempt of it has come.
        assert_eq!(lost(&[], &[(119, &of("a"))]).count, 1);
    }

    #[test]
    fn dropped_and_skipped_webhooks_are_lost_and_an_unset_secret_loses_none() {
        let found = lost(
            &[],
            &[
                (20, "Circuit breaker OPEN - blocking webhook delivery (59.9s remaining)"),
                (20, "Webhook delivery blocked by circuit breaker: Circuit breaker open (59s remaining)"),
                (30, "WEBHOOK_ENDPOINT not configured - skipping delivery"),
                (30, "WEBHOOK_SECRET not configured - signature will be empty"),
            ],
        );
        assert_eq!((found.count, found.unclear), (2, 0));
        assert_eq!(
            texts(&found.first),
            ["dropped by the circuit breaker, no id", "skipped, no endpoint configured, no id"]
        );
    }

    #[test]
    fn an_abort_is_answered_for_by_a_4xx_of_the_same_status() {
        let aborted = |status| format!("Client error - aborting retries: status={status}");
        let (bad, gone) = (aborted(400), aborted(404));
        let came = [(20, Some("a"), 400)];
        assert_eq!(lost(&came, &[(20, &bad)]), LogLost::default());
        let found = lost(&came, &[(20, &bad), (30, &gone)]);
        assert_eq!((found.count, found.unclear), (1, 0));
        assert_eq!(found.first, [(2, "aborted after a 4xx: status 404, no id".to_owned())]);
        assert_eq!(lost(&came, &[(20, &bad), (30, &bad)]).count, 1);
    }

    /// A handler for the console and one for a file, both of which go into the log.
    #[test]
    fn an_abort_that_two_handlers_write_is_one() {
        let bad = "Client error - aborting retries: status=400";
        let came = |n: u64| -> Vec<_> { (0..n).map(|n| (20 + n, Some(ID[n as usize]), 400)).collect() };
        let said = |n: u64| -> Vec<_> { (0..n).map(|n| (20 + n / 2, bad)).collect() };
        let found = |arrived, lines| {
            let LogLost { count, unclear, .. } = lost(&came(arrived), &said(lines));
            (count, unclear)
        };
        assert_eq!(found(3, 6), (0, 0));
        assert_eq!(found(2, 6), (1, 0));
        // Two that failed in the same moment, of which one came: or one that was written twice.
        assert_eq!((found(1, 2), found(0, 2)), ((0, 1), (1, 1)));
        // One of them stands there once.
        assert_eq!(found(3, 5), (2, 0));
    }

    const ID: [&str; 3] = ["a", "b", "c"];

    #[test]
    fn what_strangers_sent_answers_for_nothing_that_the_sender_says() {
        let lines = [
            (20, "Client error - aborting retries: status=400"),
            (30, GIVEN_UP),
            (40, "Circuit breaker OPENED - 5 failures in 30s"),
        ];
        let taken = [(10, Some("a"), 200)];
        for line in &lines[..2] {
            let of = |others| {
                let LogLost { count, unclear, .. } = lost_beside(&taken, others, &[*line]);
                (count, unclear)
            };
            assert_eq!(of(&[]), (1, 0), "{line:?}");
            assert_eq!(of(&[("curl/8", 400)]), (1, 0), "{line:?}");
            // It may be the sender with a wrong secret.
            assert_eq!(of(&[(AGENT, 400)]), (0, 1), "{line:?}");
        }
        for others in [&[][..], &[("curl/8", 400)], &[(AGENT, 400)]] {
            assert_eq!(lost_beside(&taken, others, &lines[2..]).unclear, 1);
        }
        let refused = [(10, Some("a"), 400)];
        assert_eq!(lost_beside(&refused, &[("curl/8", 400)], &lines[..1]), LogLost::default());
        // Its own id shows that it is the sender's, whatever the signature is.
        assert_eq!(
            lost_beside(&[(10, Some("other"), 200)], &[("curl/8", 400)], &lines[..1]),
            LogLost::default()
        );
    }

    #[test]
    fn without_ids_given_up_webhooks_are_set_against_those_that_were_refused() {
        let failed = |attempt| {
            format!("Webhook delivery failed: event=e, status=503, attempt={attempt}/3, response=busy")
        };
        let lines = [failed(1), failed(2), failed(3)];
        let lines: Vec<(u64, &str)> =
            [20, 22, 26].into_iter().zip(lines.iter().map(String::as_str)).collect();
        let given_up = [&lines[..], &[(26, GIVEN_UP)]].concat();
        let came = [(20, None, 503), (22, None, 503), (26, None, 503)];
        assert_eq!(lost(&came, &given_up), LogLost::default());
        // Somebody in front of the receiver said 503.
        assert_eq!(lost(&[], &given_up).count, 1);
        // One of three that came: was it one of these?
        let found = lost(&came[..1], &given_up);
        assert_eq!((found.count, found.unclear), (0, 1));
    }

    #[test]
    fn a_failed_attempt_has_to_go_on_and_an_opened_breaker_to_have_a_reason() {
        let failed = "Webhook request failed: event=e, attempt=1/3, error=Invalid URL";
        let found = lost(&[], &[(20, failed)]);
        assert_eq!(
            texts(&found.unclear_first),
            ["attempt 1 failed, and no line says what came of the webhook"]
        );
        let went_on = "Webhook delivered successfully: event=e, status=200, attempt=2, webhook_id=a";
        let came = [(22, Some("a"), 200)];
        assert_eq!(lost(&came, &[(20, failed), (22, went_on)]), LogLost::default());
        // The next one was not due when the window ended.
        assert_eq!(lost(&came, &[(110, failed)]), LogLost::default());
        let opened = "Circuit breaker OPENED - 5 failures in 30s";
        assert_eq!(lost(&came, &[(20, opened)]).unclear, 1);
        assert_eq!(lost(&[(20, Some("a"), 400)], &[(20, opened)]), LogLost::default());
    }
}
