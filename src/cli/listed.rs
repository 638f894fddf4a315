//! Values with names from a list: they complete in a shell, and a typing error is answered with the name that was probably
//! meant in place of all of them.

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use evidence::approval::Trust;
use record::faults::FaultSpec;
use signature::Scheme;
use stand_in::Profile;
use std::ffi::OsStr;
use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

/// Longest reason in bytes that stands beside a suggestion where the name is unknown; a longer one lists all names.
const MOST_REASON: usize = 120;

/// A parser of `T`, of which the texts begin with one of these names.
#[derive(Debug)]
pub(super) struct Listed<T> {
    names: fn() -> Vec<&'static str>,
    of: PhantomData<fn() -> T>,
}

impl<T> Clone for Listed<T> {
    fn clone(&self) -> Self {
        Self { names: self.names, of: PhantomData }
    }
}

impl<T> Listed<T> {
    pub(super) const fn new(names: fn() -> Vec<&'static str>) -> Self {
        Self { names, of: PhantomData }
    }
}

impl<T: FromStr<Err: Display> + Clone + Send + Sync + 'static> TypedValueParser for Listed<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|error: T::Err| {
            let stem = |text: &'_ str| text.split(['@', '=', ':']).next().unwrap_or_default().to_owned();
            let (name, names) = (stem(&text), (self.names)());
            // A name of the list is right, and the error is about what stands behind it; a number is meant as it is.
            let is_meant = names.contains(&&*name) || name.starts_with(|c: char| c.is_ascii_digit());
            let is_known = names.iter().any(|known| stem(known) == name);
            let close = if is_meant { None } else { scenario::nearest(&name, names) };
            // The name that is close stands in place of a list of all names, and of nothing else.
            let error = error.to_string();
            let is_list = !is_known && close.is_some() && error.len() > MOST_REASON;
            refused(command, arg, &text, if is_list { "" } else { &error }, close)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.names)().into_iter().map(PossibleValue::new)))
    }
}

/// The values of `--scheme`.
pub(super) fn schemes() -> Listed<Scheme> {
    Listed::new(|| Scheme::ALL.map(Scheme::name).to_vec())
}

/// The values of `--inject`: every kind of fault, with the statuses that are asked for most.
pub(super) fn faults() -> Listed<FaultSpec> {
    Listed::new(|| {
        vec![
            "503",
            "500",
            "502",
            "504",
            "400",
            "404",
            "408",
            "429",
            "301",
            "302",
            "hang",
            "reset",
            "reset-after-head",
            "close",
            "truncate",
            "garbage",
            "delay=1s",
            "drip=100/s",
            "answer=202",
        ]
    })
}

/// The values of `--as`.
pub(super) fn profiles() -> Listed<Profile> {
    Listed::new(|| vec!["good-practice", "deltacrown"])
}

/// The values of `--trust`.
pub(super) fn trust() -> Listed<Trust> {
    Listed::new(|| Trust::ALL.map(Trust::word).to_vec())
}

/// A built-in profile of a sender by its name, or a file.
pub(super) fn senders() -> NameOrFile {
    NameOrFile { names: sender_names }
}

/// A built-in scenario by its name, or a file.
pub(super) fn scenarios() -> NameOrFile {
    NameOrFile { names: scenario_names }
}

/// Names of the built-in profiles of senders.
pub(super) fn sender_names() -> Vec<&'static str> {
    Scheme::ALL.map(Scheme::sender).to_vec()
}

/// Names of the built-in scenarios.
pub(super) fn scenario_names() -> Vec<&'static str> {
    scenario::built_in_names().collect()
}

/// A text that is not empty: one of these names, which complete in a shell, or something else, such as a file.
#[derive(Debug, Clone)]
pub(super) struct NameOrFile {
    names: fn() -> Vec<&'static str>,
}

impl TypedValueParser for NameOrFile {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let text = value.to_string_lossy();
        match text.trim() {
            "" => Err(refused(command, arg, &text, "it is empty", None)),
            // What stands in for its other bytes would be another file.
            _ if value.to_str().is_none() => {
                Err(refused(command, arg, &text, "the name of a file here is UTF-8: rename it", None))
            }
            _ => Ok(text.into_owned()),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.names)().into_iter().map(PossibleValue::new)))
    }
}

/// The error: what the value's own parser says, where that is not empty, and the name that is close.
fn refused(
    command: &clap::Command,
    arg: Option<&clap::Arg>,
    text: &str,
    error: &str,
    close: Option<&str>,
) -> clap::Error {
    let flag = arg.map(ToString::to_string).unwrap_or_default();
    let reason = if error.is_empty() { String::new() } else { format!(": {error}") };
    let tip = close.map_or_else(String::new, |close| format!("\n  tip: a similar value exists: '{close}'\n"));
    let message = format!("invalid value '{text}' for '{flag}'{reason}\n{tip}");
    clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stand_in::{Kind, Misbehaviour};

    fn names() -> Vec<&'static str> {
        Kind::ALL.iter().map(|kind| kind.name()).collect()
    }

    fn error(text: &str) -> String {
        said(clap::Arg::new("misbehave").value_parser(Listed::<Misbehaviour>::new(names)), text)
    }

    fn said(arg: clap::Arg, text: &str) -> String {
        let parsed = clap::Command::new("smoke").arg(arg).try_get_matches_from(["smoke", text]);
        parsed.map(|_| String::new()).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn what_a_misbehaviour_is_seen_with_is_taken() {
        let seen_with = Kind::ALL.iter().filter_map(|kind| kind.about().split_once("--inject "));
        for fault in seen_with.flat_map(|(_, faults)| faults.trim_end_matches(')').split(" or ")) {
            assert_eq!(said(clap::Arg::new("inject").value_parser(faults()), fault), "", "{fault}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf8_is_told() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"./m\xff.yaml");
        let command = clap::Command::new("smoke").arg(clap::Arg::new("sender").value_parser(senders()));
        let error = command.try_get_matches_from([OsStr::new("smoke"), name]).unwrap_err().to_string();
        assert!(error.contains("the name of a file here is UTF-8"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said_beside_the_name_that_is_close() {
        for (text, reason, close) in [
            ("answer=300", "takes a status from 200 to 299", "answer=202"),
            ("drip=0/s", "give bytes per second, from 1/s", "drip=100/s"),
            ("delay=99999999999h", "`delay=99999999999h`: ", "delay=1s"),
            ("hangx0", "x takes a number of attempts from 1", "hang"),
        ] {
            let said = said(clap::Arg::new("inject").value_parser(faults()), text);
            assert!(said.contains(reason) && said.contains(&format!("exists: '{close}'")), "{text}: {said}");
        }
    }

    #[test]
    fn a_typing_error_is_answered_with_the_name_that_was_meant() {
        assert_eq!(error("drop-webhook@50%"), "");
        assert!(error("drop-webhok").contains("drop-webhook"), "{}", error("drop-webhok"));
        assert!(error("drop-webhok").len() < 200, "{}", error("drop-webhok"));
        assert!(error("drop-webhook@0%").contains("`@` takes a share"), "{}", error("drop-webhook@0%"));
        assert!(error("qqqq").contains("unknown misbehaviour `qqqq`; known are"), "{}", error("qqqq"));
    }
}
