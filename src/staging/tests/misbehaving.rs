//! Each misbehaviour as a receiver sees it.
