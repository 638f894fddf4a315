//! What a key says about the value under it, in any spelling: `payer_phone`, `contactPhone`, `X-Recipient-Phone`.

mod accounts;
mod classify;
mod names;
mod opaque;
mod roles;
mod tokens;
mod words;

pub(super) use classify::{Says, classify};
pub(super) use roles::Role;
pub(super) use tokens::is_session_cookie;

#[cfg(test)]
mod tests;
