//! Memos that nobody can recompute, read for what they state: the guide's `staging_observation_memo.md` and its like.

mod figures;
mod labels;
mod quantity;
mod statements;

pub(super) use figures::read;
