//! Room for what is large. Images are judged on all cores at once, and a large attestation takes four times its length
//! while it is examined; so what is examined at once, in the whole process, is bounded by its bytes.

use std::sync::{Condvar, Mutex, PoisonError};

/// Most bytes that are examined at once, unless one thing alone has more: the largest envelope that is read. With what
/// is made of them they take some 64 MiB.
const MOST: u64 = crate::judge::attestation::MAX_ENVELOPE;
/// Smaller things take no room: there are as many of them at once as there are cores.
const SMALL: u64 = 64 << 10;

static ROOM: Room = Room::new(MOST);

/// Room for so many bytes.
struct Room {
    most: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

/// Room that was taken; it is free again when this is dropped. Whoever has some must not ask for more.
pub(crate) struct Taken<'a> {
    room: &'a Room,
    bytes: u64,
}

/// Waits for room for so many bytes.
pub(crate) fn take(bytes: u64) -> Taken<'static> {
    ROOM.take(if bytes <= SMALL { 0 } else { bytes })
}

impl Room {
    const fn new(most: u64) -> Self {
        Self { most, taken: Mutex::new(0), freed: Condvar::new() }
    }

    fn take(&self, bytes: u64) -> Taken<'_> {
        if bytes > 0 {
            let full = |taken: &mut u64| *taken > 0 && taken.saturating_add(bytes) > self.most;
            let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = self.freed.wait_while(taken, full);
            *taken.unwrap_or_else(PoisonError::into_inner) += bytes;
        }
        Taken { room: self, bytes }
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            *self.room.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
            self.room.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_is_taken_at_once_than_there_is_room_for() {
        let room = Room::new(10);
        let (now, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for bytes in [4, 4, 4, 7, 3, 10, 1, 0, 25] {
                let (room, now, most) = (&room, &now, &most);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let taken = room.take(bytes);
                        // What is larger than the room has it alone.
                        let counted = bytes.min(10);
                        let at_once = now.fetch_add(counted, Ordering::SeqCst) + counted;
                        most.fetch_max(at_once, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(counted, Ordering::SeqCst);
                        drop(taken);
                    }
                });
            }
        });
        assert_eq!((now.into_inner(), most.into_inner()), (0, 10));
        assert_eq!(*room.taken.lock().expect("not poisoned"), 0);
    }
}
