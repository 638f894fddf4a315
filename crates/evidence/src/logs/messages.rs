//! Which of the declared messages a text is: the first that fits. Most texts are none, and most patterns begin with a text
//! of their own, so that few are tried.

use super::errors::TRACEBACK;
use super::formats::Kind;
use regex::{Captures, Regex, RegexSet, escape};
use std::collections::BTreeSet;

/// What names webhooks, in small letters.
const WEBHOOK: &[u8] = b"webhook";
/// A text that messages begin with tells them from others where it has as many bytes.
const TELLING: usize = 4;
/// And so many where it may stand anywhere.
const LONG_ENOUGH: usize = 12;
/// Python's own name for a logger without one.
const ROOT: &str = "root";

/// A message that is looked for.
#[derive(Debug)]
pub(super) struct Message {
    pub kind: Kind,
    pattern: Regex,
    begins: Begins,
    /// Whether other applications say the same of other things.
    pub loose: bool,
    /// The fields that groups of the pattern give, by their names, and the groups.
    fields: Vec<(&'static str, usize)>,
}

/// A message that a text is, with the groups of its pattern where one of them is a field.
pub(super) type Found<'m, 't> = (&'m Message, Option<Captures<'t>>);

/// Fields that groups may give, in the order in which they are taken.
const FIELDS: [&str; 6] = ["event", "status", "attempt", "max", "pause", "webhook_id"];

impl Message {
    fn new(kind: Kind, pattern: &str, begins: Begins, loose: bool) -> Result<Self, regex::Error> {
        let pattern = Regex::new(pattern)?;
        let group = |name| pattern.capture_names().position(|group| group == Some(name));
        let fields = FIELDS.into_iter().filter_map(|name| Some((name, group(name)?))).collect();
        Ok(Self { kind, pattern, begins, loose, fields })
    }

    /// Whether a text that other applications may write as well counts, of which so much is known.
    fn counts(&self, about: About, text: &str) -> bool {
        match about {
            About::Webhooks => true,
            About::Others => false,
            About::AsItSays => {
                names_webhooks(text) || self.pattern.find(text).is_some_and(|found| found.start() == 0)
            }
        }
    }

    /// What it begins with, as far as that tells it from what other applications write; `None` where it has fewer bytes.
    fn tells(&self, least: usize) -> Option<&str> {
        let (Begins::Whole(begin) | Begins::With(begin)) = &self.begins else { return None };
        let short = begin.char_indices().find(|(at, _)| *at >= LONG_ENOUGH).map_or(begin.len(), |(at, _)| at);
        begin.get(..short).filter(|begin| !self.loose && begin.len() >= least)
    }

    /// Holds the pattern against a text that begins as it says, once for whether it fits and for its groups.
    fn found<'t>(&self, text: &'t str) -> Option<Found<'_, 't>> {
        if matches!(self.begins, Begins::Whole(_)) {
            return Some((self, None));
        }
        let groups = if self.fields.is_empty() {
            self.pattern.is_match(text).then_some(None)
        } else {
            self.pattern.captures(text).map(Some)
        };
        Some((self, groups?))
    }

    /// Names and values of the fields that groups give.
    pub(super) fn fields<'t>(&self, groups: &Captures<'t>) -> impl Iterator<Item = (&'static str, &'t str)> {
        self.fields.iter().filter_map(|(name, group)| Some((*name, groups.get(*group)?.as_str())))
    }
}

/// What a text of the message begins with.
#[derive(Debug, PartialEq, Eq)]
enum Begins {
    /// This, and nothing else is asked of it.
    Whole(Box<str>),
    /// This, and goes on as the pattern says.
    With(Box<str>),
    /// Nothing in particular: the pattern with this number among such ones says it.
    Open(usize),
}

impl Begins {
    /// Whether a text that begins with this byte may be one.
    fn may_be(&self, first: u8) -> bool {
        match self {
            Self::Whole(begin) | Self::With(begin) => {
                begin.as_bytes().first().is_none_or(|own| *own == first)
            }
            Self::Open(_) => true,
        }
    }
}

