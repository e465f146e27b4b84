//! The terminal's settings, put back whatever ends the program.

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::Stdin;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How the terminal on standard input was before it was changed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A terminal with other settings; as it was when this is dropped.
pub(super) struct Changed(());

impl Changed {
    /// Changes the settings of the terminal on standard input.
    pub(super) fn new(input: &Stdin, change: impl FnOnce(&mut Termios)) -> std::io::Result<Self> {
        let mut kept = before();
        let was = tcgetattr(input)?;
        let mut settings = was.clone();
        change(&mut settings);
        *kept = Some(was);
        tcsetattr(input, OptionalActions::Flush, &settings)?;
        Ok(Self(()))
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        restore();
    }
}

/// Puts back what was changed, if anything was.
pub(super) fn restore() {
    if let Some(was) = before().take() {
        // Where that fails, the terminal is gone.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &was);
    }
}
