//! The parts of a large document as they are written, so that one is read and dropped before the next.

use super::{Bounds, check};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The members of an object, unread. The whole document was [checked](check) before, so a part may be read by itself.
///
/// # Errors
/// As [`check`]; a document that is not an object.
pub fn members(
    bytes: &[u8],
    bounds: Bounds,
) -> Result<BTreeMap<String, &RawValue>, serde_json::Error> {
    check(bytes, bounds)?;
    serde_json::from_slice(bytes)
}

/// The elements of a list that is a part of a checked document, unread; none for `null`. Memory: 16 bytes for each, of
/// which there are no more than the check allowed.
///
/// # Errors
/// When the part is not a list.
pub fn elements(list: &RawValue) -> Result<Vec<&RawValue>, serde_json::Error> {
    serde_json::from_str::<Option<_>>(list.get()).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_what_was_written_and_the_whole_was_checked() {
        let bounds = Bounds::values(10);
        let document = br#"{"a":[ {"b" : 1}, 2 ],"n":null}"#;
        let parts = members(document, bounds).expect("an object");
        let list: Vec<_> = elements(parts["a"]).expect("a list").iter().map(|e| e.get()).collect();
        assert_eq!(list, [r#"{"b" : 1}"#, "2"]);
        assert!(elements(parts["n"]).expect("no list").is_empty());
        for wrong in [&b"[]"[..], br#"{"a":1,"a":2}"#, br#"{"a":[0,0,0,0,0,0,0,0,0]}"#, b"{}x", b""]
        {
            assert!(members(wrong, bounds).is_err(), "{:?}", String::from_utf8_lossy(wrong));
        }
        assert!(elements(members(br#"{"a":{}}"#, bounds).expect("an object")["a"]).is_err());
    }
}
