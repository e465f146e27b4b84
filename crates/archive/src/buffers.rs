//! Buffers that are read into over and over: memory that is new each time costs a clearing and a page fault for every
//! 4 KiB, which is a tenth of what reading and hashing cost.

use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers kept for the next reader. More are in use at the same time only where more readers are.
const KEPT: usize = 16;

/// Buffers of one length, lent as [`Bytes`] and taken back when the last piece of one is dropped.
#[derive(Debug, Clone)]
pub(super) struct Buffers {
    length: usize,
    idle: Arc<Mutex<Vec<Box<[u8]>>>>,
}

impl Buffers {
    pub(super) fn new(length: usize) -> Self {
        Self { length, idle: Arc::default() }
    }

    /// `length` bytes that `fill` writes all of. Longer ones than the buffers are not kept.
    pub(super) fn filled<E>(
        &self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Bytes, E> {
        // Small content is not worth a large buffer for as long as it is held.
        if length > self.length || length < self.length / 2 {
            let mut buffer = vec![0; length];
            fill(&mut buffer)?;
            return Ok(buffer.into());
        }
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let buffer = kept.unwrap_or_else(|| vec![0; self.length].into());
        let mut lent = Lent { buffer, length, idle: self.idle.clone() };
        fill(&mut lent.buffer[..length])?;
        Ok(Bytes::from_owner(lent))
    }
}

struct Lent {
    buffer: Box<[u8]>,
    length: usize,
    idle: Arc<Mutex<Vec<Box<[u8]>>>>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_returns_after_its_last_piece_without_old_bytes() {
        let buffers = Buffers::new(100);
        let idle = || buffers.idle.lock().expect("not poisoned").len();
        let fill = |byte: u8| {
            move |buffer: &mut [u8]| {
                buffer.fill(byte);
                Ok::<(), ()>(())
            }
        };
        let first = buffers.filled(100, fill(1)).expect("filled");
        let piece = first.slice(10..20);
        drop(first);
        assert_eq!(idle(), 0, "a piece is still there");
        drop(piece);
        assert_eq!(idle(), 1);
        assert_eq!(buffers.filled(60, fill(2)).expect("filled"), vec![2; 60]);
        assert!(buffers.filled(80, |_| Err(())).is_err());
        assert_eq!(idle(), 1);
        for length in [0, 10, 101] {
            assert_eq!(buffers.filled(length, fill(3)).expect("filled"), vec![3; length]);
        }
    }
}
