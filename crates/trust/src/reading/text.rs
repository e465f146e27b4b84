//! Untrusted text on its way into an error or a finding.

use std::error::Error;

/// Most characters of an untrusted text that a message repeats: enough to recognise a reference or a media type.
const MAX_QUOTED: usize = 160;

/// `text`, cut to a length that a message can hold. Escaping for the terminal is the business of who prints it.
pub fn bounded(text: &str) -> String {
    bundle_oci::text::bounded_to(text, MAX_QUOTED)
}

/// An error and its causes in one bounded line.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        line.push_str(": ");
        line.push_str(&inner.to_string());
        cause = inner.source();
    }
    bounded(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_stays_and_long_text_is_cut_at_a_character() {
        assert_eq!(bounded("quay.io/a"), "quay.io/a");
        assert_eq!(bounded(&"é".repeat(MAX_QUOTED)), "é".repeat(MAX_QUOTED));
        assert_eq!(bounded(&"é".repeat(1 << 20)).chars().count(), MAX_QUOTED + 1);
    }
}
