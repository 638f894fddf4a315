//! The categories of personal or secret data: one table, a line for each.

use crate::IdentityKind;
use crate::JsonSchema;
use crate::detect::{self, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Makes the enum and everything that goes by category from lines of `doc, Variant, "name in files", module in detect/`.
macro_rules! categories {
    ($($(#[$doc:meta])* $variant:ident $name:literal $module:ident,)*) => {
        /// What kind of value leaked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Category {
            $($(#[$doc])* $variant,)*
        }

        impl Category {
            /// Every category, in the order of reports.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name in files and reports: `email`, `ip_address`, …
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// How values of this category are found.
            pub(crate) fn kind(self) -> &'static Kind {
                match self {
                    $(Self::$variant => &detect::$module::KIND,)*
                }
            }
        }
    };
}

categories! {
    /// An e-mail address.
    Email "email" email,
    /// The name of an account.
    Username "username" username,
    /// An IPv4 or IPv6 address.
    IpAddress "ip_address" ip,
    /// A telephone number.
    Phone "phone" phone,
    /// A payment card number.
    Card "card" card,
    /// The name of a person.
    Name "name" name,
    /// An account on a game or platform.
    AccountId "account_id" account,
    /// A credential: token, password, key, session.
    Token "token" token,
    /// An international bank account number.
    Iban "iban" iban,
    /// A number given by a state: national id, SSN, passport.
    GovId "gov_id" gov,
    /// The street line of an address that is not a place or business.
    PostalAddress "postal_address" postal,
    /// The day somebody was born.
    BirthDate "birth_date" birth,
    /// Where a person is or lives, as coordinates.
    Geo "geo" geo,
    /// A hardware address, IMEI or advertising id.
    DeviceId "device_id" device,
    /// An account number beside its bank's code, or a UPI address.
    BankAccount "bank_account" bank,
    /// The address of a crypto wallet.
    CryptoWallet "crypto_wallet" crypto,
}

impl Category {
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
