//! Adding members to a JSON object without touching any other byte of the document.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// Indentation where a document shows none of its own.
const INDENT: &str = "    ";

/// What is added. Members keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// An object of texts.
    pub(super) fn texts<const N: usize>(members: [(&str, &str); N]) -> Self {
        let member = |(key, text): (&str, &str)| (key.to_owned(), Self::Text(text.to_owned()));
        Self::Object(members.into_iter().map(member).collect())
    }
}

/// The members of an object, as they stand in its text.
struct Members<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// The keys of the object at `path`; none when there is no such object.
pub(super) fn keys(document: &str, path: &[&str]) -> Result<Vec<String>, serde_json::Error> {
    match find(document, path)? {
        Some(object) => {
            let members: Members<'_> = serde_json::from_str(object)?;
            Ok(members.0.into_iter().map(|(key, _)| key).collect())
        }
        None => Ok(Vec::new()),
    }
}

/// `document` with `added` at the end of the object at `path`. Objects on the way that are missing are made, at the
/// end of the one above. The document is valid JSON and an object.
pub(super) fn add(
    document: &str,
    path: &[&str],
    added: Vec<(String, Tree)>,
) -> Result<String, serde_json::Error> {
    let mut depth = path.len();
    let mut added = added;
    loop {
        if let Some(object) = find(document, &path[..depth])? {
            return insert(document, object, &added);
        }
        depth -= 1;
        added = vec![(path[depth].to_owned(), Tree::Object(added))];
    }
}

/// The text of the object at `path`, a part of `document`.
fn find<'t>(document: &'t str, path: &[&str]) -> Result<Option<&'t str>, serde_json::Error> {
    let mut object = document.trim_matches([' ', '\t', '\r', '\n']);
    for key in path {
        let members: Members<'t> = serde_json::from_str(object)?;
        match members.0.into_iter().find(|(name, _)| name == key) {
            Some((_, value)) => object = value.get(),
            None => return Ok(None),
        }
    }
    Ok(Some(object))
}

/// Where `part` begins in `whole`, of which it is a part.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

fn insert(
    document: &str,
    object: &str,
    added: &[(String, Tree)],
) -> Result<String, serde_json::Error> {
    let layout = Layout::of(document);
    let start = offset(document, object);
    let members: Members<'_> = serde_json::from_str(object)?;
    let (from, to, text) = match members.0.last() {
        Some((_, last)) => {
            let end = offset(document, last.get()) + last.get().len();
            let own = layout.or_compact(white_space(&object[1..]).contains('\n'));
            let indent = last_line(white_space(&object[1..]));
            let mut text = String::new();
            for member in added {
                text.push(',');
                own.break_line(&mut text, indent, true);
                own.member(&mut text, member, indent);
            }
            (end, end, text)
        }
        None => {
            let line = document[..start].rsplit('\n').next().unwrap_or_default();
            let mut text = String::new();
            layout.object(&mut text, added, white_space(line));
            (start, start + object.len(), text)
        }
    };
    Ok([&document[..from], &text, &document[to..]].concat())
}

fn white_space(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t', '\r', '\n']).len()]
}

fn last_line(white_space: &str) -> &str {
    white_space.rsplit('\n').next().unwrap_or_default()
}

/// How a document is laid out.
#[derive(Clone, Copy)]
struct Layout<'t> {
    /// The line end, and one step of indentation; `None` when all stands in one line.
    lines: Option<(&'static str, &'t str)>,
}

impl<'t> Layout<'t> {
    fn of(document: &'t str) -> Self {
        let document = document.trim_matches([' ', '\t', '\r', '\n']);
        let first = white_space(document.get(1..).unwrap_or_default());
        let one_line = !document.contains('\n') && document.len() > "{}".len();
        let end = if document.contains("\r\n") { "\r\n" } else { "\n" };
        let step = match last_line(first) {
            "" => INDENT,
            step if first.contains('\n') => step,
            _ => INDENT,
        };
        Self { lines: (!one_line).then_some((end, step)) }
    }

    fn or_compact(self, in_lines: bool) -> Self {
        if in_lines { self } else { Self { lines: None } }
    }

    fn break_line(self, text: &mut String, indent: &str, after_comma: bool) {
        match self.lines {
            Some((end, _)) => {
                text.push_str(end);
                text.push_str(indent);
            }
            None if after_comma => text.push(' '),
            None => {}
        }
    }

