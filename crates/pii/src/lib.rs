//! The PII engine: finds personal and secret data that leaves in a request, where it is, and nothing else.
//!
//! # What is a leak
//!
//! Only a value leaks, never the name of a key: `email_sent: 4` is clean, `email_status: "bounced:a@b.cd"` is not. Counts,
//! booleans, null, empty texts, placeholders and masked values are clean; so are opaque ids, digests, signatures and cursors.
//!
//! | category | reported | not reported |
//! |---|---|---|
//! | `email` | addresses with a dotted or literal domain, any script, anywhere | mentions, image scales, packages, masks, `git@host:` |
//! | `username` | what stands under a username key, header or query parameter; canaries | settings about usernames; bare names |
//! | `ip_address` | IPv4, IPv6 (port, brackets, zone, mapped), `/32`, `/128`; under an address key loopback and integers from 2^24 | versions, user agents, rule numbers, OIDs, times, MACs; network blocks; loopback in prose |
//! | `phone` | `+` numbers, Bangladeshi mobiles, national punctuation, phone links; any layout under a phone key | ids, order numbers, epochs, amounts, coordinates, barcodes |
//! | `card` | 13 to 19 digits, issuer prefix, Luhn sum | the same under an id, in a UUID or longer number |
//! | `name` | under keys of persons' names; `name` in an object that is a person; canaries | names of things |
//! | `account_id` | under keys of game and platform accounts; Steam's notations; canaries | ids of games, apps, guilds, channels, matches |
//! | `token` | JWT, vendor forms, PEM keys, credentials in headers, cookies, URLs and under their keys; reset links | policies, types, versions, page cursors, signatures |
//! | `iban` | remainder 1 modulo 97 and the length of the country | look-alikes |
//! | `gov_id` | under keys of state numbers; `SSN`, `NID`, `passport` beside them | |
//!
//! Canaries are leaks anywhere, compared after NFKC and case folding, phones by digits, addresses by value, when no letter or
//! digit touches them. Up to three encodings on each other are undone: percent, HTML entities, literal `\\u` escapes, JSON in
//! texts, base64 of both alphabets. Each decoder and detector counts the bytes it looks at (`Scan::bytes_examined`).
//!
//! A finding holds a place, a masked excerpt and a salted hash, never the value.

#![warn(missing_docs)]

mod detect;

mod canary;
mod category;
mod decode;
mod document;
mod engine;
mod explain;
mod finding;
mod hits;
mod identity;
mod judge;
mod keys;
mod layers;
mod line;
mod mask;
mod memo;
mod policy;
mod request;
mod shown;
mod text;

pub use category::Category;
pub use decode::{Readable, readable};
pub use engine::{Engine, Request};
pub use explain::{Explanation, Reason};
pub use finding::{Allowance, Certainty, Detector, Finding, Scan, Unread};
pub use identity::{Identity, IdentityKind};
pub use line::{LineError, LineScan};
pub use memo::Memo;
pub use policy::{ExtraPattern, Policy, PolicyError};
pub use shown::{is_invisible, printable, shown};

#[cfg(test)]
mod tests;
