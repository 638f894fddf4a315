//! Integration tests: the built binary and real sockets.

#[cfg(test)]
mod schema;
#[cfg(test)]
mod signature;
