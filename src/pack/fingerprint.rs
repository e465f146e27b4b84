//! Everything that decides the bytes of an archive, as digests: a run goes on only with what was begun for the same, and
//! says what is another one. A digest of each, and no more: a journal names no host and no file.

use super::select::Selection;
use super::{AttachmentErrors, Handover, Location, SignatureRule, Source};
use crate::oci::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A digest of each thing that decides bytes, under the word that people know it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Fingerprint(BTreeMap<String, Digest>);

impl Fingerprint {
    /// The words for what is not the same in both.
    pub(super) fn differences<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a str> {
        let differing = |one: &'a Self, other: &'a Self| {
            let parts = one.0.iter().filter(|(word, digest)| other.0.get(*word) != Some(digest));
            parts.map(|(word, _)| word.as_str())
        };
        differing(self, other).chain(differing(other, self)).collect()
    }
}

/// The fingerprint of a request. Jobs, output and credentials do not count, and neither does what a failed image does: none
/// of them changes a byte of what is asked for.
pub(super) fn of(request: &Selection) -> Fingerprint {
    let Selection {
        wanted: _,
        sources,
        platforms,
        signatures,
        accept_unsigned,
        attachment_errors,
        lookasides,
        failed_images: _,
        keys,
        anchors: _,
        policy: _,
        anchors_digest,
        given_scopes: _,
        foreign_layers,
        name,
        place,
        created: _,
        source_date_epoch,
        geometry,
        level,
        jobs: _,
    } = request;
    let rules = signatures.iter().map(|rule| {
        let word = match rule.value {
            SignatureRule::Required => "required",
            SignatureRule::IfPresent => "if-present",
            SignatureRule::None => "none",
        };
        json!([rule.scope.to_string(), word])
    });
    let keys = keys.iter().map(|key| {
        let scopes: Vec<String> = key.scopes.iter().map(ToString::to_string).collect();
        let (usage, fingerprint) = (key.material.usage(), key.material.fingerprint());
        json!([usage, fingerprint, key.name, scopes])
    });
    let lookasides = sources.iter().filter_map(|source| match &source.location {
        Location::Registry(reference) => lookasides.lookaside(reference),
        Location::Layout { .. } => None,
    });
    // Each once, so that one more source of the same place changes the sources alone.
    let lookasides: BTreeSet<&str> = lookasides.collect();
    let parts = [
        ("sources", json!(sources.iter().map(source).collect::<Vec<_>>())),
        ("--platform", json!(platforms.iter().map(ToString::to_string).collect::<Vec<_>>())),
        ("--signatures", json!(rules.collect::<Vec<_>>())),
        (
            "--accept-unsigned",
            json!(accept_unsigned.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ),
        ("--attachment-errors", json!(*attachment_errors == AttachmentErrors::Warn)),
        ("--registries-d", json!(lookasides)),
        ("keys", json!(keys.collect::<Vec<_>>())),
        ("what is trusted", json!(anchors_digest)),
        ("--include-foreign-layers", json!(foreign_layers)),
        ("--name", json!(name)),
        ("--sequence", json!(place.sequence)),
        ("--expires", json!(place.expires.map(|expires| expires.to_string()))),
        ("--successor", json!(place.succession.as_ref().map(Handover::rotation))),
        ("SOURCE_DATE_EPOCH", json!(source_date_epoch)),
        ("--volume-size", json!(geometry.volume_size())),
        ("--compress", json!(level)),
    ];
    let digest =
        |(word, value): (&str, Value)| (word.to_owned(), Digest::of(value.to_string().as_bytes()));
    Fingerprint(parts.map(digest).into())
}

fn source(source: &Source) -> Value {
    let name = source.name.as_ref().map(ToString::to_string);
    match &source.location {
        Location::Registry(reference) => json!([reference.to_string(), name]),
        Location::Layout { directory, reference } => {
            // Another working directory makes it another layout.
            let path = std::path::absolute(directory).unwrap_or_else(|_| directory.clone());
            json!([path.as_os_str().as_encoded_bytes(), reference, name])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::geometry::Geometry;
    use crate::host::RegistriesD;
    use crate::pack::{CarriedKey, FailedImages};
    use crate::transfer::Jobs;
    use crate::trust::{KeyMaterial, KeyUse, PublicKey};

    fn request() -> Selection {
        let mut request = Selection::new(vec!["quay.io/a/b:1".parse().expect("source")]);
        (request.created, request.level) = (7, 1);
        request
    }

    #[test]
    fn whatever_decides_a_byte_counts_and_nothing_else() {
        const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let own = of(&request());
        let changed = |change: &dyn Fn(&mut Selection)| {
            let mut request = request();
            change(&mut request);
            of(&request)
        };
        let key = |name: &str| CarriedKey {
            material: KeyMaterial::read(KeyUse::Cosign, KEY.as_bytes()).expect("key"),
            name: name.into(),
            scopes: vec![],
        };
        let handover = |from_sequence| Handover {
            retires: Digest::of(b"old"),
            successor: PublicKey::from_pem(KEY.as_bytes()).expect("key"),
            from_sequence,
        };
        let mut seen = vec![own.clone()];
        for other in [
            changed(&|r| r.sources.push("quay.io/a/c:1".parse().expect("source"))),
            changed(&|r| r.sources[0] = "quay.io/a/b:1=quay.io/a/c:1".parse().expect("source")),
            changed(&|r| r.sources[0] = "oci:quay.io/a/b:1".parse().expect("source")),
            changed(&|r| r.platforms.push("linux/amd64".parse().expect("platform"))),
            changed(&|r| r.signatures.push("none".parse().expect("rule"))),
            changed(&|r| r.signatures.push("quay.io=none".parse().expect("rule"))),
            changed(&|r| r.attachment_errors = AttachmentErrors::Warn),
            changed(&|r| r.lookasides = RegistriesD::default().with_built_in(Some("/h".as_ref()))),
            changed(&|r| r.keys.push(key("a"))),
            changed(&|r| r.keys.push(key("b"))),
            changed(&|r| r.anchors_digest = Digest::of(b"other")),
            changed(&|r| r.foreign_layers = true),
            changed(&|r| r.name = Some("series".into())),
            changed(&|r| r.place.sequence = Some(0)),
            changed(&|r| r.place.expires = "30d".parse().ok()),
            changed(&|r| r.place.expires = "1970-01-31T00:00:00Z".parse().ok()),
            changed(&|r| r.place.succession = Some(handover(8))),
            changed(&|r| r.place.succession = Some(handover(9))),
            changed(&|r| r.source_date_epoch = Some(7)),
            changed(&|r| r.geometry = Geometry::volumes(1 << 20).expect("size")),
            changed(&|r| r.level = 2),
        ] {
            assert!(!seen.contains(&other), "{other:?} came before");
            assert_eq!(own.differences(&other).len(), 1, "{other:?}");
            seen.push(other);
        }
        let other = changed(&|r| (r.level, r.source_date_epoch) = (2, Some(7)));
        let differing = own.differences(&other);
        assert_eq!(differing.into_iter().collect::<Vec<_>>(), ["--compress", "SOURCE_DATE_EPOCH"]);
        assert_eq!(changed(&|r| r.created = 8), own);
        assert_eq!(changed(&|r| r.jobs = Jobs::new(8)), own);
        assert_eq!(changed(&|r| r.failed_images = FailedImages::LeaveOut), own);
    }
}
