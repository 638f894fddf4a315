//! What a key says about the value under it, in any spelling: `payer_phone`, `contactPhone`, `X-Recipient-Phone`.

mod captions;
mod classify;
mod foreign;
mod opaque;
mod roles;
mod words;

pub(crate) use captions::{Describes, is_state, names_field};
pub(crate) use classify::{Says, Whose, Words, classify, is_locale};
pub(crate) use roles::{Role, is_person, is_thing, whose};
pub(crate) use words::{WordSet, among, singular, word_set};

#[cfg(test)]
mod tests;