/// What a text is about that other applications may write as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Webhooks,
    Others,
    /// Webhooks where it names them anywhere, or begins as a sender's does.
    AsItSays,
}

impl About {
    /// With another logger's name in front a text has to begin with webhooks: what that logger says of one in passing is about something
    /// else. Told by the name alone of nearly all lines, before any pattern is held against them.
    fn of(logger: Option<&str>, text: &str) -> Self {
        let begins = || text.as_bytes().get(..WEBHOOK.len()).is_some_and(is_webhook);
        match logger.filter(|logger| *logger != ROOT) {
            Some(logger) if names_webhooks(logger) || begins() => Self::Webhooks,
            Some(_) => Self::Others,
            None => Self::AsItSays,
        }
    }
}

fn is_webhook(text: &[u8]) -> bool {
    text.eq_ignore_ascii_case(WEBHOOK)
}

fn names_webhooks(text: &str) -> bool {
    let text = text.as_bytes();
    memchr::memchr2_iter(b'w', b'W', text).any(|at| text.get(at..at + WEBHOOK.len()).is_some_and(is_webhook))
}

/// All of them, in the order in which they count.
#[derive(Debug, Default)]
pub(super) struct Messages {
    all: Vec<Message>,
    /// Those that begin with nothing in particular, in one.
    open: RegexSet,
    /// For each byte that a text may begin with, the numbers of those that it may be.
    by_first: Vec<Vec<usize>>,
    /// What those begin with that no other application writes: as far as it tells them from others anywhere in a line, and as far as a
    /// line has to have it for one of them to begin there.
    telling: Option<Regex>,
    beginning: Option<Regex>,
}

impl Messages {
    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds one.
    pub(super) fn add(&mut self, kind: Kind, pattern: &str, loose: bool) -> Result<(), regex::Error> {
        let open = self.all.iter().filter(|message| matches!(message.begins, Begins::Open(_))).count();
        let begins = begins(pattern).unwrap_or(Begins::Open(open));
        self.all.push(Message::new(kind, pattern, begins, loose)?);
        Ok(())
    }

    /// Once all have been added.
    pub(super) fn compile(&mut self) -> Result<(), regex::Error> {
        let open = self.all.iter().filter(|message| matches!(message.begins, Begins::Open(_)));
        self.open = RegexSet::new(open.map(|message| message.pattern.as_str()))?;
        let may_be = |first: u8| {
            let all = self.all.iter().enumerate();
            all.filter(|(_, message)| message.begins.may_be(first)).map(|(number, _)| number).collect()
        };
        self.by_first = (0..=u8::MAX).map(may_be).collect();
        self.telling = Self::any(self.begins_of(LONG_ENOUGH))?;
        let begins = self.begins_of(TELLING).into_iter().chain([TRACEBACK]);
        self.beginning = Self::any(begins.collect())?;
        Ok(())
    }

    /// The first that `text` is, which this logger wrote; an empty text is none.
    pub(super) fn first<'t>(&self, logger: Option<&str>, text: &'t str) -> Option<Found<'_, 't>> {
        let found = self.first_at(logger, text)?;
        let exact = found.0.loose.then(|| self.exact_within(found.0, text)).flatten();
        Some(exact.unwrap_or(found))
    }

    /// What a text says exactly where it says loosely that something is so: behind a quote (a cell of CSV) or a word that is no known
    /// head, `Webhook delivery failed after 3 attempts` is more than one failed attempt. Any exception may stand in a handler's words.
    fn exact_within<'t>(&self, loose: &Message, text: &'t str) -> Option<Found<'_, 't>> {
        let begin = loose.pattern.find(text)?.start();
        let exact = self.first_at(None, text.get(begin..)?)?;
        Some(exact).filter(|(message, _)| !message.loose && message.kind != Kind::HandlerError)
    }

    fn first_at<'t>(&self, logger: Option<&str>, text: &'t str) -> Option<Found<'_, 't>> {
        let first = usize::from(*text.as_bytes().first()?);
        let (mut open, mut about) = (None, None);
        self.by_first.get(first)?.iter().filter_map(|number| self.all.get(*number)).find_map(|message| {
            let about = message.loose.then(|| *about.get_or_insert_with(|| About::of(logger, text)));
            if about == Some(About::Others) {
                return None;
            }
            let may_fit = match &message.begins {
                Begins::Whole(begin) | Begins::With(begin) => text.starts_with(&**begin),
                Begins::Open(number) => {
                    // Asked once, and in detail only where one of them fits.
                    let set = || self.open.is_match(text).then(|| self.open.matches(text));
                    open.get_or_insert_with(set).as_ref().is_some_and(|set| set.matched(*number))
                }
            };
            let fits = may_fit && about.is_none_or(|about| message.counts(about, text));
            fits.then(|| message.found(text))?
        })
    }
}

