//! Standard output. A pipe that nobody reads any more and a full disk are no reason to panic.

use super::colour::painted_output_line;
use super::exit::Status;
use super::failure::Failure;
use super::text::json;
use serde::Serialize;
use std::fmt;
use std::io::{ErrorKind, Write as _};

/// Adds one line to an [`Output`].
macro_rules! say {
    ($output:expr, $($text:tt)*) => { $output.line(format_args!($($text)*)) };
}

pub(super) use say;

/// Text for standard output, gathered first and written in one piece.
#[derive(Default)]
pub(super) struct Output(String);

impl Output {
    /// One JSON document.
    pub(super) fn json(report: &impl Serialize) -> Result<Self, Failure> {
        let text = json(report).map_err(|e| Failure::of(Status::Other, &e))?;
        Ok(Self(text + "\n"))
    }

    /// A text that has its line ends.
    pub(super) const fn text(text: String) -> Self {
        Self(text)
    }

    /// One more line.
    pub(super) fn line(&mut self, line: fmt::Arguments<'_>) {
        self.0.push_str(&painted_output_line(&line.to_string()));
        self.0.push('\n');
    }

    /// Writes it. A reader that went away, as `head` does, has seen what it wanted.
    pub(super) fn write(self) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(self.0.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                let error = anyhow::Error::from(error)
                    .context("the report cannot be written to standard output");
                Err(Failure::new(Status::Medium, &error))
            }
            _ => Ok(()),
        }
    }
}

impl Output {
    /// Writes it to standard error, where standard output has other data; where that is not possible there is nobody to
    /// tell.
    pub(super) fn write_aside(self) {
        let _ = std::io::stderr().lock().write_all(self.0.as_bytes());
    }
}
