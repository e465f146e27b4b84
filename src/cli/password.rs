//! Passwords of private keys: from `COSIGN_PASSWORD`, else typed on the terminal without echo. Never from a pipe: a
//! password that comes with data is not a person's.

use super::ending::Ending;
use super::exit::Status;
use super::failure::Failure;
use super::signals::Asking;
use super::terminal::Changed;
use rustix::termios::{LocalModes, SpecialCodeIndex, Termios};
use std::io::{IsTerminal as _, Read, Stdin, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use zeroize::Zeroizing;

/// The variable that cosign reads too. Empty is a password.
const VARIABLE: &str = "COSIGN_PASSWORD";
/// Longest password that is typed, in bytes.
const LONGEST: usize = 1024;

/// A password that is wiped when it is dropped.
pub(super) type Password = Zeroizing<Vec<u8>>;

/// The password of a key that there is.
pub(super) fn existing(file: &str) -> Result<Password, Failure> {
    match from_environment() {
        Some(password) => Ok(password),
        None => Terminal::open()?.ask(&format!("Password of {file}: ")),
    }
}

/// The password of a new key; typed twice.
pub(super) fn new() -> Result<Password, Failure> {
    if let Some(password) = from_environment() {
        return Ok(password);
    }
    let mut terminal = Terminal::open()?;
    let password = terminal.ask("Password of the new private key: ")?;
    match terminal.ask("The same again: ")? == password {
        true => Ok(password),
        false => Err(Failure::usage("the two passwords differ")),
    }
}

fn from_environment() -> Option<Password> {
    std::env::var_os(VARIABLE).map(|text| Zeroizing::new(text.into_vec()))
}

/// The terminal on standard input, with nothing shown that is typed; as it was when this is dropped.
struct Terminal {
    input: Stdin,
    _changed: Changed,
    _asking: Asking,
}

impl Terminal {
    fn open() -> Result<Self, Failure> {
        let input = std::io::stdin();
        if !input.is_terminal() {
            return Err(Failure::usage(
                "the password cannot be asked for: standard input is not a terminal",
            )
            .hint(format!("set {VARIABLE}")));
        }
        // Signals too are read as bytes, as the rest of the line is.
        let quiet = |settings: &mut Termios| {
            settings.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
            settings.special_codes[SpecialCodeIndex::VMIN] = 1;
            settings.special_codes[SpecialCodeIndex::VTIME] = 0;
        };
        let asking = Asking::begin();
        let changed = Changed::new(&input, quiet).map_err(failed)?;
        Ok(Self { input, _changed: changed, _asking: asking })
    }

    fn ask(&mut self, prompt: &str) -> Result<Password, Failure> {
        let mut stderr = std::io::stderr();
        let shown = stderr.write_all(super::text::line(prompt).as_bytes());
        shown.and_then(|()| stderr.flush()).map_err(failed)?;
        let password = read_line(&mut self.input);
        let _ = stderr.write_all(b"\n");
        password
    }
}

/// One line, as people correct it: backspace, Ctrl-U; Ctrl-D gives up, Ctrl-C ends the program.
fn read_line(input: &mut impl Read) -> Result<Password, Failure> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut byte = Zeroizing::new([0]);
        match input.read(&mut byte[..]) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
            Ok(0) => return Err(given_up()),
            Ok(_) => {}
        }
        match byte[0] {
            b'\n' | b'\r' => return Ok(line),
            3 => return Err(Failure::interrupted(Ending::Interrupt)),
            4 => return Err(given_up()),
            0x15 => line.clear(),
            8 | 0x7f => {
                // A character, which may be several bytes.
                while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            _ if line.len() == LONGEST => {
                return Err(Failure::usage(format!("the password has more than {LONGEST} bytes")));
            }
            byte => line.push(byte),
        }
    }
}

fn given_up() -> Failure {
    Failure::usage("no password was given")
}

fn failed(error: std::io::Error) -> Failure {
    let error = anyhow::Error::from(error).context("the terminal cannot be asked for a password");
    Failure::new(Status::Other, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_corrected_as_people_do() {
        let typed = |bytes: &[u8]| read_line(&mut &bytes[..]).ok().map(|line| line.to_vec());
        assert_eq!(typed(b"secret\nmore"), Some(b"secret".to_vec()));
        assert_eq!(typed(b"\r"), Some(Vec::new()), "empty is a password");
        assert_eq!(typed("se\u{7f}a\u{e9}\u{7f}\u{8}x\n".as_bytes()), Some(b"sx".to_vec()));
        assert_eq!(typed(b"\x7f\x7fa\n"), Some(b"a".to_vec()));
        assert_eq!(typed(b"wrong\x15right\n"), Some(b"right".to_vec()));
        for given_up in [&b"abc\x03\n"[..], b"\x04", b"abc", b""] {
            assert_eq!(typed(given_up), None, "{given_up:?}");
        }
        let most = vec![b'x'; LONGEST];
        assert_eq!(typed(&[&most[..], b"\n"].concat()), Some(most.clone()));
        assert_eq!(typed(&[&most[..], b"x\n"].concat()), None);
    }
}
