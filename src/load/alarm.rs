//! Wakes the pacer when a start is due. Tokio's timers are exact to a millisecond, in which a load of 20,000/s has 20 starts; a timer
//! of the kernel (`timerfd_create(2)`) is exact to some µs, and the thread that waits for answers anyway waits for it as well.

use tokio::time::{Instant, sleep_until};

/// What wakes the pacer.
#[derive(Debug)]
pub(crate) struct Alarm {
    /// None where the system has no such timer, or a test owns the time.
    #[cfg(target_os = "linux")]
    timer: Option<timer::Timer>,
}

impl Alarm {
    /// As exact as the system lets. It has to be called inside a tokio runtime with I/O.
    pub(crate) fn exact() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: timer::Timer::new().ok(),
        }
    }

    /// By tokio's clock, which a test may own.
    #[cfg(test)]
    pub(super) const fn of_tokio() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: None,
        }
    }

    /// Waits until `moment`, and at least for an instant: others always get their turn. Cancellation safe.
    pub(super) async fn at(&mut self, moment: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &mut self.timer {
            if timer.at(moment).await.is_ok() {
                return;
            }
            // Without it the load still runs, only less exactly.
            self.timer = None;
        }
        sleep_until(moment).await;
    }
}

#[cfg(target_os = "linux")]
mod timer {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
    };
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;
    use tokio::time::Instant;

    /// Starts that are closer together are woken for together: a wake-up costs as much as a third of a request.
    const STEP: Duration = Duration::from_micros(100);

    #[derive(Debug)]
    pub(super) struct Timer {
        fd: AsyncFd<OwnedFd>,
        armed: Option<Instant>,
    }

    impl Timer {
        #[expect(
            deprecated,
            reason = "its safe replacement is not there yet; an `OwnedFd` is one descriptor all its life"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self { fd: AsyncFd::with_interest(fd, Interest::READABLE)?, armed: None })
        }

        pub(super) async fn at(&mut self, moment: Instant) -> io::Result<()> {
            let moment = moment.max(Instant::now() + STEP);
            loop {
                let now = Instant::now();
                if now >= moment {
                    return Ok(());
                }
                if self.armed != Some(moment) {
                    self.arm(moment - now)?;
                    self.armed = Some(moment);
                }
                // Each time it goes off is an event, whether or not the earlier ones were read: what was armed before may
                // have left one.
                self.fd.readable().await?.clear_ready();
                self.armed = None;
            }
        }

        fn arm(&self, wait: Duration) -> io::Result<()> {
            let it_value = wait.try_into().map_err(io::Error::other)?;
            let once =
                Itimerspec { it_interval: Duration::ZERO.try_into().map_err(io::Error::other)?, it_value };
            timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn it_is_never_early_and_takes_another_time_at_any_moment() {
        let mut alarm = Alarm::exact();
        for wait_us in [0, 150, 1_000, 20_000] {
            let moment = Instant::now() + Duration::from_micros(wait_us);
            tokio::select! {
                biased;
                // Given up at once: what it was armed for is not what it is armed for next.
                () = std::future::ready(()) => {}
                () = alarm.at(moment + Duration::from_secs(3600)) => panic!("an hour early"),
            }
            alarm.at(moment).await;
            assert!(Instant::now() >= moment);
        }
    }

    /// A pacer that is late already would otherwise never let the workers do anything.
    #[tokio::test]
    async fn a_moment_that_has_passed_lets_others_go_first() {
        let other = tokio::spawn(async {});
        let mut alarm = Alarm::exact();
        alarm.at(Instant::now()).await;
        assert!(other.is_finished());
    }
}
