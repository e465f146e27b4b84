//! Reading JSON objects by their exact keys, on top of [`bundle_oci::json::parse_within`].
//!
//! serde's derive would take an array for a struct; Go's decoder takes `Critical` for `critical`. Here an object is an
//! object, and a key is its exact spelling.

use super::text::bounded;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::json;
use serde_json::{Map, Value};

/// A document does not have the shape that its format prescribes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShapeError(String);

impl ShapeError {
    /// A shape error; untrusted parts of `what` must be bounded already.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// An object of a document, with the name it has in messages.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    name: &'static str,
    object: &'a Map<String, Value>,
}

/// Most values of a document, so that what somebody attached to an image takes no more than some 20 MiB when it is
/// read, whatever is in it. A statement about 1024 subjects has 5,000.
pub(crate) const MAX_VALUES: usize = 1 << 15;

/// Reads a strict JSON document of at most `MAX_VALUES`.
pub fn document(name: &str, bytes: &[u8]) -> Result<Value, ShapeError> {
    document_within(name, bytes, MAX_VALUES)
}

/// Reads a strict JSON document of at most so many values.
pub(crate) fn document_within(
    name: &str,
    bytes: &[u8],
    values: usize,
) -> Result<Value, ShapeError> {
    json::parse_within(bytes, values).map_err(|error| not_strict(name, &error))
}

/// Reads a strict JSON object but for the member `skipped`, of which only the syntax is looked at.
pub(crate) fn document_without(
    name: &str,
    bytes: &[u8],
    skipped: &str,
) -> Result<Value, ShapeError> {
    json::parse_skipping(bytes, skipped, MAX_VALUES).map_err(|error| not_strict(name, &error))
}

fn not_strict(name: &str, error: &serde_json::Error) -> ShapeError {
    ShapeError(format!("{name} is not strict JSON: {}", bounded(&error.to_string())))
}

impl<'a> Fields<'a> {
    /// An object with exactly the keys `keys`.
    pub fn exactly(
        name: &'static str,
        value: &'a Value,
        keys: &[&str],
    ) -> Result<Self, ShapeError> {
        let fields = Self::among(name, value, keys)?;
        match keys.iter().find(|key| !fields.object.contains_key(**key)) {
            Some(missing) => Err(ShapeError(format!("{name} has no {missing:?}"))),
            None => Ok(fields),
        }
    }

    /// An object with no other keys than `keys`.
    pub fn among(name: &'static str, value: &'a Value, keys: &[&str]) -> Result<Self, ShapeError> {
        let fields = Self::open(name, value, &[])?;
        match fields.object.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(unknown) => {
                Err(ShapeError(format!("{name} has an unknown key {:?}", bounded(unknown))))
            }
            None => Ok(fields),
        }
    }

    /// An object that may have keys beyond `known`, but none that some reader would take for a known one.
    pub fn open(name: &'static str, value: &'a Value, known: &[&str]) -> Result<Self, ShapeError> {
        let Value::Object(object) = value else {
            return Err(ShapeError(format!("{name} is not an object")));
        };
        match json::case_variant(object, known) {
            Some(key) => Err(ShapeError(format!(
                "{name} has a key {:?} that differs from a known one only in case",
                bounded(key)
            ))),
            None => Ok(Self { name, object }),
        }
    }

    /// A value that may be absent. `null` is a value, not absence.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    /// A value, with `null` for absence as protobuf's JSON mapping has it.
    pub fn present(&self, key: &str) -> Option<&'a Value> {
        self.get(key).filter(|value| !value.is_null())
    }

    /// A value that must be there.
    pub fn need(&self, key: &str) -> Result<&'a Value, ShapeError> {
        self.get(key).ok_or_else(|| self.not(key, "there"))
    }

    /// A text that must be there.
    pub fn text(&self, key: &str) -> Result<&'a str, ShapeError> {
        self.need(key)?.as_str().ok_or_else(|| self.not(key, "a string"))
    }

    /// A list; absent means empty.
    pub fn list(&self, key: &str) -> Result<&'a [Value], ShapeError> {
        match self.get(key) {
            None => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => Err(self.not(key, "a list")),
        }
    }

    /// A non-empty text in padded standard base64, decoded.
    pub fn bytes(&self, key: &str) -> Result<Vec<u8>, ShapeError> {
        self.decoded(key, self.need(key)?)
    }

    /// The same, of `value`, which is `key` or an item of it.
    pub(crate) fn decoded(&self, key: &str, value: &Value) -> Result<Vec<u8>, ShapeError> {
        let text = value.as_str().ok_or_else(|| self.not(key, "a string"))?;
        match STANDARD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            _ => Err(self.not(key, "base64 of anything")),
        }
    }

    /// A number as protobuf's JSON mapping writes 64-bit integers: in decimal, as text or as a number. Absent means 0.
    /// Negative ones and those beyond `i64` are refused.
    pub(crate) fn number(&self, key: &str) -> Result<u64, ShapeError> {
        self.number_to(key, i64::MAX as u64)
    }

    /// The same, with a smaller greatest value.
    pub(crate) fn number_to(&self, key: &str, most: u64) -> Result<u64, ShapeError> {
        let number = match self.present(key) {
            None => Some(0),
            Some(Value::String(text)) if text.bytes().all(|digit| digit.is_ascii_digit()) => {
                text.parse().ok()
            }
            Some(value) => value.as_u64(),
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| self.not(key, &format!("a number from 0 to {most}")))
    }

    /// The error that `key` is not what it must be.
    pub fn not(&self, key: &str, wanted: &str) -> ShapeError {
        ShapeError(format!("{:?} of {} is not {wanted}", bounded(key), self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_decimal_and_fit_64_bits_with_sign() {
        let number = |value: Value| {
            let value = json!({"n": value});
            Fields::open("it", &value, &["n"]).and_then(|fields| fields.number("n")).ok()
        };
        assert_eq!(number(json!("9223372036854775807")), Some(i64::MAX as u64));
        assert_eq!((number(json!(7)), number(Value::Null)), (Some(7), Some(0)));
        for wrong in [json!("-1"), json!(-1), json!("+1"), json!(""), json!(1.5), json!(" 1")] {
            assert_eq!(number(wrong.clone()), None, "{wrong}");
        }
        assert_eq!(number(json!("9223372036854775808")), None);
    }
}
