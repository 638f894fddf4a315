//! What `smoke check` asks the network: the receiver's address, the target, its clock, and a login of every session.

use super::Scenario;
use super::findings::{Findings, Level};
use crate::drive::{
    Attached, Client, LoginFault, Reply, Reuse, TRIED_FIRST, login_advice, redirect, try_login,
};
use crate::executor::{Receiver, Target};
use crate::outbound::{http_url, is_loopback, shown_url};
use crate::record_source::RecordSource;
use crate::redact::Redactor;
use chrono::{DateTime, Utc};
use scenario::{
    Method, Origin, ResolvedBody, ResolvedRequest, RowsFrom, resolve_session, secrets_of_row, settings_behind,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use url::Url;
use wire::Clock;

/// How long the target gets to answer.
const REACH: Duration = Duration::from_secs(5);
/// How far ahead of ours staging's clock may be: a receiver takes no webhook from more than 30 s ahead (docs/deltacrown.md
/// section 4), and the header tells whole seconds.
const MOST_AHEAD: i64 = 25;
/// How far behind it may be: webhooks are good for 300 s (docs/deltacrown.md section 4).
const MOST_BEHIND: i64 = 290;
/// What is not worth a word: the header's whole second, and the way.
const CLOCK_NOISE: i64 = 2;

/// The receiver's address, for a target that has to reach it.
pub(super) async fn check_receiver(receiver: &Receiver, target: Option<&Target>, findings: &mut Findings) {
    let listen = match receiver {
        Receiver::Here(listen) => listen,
        Receiver::Remote(inbox) => {
            let url = shown_url(&inbox.url);
            return match RecordSource::remote(&inbox.url, inbox.token.clone(), Clock::start()).await {
                Ok((_, meta)) => findings.add(
                    Level::Ok,
                    format_args!("receiver {url} can be read; it takes {} at {}", meta.scheme, meta.endpoint),
                ),
                Err(error) => {
                    let level = if error.is_environment() { Level::Unreachable } else { Level::Wrong };
                    findings.add(level, format_args!("--inbox {url}: {error}"));
                }
            };
        }
        Receiver::Watched(_) => return,
    };
    let address = listen.address;
    match TcpListener::bind(address).await {
        Ok(_) => findings.add(Level::Ok, format_args!("receiver can listen on {address}")),
        Err(e) => findings.add(
            Level::Unreachable,
            format_args!(
                "receiver cannot listen on {address}: {e}; stop whatever listens there, or give --listen"
            ),
        ),
    }
    let far = match target {
        Some(Target::Url(url)) => http_url(url).ok().filter(|url| !is_loopback(url)),
        _ => None,
    };
    let public = listen.public_url.as_deref().and_then(|url| Url::parse(url).ok());
    let reachable = public.as_ref().map_or(!address.ip().is_loopback(), |url| !is_loopback(url));
    if let Some(far) = far.filter(|_| !reachable) {
        let told = public.map_or_else(|| address.to_string(), |url| shown_url(url.as_str()));
        findings.add(
            Level::Wrong,
            format_args!(
                "staging at {} cannot reach {told}, which is local to this machine: give --public-url URL (a \
                 tunnel or reverse proxy to {address}), --listen with an address staging can reach, or --inbox",
                far.host_str().unwrap_or_default()
            ),
        );
    }
}

/// The target: whether it answers, over which way, and with which clock. `None` when nothing can be asked of it.
pub(super) async fn check_target(url: &str, findings: &mut Findings) -> Option<Client> {
    let client = match Client::new(url, 1, Reuse::Idempotent) {
        Ok(client) => client,
        Err(error) => {
            findings.add(Level::Wrong, format_args!("--staging {error}"));
            return None;
        }
    };
    let via = client.proxy();
    match &via {
        Some(via) => findings.add(
            Level::Ok,
            format_args!("staging is reached through the proxy {via}; hosts in NO_PROXY bypass it"),
        ),
        None => findings.add(Level::Ok, "staging is reached directly, without a proxy"),
    }
    let request = ResolvedRequest {
        method: Method::Get,
        path: "/healthz/".to_owned(),
        origin: Origin::Target,
        headers: Vec::new(),
        body: ResolvedBody::None,
        timeout: REACH,
    };
    let reply = match client.send(&request, &Attached::default()).await {
        Ok(reply) => reply,
        Err(error) => {
            findings.add(Level::Unreachable, format_args!("staging at {}: {error}", shown_url(url)));
            return None;
        }
    };
    let usable = say_answer(&reply, via.is_some(), findings);
    say_clock(&reply, Utc::now(), findings);
    usable.then_some(client)
}

/// What the health check answered; whether it is worth going on.
fn say_answer(reply: &Reply, proxied: bool, findings: &mut Findings) -> bool {
    let status = reply.status;
    if let Some(redirect) = redirect(reply) {
        findings
            .add(Level::Wrong, format_args!("staging responds to GET /healthz/ with {status}, {redirect}"));
        return false;
    }
    match status {
        407 | 502..=504 if proxied => findings.add(
            Level::Unreachable,
            format_args!("GET /healthz/ {status}: may be the proxy's response rather than staging's; hosts in NO_PROXY bypass it"),
        ),
        429 => findings.add(
            Level::Unreachable,
            format_args!(
                "staging throttles this machine (GET /healthz/ 429, Retry-After {}): wait, or raise its limits",
                reply.header("retry-after").unwrap_or("not given")
            ),
        ),
        500.. => findings.add(Level::Unreachable, format_args!("staging is unhealthy: GET /healthz/ {status}")),
        _ => findings.add(Level::Ok, format_args!("staging responds: GET /healthz/ {status}")),
    }
    status < 429
}

/// The difference between staging's clock (RFC 9110, section 6.6.1) and ours: webhooks are signed with the time.
fn say_clock(reply: &Reply, now: DateTime<Utc>, findings: &mut Findings) {
    let Some(theirs) = reply.header("date").and_then(|d| DateTime::parse_from_rfc2822(d).ok()) else {
        return;
    };
    let ahead = (theirs.with_timezone(&Utc) - now).num_seconds();
    let told = if ahead > 0 { "ahead of" } else { "behind" };
    let difference = format!("staging's clock is {} s {told} this machine's", ahead.abs());
    if ahead > MOST_AHEAD || -ahead > MOST_BEHIND {
        findings.add(
            Level::Wrong,
            format_args!(
                "{difference}: its webhooks would be refused as future or stale; sync both with NTP"
            ),
        );
    } else if ahead.abs() > CLOCK_NOISE {
        findings.add(Level::Ok, difference);
    }
}

/// Logs in with every session of the scenarios, each user once. What fails is told at once, and the others together at the end.
/// What the target says about a login may quote the secret of any other one, which is masked in it as well.
pub(super) async fn check_logins(client: &Client, scenarios: &[Scenario], findings: &mut Findings) {
    let redactor = Redactor::new();
    scenarios.iter().for_each(|scenario| scenario.teach(&redactor));
    let mut logged_in = LoggedIn::default();
    let mut tried = HashSet::new();
    for scenario in scenarios {
        if check_logins_of((client, &redactor), scenario, &mut tried, &mut logged_in, findings)
            .await
            .is_break()
        {
            break;
        }
    }
    logged_in.say(findings);
}

/// Ends where the target throttles logins.
async fn check_logins_of(
    (client, redactor): (&Client, &Redactor),
    scenario: &Scenario,
    tried: &mut HashSet<ResolvedRequest>,
    logged_in: &mut LoggedIn,
    findings: &mut Findings,
) -> ControlFlow<()> {
    let rows_from = scenario.rows_from();
    for (flow, row) in (0u32..).zip(scenario.rows.iter().map_while(Result::ok).take(TRIED_FIRST)) {
        let mut scope = scenario.run.scope(flow, row);
        let number = scenario.skipped + flow + 1;
        for (name, session) in &scenario.loaded.scenario.sessions {
            // What a login lacks is told as a missing variable; who is known beforehand does not log in.
            let Ok(resolved) = resolve_session(session, &mut scope) else { continue };
            let Some(request) = resolved.login.filter(|request| tried.insert(request.clone())) else {
                continue;
            };
            redactor.learn_all(&resolved.secrets);
            let settings = settings_behind(&scenario.loaded.scenario, name, &rows_from);
            let Err(why) = try_login(client, session, &request, redactor, Clock::start()).await else {
                logged_in.add(name, settings, number);
                continue;
            };
            let advice = login_advice(why.at, &settings);
            findings.add(Level::Unreachable, format_args!("login `{name}`, row {number}: {why}; {advice}"));
            if matches!(why.at, LoginFault::Status(429) | LoginFault::Page(429)) {
                return ControlFlow::Break(());
            }
        }
    }
    ControlFlow::Continue(())
}

/// Rows of which a login gave a session, by its name and by what the login is set with.
#[derive(Debug, Default)]
struct LoggedIn(BTreeMap<(String, String), BTreeSet<u32>>);

impl LoggedIn {
    fn add(&mut self, session: &str, settings: String, row: u32) {
        self.0.entry((session.to_owned(), settings)).or_default().insert(row);
    }

    fn say(&self, findings: &mut Findings) {
        for ((session, settings), rows) in &self.0 {
            findings.add(Level::Ok, format_args!("login `{session}`, {} ({settings})", listed(rows)));
        }
    }
}

/// `row 1`, `rows 1 to 25`, `rows 1 to 3, 7`.
fn listed(rows: &BTreeSet<u32>) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some((_, to)) if *to + 1 == *row => *to = *row,
            _ => runs.push((*row, *row)),
        }
    }
    let all: Vec<String> = runs
        .iter()
        .map(|(from, to)| if from == to { from.to_string() } else { format!("{from} to {to}") })
        .collect();
    format!("{} {}", if rows.len() == 1 { "row" } else { "rows" }, all.join(", "))
}

impl Scenario {
    /// Has a redactor learn its secrets, and those of all its rows.
    fn teach(&self, redactor: &Redactor) {
        let scenario = &self.loaded.scenario;
        redactor.learn_all(&self.run.secrets(scenario));
        redactor.hide_all(&self.run.hidden(scenario));
        let rows = self.rows.iter().map_while(Result::ok);
        rows.for_each(|row| redactor.learn_all(&secrets_of_row(scenario, &row)));
    }

    fn rows_from(&self) -> RowsFrom {
        let own = self.loaded.scenario.data.file.as_deref().map(Path::new);
        match self.data.as_deref().or(own) {
            Some(file) => RowsFrom::File(file.display().to_string()),
            None => RowsFrom::Elsewhere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_each_other_are_told_as_one() {
        let told = |rows: &[u32]| listed(&rows.iter().copied().collect());
        assert_eq!(told(&[4]), "row 4");
        assert_eq!(told(&[1, 2, 3]), "rows 1 to 3");
        assert_eq!(told(&[9, 1, 2, 4, 5]), "rows 1 to 2, 4 to 5, 9");
    }
}
