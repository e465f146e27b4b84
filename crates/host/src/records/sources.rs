//! Where the content of each target repository came from: `/var/lib/bundle/sources.json`.
//!
//! By default names at the target leave the source's host out. So another bundle could fill a repository from another
//! host, under the same name. What filled it first is remembered, and another source needs a rule that says so.

use bundle_oci::host_name::canonical;
use bundle_oci::text::bounded;
use bundle_oci::{Repository, json};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most repositories that are remembered.
pub const MAX_SOURCES: usize = 100_000;
/// Largest file read: [`MAX_SOURCES`] pairs of names of 255 characters.
pub const MAX_FILE: usize = 64 << 20;
const VERSION: u64 = 1;
const DOCUMENT: [&str; 2] = ["version", "sources"];

/// Source repositories by target repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(BTreeMap<Repository, Repository>);

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// Larger than anything that is written.
    #[error("the file has {0} bytes, more than {MAX_FILE}")]
    TooLarge(usize),
    /// More repositories than are remembered.
    #[error("there are {0} repositories, more than {MAX_SOURCES}")]
    TooMany(usize),
    /// Not strict JSON.
    #[error("the file is not strict JSON")]
    Json(#[from] serde_json::Error),
    /// A key that the format does not have, or one that is missing.
    #[error("the file has not exactly the keys \"version\" and \"sources\"")]
    Keys,
    /// Written by another version.
    #[error("the file has version {0}, this program knows {VERSION}")]
    Version(String),
    /// A name that is none.
    #[error("{0:?} is not the full name of a repository")]
    Name(String),
}

/// A repository was filled from somewhere else before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{target} holds images of {remembered}, and would now be filled from {offered}")]
pub struct OtherSource {
    /// The repository at the target.
    pub target: Repository,
    /// Where its content came from.
    pub remembered: Repository,
    /// Where the new content comes from.
    pub offered: Repository,
}

/// Whether somebody has said that this source goes to this target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It follows from the default.
    Implied,
    /// A mapping says so: then the memory is changed.
    Explicit,
}

/// What was remembered of a target repository before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// Nothing: it is remembered from now on.
    New,
    /// The same source.
    Same,
    /// Another one, and it was decided that this one takes its place.
    Replaced {
        /// The other one.
        was: Repository,
    },
}

impl Sources {
    /// Reads the file.
    ///
    /// # Errors
    /// [`SourcesError`]: anything that [`Self::to_json`] does not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, SourcesError> {
        if bytes.len() > MAX_FILE {
            return Err(SourcesError::TooLarge(bytes.len()));
        }
        let document = json::parse_within(bytes, 2 * MAX_SOURCES)?;
        let object = document.as_object().filter(|object| {
            object.len() == DOCUMENT.len() && DOCUMENT.iter().all(|key| object.contains_key(*key))
        });
        let object = object.ok_or(SourcesError::Keys)?;
        if object["version"] != VERSION {
            return Err(SourcesError::Version(bounded(&object["version"].to_string())));
        }
        let pairs = object["sources"].as_object().ok_or(SourcesError::Keys)?;
        if pairs.len() > MAX_SOURCES {
            return Err(SourcesError::TooMany(pairs.len()));
        }
        let pair = |(target, source): (&String, &Value)| {
            let source = source.as_str().ok_or_else(|| SourcesError::Name(bounded(target)))?;
            // An earlier version kept names as they were written.
            Ok((folded(&full_name(target)?), folded(&full_name(source)?)))
        };
        pairs.iter().map(pair).collect::<Result<_, _>>().map(Self)
    }

    /// The bytes of the file: the same for the same content.
    pub fn to_json(&self) -> Vec<u8> {
        let pairs: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|(target, source)| (target.to_string(), source.to_string().into()))
            .collect();
        let document = serde_json::json!({ "version": VERSION, "sources": pairs });
        format!("{document:#}\n").into_bytes()
    }

    /// Remembers that `target` is filled from `source`. How a host is spelled does not count.
    ///
    /// # Errors
    /// [`OtherSource`] when it was filled from elsewhere and nobody decided otherwise.
    pub fn admit(
        &mut self,
        target: &Repository,
        source: &Repository,
        decision: Decision,
    ) -> Result<Memory, Box<OtherSource>> {
        let (target, source) = (folded(target), folded(source));
        let memory = match self.0.get(&target) {
            Some(known) if *known == source => return Ok(Memory::Same),
            Some(known) if decision == Decision::Implied => {
                let remembered = known.clone();
                return Err(Box::new(OtherSource { target, remembered, offered: source }));
            }
            Some(known) => Memory::Replaced { was: known.clone() },
            None => Memory::New,
        };
        self.0.insert(target, source);
        Ok(memory)
    }

    /// Where the content of `target` came from.
    pub fn of(&self, target: &Repository) -> Option<&Repository> {
        self.0.get(&folded(target))
    }

    /// How many repositories are remembered.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// The same name with its host as hosts are compared.
