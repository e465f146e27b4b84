//! `bundle`: carries container images across an air gap in one file.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    bundle::ownership::keep_files_from_others();
    // A panic is a fault of this program, and has the status of everything that has none of its own.
    std::panic::catch_unwind(cli::run).unwrap_or(ExitCode::FAILURE)
}
