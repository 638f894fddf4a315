//! Long lines that a container runtime has cut into pieces of 16 KiB: a line of a log is what the application wrote, and not what fits into
//! a buffer. What stdout and stderr say is put together apart, as far as a line may be long.
//!
//! containerd and CRI-O tell by a flag (`TIME stderr P TEXT`, `F` for the last piece); in Docker's json-file each record but the last lacks
//! the end of the line (`{"log":"TEXT","stream":"stderr","time":"TIME"}`).

use super::json_line::Object;
use super::lines::MAX_LINE;
use chrono::{DateTime, Utc};
use std::borrow::Cow;

/// Docker cuts lines at so many bytes.
const DOCKER_PIECE: usize = 16 * 1024;
/// How its records begin.
const DOCKER: &[u8] = b"{\"log\":";
/// The streams of a container.
const STREAMS: [&str; 2] = ["stdout", "stderr"];
/// Length of a time of CRI at most, `2026-11-28T12:00:00.123456789+06:00`, and of what stands between it and the text.
const TIME: usize = 35;
const CRI: usize = " stderr F ".len();

/// Puts pieces together, one after another.
#[derive(Debug, Default)]
pub struct Pieces {
    /// What has come of a line, by stream.
    begun: [Option<Begun>; STREAMS.len()],
}

/// The beginning of a line.
#[derive(Debug)]
struct Begun {
    /// `None` once it is longer than a line may be.
    text: Option<Vec<u8>>,
    at: Option<DateTime<Utc>>,
    form: Form,
}

/// Who cut a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Cri,
    Docker,
}

/// A piece of a line, or a whole one.
struct Piece<'l> {
    form: Form,
    stream: usize,
    at: Option<DateTime<Utc>>,
    text: Cow<'l, [u8]>,
    /// What the line that it begins has before the text.
    head: &'l [u8],
    is_last: bool,
}

/// What a line is of.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A line of its own.
    Whole,
    /// A piece, to which others will come.
    Held,
    /// The last piece of this line, which has no end here.
    Complete(Vec<u8>),
    /// The last piece of a line that is longer than [`MAX_LINE`].
    TooLong,
}

impl Pieces {
    /// Takes a line, and gives that which it completes; an empty one where it is a piece to which others will come, so that lines are
    /// numbered as they stand in the file, and `None` for one that is too long or no text.
    pub fn line<'l>(&mut self, line: Option<&'l str>) -> Option<Cow<'l, str>> {
        match self.take(line?.as_bytes()) {
            Taken::Whole => line.map(Cow::Borrowed),
            Taken::Held => Some(Cow::Borrowed("")),
            Taken::Complete(text) => String::from_utf8(text).ok().map(Cow::Owned),
            Taken::TooLong => None,
        }
    }

    /// Whether the rest of a line has not come.
    #[must_use]
    pub fn are_left(&self) -> bool {
        self.begun.iter().any(Option::is_some)
    }

    /// What has come of a line whose rest has not, as [`Self::take`] gives a line: once nothing more is read.
    pub(super) fn rest(&mut self) -> Option<Taken> {
        let begun = self.begun.iter_mut().find_map(Option::take)?;
        Some(begun.text.map_or(Taken::TooLong, Taken::Complete))
    }

    /// Takes a line: nearly all are whole.
    pub(super) fn take(&mut self, line: &[u8]) -> Taken {
        if self.concern(line) { self.put_together(line) } else { Taken::Whole }
    }

    fn put_together(&mut self, line: &[u8]) -> Taken {
        let piece = if line.starts_with(DOCKER) { of_docker(line) } else { of_cri(line) };
        let Some(piece) = piece else { return Taken::Whole };
        let Some(slot) = self.begun.get_mut(piece.stream) else { return Taken::Whole };
        // Logs of several containers may be read in turn: what is earlier goes on from nothing that is later.
        let follows =
            |begun: &Begun| begun.form == piece.form && (piece.at.is_none() || begun.at <= piece.at);
        match slot {
            Some(begun) if follows(begun) => {
                begun.add(&piece.text);
                begun.at = piece.at.or(begun.at);
            }
            None if !piece.is_last => {
                let mut begun = Begun { text: Some(piece.head.to_vec()), at: piece.at, form: piece.form };
                begun.add(&piece.text);
                *slot = Some(begun);
            }
            _ => return Taken::Whole,
        }
        match slot.take_if(|_| piece.is_last) {
            None => Taken::Held,
            Some(begun) => begun.text.map_or(Taken::TooLong, Taken::Complete),
        }
    }

    /// Whether a line is a piece, or may be one that others are waiting for: of nearly all lines the first bytes tell that they are not.
    fn concern(&self, line: &[u8]) -> bool {
        match line.first() {
            Some(b'0'..=b'9') => head_of_cri(line).is_some_and(|(_, stream, is_last)| {
                !is_last || self.begun.get(stream).is_some_and(Option::is_some)
            }),
            Some(b'{') => line.starts_with(DOCKER) && (line.len() > DOCKER_PIECE || self.are_left()),
            _ => false,
        }
    }
}

