//! Everything that decides the bytes of an archive, as one digest: a run goes on only with what was begun for the same.

use super::{AttachmentErrors, Location, Request, SignatureRule, Source};
use crate::oci::Digest;
use serde_json::{Value, json};

/// The digest of a request. Jobs, output and credentials do not count, and neither does what a failed image does: none
/// of them changes a byte of what is asked for.
pub(super) fn of(request: &Request) -> Digest {
    let Request {
        sources,
        platforms,
        signatures,
        attachment_errors,
        failed_images: _,
        keys,
        foreign_layers,
        name,
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
        json!([key.key.fingerprint().to_string(), key.name, scopes])
    });
    let document = json!({
        "sources": sources.iter().map(source).collect::<Vec<_>>(),
        "platforms": platforms.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "signatures": rules.collect::<Vec<_>>(),
        "incomplete": *attachment_errors == AttachmentErrors::Warn,
        "keys": keys.collect::<Vec<_>>(),
        "foreign": foreign_layers,
        "name": name,
        "epoch": source_date_epoch,
        "volumeSize": geometry.volume_size(),
        "level": level,
    });
    Digest::of(document.to_string().as_bytes())
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
    use crate::pack::{CarriedKey, FailedImages};
    use crate::trust::PublicKey;

    fn request() -> Request {
        Request {
            sources: vec!["quay.io/a/b:1".parse().expect("source")],
            platforms: vec![],
            signatures: vec![],
            attachment_errors: AttachmentErrors::Fail,
            failed_images: FailedImages::Fail,
            keys: vec![],
            foreign_layers: false,
            name: None,
            created: 7,
            source_date_epoch: None,
            geometry: Geometry::WHOLE,
            level: 1,
            jobs: 4,
        }
    }

    #[test]
    fn whatever_decides_a_byte_counts_and_nothing_else() {
        const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let own = of(&request());
        let changed = |change: &dyn Fn(&mut Request)| {
            let mut request = request();
            change(&mut request);
            of(&request)
        };
        let key = |name: &str| CarriedKey {
            key: PublicKey::from_pem(KEY.as_bytes()).expect("key"),
            name: name.into(),
            scopes: vec![],
        };
        let mut seen = vec![own];
        for other in [
            changed(&|r| r.sources.push("quay.io/a/c:1".parse().expect("source"))),
            changed(&|r| r.sources[0] = "quay.io/a/b:1=quay.io/a/c:1".parse().expect("source")),
            changed(&|r| r.sources[0] = "oci:quay.io/a/b:1".parse().expect("source")),
            changed(&|r| r.platforms.push("linux/amd64".parse().expect("platform"))),
            changed(&|r| r.signatures.push("none".parse().expect("rule"))),
            changed(&|r| r.signatures.push("quay.io=none".parse().expect("rule"))),
            changed(&|r| r.attachment_errors = AttachmentErrors::Warn),
            changed(&|r| r.keys.push(key("a"))),
            changed(&|r| r.keys.push(key("b"))),
            changed(&|r| r.foreign_layers = true),
            changed(&|r| r.name = Some("series".into())),
            changed(&|r| r.source_date_epoch = Some(7)),
            changed(&|r| r.geometry = Geometry::volumes(1 << 20).expect("size")),
            changed(&|r| r.level = 2),
        ] {
            assert!(!seen.contains(&other), "{other} came before");
            seen.push(other);
        }
        assert_eq!(changed(&|r| r.created = 8), own);
        assert_eq!(changed(&|r| r.jobs = 8), own);
        assert_eq!(changed(&|r| r.failed_images = FailedImages::LeaveOut), own);
    }
}
