//! Ctrl-C and SIGTERM end a run in order; a second one ends the process.

use super::{Failure, out};
use crate::signals::Signals;
use tokio::sync::watch;

/// The exit code after an interrupt (docs/design.md).
const INTERRUPTED: i32 = 130;

/// Turns `stop` true at the first signal, which is heard from now on.
pub(super) fn spawn(stop: watch::Sender<bool>) -> Result<(), Failure> {
    spawn_telling(stop, || {
        out::chat("interrupted: writing what was seen so far; press Ctrl-C again to quit now");
    })
}

/// The same for a server, which ends in order.
pub(super) fn spawn_drain(stop: watch::Sender<bool>) -> Result<(), Failure> {
    spawn_telling(stop, || {
        out::chat("stopping when open exchanges have ended; press Ctrl-C again to quit now");
    })
}

/// The same for a server without a terminal, which SIGHUP does not end.
pub(super) fn spawn_service(stop: watch::Sender<bool>) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(Failure::environment)?;
    tokio::spawn(async move {
        signals.any_but_hangup().await;
        out::chat("stopping when open exchanges have ended; press Ctrl-C again to quit now");
        let _ = stop.send(true);
        signals.any_but_hangup().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}

fn spawn_telling(stop: watch::Sender<bool>, tell: fn()) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(Failure::environment)?;
    tokio::spawn(async move {
        signals.any().await;
        tell();
        let _ = stop.send(true);
        signals.any().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
