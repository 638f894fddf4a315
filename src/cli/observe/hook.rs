//! `--on-rollback`: the command that a rollback trigger runs.

use crate::cli::out;
use crate::observe::Fired;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::sleep;

/// Limit for the command.
const WITHIN: Duration = Duration::from_secs(120);

/// Runs the command and gives its exit code; `None` when it did not end by itself. It is a process group of its own: it is
/// killed with all that it has started when it takes too long, and Ctrl-C does not stop a rollback half-way.
pub(super) async fn hook(command: &str, trigger: &Fired, stop: &mut watch::Receiver<bool>) -> Option<i32> {
    let mut child = Command::new("sh");
    child.args(["-c", command]).process_group(0).stdin(Stdio::null());
    // It has nothing to sign.
    child.env_remove("WEBHOOK_SECRET");
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
                None => out::say("--on-rollback was ended by a signal"),
            }
            exit
        }
        () = sleep(WITHIN) => {
            kill(&child).await;
            out::say(format!("--on-rollback was killed: it did not end within {} s", WITHIN.as_secs()));
            None
        }
        _ = stop.wait_for(|stopped| *stopped) => {
            out::say("--on-rollback is still running, and is left to end by itself");
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
