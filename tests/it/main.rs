//! Integration tests: the built binary and real sockets.

mod signature;
