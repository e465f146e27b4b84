//! What is asked for: sources of the command line, and lists in files. All faults are told at once.

use crate::cli::failure::Failure;
use crate::cli::pipes;
use crate::cli::standard_error::tell;
use crate::cli::text::line;
use bundle::pack::{SourceTextError, Wanted};
use bundle::registry::secrets;
use bundle_lists::list::{self, MAX_BYTES};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Hints that are printed of many faults.
const MAX_HINTS: usize = 3;

/// Everything that is wrong with what is asked for.
#[derive(Default)]
struct Faults {
    lines: Vec<String>,
    hints: Vec<String>,
    more: usize,
}

impl Faults {
    fn add(&mut self, line: String, hint: Option<String>) {
        self.lines.push(line);
        self.hints.extend(hint.filter(|hint| !self.hints.contains(hint)));
    }
}

/// Reads all of it, in the order of the command line, lists last.
pub(super) fn asked(sources: &[String], lists: &[PathBuf]) -> Result<Vec<Wanted>, Failure> {
    let (mut wanted, mut faults) = (Vec::new(), Faults::default());
    for text in sources {
        match parse(text) {
            Ok(source) => wanted.push(source),
            Err((what, hint)) => faults.add(what, hint),
        }
    }
    for path in lists {
        let (name, bytes) = content(path)?;
        match list::read(&name, &bytes, parse) {
            Ok(items) => wanted.extend(items.into_iter().map(|item| item.source)),
            Err(list::Faults { faults: found, more }) => {
                faults.more += more;
                for fault in found {
                    faults.add(fault.to_string(), fault.hint);
                }
            }
        }
    }
    match (faults.lines.len() + faults.more, wanted.is_empty()) {
        (0, false) => Ok(wanted),
        (0, true) => Err(Failure::usage("the lists name no image")
            .hint("name images as arguments, or in the file that --file gives")),
        (number, _) => Err(failure(faults, number)),
    }
}

fn failure(faults: Faults, number: usize) -> Failure {
    let Faults { lines, hints, more } = faults;
    let failure = match (&lines[..], more) {
        ([one], 0) => Failure::usage(one.clone()),
        _ => {
            for fault in &lines {
                tell!("{}", line(fault));
            }
            if more > 0 {
                tell!("and {more} more");
            }
            Failure::usage(format!("{number} sources cannot be used"))
        }
    };
    hints.into_iter().take(MAX_HINTS).fold(failure, Failure::hint)
}

/// Reads one source; gives what is wrong with it, and the way on.
fn parse(text: &str) -> Result<Wanted, (String, Option<String>)> {
    text.parse().map_err(|error: SourceTextError| {
        // A password before the registry is not printed, wherever the text stands.
        secrets::remember_user_info(text);
        (with_causes(&error), error.hint())
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

/// The content of a list, and its name in messages. One byte more than may be read is read, so that too much is noticed.
fn content(path: &Path) -> Result<(String, Vec<u8>), Failure> {
    let limit = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let (name, read) = match pipes::is_pipe(path) {
        true => {
            let read = std::io::stdin().lock().take(limit).read_to_end(&mut bytes);
            ("standard input".to_owned(), read)
        }
        false => {
            let file = std::fs::File::open(path);
            let read = file.and_then(|file| file.take(limit).read_to_end(&mut bytes));
            (path.display().to_string(), read)
        }
    };
    match read {
        Ok(_) => Ok((name, bytes)),
        Err(error) => Err(Failure::usage(format!("the list {name} cannot be read: {error}"))),
    }
}
