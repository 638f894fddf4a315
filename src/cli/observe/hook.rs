//! `--on-rollback`: the command that a rollback trigger runs.

use crate::cli::out;
use crate::observe::Fired;
use signature::Secret;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::sleep;

/// Limit for the command.
const WITHIN: Duration = Duration::from_secs(120);

/// What smoke was given to sign and to log in with: the command has nothing to do with it.
#[derive(Debug, Default)]
pub(super) struct OurSecrets {
    names: BTreeSet<String>,
    values: Vec<Secret>,
}

impl OurSecrets {
    /// Those of the scenarios that come with smoke, whether one is driven or not.
    pub(super) fn new() -> Self {
        let built_in = scenario::built_in_names().filter_map(|name| scenario::load_built_in(name).ok());
        let names = built_in.flat_map(|loaded| scenario::environment(&loaded.scenario)).collect();
        Self { names, values: Vec::new() }.with_name("WEBHOOK_SECRET")
    }

    /// The same with a variable that something secret was read from.
    pub(super) fn with_name(mut self, name: &str) -> Self {
        self.names.insert(name.to_owned());
        self
    }

    /// The same with what a scenario reads from the environment.
    pub(super) fn with_scenario(mut self, typed: &str) -> Self {
        // One that cannot be read is told where it is to be driven.
        let loaded = scenario::load_typed(typed).ok();
        self.names.extend(loaded.iter().flat_map(|loaded| scenario::environment(&loaded.scenario)));
        self
    }

    /// The same with a value, whatever variables hold it.
    pub(super) fn with_value(mut self, secret: &Secret) -> Self {
        self.values.extend(secret.each().filter(|one| one.chars() >= FEWEST));
        self
    }

    /// The variables of this process that hold any of it.
    fn names(&self) -> Vec<OsString> {
        let named = |name: &OsString| name.to_str().is_some_and(|name| self.names.contains(name));
        let own: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        // A password may stand in another variable too, such as a URL.
        let passwords = own.iter().filter(|(name, _)| named(name)).map(|(_, value)| value.to_string_lossy());
        let secrets: Vec<Cow<'_, str>> = passwords
            .filter(|value| value.chars().count() >= PASSWORD)
            .chain(self.values.iter().map(|secret| secret.expose().into()))
            .collect();
        let holds = |value: &OsString| {
            let value = value.to_string_lossy();
            secrets.iter().any(|secret| value.contains(secret.as_ref()))
        };
        own.iter().filter(|(name, value)| named(name) || holds(value)).map(|(name, _)| name.clone()).collect()
    }
}

/// Fewest characters of a secret that is looked for in the values of other variables, and of what scenarios read: the name of a
/// staff user, or a number, may stand anywhere.
const FEWEST: usize = 4;
const PASSWORD: usize = 8;

/// Runs the command and gives its exit code; `None` when it did not end by itself. It is a process group of its own: it is
/// killed with all that it has started when it takes too long, and Ctrl-C does not stop a rollback half-way.
pub(super) async fn hook(
    (command, ours): (&str, &OurSecrets),
    trigger: &Fired,
    stop: &mut watch::Receiver<bool>,
) -> Option<i32> {
    let mut child = Command::new("sh");
    child.args(["-c", command]).process_group(0).stdin(Stdio::null());
    for name in ours.names() {
        child.env_remove(name);
    }
    child.env("SMOKE_ROLLBACK_TRIGGER", &trigger.id).env("SMOKE_ROLLBACK_REASON", &trigger.evidence);
    let mut child = match child.spawn() {
        Ok(child) => child,
        Err(error) => {
            out::say(format!("--on-rollback cannot be run: {error}"));
            return None;
        }
    };
    tokio::select! {
        ended = child.wait() => {
            let exit = ended.ok().and_then(|status| status.code());
            match exit {
                Some(0) => {}
                Some(code) => out::say(format!("--on-rollback ended with exit code {code}")),
                None => out::say("--on-rollback was killed by a signal"),
            }
            exit
        }
        () = sleep(WITHIN) => {
            kill(&child).await;
            out::say(format!("--on-rollback was killed: it did not end within {} s", WITHIN.as_secs()));
            None
        }
        _ = stop.wait_for(|stopped| *stopped) => {
            out::say("--on-rollback is still running and is left to finish");
            None
        }
    }
}

/// Kills the whole group.
async fn kill(child: &Child) {
    if let Some(group) = child.id() {
        // That it is gone already is as good.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status().await;
    }
}
