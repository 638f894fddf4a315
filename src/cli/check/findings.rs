//! What `smoke check` has found, line by line, and what it amounts to.

use crate::cli::{Exit, Failure, out};
use evidence::gate::Verdict;
use evidence::report::counted;
use std::fmt::Display;

/// What was found, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Ok,
    /// Not looked at, since it was not asked for by name.
    Skipped,
    /// It may be meant so.
    Warning,
    Missing,
    Wrong,
    Unreachable,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::Unreachable => "unreachable",
        }
    }

    const fn colour(self) -> Verdict {
        match self {
            Self::Ok => Verdict::Pass,
            Self::Skipped => Verdict::NotExercised,
            Self::Warning => Verdict::Unproven,
            Self::Missing | Self::Wrong | Self::Unreachable => Verdict::Fail,
        }
    }
}

/// The same finding about one scenario or several.
#[derive(Debug)]
struct Shared {
    level: Level,
    text: String,
    scenarios: Vec<String>,
}

/// The findings so far. Each is printed as it is made, but for those that scenarios may share.
#[derive(Debug, Default)]
pub(super) struct Findings {
    made: Vec<Level>,
    shared: Vec<Shared>,
    scenarios: u64,
}

impl Findings {
    /// Adds a finding, or one for each line of the text: errors of a file tell one mistake on each.
    pub(super) fn add(&mut self, level: Level, text: impl Display) {
        for line in text.to_string().lines() {
            self.made.push(level);
            // What is wanted of a quiet check is what stands in the way.
            if level > Level::Skipped || !out::is_quiet() {
                let word = out::screen(false).paint(level.word(), level.colour());
                let gap = 12usize.saturating_sub(level.word().len());
                out::line(format!("{word}{:gap$}{line}", ""));
            }
        }
    }

    /// A scenario is looked at.
    pub(super) const fn begin_scenario(&mut self) {
        self.scenarios += 1;
    }

    /// A finding about a scenario. What is not ok is told once, with all scenarios that it is about: [`Findings::tell_shared`].
    pub(super) fn of_scenario(&mut self, scenario: &str, level: Level, text: impl Display) {
        let text = text.to_string();
        if level == Level::Ok {
            return self.add(level, format_args!("scenario {scenario}: {text}"));
        }
        match self.shared.iter_mut().find(|known| known.level == level && known.text == text) {
            Some(known) => known.scenarios.push(scenario.to_owned()),
            None => self.shared.push(Shared { level, text, scenarios: vec![scenario.to_owned()] }),
        }
    }

    /// Tells what was found about scenarios.
    pub(super) fn tell_shared(&mut self) {
        for Shared { level, text, scenarios } in std::mem::take(&mut self.shared) {
            let unit = if scenarios.len() == 1 { "scenario" } else { "scenarios" };
            self.add(level, format_args!("{unit} {}: {text}", scenarios.join(", ")));
        }
    }

    /// What all of it amounts to, as the last line.
    pub(super) fn verdict(&self) -> Result<Exit, Failure> {
        let worst = self.made.iter().max().copied().unwrap_or(Level::Ok);
        let number = |level| self.made.iter().filter(|made| **made == level).count();
        let told = |levels: &[Level]| {
            let there = levels.iter().map(|level| (number(*level), level.word())).filter(|(n, _)| *n > 0);
            there.map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>()
        };
        let screen = out::screen(false);
        if worst < Level::Missing {
            let skipped = number(Level::Skipped) as u64;
            let mut words = vec![counted(self.scenarios.saturating_sub(skipped), "scenarios")];
            words.extend(told(&[Level::Skipped]));
            words.extend(
                (number(Level::Warning) > 0).then(|| counted(number(Level::Warning) as u64, "warnings")),
            );
            out::line(format!("{}: {}", screen.paint("READY", Verdict::Pass), words.join(", ")));
            return Ok(Exit::Pass);
        }
        let words = told(&[Level::Missing, Level::Wrong, Level::Unreachable]).join(", ");
        out::line(format!("{}: {words}", screen.paint("NOT READY", Verdict::Fail)));
        let error = format!("not ready: {words}");
        Err(if worst == Level::Unreachable { Failure::environment(error) } else { Failure::usage(error) })
    }
}
