//! What stands in the way of a run and is no fault of the sender: a login that is refused, a user without the right, a
//! data row that an earlier run has used up or that was never there, an application that throttles.

use super::client::ClientError;
use super::driver::Driver;
use super::logins::{LoginError, LoginFault};
use super::step::{Judged, is_html};
use record::Obstacle;
use scenario::{RowsFrom, Step, settings_behind, subject_behind};

/// What stands in the way. A run that meets it ends, and says nothing about the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Nobody can log in.
    #[error("{why}\nThis says nothing about the sender. {advice} (session `{session}`, data row {row})")]
    Login {
        session: String,
        /// What came.
        why: String,
        /// What to do.
        advice: String,
        /// The row, from 1.
        row: u32,
    },
    /// A user may not do what the step asks, or is not let in any more.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender. The user of session `{session}` may not do this: give it \
         {needs}, or use another user via {settings} (data row {row})"
    )]
    Forbidden {
        session: String,
        step: String,
        /// What came.
        why: String,
        /// The right that it needs.
        needs: String,
        /// Where its user comes from.
        settings: String,
        /// The row, from 1.
        row: u32,
    },
    /// A page says no, and not the application's API.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender. A web page is not an API response: a firewall, CSRF check or login in front of \
         it refuses this machine (data row {row}). Let it through there, or point --staging behind it"
    )]
    Page {
        step: String,
        /// What came.
        why: String,
        /// The row, from 1.
        row: u32,
    },
    /// A receiver elsewhere refuses what is right under the run's secret.
    #[error(
        "the receiver at {receiver} has a different secret than this run: it refused a webhook that is valid under the run's. This says \
         nothing about the sender. Give the receiver this run's secret (`smoke receive --secret-file`) and run again"
    )]
    OtherSecret {
        /// Its URL.
        receiver: String,
    },
    /// The row's subject is not as a run finds it.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender: data row {row} is used up, perhaps by an earlier run. \
         Give unused rows: {settings}"
    )]
    UsedRow {
        step: String,
        /// What came.
        why: String,
        /// Where rows come from.
        settings: String,
        /// The row, from 1.
        row: u32,
    },
    /// The row's subject is not there.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender: what data row {row} names does not exist, or not under this \
         path. Check {settings} and --staging"
    )]
    MissingRow {
        step: String,
        /// What came.
        why: String,
        /// What the path was made of.
        settings: String,
        /// The row, from 1.
        row: u32,
    },
    /// There are no more rows to drive flows with.
    #[error("{why}\nThis says nothing about the sender: the flows from there on were not driven")]
    Data {
        /// What is wrong with the data file.
        why: String,
    },
    /// This machine has no more of what a connection takes.
    #[error(
        "{why}\nThis says nothing about the sender: this machine ran out of it, not staging. Raise the limit (ulimit -n), or drive fewer \
         flows at once (--concurrency)"
    )]
    Machine {
        /// What could not be done.
        why: String,
    },
    /// The application takes no more requests for now.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender: the application throttles requests. Wait as long as it says, \
         raise its limit, or use fewer flows or more users (data row {row})"
    )]
    Throttled {
        step: String,
        /// What came.
        why: String,
        /// The row, from 1.
        row: u32,
    },
}

/// What to do about a login that failed: only what the application refuses is a matter of user and password. `settings`: where
/// those come from.
#[must_use]
pub fn login_advice(at: LoginFault, settings: &str) -> String {
    use LoginFault::{NoAnswer, NoSession, Page, Status};
    match at {
        Status(429) | Page(429) => {
            format!(
                "logins are throttled there: wait as long as it says, raise the limit, or use another user ({settings})"
            )
        }
        Status(500..) | Page(500..) => {
            "the application, or something in front of it, fails at login for any user: see its log".to_owned()
        }
        Status(300..=399) | Page(300..=399) => {
            "the login was redirected, so user and password were never checked".to_owned()
        }
        NoAnswer => "check --staging, and that the application is running and reachable from here".to_owned(),
        Status(404 | 405 | 410 | 415) | Page(_) | NoSession => {
            "what answered is not the login the scenario means, so user and password do not matter: check --staging, \
             and this session's path and token in the scenario"
                .to_owned()
        }
        Status(_) => format!("check {settings}"),
    }
}

