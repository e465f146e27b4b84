//! `-`: an archive on standard input or standard output.

use super::exit::Status;
use super::failure::Failure;
use bundle::archive::Input;
use std::fs::File;
use std::io::{IsTerminal as _, Read, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

/// True for the name that means standard input or output.
pub(super) fn is_pipe(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where the archive comes from that is named on the command line.
pub(super) fn archive(files: &[PathBuf]) -> Result<Input, Failure> {
    match files {
        [one] if is_pipe(one) => Ok(Input::Stream(input()?, one.clone())),
        files if files.iter().any(|file| is_pipe(file)) => {
            Err(Failure::usage("standard input holds the whole bundle: - stands alone")
                .hint("volumes on a pipe: cat FILE.001 FILE.002 … | bundle unpack -"))
        }
        files => Ok(Input::Files(files.to_vec())),
    }
}

/// Standard input, unbuffered.
fn input() -> Result<Box<dyn Read + Send>, Failure> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Failure::usage("standard input is a terminal, not a bundle")
            .hint("ssh HOST bundle pack … -o - | bundle unpack - --to …"));
    }
    let file = stdin.as_fd().try_clone_to_owned();
    let file = file.map_err(|error| unusable(error, "standard input cannot be read"))?;
    Ok(Box::new(File::from(file)))
}

/// Standard output, unbuffered. Nobody wants an archive on a screen.
pub(super) fn output() -> Result<Box<dyn Write + Send>, Failure> {
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        return Err(Failure::usage("standard output is a terminal, and an archive is not text")
            .hint("bundle pack … -o - | ssh HOST bundle unpack - --to …, or -o FILE"));
    }
    let file = stdout.as_fd().try_clone_to_owned();
    let file = file.map_err(|error| unusable(error, "standard output cannot be written"))?;
    Ok(Box::new(File::from(file)))
}

fn unusable(error: std::io::Error, what: &'static str) -> Failure {
    Failure::new(Status::Medium, &anyhow::Error::from(error).context(what))
}
