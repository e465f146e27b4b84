//! Texts from files on their way into a message.

/// Most characters of such a text that a message repeats.
const MAX_SHOWN: usize = 300;

/// `text`, cut to a length that a message can hold. Escaping for the terminal is the business of who prints it.
pub(super) fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let mut short: String = characters.by_ref().take(MAX_SHOWN).collect();
    if characters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_are_cut() {
        assert_eq!(shown("quay.io/a"), "quay.io/a");
        assert_eq!(shown(&"é".repeat(1 << 20)).chars().count(), MAX_SHOWN + 1);
    }
}
