//! Ctrl-C and SIGTERM end a run in order; a second one ends the process.

use super::out;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The exit code after an interrupt (DESIGN.md).
const INTERRUPTED: i32 = 130;

/// Turns `stop` true at the first signal.
pub(super) fn spawn(stop: watch::Sender<bool>) {
    spawn_telling(stop, || out::say("interrupted: writing what was seen; once more to quit at once"));
}

/// The same without a word.
pub(super) fn spawn_quiet(stop: watch::Sender<bool>) {
    spawn_telling(stop, || ());
}

/// The same for a server, which ends in order.
pub(super) fn spawn_drain(stop: watch::Sender<bool>) {
    spawn_telling(stop, || out::say("stopping: open exchanges end first; once more to quit at once"));
}

fn spawn_telling(stop: watch::Sender<bool>, tell: fn()) {
    tokio::spawn(async move {
        wait().await;
        tell();
        let _ = stop.send(true);
        wait().await;
        std::process::exit(INTERRUPTED);
    });
}

/// Waits for SIGINT, SIGTERM or SIGHUP; for ever where signals cannot be received.
async fn wait() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut int), Ok(mut term), Ok(mut hup)] = signals.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}
