//! `bundle`: carries container images across an air gap in one file.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