impl Blocked {
    /// What it is, for the journal.
    pub const fn obstacle(&self) -> Obstacle {
        match self {
            Self::Login { .. } => Obstacle::Login,
            Self::Forbidden { .. } | Self::Page { .. } => Obstacle::Forbidden,
            Self::UsedRow { .. } => Obstacle::UsedRow,
            Self::MissingRow { .. } => Obstacle::MissingRow,
            Self::Throttled { .. } => Obstacle::Throttled,
            Self::OtherSecret { .. } => Obstacle::OtherSecret,
            Self::Data { .. } => Obstacle::Data,
            Self::Machine { .. } => Obstacle::Machine,
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

impl Driver {
    pub(super) fn refused_login(&self, session: &str, error: &LoginError, flow: u32) -> Blocked {
        Blocked::Login {
            session: session.to_owned(),
            why: error.to_string(),
            advice: capitalised(&login_advice(error.at, &self.settings(session))),
            row: self.row(flow),
        }
    }

    /// Whether a step's answer says that the surroundings are wrong.
    pub(super) fn is_blocked(&self, flow: u32, step: &Step, judged: &Judged) -> Option<Blocked> {
        if let Err(ClientError::Local(why)) = &judged.reply {
            return Some(Blocked::Machine { why: format!("step `{}`: {why}", step.name) });
        }
        let status = judged.reply.as_ref().ok()?.status;
        let why = judged.problems.first()?.clone();
        let (row, name) = (self.row(flow), step.name.clone());
        if step.used_up.contains(&status) {
            let settings = match &self.plan.rows_from {
                RowsFrom::File(file) => format!("--data FILE instead of {file}, or --from-row N"),
                RowsFrom::Elsewhere => {
                    "--data FILE, or other environment values (PAYMENT_ID and the like)".into()
                }
            };
            return Some(Blocked::UsedRow { step: name, why, settings, row });
        }
        if status == 429 {
            return Some(Blocked::Throttled { step: name, why, row });
        }
        if status == 404 {
            let scenario = &self.plan.loaded.scenario;
            let settings = subject_behind(scenario, flow, step, &self.plan.rows_from)?;
            return Some(Blocked::MissingRow { step: name, why, settings, row });
        }
        // A token that is refused although it is new is no old one.
        let refuses = matches!(status, 401 | 403) && !step.may_refuse.contains(&status);
        let session = step.session.as_ref().filter(|_| refuses)?;
        if judged.reply.as_ref().is_ok_and(is_html) {
            return Some(Blocked::Page { step: name, why, row });
        }
        let needs = self.plan.loaded.scenario.sessions.get(session).and_then(|s| s.needs.clone());
        Some(Blocked::Forbidden {
            session: session.clone(),
            step: name,
            why,
            needs: needs.unwrap_or_else(|| "the right".to_owned()),
            settings: self.settings(session),
            row,
        })
    }

    /// The data row of a flow, from 1.
    const fn row(&self, flow: u32) -> u32 {
        self.plan.skipped_rows.saturating_add(flow).saturating_add(1)
    }

    fn settings(&self, session: &str) -> String {
        settings_behind(&self.plan.loaded.scenario, session, &self.plan.rows_from)
    }
}

#[cfg(test)]
mod tests {
    use super::{LoginFault, login_advice};

    #[test]
    fn user_and_password_are_named_only_where_they_may_be_wrong() {
        use LoginFault::{NoAnswer, NoSession, Page, Status};
        let of = |at| login_advice(at, "STAFF_PASSWORD");
        for refused in [Status(400), Status(401), Status(403)] {
            assert_eq!(of(refused), "check STAFF_PASSWORD");
        }
        for (at, said) in [
            (Status(500), "see its log"),
            (Page(502), "see its log"),
            (Status(429), "wait"),
            (Status(301), "redirected"),
            (Status(405), "check --staging"),
            (Page(400), "check --staging"),
            (NoSession, "check --staging"),
            (NoAnswer, "check --staging"),
        ] {
            let advice = of(at);
            assert!(advice.contains(said), "{at:?}: {advice}");
            assert!(!advice.contains("check STAFF_PASSWORD"), "{at:?}: {advice}");
        }
    }
}
