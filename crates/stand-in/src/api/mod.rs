//! The API of the stand-in: routes, authentication, payments, matches, throttles, and answers as Django gives them.

mod answer;
mod api_faults;
mod auth;
mod calls;
mod form;
mod match_actions;
mod matches;
mod multipart;
mod payment_actions;
mod payments;
mod route;
mod throttle;
mod token;

pub(super) use calls::{Api, handle};
