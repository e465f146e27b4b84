//! Colours, where somebody sees them: `--color`, and `NO_COLOR` as no-color.org says.

use clap::ValueEnum;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a text means for whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing.
    Plain,
    /// Verified.
    Good,
    /// To be looked at.
    Notice,
    /// Refused, or an error.
    Bad,
}

/// Whether standard output, and standard error, have colours.
static OUTPUT: AtomicBool = AtomicBool::new(false);
static ERRORS: AtomicBool = AtomicBool::new(false);

/// Decides for this run.
pub(super) fn decide(when: When) {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let is_plain_terminal = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let on = |is_terminal: bool| match when {
        When::Always => true,
        When::Never => false,
        When::Auto => wanted && is_terminal && !is_plain_terminal,
    };
    OUTPUT.store(on(std::io::stdout().is_terminal()), Ordering::Relaxed);
    ERRORS.store(on(std::io::stderr().is_terminal()), Ordering::Relaxed);
}

/// A text for standard output in the colour of its tone.
pub(super) fn painted(text: &str, tone: Tone) -> String {
    coloured(text, tone, OUTPUT.load(Ordering::Relaxed))
}

/// A line for standard error: the word that says what it is has the colour of that.
pub(super) fn painted_line(line: &str) -> String {
    with_coloured_word(line, ERRORS.load(Ordering::Relaxed))
}

/// A line for standard output, in the same way.
pub(super) fn painted_output_line(line: &str) -> String {
    with_coloured_word(line, OUTPUT.load(Ordering::Relaxed))
}

/// Words that begin the lines of this program, with their tones.
const WORDS: [(&str, Tone); 5] = [
    ("error:", Tone::Bad),
    ("refused:", Tone::Bad),
    ("damaged:", Tone::Bad),
    ("warning:", Tone::Notice),
    ("hint:", Tone::Good),
];

fn with_coloured_word(line: &str, is_on: bool) -> String {
    let word = WORDS.iter().find(|(word, _)| line.starts_with(word));
    match word {
        Some((word, tone)) => coloured(word, *tone, is_on) + &line[word.len()..],
        None => line.to_owned(),
    }
}

fn coloured(text: &str, tone: Tone, is_on: bool) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => 32,
        Tone::Notice => 33,
        Tone::Bad => 31,
    };
    if is_on { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_word_of_a_line_is_coloured() {
        for (line, on) in [
            ("warning: x", "\u{1b}[33mwarning:\u{1b}[0m x"),
            ("error: warning: x", "\u{1b}[31merror:\u{1b}[0m warning: x"),
            ("x: warning: y", "x: warning: y"),
            ("", ""),
        ] {
            assert_eq!(with_coloured_word(line, true), on);
            assert_eq!(with_coloured_word(line, false), line);
        }
        assert_eq!(coloured("a", Tone::Plain, true), "a");
    }
}
