//! What is printed when a command does not succeed: the error, its causes, and the way out.

use super::ending::Ending;
use super::exit::Status;
use super::standard_error::tell;
use super::text::line;
use std::error::Error;

/// A command that failed, ready to be printed.
pub(super) struct Failure {
    pub(super) status: Status,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure with the causes that an error has.
    pub(super) fn new<E: AsRef<dyn Error + 'static> + ?Sized>(status: Status, error: &E) -> Self {
        Self::of(status, error.as_ref())
    }

    /// The same for a plain error.
    pub(super) fn of(status: Status, error: &(dyn Error + 'static)) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            next = cause.source();
        }
        Self { status, message: error.to_string(), causes, hints: Vec::new() }
    }

    /// A wrong call.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            status: Status::Usage,
            message: message.into(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Somebody ended the command.
    pub(super) fn interrupted(ending: Ending) -> Self {
        Self::of(Status::Interrupted(ending), &ending)
    }

    /// Says first what came of it; what went wrong is the cause.
    pub(super) fn context(mut self, message: impl Into<String>) -> Self {
        let cause = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, cause);
        self
    }

    /// Adds a way out.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Prints to stderr. Everything may come from outside, so everything is made safe.
    pub(super) fn print(&self) {
        tell!("error: {}", line(&self.message));
        for cause in &self.causes {
            tell!("  because: {}", line(cause));
        }
        for hint in &self.hints {
            tell!("hint: {}", line(hint));
        }
    }
}