/// What a line of CRI has before its text: the length of its time, its stream, and whether it is the last piece.
fn head_of_cri(line: &[u8]) -> Option<(usize, usize, bool)> {
    let time = memchr::memchr(b' ', line.get(..=TIME).unwrap_or(line))?;
    let [b' ', b's', b't', b'd', name @ .., b' ', flag, b' '] = line.get(time..time + CRI)? else {
        return None;
    };
    let stream = STREAMS.iter().position(|stream| stream.as_bytes().ends_with(name))?;
    let is_last = match flag {
        b'F' => true,
        b'P' => false,
        _ => return None,
    };
    Some((time, stream, is_last))
}

fn of_cri(line: &[u8]) -> Option<Piece<'_>> {
    let (time, stream, is_last) = head_of_cri(line)?;
    let (head, text) = line.split_at_checked(time + CRI)?;
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let at = std::str::from_utf8(line.get(..time)?).ok().and_then(time_of);
    Some(Piece { form: Form::Cri, stream, at, text: text.into(), head, is_last })
}

fn of_docker(line: &[u8]) -> Option<Piece<'_>> {
    let object = Object::find(std::str::from_utf8(line).ok()?)?;
    let member = |name: &str| object.words(&[name.to_owned()]);
    let text = member("log")?;
    let stream = STREAMS.iter().position(|stream| member("stream").as_deref() == Some(stream))?;
    let at = member("time").as_deref().and_then(time_of);
    // What is no text has become U+FFFD, which is longer; others than Docker leave out the end of the line of whole ones.
    let cut = text.len() - 2 * text.matches(char::REPLACEMENT_CHARACTER).count();
    let is_last = text.ends_with('\n') || ![cut, text.len()].contains(&DOCKER_PIECE);
    let text = text.strip_suffix('\n').map(str::to_owned).unwrap_or(text);
    Some(Piece { form: Form::Docker, stream, at, text: text.into_bytes().into(), head: &[], is_last })
}

fn time_of(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc())
}

