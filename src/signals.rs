//! Signals: those that ask a process to end in order (SIGINT, which is Ctrl-C, SIGTERM and SIGHUP), and one that would end it
//! without a word.

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
        let on = |kind| {
            signal(kind).map_err(|e| io::Error::new(e.kind(), format!("cannot install signal handlers: {e}")))
        };
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

    /// Resolves at the next signal but SIGHUP, which is heard all the same. Cancellation safe.
    pub async fn any_but_hangup(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The hangups of this process: a service that has no terminal takes one as a request to begin its files anew.
///
/// # Errors
/// When the system does not let the process handle a signal.
pub fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Open files that a handler takes, with those that a process begins with and some to spare.
const FEWEST_FILES: u64 = 16;
/// SIGXFSZ on Linux.
const FILE_TOO_LARGE: i32 = 25;

/// Makes a file that reaches the limit of `ulimit -f` an error of the write (EFBIG). Unhandled, the signal ends the process without
/// a verdict.
///
/// # Errors
/// When the system does not let the process handle a signal.
pub fn outlive_file_limits() -> io::Result<()> {
    // For it tokio opens some files, and panics where it gets none.
    if crate::resources::open_files().is_some_and(|limit| limit < FEWEST_FILES) {
        return Err(io::ErrorKind::QuotaExceeded.into());
    }
    // The handler stays when the runtime that it was registered in has gone.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop)
}
