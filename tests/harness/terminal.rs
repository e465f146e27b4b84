//! A terminal with a person before it.

use super::command::{Program, Ran};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};

/// A new terminal: what a person has in front of him, and what the program has.
pub(crate) fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&person).expect("granted");
    unlockpt(&person).expect("unlocked");
    let name = ptsname(&person, Vec::new()).expect("a name");
    let program = OpenOptions::new().read(true).write(true).open(name.to_str().expect("a path"));
    (File::from(person), program.expect("the other side"))
}

/// Runs a program with standard input and standard error on a terminal. To each question that shows there, the answer is
/// typed; at a question that is not the next one of the dialogue the person gives up (Ctrl-D). Gives what was shown with
/// how it ended; a question that never came stays without its answer.
pub(crate) fn converse(program: Program, dialogue: &[(&str, &str)]) -> (Ran, String) {
    let (mut person, other) = terminal();
    let stderr = other.try_clone().expect("the other side");
    let running = program.stdin(other).stderr(stderr).start();
    let mut dialogue = dialogue.iter();
    let mut next = dialogue.next();
    let (mut shown, mut answered) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    // Ends with an error when nobody has the other side any more.
    while let Ok(length @ 1..) = person.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&shown[answered..]).into_owned();
        if let Some((question, answer)) = next.filter(|(question, _)| text.contains(question)) {
            answered = shown.len();
            person.write_all(answer.as_bytes()).unwrap_or_else(|e| panic!("{question}: {e}"));
            next = dialogue.next();
        } else if answered > 0 && text.ends_with(": ") {
            answered = shown.len();
            person.write_all(b"\x04").unwrap_or_else(|e| panic!("giving up: {e}"));
        }
    }
    (running.end(), String::from_utf8_lossy(&shown).into_owned())
}
