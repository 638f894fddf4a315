//! What the API answers, body for body.