fn folded(repository: &Repository) -> Repository {
    // A host is valid in every spelling.
    Repository::new(&canonical(repository.host()), repository.path())
        .unwrap_or_else(|_| repository.clone())
}

/// A name that is written as it is read: nothing is completed.
fn full_name(text: &str) -> Result<Repository, SourcesError> {
    let refused = || SourcesError::Name(bounded(text));
    let (host, path) = text.split_once('/').ok_or_else(refused)?;
    Repository::new(host, path).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn repository(text: &str) -> Repository {
        full_name(text).expect("a repository")
    }

    #[test]
    fn another_source_needs_a_decision() {
        let mut sources = Sources::default();
        let target = repository("r.example:5000/org/app");
        let (first, other) = (repository("quay.io/org/app"), repository("evil.example/org/app"));
        assert_eq!(sources.admit(&target, &first, Decision::Implied), Ok(Memory::New));
        assert_eq!(sources.admit(&target, &first, Decision::Implied), Ok(Memory::Same));
        let refused = sources.admit(&target, &other, Decision::Implied).expect_err("refused");
        assert_eq!((&refused.remembered, &refused.offered), (&first, &other));
        assert_eq!(sources.of(&target), Some(&first));
        let replaced = sources.admit(&target, &other, Decision::Explicit);
        assert_eq!(replaced, Ok(Memory::Replaced { was: first }));
        assert_eq!(sources.of(&target), Some(&other));
        assert_eq!(sources.count(), 1);
    }

    #[test]
    fn the_spelling_of_a_host_makes_no_other_repository() {
        let mut sources = Sources::default();
        let name = |host: &str| Repository::new(host, "org/app").expect("a repository");
        let admitted = sources.admit(&name("R.example"), &name("quay.io"), Decision::Implied);
        assert_eq!(admitted, Ok(Memory::New));
        let same = sources.admit(&name("r.Example"), &name("QUAY.io"), Decision::Implied);
        assert_eq!(same, Ok(Memory::Same));
        let other = sources.admit(&name("r.example"), &name("evil.example"), Decision::Implied);
        assert!(other.is_err());
        assert_eq!(sources.of(&name("R.EXAMPLE")), Some(&name("quay.io")));
        let other = sources.admit(&name("r.example:443"), &name("evil.example"), Decision::Implied);
        assert!(other.is_err());
        let same = sources.admit(&name("r.example:443"), &name("quay.io:0443"), Decision::Implied);
        assert_eq!(same, Ok(Memory::Same));
        // As an earlier version wrote it.
        let written = r#"{"version":1,"sources":{"R.example:443/org/app":"QUAY.io/org/app"}}"#;
        let mut read = Sources::parse(written.as_bytes()).expect("sources");
        let same = read.admit(&name("r.example"), &name("quay.io"), Decision::Implied);
        assert_eq!(same, Ok(Memory::Same));
    }

    #[test]
    fn the_file_reads_back_and_is_the_same_every_time() {
        let mut sources = Sources::default();
        for name in ["b", "a"] {
            let (target, source) = (format!("r.example/{name}"), format!("[::1]:5000/{name}"));
            let admitted =
                sources.admit(&repository(&target), &repository(&source), Decision::Implied);
            admitted.expect("new");
        }
        let bytes = sources.to_json();
        assert_eq!(Sources::parse(&bytes).expect("sources"), sources);
        let text = "{\n  \"sources\": {\n    \"r.example/a\": \"[::1]:5000/a\",\n    \"r.example/b\": \
                    \"[::1]:5000/b\"\n  },\n  \"version\": 1\n}\n";
        assert_eq!(String::from_utf8_lossy(&bytes), text);
    }

    #[test]
    fn whatever_is_not_such_a_file_is_refused() {
        let pair =
            |target: &str, source: Value| json!({ "version": 1, "sources": { target: source } });
        let good = pair("r.example/a", json!("quay.io/a"));
        assert!(Sources::parse(good.to_string().as_bytes()).is_ok());
        let mut unknown = good.clone();
        unknown["more"] = json!(1);
        for document in [
            unknown,
            json!({ "version": 2, "sources": {} }),
            json!({ "version": "1", "sources": {} }),
            json!({ "version": 1, "sources": [] }),
            json!({ "version": 1 }),
            json!([1, {}]),
            pair("a", json!("quay.io/a")),
            pair("r.example/a:1", json!("quay.io/a")),
            pair("r.example/a", json!("quay.io/A")),
            pair("r.example/a", json!(1)),
        ] {
            assert!(Sources::parse(document.to_string().as_bytes()).is_err(), "{document}");
        }
        let doubled =
            br#"{"version":1,"sources":{"r.example/a":"quay.io/a","r.example/a":"x.io/a"}}"#;
        assert!(matches!(Sources::parse(doubled), Err(SourcesError::Json(_))));
        assert!(matches!(Sources::parse(b""), Err(SourcesError::Json(_))));
        assert!(matches!(
            Sources::parse(&vec![b' '; MAX_FILE + 1]),
            Err(SourcesError::TooLarge(_))
        ));
    }
}
