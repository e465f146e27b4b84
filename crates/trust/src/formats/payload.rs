//! The payload of a simple-signing signature (containers/image docs/containers-signature.5;
//! docs/spec/verification.md §4.6).

use crate::reading::fields::{Fields, ShapeError, document};
use bundle_oci::Digest;
use serde_json::Value;

/// Whose payload it is. The two differ in their type, and in what `optional` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadForm {
    /// Cosign's. It writes `null` for an empty `optional`.
    Cosign,
    /// That of GPG signatures, whose `optional` is an object, as in the container stack's own reader.
    Atomic,
}

impl PayloadForm {
    /// `critical.type`, which keeps a signature of one form from being taken for one of the other.
    const fn type_text(self) -> &'static str {
        match self {
            Self::Cosign => "cosign container image signature",
            Self::Atomic => "atomic container signature",
        }
    }
}

/// What a simple-signing payload states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The manifest that was signed.
    pub manifest_digest: Digest,
    /// The image it was signed as; not parsed yet, because how it is compared is the identity rule's business.
    pub docker_reference: String,
    /// `optional.creator`: the program that signed. A statement of the signer, nothing more.
    pub creator: Option<String>,
    /// `optional.timestamp`: seconds since 1970, as the signer states.
    pub timestamp: Option<i64>,
}

impl Payload {
    /// Decodes a payload of cosign's whose signature has been verified.
    ///
    /// # Errors
    /// As [`Self::parse_as`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ShapeError> {
        Self::parse_as(PayloadForm::Cosign, bytes)
    }

    /// Decodes a payload whose signature has been verified.
    ///
    /// # Errors
    /// Anything but an object of exactly the prescribed keys and types at every level; only `optional` may hold more.
    pub fn parse_as(form: PayloadForm, bytes: &[u8]) -> Result<Self, ShapeError> {
        let value = document("the payload", bytes)?;
        let payload = Fields::exactly("the payload", &value, &["critical", "optional"])?;
        let critical =
            Fields::exactly("critical", payload.need("critical")?, &["type", "image", "identity"])?;
        if critical.text("type")? != form.type_text() {
            return Err(critical.not("type", &format!("{:?}", form.type_text())));
        }
        let image = Fields::exactly(
            "critical.image",
            critical.need("image")?,
            &["docker-manifest-digest"],
        )?;
        let identity = Fields::exactly(
            "critical.identity",
            critical.need("identity")?,
            &["docker-reference"],
        )?;
        let digest = image.text("docker-manifest-digest")?;
        let (creator, timestamp) = optional(form, payload.need("optional")?)?;
        Ok(Self {
            manifest_digest: digest
                .parse()
                .map_err(|_| image.not("docker-manifest-digest", "a SHA-256 digest"))?,
            docker_reference: identity.text("docker-reference")?.to_owned(),
            creator,
            timestamp,
        })
    }
}

fn optional(form: PayloadForm, value: &Value) -> Result<(Option<String>, Option<i64>), ShapeError> {
    if form == PayloadForm::Cosign && value.is_null() {
        return Ok((None, None));
    }
    let fields = Fields::open("optional", value, &["creator", "timestamp"])?;
    let creator = fields.get("creator").map(|_| fields.text("creator").map(str::to_owned));
    let timestamp = fields
        .get("timestamp")
        .map(|seconds| seconds.as_i64().ok_or_else(|| fields.not("timestamp", "an integer")));
    Ok((creator.transpose()?, timestamp.transpose()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn valid() -> String {
        format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"quay.io/a/b"}},"image":{{"docker-manifest-digest":"sha256:{HEX}"}},"type":"cosign container image signature"}},"optional":{{"creator":"me","timestamp":1700000000,"x":[1.5]}}}}"#
        )
    }

    #[test]
    fn a_payload_reads_as_it_states() {
        let payload = Payload::parse(valid().as_bytes()).expect("valid");
        assert_eq!(payload.docker_reference, "quay.io/a/b");
        assert_eq!(payload.manifest_digest, Digest::of(b""));
        assert_eq!(payload.creator.as_deref(), Some("me"));
        assert_eq!(payload.timestamp, Some(1_700_000_000));
        let (head, _) = valid()
            .split_once(r#""optional""#)
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("optional");
        assert!(Payload::parse(format!(r#"{head}"optional":null}}"#).as_bytes()).is_ok());
    }

    #[test]
    fn one_wrong_field_is_enough_to_refuse() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("type of a GPG signature", "cosign container image", "atomic container", "type"),
            (
                "type of Tekton",
                "cosign container image signature",
                "Tekton container signature",
                "type",
            ),
            ("upper-case digest", "sha256:e3b0", "sha256:E3B0", "docker-manifest-digest"),
            ("path as digest", HEX, "../..", "docker-manifest-digest"),
            ("sha512", "sha256:", "sha512:", "docker-manifest-digest"),
            ("digest is a number", &format!("\"sha256:{HEX}\""), "7", "a string"),
            ("wrong case", r#""critical""#, r#""Critical""#, "unknown key"),
            ("wrong case inside", r#""image""#, r#""Image""#, "unknown key"),
            ("unknown key in critical", r#","type""#, r#","extra":1,"type""#, "unknown key"),
            ("unknown key at the top", r#","optional""#, r#","extra":1,"optional""#, "unknown key"),
            ("duplicate key", r#","type""#, r#","type":"x","type""#, "duplicate"),
            (
                "array for object",
                r#"{"docker-reference":"quay.io/a/b"}"#,
                r#"["quay.io/a/b"]"#,
                "not an object",
            ),
            (
                "missing identity",
                r#""identity":{"docker-reference":"quay.io/a/b"},"#,
                "",
                "no \"identity\"",
            ),
            ("fractional timestamp", "1700000000", "1.5", "timestamp"),
            ("timestamp as text", "1700000000", "\"1700000000\"", "timestamp"),
            ("creator is a number", r#""me""#, "1", "creator"),
            ("creator in wrong case", r#""creator""#, r#""Creator""#, "only in case"),
            ("optional is a list", r#""optional":{"#, r#""optional":[],"o":{"#, "unknown key"),
        ];
        for (name, from, to, why) in cases {
            let broken = valid().replacen(from, to, 1);
            assert_ne!(broken, valid(), "{name}: nothing changed");
            let error = Payload::parse(broken.as_bytes()).expect_err(name).to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
        let valid = valid();
        let missing_optional = format!("{}}}", valid.split(r#","optional""#).next().unwrap_or(""));
        let list =
            valid.split(r#""optional""#).next().map(|head| format!("{head}\"optional\":[]}}"));
        for (name, bytes) in [
            ("no optional", missing_optional.into_bytes()),
            ("optional is a list", list.unwrap_or_default().into_bytes()),
            ("ampersand", b"&".to_vec()),
            ("empty object", b"{}".to_vec()),
            ("list", format!("[{valid}]").into_bytes()),
            ("second object", format!("{valid}{valid}").into_bytes()),
            ("byte order mark", [b"\xef\xbb\xbf", valid.as_bytes()].concat()),
            (
                "invalid UTF-8",
                valid
                    .clone()
                    .into_bytes()
                    .into_iter()
                    .map(|b| if b == b'm' { 0xff } else { b })
                    .collect(),
            ),
            ("depth", format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes()),
            ("nothing", Vec::new()),
        ] {
            assert!(Payload::parse(&bytes).is_err(), "{name}");
        }
    }
}
