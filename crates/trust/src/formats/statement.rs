//! in-toto statements (in-toto/attestation, spec/v1/statement.md, and v0.1 before it).

use crate::reading::fields::{Fields, ShapeError, document_without};
use bundle_oci::Digest;

/// The predicate type by which cosign 3 marks a statement as an image signature. All others are attestations.
pub const COSIGN_SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
/// Most subjects of a statement (docs/spec/verification.md §7.4).
pub const MAX_SUBJECTS: usize = 1024;

const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const KEYS: [&str; 4] = ["_type", "subject", "predicateType", "predicate"];

/// What a statement says about which content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Type of the predicate.
    pub predicate_type: String,
    subjects: Vec<Option<String>>,
}

impl Statement {
    /// Decodes a statement. Unknown keys are allowed, as the specification demands; doubtful ones are not.
    ///
    /// # Errors
    /// Anything but an object of the prescribed types, no subject, more than [`MAX_SUBJECTS`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ShapeError> {
        let value = document_without("the statement", bytes, "predicate")?;
        let statement = Fields::open("the statement", &value, &KEYS)?;
        if !TYPES.contains(&statement.text("_type")?) {
            return Err(statement.not("_type", "a supported version of in-toto statements"));
        }
        let subjects = statement.list("subject")?;
        if subjects.is_empty() || subjects.len() > MAX_SUBJECTS {
            return Err(statement.not("subject", "a list of 1 to 1024 subjects"));
        }
        let subjects = subjects.iter().map(|subject| {
            let subject = Fields::open("a subject", subject, &["name", "digest"])?;
            let digest = Fields::open("a subject's digest", subject.need("digest")?, &["sha256"])?;
            digest.get("sha256").map(|_| digest.text("sha256").map(str::to_owned)).transpose()
        });
        Ok(Self {
            predicate_type: statement.text("predicateType")?.to_owned(),
            subjects: subjects.collect::<Result<_, _>>()?,
        })
    }

    /// True when a subject has exactly this SHA-256 digest, in lower-case hex.
    pub fn names(&self, digest: &Digest) -> bool {
        let hex = digest.hex();
        self.subjects.iter().flatten().any(|subject| *subject == hex)
    }
}
