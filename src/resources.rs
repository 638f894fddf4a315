//! What the system lets this process have. A command that runs out of it measures its own want, and would blame it on whoever it tests.

use std::io;
use std::thread::{self, JoinHandle, Thread};

/// Fewest open files with which a command that receives works: sockets of its own, the stand-in's and its sender's.
const FEWEST_FILES: u64 = 64;
/// Threads of a command besides those of its runtime: for the journal, for signatures, for files.
const OWN_THREADS: usize = 4;

/// How many files this process may have open (Linux); `None` where that is unlimited or cannot be read.
pub(crate) fn open_files() -> Option<u64> {
    files_of(&std::fs::read_to_string("/proc/self/limits").ok()?)
}

/// The soft limit of open files in the text of `/proc/self/limits`.
fn files_of(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether this machine has no more of something that a connection takes, which says nothing about its other end.
pub(crate) fn ran_out(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    // Linux: ENFILE 23 and EMFILE 24 are about file descriptors, ENOBUFS 105 about memory.
    matches!(error.kind(), Kind::AddrNotAvailable | Kind::AddrInUse | Kind::OutOfMemory)
        || matches!(error.raw_os_error(), Some(23 | 24 | 105))
}

/// Whether a command with so many worker threads gets what it takes.
///
/// # Errors
/// It does not; says of what there is too little.
pub(crate) fn suffice(workers: usize) -> Result<(), String> {
    files_suffice(open_files())?;
    let count = workers + OWN_THREADS;
    start_threads(count, || thread::Builder::new().spawn(thread::park)).map_err(|error| {
        format!(
            "cannot start {count} threads: {error}; raise the limit of processes (ulimit -u, or the container's of pids)"
        )
    })
}

fn files_suffice(limit: Option<u64>) -> Result<(), String> {
    match limit {
        Some(limit) if limit < FEWEST_FILES => Err(format!(
            "this process is limited to {limit} open files, and needs {FEWEST_FILES}: raise the limit (ulimit -n {FEWEST_FILES})"
        )),
        _ => Ok(()),
    }
}

/// Starts so many threads at once, and ends them: whoever starts them later cannot do without them.
fn start_threads(count: usize, start: impl Fn() -> io::Result<JoinHandle<()>>) -> io::Result<()> {
    let mut started = Vec::with_capacity(count);
    let all = (0..count).try_for_each(|_| start().map(|thread| started.push(thread)));
    started.iter().map(JoinHandle::thread).for_each(Thread::unpark);
    started.into_iter().for_each(|thread| drop(thread.join()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn the_limit_of_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(files_of(text), Some(1024));
        assert_eq!(files_of("Max open files            unlimited  unlimited files"), None);
    }

    #[test]
    fn too_few_files_are_told_and_enough_are_not() {
        assert!(files_suffice(Some(63)).unwrap_err().contains("ulimit -n 64"));
        assert_eq!(files_suffice(Some(64)), Ok(()));
        assert_eq!(files_suffice(None), Ok(()));
    }

    #[test]
    fn too_few_threads_are_told_and_those_that_were_started_end() {
        let started = Cell::new(0);
        let at_most_three = || match started.replace(started.get() + 1) {
            0..3 => thread::Builder::new().spawn(thread::park),
            _ => Err(io::Error::from_raw_os_error(11)),
        };
        assert!(start_threads(3, at_most_three).is_ok());
        started.set(0);
        assert_eq!(start_threads(5, at_most_three).unwrap_err().raw_os_error(), Some(11));
        assert!(suffice(1).is_ok());
    }

    #[test]
    fn what_this_machine_lacks_is_told_from_what_the_other_end_refuses() {
        assert!([23, 24, 105, 99].into_iter().all(|code| ran_out(&io::Error::from_raw_os_error(code))));
        assert!(![111, 104, 110, 113].into_iter().any(|code| ran_out(&io::Error::from_raw_os_error(code))));
    }
}
