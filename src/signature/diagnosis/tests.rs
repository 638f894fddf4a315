//! Each known mistake, made and named.
