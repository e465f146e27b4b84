//! The strict reading of [`parse_within`](super::parse_within) without the values: for large documents that are then read into a
//! type. Memory: the keys of the objects that are open, and the longest text with escapes in it.

use super::{MAX_DEPTH, duplicate, too_deep};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// Bounds of a document. What is then made of it takes memory by the number of its values, not by its length:
/// an empty text has two bytes of JSON and takes 24 in a list.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most values in the whole document, lists and objects included, keys not.
    pub values: usize,
    /// Most members of one object.
    pub members: usize,
    /// Longest text, keys included, in bytes.
    pub text: usize,
}

impl Bounds {
    /// Bounds on the number of values alone: no object has more members, and a text may be as long as the document.
    pub const fn values(values: usize) -> Self {
        Self { values, members: values, text: usize::MAX }
    }
}

/// Checks what [`parse_within`](super::parse_within) checks and builds nothing.
///
/// # Errors
/// As [`parse_within`](super::parse_within); more than `bounds` allow.
pub fn check(bytes: &[u8], bounds: Bounds) -> Result<(), serde_json::Error> {
    let values = Cell::new(bounds.values);
    let check = Check { depth: MAX_DEPTH, values: &values, bounds: &bounds };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    check.deserialize(&mut deserializer)?;
    deserializer.end()
}

/// Checks one value.
#[derive(Clone, Copy)]
struct Check<'a> {
    /// Levels that may follow.
    depth: u8,
    /// Values that may follow in the whole document.
    values: &'a Cell<usize>,
    bounds: &'a Bounds,
}

impl Check<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(too_deep)?;
        Ok(Self { depth, ..self })
    }

    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        let most = self.bounds.text;
        match text.len() > most {
            true => Err(E::custom(format_args!("a text of more than {most} bytes"))),
            false => Ok(()),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(left) = self.values.get().checked_sub(1) else {
            let most = self.bounds.values;
            return Err(D::Error::custom(format_args!("more than {most} values")));
        };
        self.values.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<(), E> {
        self.text(v)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key()? {
            self.text(&key)?;
            keys.add(key, self.bounds.members)?;
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// Keys up to this number are compared one by one: most objects have no more, and a table costs more than that.
const FEW: usize = 16;

/// The keys of one open object.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    more: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    fn add<E: Error>(&mut self, key: Cow<'de, str>, most: usize) -> Result<(), E> {
        if self.few.contains(&key) || self.more.contains(&key) {
            return Err(duplicate(&key));
        }
        if self.few.len() + self.more.len() >= most {
            return Err(E::custom(format_args!("an object of more than {most} members")));
        }
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.more.insert(key);
        }
        Ok(())
    }
}

/// A key, borrowed from the document unless it has escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsWritten;
        impl<'de> Visitor<'de> for AsWritten {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(v)))
            }

            fn visit_str<E>(self, v: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(v.to_owned())))
            }
        }
        deserializer.deserialize_str(AsWritten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_within;

    const BOUNDS: Bounds = Bounds { values: 100, members: 40, text: 50 };

    fn refusal(text: &str, bounds: Bounds) -> Option<String> {
        check(text.as_bytes(), bounds).err().map(|error| error.to_string())
    }

    #[test]
    fn it_refuses_what_reading_refuses_and_nothing_else() {
        let object = |keys: usize, last: &str| {
            let keys: Vec<_> = (0..keys).map(|key| format!(r#""k{key}":0"#)).collect();
            format!("{{{},{last}}}", keys.join(","))
        };
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let mut texts = vec![
            (r#"{"a":[1,-2,3.5,1e3,"x\n",null,true],"b":{"a":{}}}"#.to_owned(), true),
            (r#"[{"a":1},{"a":1}]"#.into(), true),
            (nested(usize::from(MAX_DEPTH)), true),
            (nested(usize::from(MAX_DEPTH) + 1), false),
            (r#"{"a":1,"a":1}"#.into(), false),
            (r#"{"a":1,"\u0061":1}"#.into(), false),
            (r#"{"\u0061":1,"\u0061":1}"#.into(), false),
            (r#"{"a":{"b":1,"b":1}}"#.into(), false),
            (r#"[0,{"a":1,"a":1}]"#.into(), false),
        ];
        for text in ["", " ", "{} {}", "{}x", "\u{feff}{}", "[1e999]", "[01]", "{a:1}", "[1,]"] {
            texts.push((text.into(), false));
        }
        // A key that comes again near, at and beyond the step from a list to a table.
        for keys in [1, FEW - 1, FEW, FEW + 1, 2 * FEW] {
            texts.push((object(keys, r#""new":1"#), true));
            for again in [0, keys / 2, keys - 1] {
                texts.push((object(keys, &format!(r#""k{again}":1"#)), false));
                texts.push((object(keys, &format!(r#""\u006b{again}":1"#)), false));
            }
        }
        for (text, good) in texts {
            assert_eq!(check(text.as_bytes(), BOUNDS).is_ok(), good, "{text}");
            assert_eq!(parse_within(text.as_bytes(), 100).is_ok(), good, "{text}");
        }
        assert!(check(b"{\"a\":\"\xff\"}", BOUNDS).is_err());
    }

    #[test]
    fn bounds_are_exact() {
        let values = |n: usize| format!("[{}]", vec!["{}"; n - 1].join(","));
        assert_eq!(refusal(&values(100), BOUNDS), None);
        let said = refusal(&values(101), BOUNDS).expect("refused");
        assert!(said.starts_with("more than 100 values at line 1"), "{said}");

        for few in [3, FEW, 40] {
            let bounds = Bounds { members: few, ..BOUNDS };
            let members = |n: usize| {
                let members: Vec<_> = (0..n).map(|key| format!(r#""{key}":0"#)).collect();
                format!("{{{}}}", members.join(","))
            };
            assert_eq!(refusal(&members(few), bounds), None);
            let said = refusal(&members(few + 1), bounds).expect("refused");
            assert!(said.starts_with(&format!("an object of more than {few} members")), "{said}");
        }

        for (form, long) in [(r#"["#, "]"), (r#"{"a":"#, "}"), (r#"{"#, ":0}")] {
            let text = |letter: &str, n: usize| format!(r#"{form}"{}"{long}"#, letter.repeat(n));
            for letter in ["a", "\\u0061"] {
                assert_eq!(refusal(&text(letter, 50), BOUNDS), None);
                let said = refusal(&text(letter, 51), BOUNDS).expect("refused");
                assert!(said.starts_with("a text of more than 50 bytes"), "{said}");
            }
        }
    }
}
