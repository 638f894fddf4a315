//! The canary identities of test users: exact values that must never leave in a webhook.

use crate::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A canary: one exact value of a test user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// What the value is.
    pub kind: IdentityKind,
    /// The value; may be a template over variables and the flow's row.
    pub value: String,
}

/// The kinds of canary values of a test user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum IdentityKind {
    Username,
    Email,
    DisplayName,
    FullName,
    Phone,
    Ip,
    AccountId,
}

impl IdentityKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Username,
        Self::Email,
        Self::DisplayName,
        Self::FullName,
        Self::Phone,
        Self::Ip,
        Self::AccountId,
    ];

    /// As it is written in a scenario.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Email => "email",
            Self::DisplayName => "display_name",
            Self::FullName => "full_name",
            Self::Phone => "phone",
            Self::Ip => "ip",
            Self::AccountId => "account_id",
        }
    }

    /// Why a text is no value of this kind, so that it is never looked for or never found.
    #[must_use]
    pub fn misfit(self, value: &str) -> Option<&'static str> {
        let digits = value.chars().filter(char::is_ascii_digit).count();
        match self {
            Self::Email => (!value.contains('@')).then_some("an e-mail address has an @"),
            Self::Phone => (digits < SHORTEST_PHONE).then_some("a phone number has 7 digits or more"),
            Self::Ip => bare_ip(value).is_none().then_some("this is no IP address"),
            _ => value.chars().nth(1).is_none().then_some("fewer than two characters are not looked for"),
        }
    }
}

/// Fewest digits of a phone that is looked for, without what may stand before them.
pub(crate) const SHORTEST_PHONE: usize = 7;

/// The address in a text that may have brackets, a zone or a prefix length.
pub(crate) fn bare_ip(value: &str) -> Option<IpAddr> {
    let bare = value.trim_matches(['[', ']']);
    bare.split(['/', '%']).next().unwrap_or(bare).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_as_scenarios_write_it() {
        for kind in IdentityKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
