//! How slowly an answer may come: a limit on silence alone lets a byte every few seconds hold a run for ever.

use std::time::Duration;

/// Bytes a second that the content of a blob has to come with. A link of 20 KiB/s that twenty transfers share gives each
/// of them four times as much.
pub(super) const SLOWEST_BLOB: u64 = 256;
/// Bytes a second that an answer which is read whole has to come with: these are short, or come alone.
pub(super) const SLOWEST_ANSWER: u64 = 1 << 10;
/// Longest time for one answer that is read whole: 4 MiB take 210 s at 20 KiB/s.
pub(super) const LONGEST_ANSWER: Duration = Duration::from_secs(600);

/// Compares the time that was spent waiting with the bytes that came meanwhile. Time in which nobody asked for more does
/// not count: a disk or a pipe that is slow is no fault of the server's.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes that have to come in a window.
    wanted: u64,
    window: Duration,
    /// Of the current window.
    waited: Duration,
    moved: u64,
}

impl Pace {
    /// At least `slowest` bytes a second, looked at in windows of this length.
    pub(super) fn new(slowest: u64, window: Duration) -> Self {
        let wanted = u128::from(slowest) * window.as_millis() / 1000;
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).max(1);
        Self { wanted, window, waited: Duration::ZERO, moved: 0 }
    }

    /// How long the next bytes may be waited for.
    pub(super) fn left(&self) -> Duration {
        self.window.saturating_sub(self.waited)
    }

    /// So many bytes came after so long a wait. The window ends with the bytes that it wants.
    pub(super) fn moved(&mut self, bytes: u64, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.wanted {
            (self.waited, self.moved) = (Duration::ZERO, 0);
        }
    }

    /// Nothing at all came in this window.
    pub(super) fn is_silent(&self) -> bool {
        self.moved == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long a server lasts that sends so many bytes every so many milliseconds; `None` beyond an hour.
    fn lasts(slowest: u64, bytes: u64, every: u64) -> Option<Duration> {
        let mut pace = Pace::new(slowest, Duration::from_secs(60));
        let (every, mut lasted) = (Duration::from_millis(every), Duration::ZERO);
        while lasted < Duration::from_secs(3600) {
            if pace.left() < every {
                return Some(lasted + pace.left());
            }
            pace.moved(bytes, every);
            lasted += every;
        }
        None
    }

    #[test]
    fn a_drip_ends_with_its_window_and_a_slow_link_lasts() {
        let minute = Some(Duration::from_secs(60));
        for slowest in [SLOWEST_BLOB, SLOWEST_ANSWER] {
            assert_eq!(lasts(slowest, 1, 5000), minute);
            assert_eq!(lasts(slowest, 100, 1000), minute);
            assert_eq!(lasts(slowest, 0, 1000), minute);
            for (bytes, every) in [(20 << 10, 1000), (1 << 20, 55_000), (2 << 10, 500)] {
                assert_eq!(lasts(slowest, bytes, every), None, "{bytes} every {every} ms");
            }
        }
        assert_eq!(lasts(SLOWEST_BLOB, 1 << 10, 1000), None);
    }

    #[test]
    fn only_time_that_was_waited_counts() {
        let mut pace = Pace::new(SLOWEST_BLOB, Duration::from_secs(60));
        assert!(pace.is_silent());
        for _ in 0..1000 {
            pace.moved(1, Duration::ZERO);
        }
        assert_eq!(pace.left(), Duration::from_secs(60));
        pace.moved(1, Duration::from_secs(59));
        assert_eq!(pace.left(), Duration::from_secs(1));
        assert!(!pace.is_silent());
    }
}