    fn member(self, text: &mut String, (key, value): &(String, Tree), indent: &str) {
        text.push_str(&string(key));
        text.push_str(": ");
        self.tree(text, value, indent);
    }

    fn tree(self, text: &mut String, tree: &Tree, indent: &str) {
        match tree {
            Tree::Text(value) => text.push_str(&string(value)),
            Tree::Object(members) => self.object(text, members, indent),
            Tree::List(items) => {
                self.sequence(text, ('[', ']'), items, indent, |layout, text, item, inner| {
                    layout.tree(text, item, inner);
                });
            }
        }
    }

    fn object(self, text: &mut String, members: &[(String, Tree)], indent: &str) {
        self.sequence(text, ('{', '}'), members, indent, |layout, text, member, inner| {
            layout.member(text, member, inner);
        });
    }

    fn sequence<T>(
        self,
        text: &mut String,
        (open, close): (char, char),
        items: &[T],
        indent: &str,
        write: impl Fn(Self, &mut String, &T, &str),
    ) {
        let inner = format!("{indent}{}", self.lines.map_or("", |(_, step)| step));
        text.push(open);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                text.push(',');
            }
            self.break_line(text, &inner, number > 0);
            write(self, text, item, &inner);
        }
        if !items.is_empty() {
            self.break_line(text, indent, false);
        }
        text.push(close);
    }
}

/// A JSON string. What is not printable ASCII is escaped as in `serde_json`.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added() -> Vec<(String, Tree)> {
        vec![("n".into(), Tree::List(vec![Tree::texts([("type", "reject")])]))]
    }

    #[test]
    fn added_members_follow_the_layout_of_the_document() {
        for (before, after) in [
            (r#"{"a":{"b":{"x":1}}}"#, r#"{"a":{"b":{"x":1, "n": [{"type": "reject"}]}}}"#),
            (r#"{"a":{"b":{}}}"#, r#"{"a":{"b":{"n": [{"type": "reject"}]}}}"#),
            (r#"{"a":{}, "z":[1 ,2]}"#, r#"{"a":{"b": {"n": [{"type": "reject"}]}}, "z":[1 ,2]}"#),
            (r#"{"z":1}"#, r#"{"z":1, "a": {"b": {"n": [{"type": "reject"}]}}}"#),
            (
                "{\n  \"a\" : {\n    \"b\": {\n      \"x\":   1\n    }\n  },\n  \"z\": 2 }\n",
                "{\n  \"a\" : {\n    \"b\": {\n      \"x\":   1,\n      \"n\": [\n        {\n          \
                 \"type\": \"reject\"\n        }\n      ]\n    }\n  },\n  \"z\": 2 }\n",
            ),
            (
                "{\n\t\"a\": {}\n}",
                "{\n\t\"a\": {\n\t\t\"b\": {\n\t\t\t\"n\": [\n\t\t\t\t{\n\t\t\t\t\t\"type\": \"reject\"\n\t\t\t\t}\n\
                 \t\t\t]\n\t\t}\n\t}\n}",
            ),
            (
                "{\r\n \"a\": {\"b\": {\"x\": 1}}\r\n}",
                "{\r\n \"a\": {\"b\": {\"x\": 1, \"n\": [{\"type\": \"reject\"}]}}\r\n}",
            ),
        ] {
            assert_eq!(add(before, &["a", "b"], added()).expect("JSON"), after, "{before}");
        }
    }

    #[test]
    fn keys_are_compared_decoded_and_listed_in_order() {
        let document = "{\"\\u0061\": {\"z\": 1, \"y\\\"\": 2}}";
        assert_eq!(keys(document, &["a"]).expect("JSON"), ["z", "y\""]);
        assert_eq!(keys(document, &["a", "none"]).expect("JSON"), <[&str; 0]>::default());
        let text = add(document, &["a"], added()).expect("JSON");
        assert_eq!(
            text,
            "{\"\\u0061\": {\"z\": 1, \"y\\\"\": 2, \"n\": [{\"type\": \"reject\"}]}}"
        );
    }

    #[test]
    fn braces_and_quotes_in_texts_are_no_structure() {
        let document = "{\"x\": \"}{\\\"\", \"a\": {\"{\": \"}\"}}";
        let text = add(document, &["a"], added()).expect("JSON");
        assert_eq!(
            text,
            "{\"x\": \"}{\\\"\", \"a\": {\"{\": \"}\", \"n\": [{\"type\": \"reject\"}]}}"
        );
    }
}
