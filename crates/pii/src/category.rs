//! The ten categories of personal or secret data.

use crate::IdentityKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What kind of value leaked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// An e-mail address.
    Email,
    /// The name of an account.
    Username,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A telephone number.
    Phone,
    /// A payment card number.
    Card,
    /// The name of a person.
    Name,
    /// An account on a game or platform.
    AccountId,
    /// A credential: token, password, key, session.
    Token,
    /// An international bank account number.
    Iban,
    /// A number given by a state: national id, SSN, passport.
    GovId,
}

impl Category {
    /// Every category, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Email,
        Self::Username,
        Self::IpAddress,
        Self::Phone,
        Self::Card,
        Self::Name,
        Self::AccountId,
        Self::Token,
        Self::Iban,
        Self::GovId,
    ];

    /// The name in files and reports: `email`, `ip_address`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::IpAddress => "ip_address",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Name => "name",
            Self::AccountId => "account_id",
            Self::Token => "token",
            Self::Iban => "iban",
            Self::GovId => "gov_id",
        }
    }

    /// The category a canary of this kind counts under.
    #[must_use]
    pub fn of_identity(kind: IdentityKind) -> Self {
        match kind {
            IdentityKind::Username => Self::Username,
            IdentityKind::Email => Self::Email,
            IdentityKind::DisplayName | IdentityKind::FullName => Self::Name,
            IdentityKind::Phone => Self::Phone,
            IdentityKind::Ip => Self::IpAddress,
            IdentityKind::AccountId => Self::AccountId,
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
