//! Waits of this moment. The library writes them here, and the reader prints them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// All that is waited for. Cloning gives the same board.
#[derive(Debug, Clone)]
pub struct Waits(Arc<Board>);

#[derive(Debug)]
struct Board {
    start: Instant,
    next: AtomicU64,
    entries: Mutex<BTreeMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    whom: Arc<str>,
    what: Arc<str>,
    kind: WaitKind,
    /// Milliseconds after the board's start.
    since: Arc<AtomicU64>,
    limit: Option<Duration>,
}

/// Stands for a time that does not run.
const RESTS: u64 = u64::MAX;

/// The reason for a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitKind {
    /// A server has to do something.
    Answer,
    /// This side asks again when the time is over.
    Pause,
    /// This machine works.
    Work,
}

/// Something that is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The server; empty for work of this machine.
    pub whom: Arc<str>,
    /// The work, or the reason for a pause.
    pub what: Arc<str>,
    /// The reason for the wait.
    pub kind: WaitKind,
    /// The time since anything moved.
    pub waited: Duration,
    /// The longest time that it may last in all.
    pub limit: Option<Duration>,
}

/// Held while something is waited for.
#[derive(Debug)]
pub struct Waiting {
    board: Arc<Board>,
    number: u64,
    since: Arc<AtomicU64>,
}

impl Default for Waits {
    fn default() -> Self {
        Self(Arc::new(Board {
            start: Instant::now(),
            next: AtomicU64::new(0),
            entries: Mutex::default(),
        }))
    }
}

impl Board {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waits {
    /// A server is waited for, at most `limit`.
    pub fn answer(&self, whom: &str, what: &str, limit: Option<Duration>) -> Waiting {
        self.begin(WaitKind::Answer, whom, what, limit)
    }

    /// Nothing is done for `length`, because of `why`.
    pub fn pause(&self, whom: &str, why: &str, length: Duration) -> Waiting {
        self.begin(WaitKind::Pause, whom, why, Some(length))
    }

    /// This machine works, and nothing else tells of it.
    pub fn work(&self, what: &str) -> Waiting {
        self.begin(WaitKind::Work, "", what, None)
    }

    fn begin(&self, kind: WaitKind, whom: &str, what: &str, limit: Option<Duration>) -> Waiting {
        let board = Arc::clone(&self.0);
        let number = board.next.fetch_add(1, Ordering::Relaxed);
        let since = Arc::new(AtomicU64::new(board.now()));
        let entry =
            Entry { whom: whom.into(), what: what.into(), kind, since: Arc::clone(&since), limit };
        board.entries().insert(number, entry);
        Waiting { board, number, since }
    }

    /// All that is waited for, the longest first.
    pub fn now(&self) -> Vec<Wait> {
        let now = self.0.now();
        let wait = |entry: &Entry| {
            let since = entry.since.load(Ordering::Relaxed);
            (since != RESTS).then(|| Wait {
                whom: Arc::clone(&entry.whom),
                what: Arc::clone(&entry.what),
                kind: entry.kind,
                waited: Duration::from_millis(now.saturating_sub(since)),
                limit: entry.limit,
            })
        };
        let mut waits: Vec<Wait> = self.0.entries().values().filter_map(wait).collect();
        waits.sort_by_key(|wait| std::cmp::Reverse(wait.waited));
        waits
    }
}

impl Waiting {
    /// Something moved: the wait begins anew.
    pub fn moved(&self) {
        self.since.store(self.board.now(), Ordering::Relaxed);
    }

    /// Nothing is waited for, until something is again.
    pub fn rest(&self) {
        self.since.store(RESTS, Ordering::Relaxed);
    }

    /// It is waited for, if it was not.
    pub fn resume(&self) {
        if self.since.load(Ordering::Relaxed) == RESTS {
            self.moved();
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.board.entries().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_comes_first_and_ends_with_its_guard() {
        let waits = Waits::default();
        let first = waits.answer("r.example", "GET /v2/", Some(Duration::from_secs(9)));
        std::thread::sleep(Duration::from_millis(20));
        let second = waits.clone().work("checksums");
        let whom = |waits: &Waits| waits.now().iter().map(|w| w.whom.to_string()).collect();
        let listed: Vec<String> = whom(&waits);
        assert_eq!(listed, ["r.example", ""]);
        std::thread::sleep(Duration::from_millis(20));
        first.moved();
        let listed: Vec<String> = whom(&waits);
        assert_eq!(listed, ["", "r.example"], "what moved is waited for anew");
        drop(second);
        assert_eq!(waits.now().len(), 1);
        first.rest();
        assert_eq!(waits.now(), []);
        first.resume();
        assert_eq!(waits.now().len(), 1);
        drop(first);
        assert_eq!(waits.now(), []);
    }
}
