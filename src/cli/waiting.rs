//! Lines about what is waited for. Nobody looks at a program that is silent for longer than 10 seconds and knows whether
//! it works.

use bundle::oci::Digest;
use bundle::progress::{Progress, Wait, WaitKind, Waits};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// What lasts longer is told, and told again.
const LONG: Duration = Duration::from_secs(8);
/// A pause that is known to be longer is told when it begins.
const LONG_PAUSE: Duration = Duration::from_secs(3);

/// Where progress is shown.
pub(super) type Shown = Box<dyn Progress>;

/// Progress that tells of waits too, from a thread of its own.
pub(super) struct Telling {
    shown: Arc<Shown>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Telling {
    pub(super) fn start(shown: Shown, waits: Waits) -> Self {
        let shown = Arc::new(shown);
        let (stop, stopped) = channel();
        let teller = Arc::clone(&shown);
        let thread = std::thread::Builder::new().name("waits".into());
        let thread = thread.spawn(move || tell(&**teller, &waits, &stopped)).ok();
        Self { shown, stop: Some(stop), thread }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        drop(self.stop.take());
        // It ends at once, and gives back what it shows on.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Progress for Telling {
    fn total(&self, blobs: u64, bytes: u64) {
        self.shown.total(blobs, bytes);
    }

    fn started(&self, blob: &Digest, size: u64) {
        self.shown.started(blob, size);
    }

    fn advanced(&self, blob: &Digest, bytes: u64) {
        self.shown.advanced(blob, bytes);
    }

    fn finished(&self, blob: &Digest, size: u64) {
        self.shown.finished(blob, size);
    }

    fn note(&self, text: &str) {
        self.shown.note(text);
    }
}

fn tell(shown: &dyn Progress, waits: &Waits, stopped: &Receiver<()>) {
    let mut lines = Lines::default();
    while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        for line in lines.due(&waits.now(), Instant::now()) {
            shown.note(&line);
        }
    }
}

/// When what was told: one line for each server and kind of wait.
#[derive(Default)]
struct Lines(HashMap<(Arc<str>, WaitKind), Instant>);

impl Lines {
    /// Lines that are due. `waits` has the longest first.
    fn due(&mut self, waits: &[Wait], now: Instant) -> Vec<String> {
        let is_long = |wait: &&Wait| match (wait.kind, wait.limit) {
            (WaitKind::Pause, Some(limit)) => limit >= LONG_PAUSE,
            _ => wait.waited >= LONG,
        };
        let mut alike: Vec<(&Wait, usize)> = Vec::new();
        for wait in waits.iter().filter(is_long) {
            let same = |(known, _): &&mut (&Wait, usize)| {
                known.whom == wait.whom && known.kind == wait.kind
            };
            match alike.iter_mut().find(same) {
                Some((_, others)) => *others += 1,
                None => alike.push((wait, 0)),
            }
        }
        let mut lines = Vec::new();
        for (wait, others) in alike {
            let key = (Arc::clone(&wait.whom), wait.kind);
            if self.0.get(&key).is_some_and(|told| now.duration_since(*told) < LONG) {
                continue;
            }
            self.0.insert(key, now);
            lines.push(line(wait, others));
        }
        lines
    }
}

fn line(wait: &Wait, others: usize) -> String {
    let (whom, what, waited) = (&wait.whom, &wait.what, wait.waited.as_secs());
    let others = if others == 0 { String::new() } else { format!(" (and {others} more)") };
    match wait.kind {
        WaitKind::Work => format!("still busy: {what}, {waited} s"),
        WaitKind::Pause => {
            let left = wait.limit.unwrap_or_default().saturating_sub(wait.waited).as_secs();
            format!("waiting for {whom}: {what}; asked again in {left} s{others}")
        }
        WaitKind::Answer => {
            let most = wait.limit.map(|limit| format!(", at most {} s", limit.as_secs()));
            format!("waiting for {whom}: {what} for {waited} s{}{others}", most.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(kind: WaitKind, whom: &str, waited: u64, limit: Option<u64>) -> Wait {
        Wait {
            whom: whom.into(),
            what: "no answer to GET /v2/".into(),
            kind,
            waited: Duration::from_secs(waited),
            limit: limit.map(Duration::from_secs),
        }
    }

    #[test]
    fn a_long_wait_is_told_within_ten_seconds_and_again() {
        let (mut lines, start) = (Lines::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..30 {
            let waits = [
                wait(WaitKind::Answer, "r.example", second, Some(25)),
                wait(WaitKind::Answer, "r.example", second, Some(25)),
            ];
            let now = start + Duration::from_secs(second);
            told.extend(lines.due(&waits, now).into_iter().map(|line| (second, line)));
        }
        let times: Vec<u64> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!(times, [8, 16, 24]);
        assert_eq!(
            told[0].1,
            "waiting for r.example: no answer to GET /v2/ for 8 s, at most 25 s (and 1 more)"
        );
    }

    #[test]
    fn a_long_pause_is_told_when_it_begins_and_a_short_one_never() {
        let (mut lines, now) = (Lines::default(), Instant::now());
        let pauses =
            [wait(WaitKind::Pause, "a", 0, Some(30)), wait(WaitKind::Pause, "b", 0, Some(2))];
        assert_eq!(
            lines.due(&pauses, now),
            ["waiting for a: no answer to GET /v2/; asked again in 30 s"]
        );
        assert_eq!(lines.due(&pauses, now + Duration::from_secs(1)), [""; 0]);
        let work = [wait(WaitKind::Work, "", 9, None)];
        assert_eq!(lines.due(&work, now), ["still busy: no answer to GET /v2/, 9 s"]);
    }
}