impl Messages {
    /// Whether a message that no other application writes seems to stand anywhere in a text.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        self.telling.as_ref().is_some_and(|telling| telling.is_match(text))
    }

    /// Whether one of them, or a traceback, may begin anywhere in a text. Most lines are told by this alone.
    pub(super) fn may_begin_in(&self, text: &str) -> bool {
        self.beginning.as_ref().is_some_and(|beginning| beginning.is_match(text))
    }

    /// The beginnings of all that no other application writes, where they have so many bytes.
    fn begins_of(&self, least: usize) -> BTreeSet<&str> {
        self.all.iter().filter_map(|message| message.tells(least)).collect()
    }

    /// What finds any of these texts, many bytes at a time.
    fn any(texts: BTreeSet<&str>) -> Result<Option<Regex>, regex::Error> {
        if texts.is_empty() {
            return Ok(None);
        }
        Regex::new(&texts.into_iter().map(escape).collect::<Vec<_>>().join("|")).map(Some)
    }

    /// Whether a text begins as a message that no other application writes.
    pub(super) fn begins(&self, text: &str) -> bool {
        let Some(first) = text.as_bytes().first() else { return false };
        let may_be = self.by_first.get(usize::from(*first)).into_iter().flatten();
        may_be.filter_map(|number| self.all.get(*number)).any(|message| match &message.begins {
            _ if message.loose => false,
            Begins::Whole(begin) => begin.len() >= TELLING && text.starts_with(&**begin),
            Begins::With(begin) => {
                begin.len() >= TELLING && text.starts_with(&**begin) && message.pattern.is_match(text)
            }
            Begins::Open(_) => false,
        })
    }
}

