//! How much of answers is in memory at once, in the whole process: many lookups run side by side, and a registry chooses
//! how long each answer is.

use std::sync::{Arc, LazyLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most bytes of answers that are held until they were read. With what is made of them they take some four times as much.
const MOST: u64 = 32 << 20;
/// Answers up to this length take no room: nearly all have a few KiB.
const SMALL: u64 = 64 << 10;

static ROOM: LazyLock<Arc<Semaphore>> =
    LazyLock::new(|| Arc::new(Semaphore::new((MOST / SMALL) as usize)));

/// Room that was taken; it is free again when this is dropped. Whoever has some must not ask for more.
pub(super) type Taken = Option<OwnedSemaphorePermit>;

/// True for what has to take room.
pub(super) fn is_large(bytes: u64) -> bool {
    bytes > SMALL
}

/// Waits for room for an answer of at most so many bytes.
pub(super) async fn take(bytes: u64) -> Taken {
    let units = bytes.min(MOST).div_ceil(SMALL);
    // It is never closed.
    Arc::clone(&ROOM).acquire_many_owned(u32::try_from(units).unwrap_or(u32::MAX)).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn large_answers_wait_for_each_other_and_one_always_goes_on() {
        // What is longer than the room has it alone, so nobody waits for ever.
        let all = take(u64::MAX).await;
        assert!(all.is_some());
        assert!(take(4 << 20).now_or_never().is_none());
        drop(all);
        assert!(take(4 << 20).await.is_some());
        assert!(!is_large(SMALL) && is_large(SMALL + 1));
    }
}
