//! CSV (RFC 4180) with the line of every record, and with what people get wrong told apart from what they mean.

/// A line number and what is wrong there.
pub(super) type LineError = (u64, String);

/// The cells of one record, and the line on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub line: u64,
    pub cells: Vec<String>,
}

/// Reads one record after the other from a text that comes in pieces, until one is wrong; empty lines are none. `more` adds the next
/// piece, and says whether there was one.
pub(super) struct Records<M> {
    /// What has come, and up to where it is read.
    text: String,
    read: usize,
    line: u64,
    ended: bool,
    more: M,
}

impl<E, M: FnMut(&mut String) -> Result<bool, E>> Records<M> {
    pub(super) const fn new(more: M) -> Self {
        Self { text: String::new(), read: 0, line: 1, ended: false, more }
    }

    /// The next record.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Result<Record, LineError>>, E> {
        loop {
            let mut reader = Reader { rest: self.text.get(self.read..).unwrap_or_default(), line: self.line };
            let record = reader.next();
            // What comes behind the last character may belong to the record, or be what is missed in it.
            let is_whole = matches!(record, Some(Ok(_))) && !reader.rest.is_empty();
            if is_whole || self.ended {
                (self.read, self.line) = (self.text.len() - reader.rest.len(), reader.line);
                return Ok(record);
            }
            self.read_on()?;
        }
    }

    /// The first line of the text: known while its first record is the last that was read.
    pub(super) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Reads as much again as there is: a record is looked at from its beginning each time.
    fn read_on(&mut self) -> Result<(), E> {
        self.text.drain(..std::mem::take(&mut self.read));
        let wanted = 2 * self.text.len();
        while !self.ended {
            self.ended = !(self.more)(&mut self.text)?;
            if self.text.len() > wanted {
                break;
            }
        }
        Ok(())
    }
}

struct Reader<'t> {
    rest: &'t str,
    line: u64,
}

impl Reader<'_> {
    /// The next record; none behind one that is wrong.
    fn next(&mut self) -> Option<Result<Record, LineError>> {
        while !self.rest.is_empty() {
            let line = self.line;
            match self.record() {
                Ok(cells) if cells.len() == 1 && cells.iter().all(String::is_empty) => {}
                Ok(cells) => return Some(Ok(Record { line, cells })),
                Err(error) => {
                    self.rest = "";
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn record(&mut self) -> Result<Vec<String>, LineError> {
        let mut cells = Vec::new();
        loop {
            cells.push(if self.take("\"") { self.quoted()? } else { self.bare()? });
            if !self.take(",") {
                break;
            }
        }
        let _ = self.take("\r");
        if self.take("\n") {
            self.line += 1;
        }
        Ok(cells)
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// The cell behind an opening quote, to its closing one; a doubled quote is one.
    fn quoted(&mut self) -> Result<String, LineError> {
        let (opened, mut cell) = (self.line, String::new());
        loop {
            let Some((piece, rest)) = self.rest.split_once('"') else {
                return Err((opened, "a quote is opened here and never closed".to_owned()));
            };
            cell.push_str(piece);
            self.line += piece.matches('\n').count() as u64;
            self.rest = rest;
            if !self.take("\"") {
                break;
            }
            cell.push('"');
        }
        match self.rest.chars().next() {
            None | Some(',' | '\r' | '\n') => Ok(cell),
            Some(_) => Err((
                self.line,
                "text follows a closing quote: write a quote inside a cell twice, as in \"a \"\"b\"\" c\""
                    .to_owned(),
            )),
        }
    }

    /// A cell without quotes. Blanks around it are refused: whether they are meant cannot be known.
    fn bare(&mut self) -> Result<String, LineError> {
        let end = self.rest.bytes().position(|b| matches!(b, b',' | b'\n')).unwrap_or(self.rest.len());
        let (cell, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        let (cell, rest) = match cell.strip_suffix('\r') {
            Some(cell) if !rest.starts_with(',') => (cell, rest),
            _ => (cell, rest),
        };
        self.rest = rest;
        if cell.trim() != cell {
            let hint = if cell.trim_start().starts_with('"') {
                ": the quote must follow the comma directly"
            } else {
                ""
            };
            return Err((
                self.line,
                format!(
                    "a space before or after a cell{hint}; remove it, or quote the whole cell if it is intended"
                ),
            ));
        }
        Ok(cell.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The records of a text that comes in pieces of so many characters.
    fn in_pieces(text: &str, of: usize) -> Vec<Result<Record, LineError>> {
        let mut rest = text.chars();
        let mut records = Records::new(|to: &mut String| {
            let before = to.len();
            to.extend(rest.by_ref().take(of));
            Ok::<_, std::convert::Infallible>(to.len() > before)
        });
        std::iter::from_fn(|| records.next().unwrap()).collect()
    }

    fn records(text: &str) -> impl Iterator<Item = Result<Record, LineError>> {
        in_pieces(text, usize::MAX).into_iter()
    }

    fn cells(text: &str) -> Vec<Vec<String>> {
        records(text).map(|r| r.unwrap().cells).collect()
    }

    #[test]
    fn records_as_programs_write_them() {
        assert_eq!(
            cells("a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n\r\n,\n"),
            [vec!["a", "b"], vec!["1", "x, \"y\"\nz"], vec!["", ""]]
        );
        assert_eq!(cells("a\n\" 1 \""), [["a"], [" 1 "]]);
        assert_eq!(records("a\n\"x\ny\"\nb\n").nth(2).unwrap().unwrap().line, 4);
        assert_eq!(cells(""), Vec::<Vec<String>>::new());
    }

    #[test]
    fn what_people_get_wrong_has_its_line() {
        let error = |text: &str| records(text).find_map(Result::err).unwrap();
        assert_eq!(error("a,b\n1,\"abc\n2,x\n").0, 2);
        assert!(error("a,b\n1,\"abc\n2,x\n").1.contains("never closed"));
        assert_eq!(error("a,b\n1, x\n").0, 2);
        assert!(error("a,b\n1, \"x y\"\n").1.contains("follow the comma"));
        assert!(error("a\n\"x\"y\n").1.contains("follows a closing quote"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rows in proptest::collection::vec(proptest::collection::vec(".*", 2..4), 1..5)) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let text: Vec<String> = rows.iter().map(|r| r.iter().map(quote).collect::<Vec<_>>().join(",")).collect();
            prop_assert_eq!(cells(&text.join("\n")), rows);
        }

        #[test]
        fn pieces_of_any_length_give_the_same(text in "[\",\\r\\n aé]*", of in 1usize..20) {
            prop_assert_eq!(in_pieces(&text, of), in_pieces(&text, usize::MAX));
        }
    }
}
