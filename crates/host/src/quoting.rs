//! Texts as scalars of YAML and of TOML that every reader takes for the same text.

/// `text` in double quotes: never a number, a boolean, a tag or a comment, whatever stands in it. JSON's escapes are
/// all YAML's (YAML 1.2 §5.7), all used here are TOML's (basic strings), and what is not printable ASCII is escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            other => {
                let mut units = [0; 2];
                let number = u32::from(other);
                match number {
                    0..=0xffff => {
                        out.push_str(&format!("\\u{:04x}", other.encode_utf16(&mut units)[0]))
                    }
                    _ => out.push_str(&format!("\\U{number:08x}")),
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_that_look_like_something_else_stay_texts() {
        for text in ["yes", "0123", "1e3", "~", "", "a: b", "- x", "#", "!!int 3", "*a", "&a", "'"]
        {
            let read: String = serde_saphyr::from_str(&quoted(text)).expect("a text");
            assert_eq!(read, text);
        }
        assert_eq!(quoted("a\"\\\n\u{202e}😀"), r#""a\"\\\u000a\u202e\U0001f600""#);
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let document = format!("key: {}\n", quoted(&text));
            let read: std::collections::BTreeMap<String, String> =
                serde_saphyr::from_str(&document).expect("a document");
            prop_assert_eq!(&read["key"], &text);
        }
    }
}
