//! The signals that ask a process to end in order: SIGINT (Ctrl-C), SIGTERM and SIGHUP.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears the signals from the time of its making on; until then they end the process at once.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens from now on. It has to be called inside a tokio runtime with I/O, and hears nothing after that runtime.
    ///
    /// # Errors
    /// When the system does not let the process handle a signal.
    pub fn listen() -> io::Result<Self> {
        let on =
            |kind| signal(kind).map_err(|e| io::Error::new(e.kind(), format!("cannot hear signals: {e}")));
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    /// Resolves at the next signal. Cancellation safe.
    pub async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
