//! What a key was asked before, with what came out: who attaches one signature a hundred thousand times has it checked once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most answers that a key keeps, in some 2 MiB; later ones are worked out each time.
const MOST: usize = 1 << 15;

/// Whether signatures were a key's, by all that the answer depends on.
#[derive(Default)]
pub(super) struct Checked(Mutex<HashMap<[u8; 32], bool>>);

impl Checked {
    /// The answer to `check`, worked out where it is not known. Threads that ask at once may both do that.
    pub(super) fn answer(&self, check: [u8; 32], work_out: impl FnOnce() -> bool) -> bool {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = known().get(&check).copied() {
            return answer;
        }
        let answer = work_out();
        let mut known = known();
        if known.len() < MOST {
            known.insert(check, answer);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_worked_out_once_and_answers_are_bounded() {
        let checked = Checked::default();
        let mut worked_out = 0;
        for _ in 0..3 {
            for (number, answer) in [(1, true), (2, false)] {
                assert_eq!(checked.answer([number; 32], || (worked_out += 1, answer).1), answer);
            }
        }
        assert_eq!(worked_out, 2);
        for number in 0..MOST as u64 + 10 {
            let mut check = [0; 32];
            check[..8].copy_from_slice(&number.to_le_bytes());
            assert!(checked.answer(check, || true));
        }
        assert_eq!(checked.0.lock().expect("not poisoned").len(), MOST);
    }
}
