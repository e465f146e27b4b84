//! What is recorded about an installed key: `/etc/bundle/trust.d/NAME.json`.

use super::grant::{Grant, GrantError};
use super::holder::Holder;
use super::key_name::{KeyName, KeyNameError};
use bundle_oci::{Digest, json};
use bundle_trust::{KeyFingerprint, KeyUse};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Largest record read: as many scopes as may be, of the length that they may have, and what surrounds them.
pub(super) const MAX_RECORD: u64 = 1 << 20;
/// Most values of its JSON: a scope is one.
const MAX_VALUES: usize = 100_000;
/// Longest name of a file in a bundle, as most file systems have it.
const MAX_FILE: usize = 255;

/// Why an installed key is trusted, for what, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// The key's name; the record and the key file are named after it.
    pub name: KeyName,
    /// What it verifies.
    pub usage: KeyUse,
    /// The key's name by its content.
    pub fingerprint: KeyFingerprint,
    /// What it is good for, and nothing else.
    pub grant: Grant,
    /// The installation that last changed this record.
    pub origin: KeyOrigin,
}

/// Where a key came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOrigin {
    /// The bundle digest: SHA-256 of its `bundle.json`.
    pub bundle: Digest,
    /// The key's file in that bundle.
    pub file: String,
    /// When it was installed, in UTC.
    pub installed_at: OffsetDateTime,
    /// The key file was there before its record: it is not taken away with it.
    pub found_key_file: bool,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not strict JSON, an unknown or missing field, or a field of another type.
    #[error("the record is not valid")]
    Json(#[from] serde_json::Error),
    /// An array where an object is expected; derived readers would take it.
    #[error("the record is not valid: {0} is not an object")]
    NotAnObject(&'static str),
    /// The name in it is none.
    #[error("the record is not valid")]
    Name(#[from] KeyNameError),
    /// It speaks of another key than its file name says.
    #[error("the record is of key {inside}, not of {outside}")]
    OtherName {
        /// The name in the record.
        inside: KeyName,
        /// The name of the file.
        outside: KeyName,
    },
    /// The fingerprint is not one that keys of this use have.
    #[error("{fingerprint} is not the fingerprint of a key of use {usage}")]
    OtherKind {
        /// The use.
        usage: KeyUse,
        /// What stands as its fingerprint.
        fingerprint: KeyFingerprint,
    },
    /// The time in it is none.
    #[error("the record's time of installation is not valid by RFC 3339")]
    Time(#[from] time::error::Parse),
    /// The time of installation lies outside what RFC 3339 can say.
    #[error("the time of installation cannot be written by RFC 3339")]
    Clock(#[from] time::error::Format),
    /// What the key is good for.
    #[error(transparent)]
    Grant(#[from] GrantError),
}

/// The record as it is written. Only what is named here is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    #[serde(rename = "use")]
    usage: KeyUse,
    fingerprint: KeyFingerprint,
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holders: Vec<WireHolder>,
    origin: WireOrigin,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireHolder {
    identity: String,
    issuer: String,
    scopes: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct WireOrigin {
    bundle: Digest,
    file: String,
    installed_at: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    found_key_file: bool,
}

impl KeyRecord {
    /// True when it does not only say whom to trust: entries of a log must be there.
    pub(super) fn demands(&self) -> bool {
        match self.usage {
            KeyUse::Rekor => true,
            KeyUse::TrustedRoot => !self.grant.scopes.is_empty(),
            KeyUse::Cosign | KeyUse::OpenPgp => false,
        }
    }

    /// Reads the record that was found under the name `expected`.
    pub(super) fn parse(bytes: &[u8], expected: &KeyName) -> Result<Self, RecordError> {
        let value = json::parse_within(bytes, MAX_VALUES)?;
        if !value.is_object() {
            return Err(RecordError::NotAnObject("the document"));
        }
        if value.get("origin").is_some_and(Value::is_array) {
            return Err(RecordError::NotAnObject("origin"));
        }
        let holders = value.get("holders").and_then(Value::as_array);
        if holders.is_some_and(|holders| holders.iter().any(Value::is_array)) {
            return Err(RecordError::NotAnObject("a holder"));
        }
        let wire: Wire = serde_json::from_value(value)?;
        let name: KeyName = wire.name.parse()?;
        if name != *expected {
            return Err(RecordError::OtherName { inside: name, outside: expected.clone() });
        }
        let mut grant = Grant { scopes: wire.scopes.into_iter().collect(), ..Grant::default() };
        for WireHolder { identity, issuer, scopes } in wire.holders {
            grant.holders.entry(Holder { identity, issuer }).or_default().extend(scopes);
        }
        grant.check(wire.usage)?;
        if matches!(wire.fingerprint, KeyFingerprint::OpenPgp(_)) != (wire.usage == KeyUse::OpenPgp)
        {
            return Err(RecordError::OtherKind {
                usage: wire.usage,
                fingerprint: wire.fingerprint,
            });
        }
        Ok(Self {
            name,
            usage: wire.usage,
            fingerprint: wire.fingerprint,
            grant,
            origin: KeyOrigin {
                bundle: wire.origin.bundle,
                file: shown_file(&wire.origin.file),
                installed_at: OffsetDateTime::parse(&wire.origin.installed_at, &Rfc3339)?,
                found_key_file: wire.origin.found_key_file,
            },
        })
    }

    /// The bytes of the record.
    pub(super) fn to_json(&self) -> Result<Vec<u8>, RecordError> {
        let wire = Wire {
            name: self.name.to_string(),
            usage: self.usage,
            fingerprint: self.fingerprint,
            scopes: self.grant.scopes.iter().cloned().collect(),
            holders: self.grant.holders.iter().map(wire_holder).collect(),
            origin: WireOrigin {
                bundle: self.origin.bundle,
                file: self.origin.file.clone(),
                installed_at: to_second(self.origin.installed_at).format(&Rfc3339)?,
                found_key_file: self.origin.found_key_file,
            },
        };
        let mut bytes = serde_json::to_vec_pretty(&wire)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

fn wire_holder((holder, scopes): (&Holder, &BTreeSet<String>)) -> WireHolder {
    let Holder { identity, issuer } = holder.clone();
    WireHolder { identity, issuer, scopes: scopes.iter().cloned().collect() }
}

/// The time in UTC, without the fraction of its second.
fn to_second(time: OffsetDateTime) -> OffsetDateTime {
    let time = time.to_offset(UtcOffset::UTC);
    time.replace_nanosecond(0).unwrap_or(time)
}

/// A file name out of a bundle, as it is recorded: a hint for people, never opened, so it is cut and not refused.
pub(super) fn shown_file(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic()).take(MAX_FILE).collect()
}

#[cfg(test)]
mod tests {
    use super::super::grant::{MAX_SCOPE, MAX_SCOPES};
    use super::*;
    use serde_json::json;
    use std::error::Error as _;

    fn name() -> KeyName {
        "acme".parse().expect("name")
    }

    fn document() -> Value {
        json!({
            "name": "acme",
            "use": "cosign",
            "fingerprint": Digest::of(b"key").to_string(),
            "scopes": ["quay.io/acme/app", "quay.io/acme/web"],
            "origin": {
                "bundle": Digest::of(b"bundle").to_string(),
                "file": "keys/acme.pub",
                "installedAt": "2026-11-22T10:20:30Z",
            },
        })
    }

    fn parse(document: &Value) -> Result<KeyRecord, RecordError> {
        KeyRecord::parse(document.to_string().as_bytes(), &name())
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = parse(&document()).expect("record");
        assert_eq!(record.grant.scopes.len(), 2);
        let bytes = record.to_json().expect("bytes");
        assert_eq!(serde_json::from_slice::<Value>(&bytes).expect("json"), document());
        assert_eq!(KeyRecord::parse(&bytes, &name()).expect("again"), record);
    }

    #[test]
    fn whatever_is_not_such_a_record_is_refused() {
        let breaks: [(&str, &str, Value); 14] = [
            ("an unknown field", "/more", json!(1)),
            ("an unknown field of the origin", "/origin/more", json!(1)),
            ("a use that this version does not know", "/use", json!("seal")),
            ("a name that leads elsewhere", "/name", json!("../acme")),
            ("another name", "/name", json!("other")),
            ("a fingerprint in upper case", "/fingerprint", json!("sha256:AB")),
            ("no scopes", "/scopes", json!([])),
            ("an empty scope", "/scopes", json!([""])),
            ("a scope with a line end", "/scopes", json!(["a\nb"])),
            ("a scope with a direction override", "/scopes", json!(["a\u{202e}b"])),
            ("a scope too long", "/scopes", json!(["a".repeat(MAX_SCOPE + 1)])),
            (
                "an array as origin",
                "/origin",
                json!([Digest::of(b"").to_string(), "", "2026-11-22T10:20:30Z"]),
            ),
            ("no time", "/origin/installedAt", json!("yesterday")),
            ("a missing origin", "/origin", Value::Null),
        ];
        for (what, pointer, value) in breaks {
            let mut broken = document();
            let (parent, key) = pointer.rsplit_once('/').expect("pointer");
            broken.pointer_mut(parent).expect("parent")[key] = value;
            assert!(parse(&broken).is_err(), "{what}");
        }
        let text = document().to_string();
        for (what, text) in [
            ("a duplicate key", text.replacen('{', r#"{"use":"cosign","#, 1)),
            ("a second document", format!("{text}{{}}")),
            ("an array", r#"["acme","cosign","x",[],{}]"#.to_owned()),
            ("nothing", String::new()),
        ] {
            assert!(KeyRecord::parse(text.as_bytes(), &name()).is_err(), "{what}");
        }
    }

    #[test]
    fn an_unknown_field_is_named() {
        let mut broken = document();
        broken["valid-until"] = json!("2030");
        let Err(error) = parse(&broken) else { panic!("refused") };
        let cause = error.source().expect("cause").to_string();
        assert!(cause.contains("unknown field `valid-until`"), "{cause}");
    }

    #[test]
    fn the_largest_record_can_be_read_again() {
        let mut record = parse(&document()).expect("record");
        record.grant.scopes =
            (0..MAX_SCOPES).map(|i| format!("{i:0>width$}", width = MAX_SCOPE)).collect();
        record.origin.file = shown_file(&"\"".repeat(1_000));
        assert!(record.to_json().expect("bytes").len() as u64 <= MAX_RECORD);
    }
}
