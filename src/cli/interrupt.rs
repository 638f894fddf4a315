//! Ctrl-C and SIGTERM end a run in order; a second one ends the process.

use super::out;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The exit code after an interrupt (DESIGN.md).
const INTERRUPTED: i32 = 130;

/// Turns `stop` true at the first signal.
pub(super) fn spawn(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        wait().await;
        out::say("interrupted: writing what was seen; once more to quit at once");
        let _ = stop.send(true);
        wait().await;
        std::process::exit(INTERRUPTED);
    });
}

/// The same for a server, which ends in order.
pub(super) fn spawn_drain(stop: watch::Sender<bool>) {
    tokio::spawn(async move {
        wait().await;
        out::say("stopping: open exchanges end first; once more to quit at once");
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
