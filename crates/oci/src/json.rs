//! JSON without ambiguity: duplicate keys, trailing data and deep nesting are refused.
//!
//! Two readers that resolve a duplicate key differently see two documents, so whatever came from outside and decides
//! something goes through here. `serde`'s derive accepts an array in the place of an object: [`Object`] does not.
//!
//! Every way in takes a bound on values: the memory that a document takes goes by them and not by its length, as seven
//! bytes of JSON make an object of 600. A test reads the source of this program for calls that go around.

mod check;
mod object;
mod raw;

pub use check::{Bounds, check};
pub use object::{Object, name, object};
pub use raw::{elements, members};

use crate::text::bounded_to;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

/// Deepest nesting that is read. Real manifests and payloads stay below 10.
pub const MAX_DEPTH: u8 = 32;

/// Reads one JSON document strictly that has at most so many values, lists and objects included.
///
/// # Errors
/// Syntax errors, invalid UTF-8, a duplicate key at any level, nesting over [`MAX_DEPTH`], anything after the document,
/// more values.
pub fn parse_within(bytes: &[u8], values: usize) -> Result<Value, serde_json::Error> {
    let left = Cell::new(values);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: MAX_DEPTH, left: &left }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads one JSON document strictly into a type, after [`check`] found that it holds no more than `bounds` allow. The
/// document is an object.
///
/// # Errors
/// As [`check`]; a document that is not of this type.
pub fn read<T: DeserializeOwned>(bytes: &[u8], bounds: Bounds) -> Result<T, serde_json::Error> {
    check(bytes, bounds)?;
    serde_json::from_slice(bytes).map(|Object(value)| value)
}

/// Reads one JSON document strictly, but keeps `null` for the top-level member `skipped` and looks no closer at it than
/// its syntax: for what decides nothing and may be large.
///
/// # Errors
/// As [`parse_within`]; duplicate keys inside the skipped member are none, and its values do not count.
pub fn parse_skipping(
    bytes: &[u8],
    skipped: &str,
    values: usize,
) -> Result<Value, serde_json::Error> {
    let left = Cell::new(values);
    let strict = Strict { depth: MAX_DEPTH, left: &left };
    // What is skipped is not looked at for this.
    let text = std::str::from_utf8(bytes).map_err(serde::de::Error::custom)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Skipping { member: skipped, strict }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads the top level of a document, without the member of this name.
struct Skipping<'a> {
    member: &'a str,
    strict: Strict<'a>,
}

impl<'de> DeserializeSeed<'de> for Skipping<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Skipping<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.strict.object(map, Some(self.member))
    }
}

fn duplicate<E: serde::de::Error>(key: &str) -> E {
    let key = bounded_to(key, 160);
    E::custom(format_args!("duplicate key {key:?}"))
}

fn too_deep<E: serde::de::Error>() -> E {
    E::custom("nested too deep")
}

/// Reads one level.
#[derive(Clone, Copy)]
struct Strict<'a> {
    /// Levels that may follow.
    depth: u8,
    /// Values that may follow in the whole document.
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        Ok(Self { depth, ..self })
    }

    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| E::custom("more values than such a document has"))?);
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(
        self,
        mut map: A,
        skipped: Option<&str>,
    ) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(duplicate(&key));
            }
            let value = if skipped == Some(key.as_str()) {
                map.next_value::<IgnoredAny>()?;
                Value::Null
            } else {
                map.next_value_seed(inner)?
            };
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        self.object(map, None)
    }
}

/// Finds a key of `object` that differs from one of `known` only in the case of its letters. Go's decoder would take
/// such a key for the known one, so documents that hold it mean different things to different readers. `known` is ASCII.
pub fn case_variant<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    object
        .keys()
        .map(String::as_str)
        .find(|key| known.iter().any(|k| k != key && folded(key).eq(folded(k))))
}

/// The letters of a key as Go's decoder compares them (encoding/json `foldRune`): Unicode's simple folding, by which
/// two letters beyond ASCII are the same as one within.
fn folded(key: &str) -> impl Iterator<Item = char> {
    key.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Value, serde_json::Error> {
        parse_within(text, 100)
    }

    #[test]
    fn a_plain_document_reads_as_serde_json_reads_it() {
        let text = br#"{"a":[1,-2,3.5,"x",null,true],"b":{"c":{}}}"#;
        assert_eq!(
            parse(text).expect("strict"),
            serde_json::from_slice::<Value>(text).expect("plain")
        );
    }

    #[test]
    fn ambiguous_documents_are_refused() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        for text in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"x":{"a":1,"a":1}}"#,
            b"{} {}",
            b"{}x",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            deep.as_bytes(),
            b"",
        ] {
            assert!(
                parse(text).is_err(),
                "{:?}",
                String::from_utf8_lossy(&text[..text.len().min(40)])
            );
        }
    }

    #[test]
    fn skipped_member_is_passed_over_and_the_rest_read_strictly() {
        let value = parse_skipping(br#"{"a":{"b":1},"big":{"x":1,"x":[2]}}"#, "big", 2);
        assert_eq!(value.expect("an object"), serde_json::json!({"a": {"b": 1}, "big": null}));
        for text in [
            &br#"{"big":1,"big":2}"#[..],
            br#"{"a":{"b":1,"b":2},"big":1}"#,
            br#"{"big":}"#,
            b"{\"big\":\"\xff\"}",
            br#"{"big":1}x"#,
            br#"["big"]"#,
            b"",
        ] {
            let read = parse_skipping(text, "big", 9);
            assert!(read.is_err(), "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_is_capped_exactly() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse(nested(usize::from(MAX_DEPTH)).as_bytes()).is_ok());
        assert!(parse(nested(usize::from(MAX_DEPTH) + 1).as_bytes()).is_err());
    }

    #[test]
    fn values_are_counted_at_every_level() {
        let text = br#"{"a":[1,{}],"b":{"c":"d"}}"#;
        assert!(parse_within(text, 6).is_ok());
        let error = parse_within(text, 5).expect_err("one too many").to_string();
        assert!(error.contains("more values"), "{error}");
        assert!(parse_skipping(text, "a", 2).is_ok());
        assert!(parse_skipping(text, "a", 1).is_err());
    }

    #[test]
    fn a_key_that_differs_only_in_case_is_found() {
        let value = parse(br#"{"Layers":[],"config":1}"#).expect("object");
        let object = value.as_object().expect("object");
        assert_eq!(case_variant(object, &["layers", "config"]), Some("Layers"));
        assert_eq!(case_variant(object, &["config"]), None);
    }

    #[test]
    fn letters_that_fold_to_ascii_ones_are_no_other_letters() {
        let value = parse("{\"dige\u{17f}t\":1,\"\u{212a}eyid\":2,\"d\u{131}gest\":3}".as_bytes());
        let value = value.expect("object");
        let object = value.as_object().expect("object");
        assert_eq!(case_variant(object, &["digest"]), Some("dige\u{17f}t"));
        assert_eq!(case_variant(object, &["keyid"]), Some("\u{212a}eyid"));
        assert_eq!(case_variant(object, &["size"]), None);
    }
}
