//! HTTP/1.1 connections and the clock that times them.

mod clock;
pub mod http1;

pub use clock::Clock;
