#![no_main]
//! Envelopes and the statements in them, as `.att` layers and in bundles. What counts was signed by the signer and names
//! the image; and only cosign's statement in a bundle admits it. By the first byte, the rest is an envelope, or a
//! statement that the signer then signs in a bare envelope or in a bundle.

use bundle::trust::statement::{COSIGN_SIGNATURE, Statement};
use bundle::trust::{Hashing, ImageVerdict, SignatureCode, dsse};
use bundle_fuzz::world::Attachment;
use bundle_fuzz::{bundles, reading, world};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Some((form, data)) = data.split_first() else { return };
    match form {
        0 => {
            let verdict = judge(Attachment::Envelope(data));
            assert!(!verdict.is_admitted(), "a bare envelope is no signature");
            if counts(&verdict) {
                let wire = reading::accepted(data);
                let payload = reading::base64(&wire["payload"]);
                let message = reading::signed_by_envelope(dsse::IN_TOTO, &payload);
                let signature = reading::base64(&wire["signatures"][0]["sig"]);
                let verified = world::key().verify(Hashing::Sha256OrMatched, &message, &signature);
                verified.expect("the signer signed it");
                check_statement(&payload);
            }
        }
        1 => {
            let envelope = world::enveloped(data, dsse::IN_TOTO).to_string();
            let verdict = judge(Attachment::Envelope(envelope.as_bytes()));
            assert!(!verdict.is_admitted(), "a bare envelope is no signature");
            assert_eq!(counts(&verdict), names_the_image(data));
        }
        _ => {
            let mut bundle = json!({"verificationMaterial": bundles::by_key()});
            bundle["mediaType"] = bundles::MEDIA_TYPE.into();
            bundle["dsseEnvelope"] = world::enveloped(data, dsse::IN_TOTO);
            let verdict = judge(Attachment::Bundle(bundle.to_string().as_bytes()));
            assert_eq!(counts(&verdict), names_the_image(data));
            let is_signature = counts(&verdict) && check_statement(data) == COSIGN_SIGNATURE;
            assert_eq!(verdict.is_admitted(), is_signature);
        }
    }
});

fn judge(attachment: Attachment<'_>) -> ImageVerdict {
    let verdict = world::judge(attachment, world::anchors());
    for detail in verdict.signatures().iter().filter_map(|finding| finding.detail.as_ref()) {
        reading::assert_bounded(detail);
    }
    verdict
}

/// True when something of it was verified.
fn counts(verdict: &ImageVerdict) -> bool {
    let counts = [SignatureCode::Verified, SignatureCode::AttestationVerified];
    verdict.signatures().iter().any(|finding| counts.contains(&finding.code))
}

fn names_the_image(data: &[u8]) -> bool {
    let statement = Statement::parse(data);
    statement.is_ok_and(|statement| statement.names(&world::manifest().digest()))
}

/// The predicate type of a statement that counts.
fn check_statement(payload: &[u8]) -> String {
    let statement = reading::Statement::read(payload);
    assert!(statement.names(&world::manifest().digest()));
    statement.predicate_type
}
