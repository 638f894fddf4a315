//! Tests of the engine as a whole.

mod carriers;
mod coats;
mod properties;
mod requests;
mod rules;
mod sample;
mod work;
