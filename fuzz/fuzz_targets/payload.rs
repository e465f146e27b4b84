#![no_main]
//! Payloads of simple signatures. No document is of both forms; what is accepted says what was read, and nothing else;
//! and what the signer signs counts for the image that it names.

use bundle::oci::Reference;
use bundle::trust::identity::named::Named;
use bundle::trust::payload::{Payload, PayloadForm};
use bundle::trust::simple_signing::{Detached, SIGNATURE_ANNOTATION, judge_detached};
use bundle::trust::{Anchors, IdentityRule};
use bundle_fuzz::{reading, world};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

static ANCHORS: LazyLock<Anchors> = LazyLock::new(world::anchors);
static SOURCE: LazyLock<Reference> = LazyLock::new(world::source);

fuzz_target!(|data: &[u8]| {
    let [cosign, atomic] = [
        (PayloadForm::Cosign, "cosign container image signature"),
        (PayloadForm::Atomic, "atomic container signature"),
    ]
    .map(|(form, kind)| match Payload::parse_as(form, data) {
        Ok(payload) => {
            check(form, kind, &payload, data);
            Some(payload)
        }
        Err(error) => {
            reading::assert_bounded(&error);
            None
        }
    });
    assert!(cosign.is_none() || atomic.is_none());

    let signature = reading::encoded(&world::sign(data));
    let annotations = BTreeMap::from([(SIGNATURE_ANNOTATION.to_owned(), signature)]);
    let signed = Detached { payload: data, annotations: &annotations };
    let subject = world::manifest().digest();
    for rule in [IdentityRule::MatchRepository, IdentityRule::MatchExact] {
        let found = judge_detached(signed, &ANCHORS, (subject, &SOURCE, &rule));
        let agrees = cosign.as_ref().is_some_and(|payload| {
            let named = Named::of_signature(&payload.docker_reference);
            let source = Named::from(&*SOURCE);
            payload.manifest_digest == subject
                && named.is_ok_and(|named| match rule {
                    IdentityRule::MatchRepository => named.name() == source.name(),
                    _ => named == source,
                })
        });
        assert_eq!(found.is_ok(), agrees, "{found:?}");
    }
});

fn check(form: PayloadForm, kind: &str, payload: &Payload, data: &[u8]) {
    let wire = reading::accepted(data);
    let image = json!({"docker-manifest-digest": payload.manifest_digest});
    let identity = json!({"docker-reference": payload.docker_reference});
    let critical = json!({"type": kind, "image": image, "identity": identity});
    assert_eq!(wire["critical"], critical);
    assert_eq!(wire.as_object().map(serde_json::Map::len), Some(2));
    let optional = &wire["optional"];
    assert!(optional.is_object() || (optional.is_null() && form == PayloadForm::Cosign));
    let stated = |key: &str| optional.get(key);
    assert_eq!(stated("creator").map(Value::as_str), payload.creator.as_deref().map(Some));
    assert_eq!(stated("timestamp").map(Value::as_i64), payload.timestamp.map(Some));
    let again = Payload::parse_as(form, wire.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(payload), "how it is written makes no difference");
}
