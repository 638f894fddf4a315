//! What holds for every body, secret and header.
