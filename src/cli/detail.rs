//! How much is told: `-q`, `-v`.

use clap::{ArgAction, Args};

/// How much people read of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// One line.
    Line,
    /// Everything.
    Whole,
}

/// How much of a run is shown.
#[derive(Args)]
pub(super) struct Verbosity {
    /// Show all that is known of each image, and log each retry; -vv logs each request too
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,
}

impl Verbosity {
    /// How often `-v` was given.
    pub(super) fn level(&self) -> u8 {
        self.verbose
    }

    /// How much the report says.
    pub(super) fn detail(&self) -> Detail {
        if self.verbose > 0 { Detail::Whole } else { Detail::Line }
    }
}
