//! The PII engine: finds personal and secret data that leaves in a request, where it is, and nothing else.
//!
//! # What is a leak
//!
//! Only a value leaks, never the name of a key, column, field or parameter: `email_sent: 4` is clean, `email_status: "bounced:a@b.cd"`
//! is not. Counts, booleans, null, empty texts, formats, placeholders (`[REDACTED]`, `{{address}}`, `$1`) and masked values are clean;
//! so are opaque ids, digests, signatures and cursors. Values of documentation leak like any other.
//!
//! | category | reported | not reported |
//! |---|---|---|
//! | `email` | addresses with a dotted or literal domain, any script, anywhere; also written `a (at) b (dot) org`, in words or brackets of several languages | mentions, image scales, packages, masks, `git@host:`, `match (at) arena two` |
//! | `username` | what stands under a username key, header or query parameter, or under the name of a social network; profile links; `@x` right beside a network's name; `@x@host`; the account of an access or auth log line; canaries | settings about usernames, words about the field (captions, states, types); bare names and mentions; the platform's own accounts; links to share or to a post; `@scope/pkg` |
//! | `ip_address` | IPv4, IPv6 (port, brackets, zone, mapped), `/32`, `/128`; under an address key loopback and integers from 2^24 | versions of four parts, also two that are compared, user agents, rule numbers, OIDs, times, MACs; network blocks; loopback in prose; what a proxy writes ([`Scan::forwarded`]) |
//! | `phone` | `+` numbers, Bangladeshi mobiles, national punctuation, phone links; any layout under a phone key or behind a word for phones | ids, order numbers, epochs, amounts, coordinates, barcodes, columns of numbers |
//! | `card` | 13 to 19 digits, issuer prefix, Luhn sum | the same under an id, in a UUID or longer number |
//! | `name` | under keys of persons' names; `name` in an object that is a person (player, driver, attendee, …) or in a list of them; canaries | names of things, also where `type` says that it is one; a repository's `full_name`; words about the field |
//! | `account_id` | under keys of game and platform accounts; Steam's notations; canaries | ids of games, apps, guilds, channels, matches |
//! | `token` | JWT, vendor forms, PEM keys, credentials in headers, cookies, URLs and under their keys; reset links | policies, types, versions, page cursors, signatures, a provider's message id, references to objects, numbers of sessions, directories |
//! | `iban` | remainder 1 modulo 97 and the length of the country | look-alikes |
//! | `gov_id` | under keys of state numbers (PAN, Aadhaar, CNIC, licences, birth certificates, …); `SSN`, `NID`, `passport` beside them | |
//! | `postal_address` | a street line (a number with a street, house, block or village of any country and script) under an address key, or behind words that make it someone's own | a town, district or postal code alone; places and businesses, said by the key, an object around it, or the text |
//! | `birth_date` | a full date in any order, notation, language and digits, or an epoch, under a birth key; year, month and day as members; right behind `DOB`, `born on`, … | other dates; keys where the birth word qualifies something else; rules such as `born before` |
//! | `geo` | latitude and longitude with four decimals that belong to a person, by their own keys or one around them, a header, or the words of the text; GeoJSON, `POINT`, `geo:`, map links | venues, maps, servers; screen coordinates; coarse positions |
//! | `device_id` | hardware addresses, IMEIs (Luhn), advertising and Android ids under their keys or behind their names | fingerprints, durations, other UUIDs; zero and broadcast addresses |
//! | `bank_account` | an account number with its bank's code in one object, row or text; UPI addresses | the code alone; masked numbers; ledgers, batches, invoices |
//! | `crypto_wallet` | Bitcoin, Tron and Ethereum addresses whose check sum holds; lower-case Ethereum under a wallet key | transactions, contracts, failing sums, shortened addresses |
//!
//! Canaries are leaks anywhere, compared after NFKC and case folding, phones by digits, addresses by value, when no letter or
//! digit touches them.
//!
//! # What values travel in
//!
//! Up to three encodings on each other are undone: percent, HTML entities, literal escapes, base64 of both alphabets (of UTF-8, UTF-16,
//! gzip and zlib), quoted-printable, encoded words, NUL between letters, zero-width characters, full width, digits of any script.
//! An entry that is spelled out, `{"name": "first_name", "value": "Anna"}`, is judged under the key that it names; so are the values of a
//! change (`old`, `new`), of JSON Patch, of pairs in a list, of rows below the names of their columns, of jCards, and of types that wrap
//! a value (`$date`, DynamoDB's `S`). Keys are read in some forty languages.
//!
//! `labels: {first_name: "Vorname"}` is about a field and names nobody: such an object has values that cannot be what their keys say
//! (a phone without digits), or a key that says so, and none that can.
//!
//! Carriers inside a text are taken apart, and their columns, fields, tags and parameters are keys: JSON and JSON lines, tables, XML and
//! HTML with its comments, SQL, forms, multipart, lines and rows of keys and values, GraphQL and other near-JSON, what PHP, Python, Ruby and Go print of objects, vCards and
//! calendars, HTTP messages, `data:` URLs. All of
//! this is one list of decoders (`decode`), and the categories are one table of kinds (`detect`). What compressed texts unpack to is
//! limited to 1 MiB and 100 bytes for each packed byte; beyond it, [`Scan::unread`] says so.
//!
//! Each decoder and detector counts the bytes it looks at ([`Scan::bytes_examined`]).
//!
//! A finding holds a place, a masked excerpt and a salted hash, never the value. [`Engine::explain`] says why it is one.
//!
//! ```
//! use pii::{Category, Engine, Policy};
//!
//! let engine = Engine::new(&Policy::default(), &[], b"salt")?;
//! let scan = engine.scan_payload(&serde_json::json!({"venue": {"address": "12 Station Road"}, "dob": "1998-03-12"}), &[]);
//! assert_eq!(scan.count(Category::BirthDate), 1);
//! assert_eq!(scan.findings.len(), 1);
//! # Ok::<(), pii::PolicyError>(())
//! ```

#![warn(missing_docs)]

mod detect;

mod about;
mod canary;
mod category;
mod decode;
mod document;
mod engine;
mod entry;
mod explain;
mod field_name;
mod finding;
mod forwarded;
mod hashed;
mod hits;
mod identity;
mod json;
mod judge;
mod keys;
mod layers;
mod leaves;
mod line;
mod log_line;
mod mask;
mod memo;
mod normal_form;
mod policy;
mod request;
mod rules;
mod shown;
mod text;
mod text_index;

// Schemas are written by `crates/schemas` alone: everywhere else the derive is one that does nothing.
#[cfg(not(feature = "schema"))]
use no_schema::JsonSchema;
#[cfg(feature = "schema")]
use schemars::JsonSchema;

pub use canary::Canaries;
pub use category::Category;
pub use decode::{Coding, Encoding, Readable, Undone, UndoneEnd, Utf8Reader, readable};
pub use document::pointer_step;
pub use engine::{Engine, Request};
pub use explain::{Explanation, Reason};
pub use finding::{Allowance, Certainty, Detector, Finding, Scan, Unread};
pub use forwarded::{Differs, Forwarded, Hops, is_of_no_public_network};
pub use identity::{Identity, IdentityKind};
pub use line::{Explained, LineError, LineScan};
pub use log_line::log_line;
pub use memo::Memo;
pub use policy::{ExtraPattern, Policy, PolicyError, PolicyProblem};
pub use shown::{escaped, is_invisible, printable, shown};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;
