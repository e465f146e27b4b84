//! One-field breaks of the atomic payload, each under a valid signature, each beside the valid one.

use super::gpg::{Gpg, SIGNED};
use super::scene::{message, secret_key, signature_over};
use crate::IdentityRule;
use crate::identity::IdentityError;
use crate::openpgp::{
    AtomicClaim, AtomicError, AtomicFinding, Keyring, OpenPgpError, judge_atomic,
};
use bundle_oci::{Digest, Reference};

const MANIFEST: &[u8] = b"{}";
const HEX: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

fn valid() -> String {
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"quay.io/a/b:1"}},"image":{{"docker-manifest-digest":"sha256:{HEX}"}},"type":"atomic container signature"}},"optional":{{"creator":"me","timestamp":1700000000}}}}"#
    )
}

#[test]
fn one_wrong_field_in_a_signed_payload_is_enough_to_refuse() {
    let Some(gpg) = Gpg::find("breaks of the atomic payload") else { return };
    let key = gpg.key("a@example", "ed25519", "sign", "never");
    let keyring = Keyring::read(&gpg.export(&key)).expect("a keyring");
    let secret = secret_key(&gpg.secret(&key)).primary_key;
    let source: Reference = "quay.io/a/b:1".parse().expect("a reference");
    let judge = |payload: &str| -> AtomicFinding {
        let signature = signature_over(payload.as_bytes(), &secret, |_| {});
        let message = message(&secret, payload.as_bytes(), &signature);
        let rule = &IdentityRule::MatchRepository;
        let claim = AtomicClaim { subject: Digest::of(MANIFEST), source: &source, rule };
        judge_atomic(&message, &keyring, &claim, SIGNED)
    };
    let accepted = judge(&valid());
    assert_eq!(accepted.result, Ok(()));
    let signer = accepted.signer.expect("signed");
    assert_eq!(signer.primary.hex(), key.to_lowercase());
    for still in [
        (r#"{"creator":"me","timestamp":1700000000}"#, "{}"),
        (r#""creator":"me""#, r#""unknown":[1.5,null]"#),
        ("b:1", "b"),
        ("b:1", "b:other"),
    ] {
        assert_eq!(judge(&valid().replacen(still.0, still.1, 1)).result, Ok(()), "{still:?}");
    }

    let cases: &[(&str, &str, &str, &str)] = &[
        ("type of cosign", "atomic container", "cosign container image", "type"),
        ("no optional", r#","optional":{"creator":"me","timestamp":1700000000}"#, "", "optional"),
        (
            "null optional, which only cosign writes",
            r#"{"creator":"me","timestamp":1700000000}"#,
            "null",
            "optional is not an object",
        ),
        ("creator in upper case", "\"creator\"", "\"Creator\"", "only in case"),
        ("creator is a number", "\"me\"", "1", "creator"),
        ("fractional timestamp", "1700000000", "1.5", "timestamp"),
        ("timestamp of another type", "1700000000", "\"1\"", "timestamp"),
        ("unknown key in critical", r#","type""#, r#","x":1,"type""#, "unknown key"),
        ("duplicate key", r#","type""#, r#","type":"x","type""#, "duplicate"),
        ("wrong case", "\"critical\"", "\"Critical\"", "unknown key"),
        ("array for object", r#"{"docker-reference":"quay.io/a/b:1"}"#, "[]", "not an object"),
        ("upper-case digest", "sha256:44136f", "sha256:44136F", "docker-manifest-digest"),
        ("path as digest", HEX, "../..", "docker-manifest-digest"),
        ("sha512", "sha256:", "sha512:", "docker-manifest-digest"),
        ("second object", "}}}", "}}}{}", "not strict JSON"),
    ];
    for (name, from, to, why) in cases {
        let broken = valid().replacen(from, to, 1);
        let broken = if *name == "second object" { valid() + "{}" } else { broken };
        assert_ne!(broken, valid(), "{name}: nothing changed");
        let finding = judge(&broken);
        assert_eq!(finding.signer, Some(signer), "{name}");
        match finding.result {
            Err(AtomicError::Payload(error)) => {
                assert!(error.to_string().contains(why), "{name}: {error}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let other = judge(&valid().replacen("44136f", "54136f", 1));
    assert!(matches!(other.result, Err(AtomicError::OtherManifest(_))), "{other:?}");
    for name in ["quay.io/a/b-evil:1", "quay.io:443/a/b:1", "other.example/a/b:1"] {
        let other = judge(&valid().replacen("quay.io/a/b:1", name, 1));
        assert!(
            matches!(other.result, Err(AtomicError::Identity(IdentityError::Other { .. }))),
            "{name}: {other:?}"
        );
    }
    let unreadable = judge(&valid().replacen("quay.io/a/b:1", "UPPERCASE", 1));
    assert!(
        matches!(unreadable.result, Err(AtomicError::Identity(IdentityError::Unreadable { .. }))),
        "{unreadable:?}"
    );

    let signature = signature_over(valid().as_bytes(), &secret, |_| {});
    let changed = valid().replacen("b:1", "b:2", 1);
    let claim = AtomicClaim {
        subject: Digest::of(MANIFEST),
        source: &source,
        rule: &IdentityRule::MatchRepository,
    };
    let message = message(&secret, changed.as_bytes(), &signature);
    let finding = judge_atomic(&message, &keyring, &claim, SIGNED);
    assert_eq!(finding.signer, None, "nobody is named who did not sign");
    assert!(
        matches!(finding.result, Err(AtomicError::Signature(OpenPgpError::BadSignature(_)))),
        "{:?}",
        finding.result
    );
}
