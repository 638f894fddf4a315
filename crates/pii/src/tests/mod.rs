//! Tests of the engine as a whole.

mod properties;
mod requests;
mod rules;
mod sample;
mod work;
