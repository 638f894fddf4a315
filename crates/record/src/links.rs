//! Whether files that are given as the parts of one journal are its parts, whole and in order.

use crate::{Continues, Header, Record, Watch};
use uuid::Uuid;

/// What is wrong between two parts.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// A part between the two was not given.
    #[error(
        "part {part} continues {file}, which was not given before it; give the parts oldest first, without gaps"
    )]
    Missing {
        /// Number of the part that continues it.
        part: u64,
        /// The file that is missing.
        file: String,
    },
    /// The file before is not what it was when the next one was begun.
    #[error("part {part} continues {file} with SHA-256 {then}, but that file now has {now}: it was altered")]
    Altered {
        /// Number of the part that continues it.
        part: u64,
        /// The file that was altered.
        file: String,
        /// SHA-256 when the part was begun, hex.
        then: String,
        /// SHA-256 now, hex.
        now: String,
    },
    /// The first part of a run that was given already.
    #[error("an earlier part of a journal was given after a later one; give the parts oldest first")]
    Order,
}

/// A file of a journal, read to its end.
#[derive(Debug, Clone)]
pub struct PartRead {
    /// Its name without the directory.
    file: String,
    run_id: Uuid,
    continues: Option<Continues>,
}

impl PartRead {
    /// A file of this name, of which the header was read.
    #[must_use]
    pub const fn new(file: String, header: &Header) -> Self {
        Self { file, run_id: header.run_id, continues: None }
    }

    /// Takes a record of it.
    pub fn take(&mut self, record: &Record) {
        if let Record::Watch(Watch::Continues(continues)) = record {
            self.continues = Some(continues.clone());
        }
    }
}

/// The files that were given so far.
#[derive(Debug, Default)]
pub struct Links {
    run_ids: Vec<Uuid>,
    /// Name and SHA-256 of the last one.
    before: Option<(String, String)>,
}

impl Links {
    /// The next file, and its SHA-256, hex. The first one given may continue a file that was not: the journal is then looked
    /// at from there on. One that continues none begins another journal.
    ///
    /// # Errors
    /// When it does not follow from the one before.
    pub fn follow(&mut self, part: PartRead, sha256: String) -> Result<(), LinkError> {
        let PartRead { file, run_id, continues } = part;
        match (self.before.take(), continues) {
            (Some((_, now)), Some(link)) if now == link.sha256 => {}
            (Some((before, now)), Some(Continues { part, file, sha256: then, .. })) => {
                return Err(if before == file {
                    LinkError::Altered { part, file, then, now }
                } else {
                    LinkError::Missing { part, file }
                });
            }
            (Some(_), None) if self.run_ids.contains(&run_id) => return Err(LinkError::Order),
            _ => {}
        }
        self.before = Some((file, sha256));
        self.run_ids.push(run_id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(n: u64, run: u128, after: Option<(&str, &str)>) -> PartRead {
        let continues = after.map(|(file, sha256)| Continues {
            part: n,
            file: file.into(),
            sha256: sha256.into(),
            ahead_ms: 0,
        });
        PartRead { file: format!("j.{n}"), run_id: Uuid::from_u128(run), continues }
    }

    fn of(parts: Vec<(PartRead, &str)>) -> Result<(), LinkError> {
        let mut links = Links::default();
        parts.into_iter().try_for_each(|(part, sha256)| links.follow(part, sha256.to_owned()))
    }

    #[test]
    fn what_is_missing_altered_or_out_of_order_is_named() {
        let (one, two) = (|| (part(1, 7, None), "a"), || (part(2, 7, Some(("j.1", "a"))), "b"));
        // A restart begins another run in the same journal.
        let three = || (part(3, 8, Some(("j.2", "b"))), "c");
        assert_eq!(of(vec![one(), two(), three()]), Ok(()));
        assert_eq!(of(vec![two(), three()]), Ok(()), "from a later part on");
        assert_eq!(of(vec![one(), (part(1, 9, None), "z")]), Ok(()), "the journal of another receiver");
        assert_eq!(of(vec![one(), three()]), Err(LinkError::Missing { part: 3, file: "j.2".into() }));
        assert_eq!(of(vec![two(), one()]), Err(LinkError::Order));
        let altered = of(vec![one(), (part(2, 7, Some(("j.1", "a"))), "changed"), three()]).unwrap_err();
        assert!(matches!(&altered, LinkError::Altered { file, .. } if file == "j.2"), "{altered}");
        assert!(altered.to_string().contains("has changed: it was altered"), "{altered}");
    }
}
