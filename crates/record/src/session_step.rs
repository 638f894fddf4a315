//! Steps that no flow has: what is sent for a session, `login:owner`.

/// What is sent for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionStep {
    Login,
    /// A renewal.
    Refresh,
    /// A page that gives the cookie which a login needs.
    Csrf,
}

impl SessionStep {
    const ALL: [Self; 3] = [Self::Login, Self::Refresh, Self::Csrf];

    /// The name of the step for this session.
    #[must_use]
    pub fn name(self, session: &str) -> String {
        format!("{}:{session}", self.word())
    }

    /// What a step is for, and for which session; `None` for the steps of flows.
    #[must_use]
    pub fn of(step: &str) -> Option<(Self, &str)> {
        let (word, session) = step.split_once(':')?;
        let what = Self::ALL.into_iter().find(|what| what.word() == word)?;
        Some((what, session))
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Csrf => "csrf",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_is_for() {
        for what in SessionStep::ALL {
            assert_eq!(SessionStep::of(&what.name("owner")), Some((what, "owner")));
        }
        for step in ["login", "verify", "logins:owner", ""] {
            assert_eq!(SessionStep::of(step), None, "{step}");
        }
    }
}
