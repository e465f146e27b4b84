//! Text for terminals.

use bundle::registry::secrets;
use std::fmt::Write as _;

/// Secrets below this stay where a report has them: they could be a part of any name.
const WORD: usize = 8;

/// Escapes what could command a terminal or reorder what is read: control characters, line breaks, bidirectional
/// marks and other invisible formatting.
pub(super) fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// True for what a terminal obeys or does not show.
fn is_unsafe(c: char) -> bool {
    let invisible = matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}');
    c.is_control() || invisible
}

/// Most characters of one line that comes from outside: longer ones hide what stands before and after them.
const LINE: usize = 1000;

/// One line of untrusted text: without secrets of this run, safe, and cut where it is longer than anybody reads.
pub(super) fn line(text: &str) -> String {
    // Before it is cut: half a secret is one.
    let text = &secrets::hide(text, 0);
    match text.char_indices().nth(LINE) {
        Some((end, _)) => format!("{}…", safe(&text[..end])),
        None => safe(text),
    }
}

/// A report as JSON. What [`safe`] would escape is written as JSON's own escapes: the same document, and nothing in it
/// commands a terminal.
pub(super) fn json(report: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    let text = secrets::hide(&serde_json::to_string_pretty(report)?, WORD);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // But for line breaks, there is nothing of that kind outside strings.
        if c == '\n' || !is_unsafe(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    Ok(out)
}

/// Bytes in the unit that people read: `1.4 GB`.
pub(super) fn size(bytes: u64) -> String {
    bundle::archive::free_space::Amount(bytes).to_string()
}

/// `1 image`, `2 images`.
pub(super) fn count(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A list of words, or that there is none.
pub(super) fn or_none(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_passes() {
        assert_eq!(safe("a\u{1b}[31mb\nc\u{202e}d\u{9b}"), "a\\u{1b}[31mb\\u{a}c\\u{202e}d\\u{9b}");
        assert_eq!(safe("Größe 7 → ü"), "Größe 7 → ü");
    }

    #[test]
    fn a_line_is_cut_where_nobody_reads_on() {
        assert_eq!(line(&"é".repeat(LINE)), "é".repeat(LINE));
        assert_eq!(line(&"é".repeat(1 << 20)), "é".repeat(LINE) + "…");
        assert_eq!(line("\u{1b}a\u{ad}b"), "\\u{1b}a\\u{ad}b");
    }

    #[test]
    fn json_says_the_same_without_commanding_a_terminal() {
        let report = serde_json::json!({"a\u{9b}": "b\u{202e}c\u{e0041}\u{1b}\u{7f} ü", "n": [1]});
        let text = json(&report).expect("JSON");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), report);
        assert!(text.contains("ü") && text.contains("\n"));
        assert!(!text.chars().any(|c| c != '\n' && is_unsafe(c)), "{text}");
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_950, "1.0 MB"), (1 << 33, "8.6 GB")]
        {
            assert_eq!(size(bytes), text);
        }
        assert_eq!((count(1, "image"), count(2, "image")), ("1 image".into(), "2 images".into()));
    }
}
