//! What stands in the way of a run and is no fault of the sender: a login that is refused, a user without the right, a
//! data row that an earlier run has used up.

use super::driver::Driver;
use super::logins::LoginError;
use super::step::Judged;
use record::Obstacle;
use scenario::{RowsFrom, Step, settings_behind};

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
    /// A user may not do what the step asks.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender. The user of session `{session}` may not do this: give it \
         {needs}, or another user by {settings} (data row {row})"
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
    /// The row's subject is not as a run finds it.
    #[error(
        "step `{step}`: {why}\nThis says nothing about the sender: data row {row} is used up, as by an earlier run. Give rows \
         that were not used: {settings}"
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
}

/// What to do about a login that failed with this status: only what the application refuses is a matter of user and password.
/// `settings`: where those come from.
#[must_use]
pub fn login_advice(status: Option<u16>, settings: &str) -> String {
    match status {
        Some(429) => {
            format!(
                "logins are throttled there: wait as long as it says, raise the limit, or take another user ({settings})"
            )
        }
        Some(500..) => "the application fails at its own login, whoever logs in: see its log".to_owned(),
        Some(300..=399) => "the login is redirected, so that user and password were not looked at".to_owned(),
        _ => format!("check {settings}"),
    }
}

impl Blocked {
    /// What it is, for the journal.
    pub const fn obstacle(&self) -> Obstacle {
        match self {
            Self::Login { .. } => Obstacle::Login,
            Self::Forbidden { .. } => Obstacle::Forbidden,
            Self::UsedRow { .. } => Obstacle::UsedRow,
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
            advice: capitalised(&login_advice(error.status, &self.settings(session))),
            row: self.row(flow),
        }
    }

    /// Whether a step's answer says that the surroundings are wrong.
    pub(super) fn is_blocked(&self, flow: u32, step: &Step, judged: &Judged) -> Option<Blocked> {
        let status = judged.reply.as_ref().ok()?.status;
        let why = judged.problems.first()?.clone();
        let row = self.row(flow);
        if step.used_up.contains(&status) {
            let settings = match &self.plan.rows_from {
                RowsFrom::File(file) => format!("--data FILE in place of {file}, or --from-row N"),
                RowsFrom::Elsewhere => {
                    "--data FILE, or other values of the environment (PAYMENT_ID and the like)".into()
                }
            };
            return Some(Blocked::UsedRow { step: step.name.clone(), why, settings, row });
        }
        let session = step.session.as_ref().filter(|_| status == 403 && !step.may_refuse.contains(&403))?;
        let needs = self.plan.loaded.scenario.sessions.get(session).and_then(|s| s.needs.clone());
        Some(Blocked::Forbidden {
            session: session.clone(),
            step: step.name.clone(),
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
    use super::login_advice;

    #[test]
    fn user_and_password_are_named_only_where_they_may_be_wrong() {
        let of = |status| login_advice(status, "STAFF_PASSWORD");
        assert_eq!(
            (of(Some(401)).as_str(), of(None).as_str()),
            ("check STAFF_PASSWORD", "check STAFF_PASSWORD")
        );
        assert!(of(Some(500)).contains("see its log"));
        assert!(of(Some(429)).contains("wait"));
        assert!(of(Some(301)).contains("redirected"));
    }
}