impl Begun {
    fn add(&mut self, text: &[u8]) {
        if let Some(known) = &mut self.text {
            known.extend_from_slice(text);
        }
        self.text.take_if(|text| text.len() > MAX_LINE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fold, Formats, Lines, Summary};
    use super::*;
    use pii::{Engine, Policy};
    use serde_json::json;

    const WHEN: &str = "2026-11-28T08:30:15.123456789Z";

    fn summary(log: &str) -> Summary {
        let formats = Formats::built_in().unwrap();
        let engine = Engine::new(&Policy::default(), &[], b"salt").unwrap();
        let mut fold = Fold::new(&formats, Some(engine), None);
        fold.take_all(&mut Lines::new(log.as_bytes())).unwrap();
        fold.finish().0
    }

    /// As containerd writes a line.
    fn cri(stream: &str, line: &str) -> Vec<String> {
        let pieces: Vec<&[u8]> = line.as_bytes().chunks(DOCKER_PIECE).collect();
        let flag = |n: usize| if n + 1 == pieces.len() { 'F' } else { 'P' };
        let text = |piece| std::str::from_utf8(piece).unwrap();
        let numbered = (0..).zip(&pieces);
        numbered.map(|(n, piece)| format!("{WHEN} {stream} {} {}\n", flag(n), text(*piece))).collect()
    }

    /// As Docker does.
    fn docker(stream: &str, line: &str) -> Vec<String> {
        let line = format!("{line}\n");
        let record = |piece: &[u8]| json!({"log": std::str::from_utf8(piece).unwrap(), "stream": stream, "time": WHEN});
        line.as_bytes().chunks(DOCKER_PIECE).map(|piece| format!("{}\n", record(piece))).collect()
    }

    fn error(length: usize) -> String {
        json!({"asctime": "2026-11-28 14:30:15,123", "levelname": "ERROR", "name": "django.request", "message": "x", "request": "x".repeat(length)})
            .to_string()
    }

    #[test]
    fn a_long_line_is_one_line_however_it_was_cut() {
        for cut in [cri, docker] {
            let log = [cut("stderr", &error(30_000)), cut("stderr", &error(9))].concat();
            let found = summary(&log.concat());
            assert_eq!(
                (found.lines, found.errors.count, found.unreadable.count),
                (3, 2, 0),
                "{}",
                &log[0][..50]
            );
            assert_eq!(found.errors.first.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
            let data = format!("INFO 2026-11-28 14:30:15,123 apps.x {} john@example.org", "x ".repeat(8_169));
            assert_eq!(summary(&cut("stdout", &data).concat()).pii.unwrap().get("email"), Some(&1));
        }
    }

    #[test]
    fn what_two_streams_write_at_once_is_kept_apart() {
        for cut in [cri, docker] {
            let (one, two) = (cut("stderr", &error(40_000)), cut("stdout", &error(20_000)));
            let found = summary(&[&one[0], &two[0], &one[1], &two[1], &one[2]].map(String::as_str).concat());
            assert_eq!((found.lines, found.errors.count, found.unreadable.count), (5, 2, 0));
        }
    }

    #[test]
    fn what_is_not_ended_is_read_as_it_is_and_what_is_too_long_is_said() {
        let line = format!("ERROR 2026-11-28 14:30:15,123 apps.x {}", "x".repeat(20_000));
        for cut in [cri, docker] {
            let found = summary(&cut("stderr", &line)[0]);
            assert_eq!((found.errors.count, found.errors.first[0].0), (1, 2));
            let found = summary(&cut("stderr", &"x".repeat(MAX_LINE + 1)).concat());
            assert_eq!((found.not_looked_at, found.unreadable.count), (1, 1));
        }
    }

    #[test]
    fn other_lines_are_no_pieces() {
        let mut pieces = Pieces::default();
        let mut whole = |line: &str| pieces.take(line.as_bytes()) == Taken::Whole;
        // Fluent Bit leaves the end of each line out, and what is as long as a piece begins with it.
        let long = json!({"log": "x".repeat(DOCKER_PIECE + 1), "stream": "stderr"}).to_string();
        for line in ["", "1", "{", "2026-11-28 stderr", "2026-11-28 stderr P", "12:00 stderr F x", &long] {
            assert!(whole(line), "{line:.40}");
        }
        let earlier = format!("2026-11-28T08:30:14Z stderr F {}", error(1));
        assert_eq!(pieces.take(cri("stderr", &error(20_000))[0].as_bytes()), Taken::Held);
        assert_eq!(pieces.line(Some(&earlier)).as_deref(), Some(&*earlier));
        assert!(pieces.are_left() && pieces.line(None).is_none());
    }
}
