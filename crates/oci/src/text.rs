//! Texts from outside on their way into a message.

/// Most characters of such a text that a message repeats: enough to recognise a reference.
const MAX_SHOWN: usize = 300;

/// `text`, cut to a length that a message can hold. Escaping for the terminal is the business of who prints it.
pub fn bounded(text: &str) -> String {
    bounded_to(text, MAX_SHOWN)
}

/// The first `limit` characters of `text`, with `…` behind them where others followed.
pub fn bounded_to(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_are_cut() {
        assert_eq!(bounded("quay.io/a"), "quay.io/a");
        assert_eq!(bounded(&"é".repeat(1 << 20)).chars().count(), MAX_SHOWN + 1);
        assert_eq!((bounded_to("éé", 2), bounded_to("ééé", 2)), ("éé".into(), "éé…".into()));
    }
}
