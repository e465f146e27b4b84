//! Lines on standard error.

use super::colour::painted_line;
use bundle::registry::secrets;
use std::fmt;
use std::io::Write as _;

/// Writes one line to standard error.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::standard_error::tell_line(format_args!($($text)*)) };
}

pub(super) use tell;

/// Writes one line to standard error, without secrets of this run. A line that cannot be written is dropped.
pub(super) fn tell_line(line: fmt::Arguments<'_>) {
    let line = painted_line(&secrets::hide(&line.to_string(), 0));
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
