//! Structs from JSON objects alone, and enums from JSON texts alone.
//!
//! `serde`'s derive takes an array of the members in the order of a struct's fields as well, and `{"name": null}` for the
//! text `"name"`. Other readers do not, so such a document would mean something here and nothing to them.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A value that is read from a JSON object, and from nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Reads a value from a JSON object: for `deserialize_with`.
///
/// # Errors
/// Anything but an object; an object that is not of this type.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Members<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Members(PhantomData))
}

/// Reads an enum of names from a JSON text: for `deserialize_with`.
///
/// # Errors
/// Anything but a text; a name that the enum does not have.
pub fn name<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Name<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Name<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
            T::deserialize(name.into_deserializer())
        }
    }
    deserializer.deserialize_str(Name(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        DarkRed,
    }

    #[test]
    fn enum_is_read_from_a_text_and_not_from_an_object() {
        let read = |text| name::<_, Colour>(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read(r#""dark-red""#).expect("a text"), Colour::DarkRed);
        assert_eq!(read(r#""dark\u002dred""#).expect("an escaped text"), Colour::DarkRed);
        for wrong in [r#"{"dark-red":null}"#, r#"["dark-red"]"#, "null", "0", r#""blue""#] {
            let refused = read(wrong).expect_err(wrong).to_string();
            let expected = if wrong == r#""blue""# { "unknown variant" } else { "expected a text" };
            assert!(refused.contains(expected), "{wrong}: {refused}");
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Pair {
        a: u8,
        #[serde(default)]
        b: u8,
    }

    #[test]
    fn struct_is_read_from_an_object_and_not_from_an_array() {
        let read = serde_json::from_str::<Object<Pair>>;
        assert_eq!(read(r#"{"b":2,"a":1}"#).expect("an object").0, Pair { a: 1, b: 2 });
        assert_eq!(read(r#"{"a":1}"#).expect("without what is optional").0, Pair { a: 1, b: 0 });
        for wrong in ["[1,2]", "[1]", "[]", "null", "1", r#""a""#, "{}"] {
            let refused = read(wrong).expect_err(wrong).to_string();
            let expected = if wrong == "{}" { "missing field `a`" } else { "expected an object" };
            assert!(refused.contains(expected), "{wrong}: {refused}");
        }
    }
}