/// The text that a pattern begins with at the start of what it is held against; `None` where that is not plain to see.
fn begins(pattern: &str) -> Option<Begins> {
    let rest = pattern.strip_prefix('^').filter(|rest| !rest.contains('|'))?;
    let Some(end) = rest.find(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '^', '$']) else {
        return Some(Begins::Whole(rest.into()));
    };
    let (begin, more) = rest.split_at(end);
    // It may stand for nothing, or again, what the sign behind it is about.
    let last = begin
        .chars()
        .next_back()
        .filter(|_| more.starts_with(['+', '*', '?', '{']))
        .map_or(0, char::len_utf8);
    Some(Begins::With(begin.get(..begin.len() - last)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_begins_with_is_plain_to_see_or_not_used() {
        let with = |text: &str| Some(Begins::With(text.into()));
        assert_eq!(begins("^Webhook timeout: "), Some(Begins::Whole("Webhook timeout: ".into())));
        assert_eq!(begins("^Webhook retry (?P<attempt>[0-9]+)/"), with("Webhook retry "));
        assert_eq!(begins("^abc+"), with("ab"));
        assert_eq!(begins("^ab\u{e9}?"), with("ab"));
        assert_eq!(begins("^a{0}b"), with(""));
        for open in ["abc", "^a|b", "^(?:a|b)", "(?i)^abc"] {
            assert_eq!(begins(open), None, "{open}");
        }
    }

    #[test]
    fn what_other_applications_say_as_well_counts_only_of_webhooks() {
        let mut messages = Messages::default();
        messages.add(Kind::Retry, r"(?i)\bretrying in\b", true).unwrap();
        messages.add(Kind::Aborted, "^Given up", true).unwrap();
        messages.compile().unwrap();
        let of =
            |logger: Option<&str>, text: &str| messages.first(logger, text).map(|(message, _)| message.kind);
        for (logger, text) in [
            (Some("apps.x.Webhook_service"), "lost, retrying in 5 s"),
            (Some("apps.x"), "Webhook lost, retrying in 5 s"),
            (None, "Retrying in 5 s"),
            (Some("root"), "retrying in 5 s"),
            (None, "the webhook is lost, retrying in 5 s"),
        ] {
            assert_eq!(of(logger, text), Some(Kind::Retry), "{logger:?} {text}");
        }
        for (logger, text) in [
            (Some("django.db.backends"), "Retrying in 5 s"),
            (Some("apps.x"), "POST /webhook lost, retrying in 5 s"),
            (Some("apps.x"), "Given up"),
            (None, "database lost, retrying in 5 s"),
            (None, "web"),
        ] {
            assert_eq!(of(logger, text), None, "{logger:?} {text}");
        }
    }

    #[test]
    fn what_is_said_exactly_counts_as_that_and_not_as_what_it_sounds_like() {
        let mut messages = Messages::default();
        messages.add(Kind::Exhausted, "^Webhook delivery failed after [0-9]+ attempts", false).unwrap();
        messages.add(Kind::HandlerError, "^Webhook delivery failed: ", false).unwrap();
        messages.add(Kind::Failed, r"(?i)\bwebhook delivery failed\b", true).unwrap();
        messages.compile().unwrap();
        let of = |text: &str| messages.first(None, text).map(|(message, _)| message.kind);
        for (text, kind) in [
            ("\"Webhook delivery failed after 3 attempts: event=e\"", Kind::Exhausted),
            ("<0.812.0>@a:b:1 Webhook delivery failed after 3 attempts: event=e", Kind::Exhausted),
            ("order 5: Webhook delivery failed: no route", Kind::Failed),
            ("order 5: webhook delivery failed after 3 attempts", Kind::Failed),
            ("Webhook delivery failed: no route", Kind::HandlerError),
        ] {
            assert_eq!(of(text), Some(kind), "{text}");
        }
    }

    #[test]
    fn the_first_that_fits_is_taken_whatever_it_begins_with() {
        let mut messages = Messages::default();
        for (kind, pattern) in [
            (Kind::Note, "(?i)never"),
            (Kind::Failed, "^sent (?P<status>[45])"),
            (Kind::Retry, "again$"),
            (Kind::Delivered, "^sent "),
            (Kind::Aborted, "(?i)given up"),
        ] {
            messages.add(kind, pattern, false).unwrap();
        }
        messages.compile().unwrap();
        let first = |text: &str| messages.first(None, text).map(|(message, _)| message.kind);
        assert_eq!(first("sent 500 again"), Some(Kind::Failed));
        assert_eq!(first("sent 200 again"), Some(Kind::Retry));
        assert_eq!(first("sent 200 GIVEN UP"), Some(Kind::Delivered));
        assert_eq!(first("Given up"), Some(Kind::Aborted));
        assert_eq!(first("sent 500 NEVER"), Some(Kind::Note));
        assert_eq!(first("sen"), None);
        let status = |text: &str| {
            let (message, groups) = messages.first(None, text)?;
            let fields: Vec<_> = message.fields(&groups?).collect();
            Some(format!("{fields:?}"))
        };
        assert_eq!(status("sent 500 again").as_deref(), Some("[(\"status\", \"5\")]"));
        assert_eq!((status("sent 200 again"), status("sent 200")), (None, None));
    }
}
