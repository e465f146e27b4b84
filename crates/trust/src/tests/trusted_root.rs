//! What is no usable trusted root, over one that is (docs/spec/verification.md §6.2).

use crate::testing::HasPublicKey as _;
use crate::testing::Signer;
use crate::testing::certificates::{self, Sketch};
use crate::testing::scene::base64;
use crate::trusted_root::{MAX_TRUSTED_ROOT, TrustedRoot, TrustedRootError};
use serde_json::{Value, json};

/// A change of something valid.
type Change = fn(&mut Value);

fn log(signer: &Signer) -> Value {
    json!({
        "baseUrl": "https://log.example",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": base64(&signer.spki()),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": "2020-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"},
        },
        "logId": {"keyId": base64(signer.public().fingerprint().as_bytes())},
    })
}

fn authority() -> Value {
    json!({
        "uri": "https://ca.example",
        "certChain": {"certificates": [{"rawBytes": "AAAA"}]},
        "validFor": {"start": "2020-01-01T00:00:00Z"},
    })
}

#[test]
fn one_unusable_thing_makes_the_root_unusable_and_is_named() {
    let cases: &[(&str, &str, Change)] = &[
        ("untouched", "", |_| {}),
        ("newer spelling of its type", "", |r| {
            r["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v0.1+json".into()
        }),
        ("null for absent", "", |r| r["tlogs"][0]["checkpointKeyId"] = Value::Null),
        ("other type", "are not supported", |r| r["mediaType"] = "application/json".into()),
        ("no type", "\"mediaType\"", |r| {
            r.as_object_mut().expect("object").remove("mediaType");
        }),
        ("unknown key", "unknown key \"extra\"", |r| r["extra"] = 1.into()),
        ("unknown key in a log", "unknown key \"extra\"", |r| r["tlogs"][0]["extra"] = 1.into()),
        ("nothing in it", "names no log and no authority", |r| r["tlogs"] = json!([])),
        ("no period", "tlogs[0] (\"https://log.example\") does not say", |r| {
            r["tlogs"][0]["publicKey"].as_object_mut().expect("object").remove("validFor");
        }),
        ("no start", "tlogs[0] (\"https://log.example\") does not say", |r| {
            r["tlogs"][0]["publicKey"]["validFor"] = json!({"end": "2030-01-01T00:00:00Z"})
        }),
        ("certificate log without start", "ctlogs[0]", |r| {
            let mut log = r["tlogs"][0].clone();
            log["publicKey"]["validFor"] = json!({});
            r["ctlogs"] = json!([log]);
        }),
        ("end before start", "ends before it starts", |r| {
            r["tlogs"][0]["publicKey"]["validFor"]["end"] = "2019-01-01T00:00:00Z".into()
        }),
        ("start that is no time", "cannot be used", |r| {
            r["tlogs"][0]["publicKey"]["validFor"]["start"] = "now".into()
        }),
        ("the same log twice", "duplicate", |r| {
            let log = r["tlogs"][0].clone();
            r["tlogs"] = json!([log, log]);
        }),
        ("key that is none", "cannot be used", |r| {
            r["tlogs"][0]["publicKey"]["rawBytes"] = "AAAA".into()
        }),
        ("identifier of another length", "cannot be used", |r| {
            r["tlogs"][0]["logId"]["keyId"] = "AAAA".into()
        }),
        ("authority whose certificate is none", "certificateAuthorities[0]", |r| {
            r["certificateAuthorities"] = json!([authority()])
        }),
        ("timestamp authority without start", "timestampAuthorities[0]", |r| {
            let mut authority = authority();
            authority["validFor"] = Value::Null;
            r["timestampAuthorities"] = json!([authority]);
        }),
        ("authority without certificates", "empty certificate chain", |r| {
            let mut authority = authority();
            authority["certChain"]["certificates"] = json!([]);
            r["certificateAuthorities"] = json!([authority]);
        }),
    ];
    let signer = Signer::p256();
    for (name, why, change) in cases {
        let mut root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&signer)],
        });
        change(&mut root);
        let outcome = TrustedRoot::parse(root.to_string().as_bytes());
        match outcome {
            Ok(_) => assert_eq!(*why, "", "{name}"),
            Err(error) => {
                let message = error.to_string();
                assert!(!why.is_empty() && message.contains(why), "{name}: {message}");
            }
        }
    }
}

/// RFC 5280 §4.1.2.5 writes "never" as the last second of the year 9999.
#[test]
fn an_authority_may_never_expire() {
    let signer = Signer::p256();
    for (not_after, usable) in
        [("20350101000000Z", true), ("99991231235959Z", true), ("20190101000000Z", false)]
    {
        let sketch = Sketch::new("root", &signer, "root").valid("20180101000000Z", not_after);
        let certificate = sketch.with(certificates::authority(None)).signed_by(&signer);
        let mut authority = authority();
        authority["certChain"]["certificates"][0]["rawBytes"] = base64(&certificate).into();
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [authority],
        });
        let root = TrustedRoot::parse(root.to_string().as_bytes());
        assert_eq!(root.is_ok(), usable, "{not_after}: {root:?}");
    }
}

#[test]
fn a_root_is_bounded_and_strict_json() {
    let large = vec![b' '; MAX_TRUSTED_ROOT + 1];
    assert!(matches!(TrustedRoot::parse(&large), Err(TrustedRootError::TooLarge(_))));
    let doubled = br#"{"mediaType":"x","mediaType":"x"}"#;
    assert!(matches!(TrustedRoot::parse(doubled), Err(TrustedRootError::Shape(_))));
}

#[test]
fn bare_log_keys_make_a_root_of_logs_only() {
    let root = TrustedRoot::of_log_keys(&[Signer::p256().public()]).expect("a usable root");
    assert!(root.has_logs() && !root.has_ct_keys() && !root.has_timestamp_authorities());
    for unusable in [Signer::ed25519(), Signer::p521(), Signer::Rsa] {
        let outcome = TrustedRoot::of_log_keys(&[unusable.public()]);
        assert!(matches!(outcome, Err(TrustedRootError::LogKey(_))), "{:?}", unusable.public());
    }
    assert!(matches!(TrustedRoot::of_log_keys(&[]), Err(TrustedRootError::Empty)));
    let twice = vec![Signer::p256().public(); 2];
    assert!(TrustedRoot::of_log_keys(&twice).is_ok(), "a key given twice is one log");
}

#[test]
fn a_root_is_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<TrustedRoot>();
}
