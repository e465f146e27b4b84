use super::*;
use bundle_trust::SigningKey;
use serde_json::json;

const INVENTORY: &[u8] = br#"{"format":"bundle"}"#;

fn sealed() -> (SigningKey, Value) {
    let key = SigningKey::generate().expect("a key");
    let seal = sign(INVENTORY, &key).expect("a seal");
    (key, serde_json::from_slice(&seal).expect("JSON"))
}

fn check(seal: &Value, keys: &[&SigningKey]) -> Result<Fingerprint, SealError> {
    let keys: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
    verify(INVENTORY, seal.to_string().as_bytes(), &keys)
}

/// The seal with the value at `pointer` replaced or added.
fn with(seal: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = seal.clone();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    changed.pointer_mut(parent).expect("a parent")[key] = value;
    changed
}

#[test]
fn a_seal_verifies_with_its_key_and_says_which_one_that_is() {
    let (key, seal) = sealed();
    let other = SigningKey::generate().expect("a key");
    let fingerprint = key.public_key().fingerprint();
    assert_eq!(check(&seal, &[&key]), Ok(fingerprint));
    assert_eq!(check(&seal, &[&other, &key]), Ok(fingerprint));
    assert_eq!(check(&seal, &[]), Err(SealError::NoKey));
    let hint = hint_of(key.public_key());
    assert_eq!(check(&seal, &[&other]), Err(SealError::OtherKey { hint: hint.clone() }));
    assert_eq!(seal["verificationMaterial"], json!({"publicKey": {"hint": hint}}));
}

#[test]
fn every_changed_bit_of_what_is_sealed_is_noticed() {
    let (key, seal) = sealed();
    let (seal, keys) = (seal.to_string(), [key.public_key().clone()]);
    verify(INVENTORY, seal.as_bytes(), &keys).expect("the positive twin");
    for bit in 0..INVENTORY.len() * 8 {
        let mut changed = INVENTORY.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let refused = verify(&changed, seal.as_bytes(), &keys);
        assert_eq!(refused, Err(SealError::OtherBundle), "bit {bit}");
    }
    for length in 0..INVENTORY.len() {
        assert!(verify(&INVENTORY[..length], seal.as_bytes(), &keys).is_err());
    }
    let longer = [INVENTORY, b"\n"].concat();
    assert_eq!(verify(&longer, seal.as_bytes(), &keys), Err(SealError::OtherBundle));
}

#[test]
fn every_byte_of_a_seal_counts_but_those_of_its_hint() {
    let (key, seal) = sealed();
    let keys = [key.public_key().clone()];
    let text = seal.to_string();
    let hint = text.find(&hint_of(&keys[0])).expect("the hint");
    let hint = hint..hint + hint_of(&keys[0]).len();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let result = verify(INVENTORY, &changed, &keys);
        assert_eq!(result.is_ok(), hint.contains(&at), "byte {at}: {result:?}");
        assert!(verify(INVENTORY, &text.as_bytes()[..at], &keys).is_err(), "cut at {at}");
    }
}

#[test]
fn forms_that_are_no_seal_are_refused_for_their_reason() {
    let (key, seal) = sealed();
    let material = "/verificationMaterial";
    let version = |text: &str| SealError::Version(text.into());
    let v04 = "application/vnd.dev.sigstore.bundle.v0.4+json";
    for (pointer, value, expected) in [
        ("/mediaType", json!(v04), version(v04)),
        ("/mediaType", json!("text/plain"), version("text/plain")),
        ("/dsseEnvelope", json!({}), SealError::Attestation),
        ("/verificationMaterial/certificate", json!({}), SealError::Certificate),
        ("/verificationMaterial/x509CertificateChain", json!({}), SealError::Certificate),
        ("/verificationMaterial/tlogEntries", json!([{}]), SealError::Evidence("entries of a log")),
        (
            "/verificationMaterial/timestampVerificationData",
            json!({"rfc3161Timestamps": [{}]}),
            SealError::Evidence("timestamps"),
        ),
        (
            "/messageSignature/messageDigest/digest",
            json!(STANDARD.encode([7; 32])),
            SealError::Contradiction,
        ),
        ("/messageSignature/signature", json!(STANDARD.encode([7; 72])), SealError::Invalid),
    ] {
        assert_eq!(check(&with(&seal, pointer, value), &[&key]), Err(expected), "{pointer}");
    }
    // What means the same as nothing.
    for (key_of_material, empty) in [
        ("tlogEntries", json!([])),
        ("tlogEntries", Value::Null),
        ("timestampVerificationData", json!({})),
        ("certificate", Value::Null),
    ] {
        let same = with(&seal, &format!("{material}/{key_of_material}"), empty);
        assert!(check(&same, &[&key]).is_ok(), "{key_of_material}");
    }
    let older = with(&seal, "/mediaType", json!(OLDER_MEDIA_TYPE));
    assert!(check(&older, &[&key]).is_ok());
}

#[test]
fn another_shape_is_refused() {
    let (key, seal) = sealed();
    for (pointer, value) in [
        ("/more", json!(1)),
        ("/MessageSignature", json!(1)),
        ("/verificationMaterial", json!([])),
        ("/verificationMaterial/publicKey", Value::Null),
        ("/verificationMaterial/publicKey/rawBytes", json!("")),
        ("/verificationMaterial/publicKey/hint", json!(1)),
        ("/messageSignature", Value::Null),
        ("/messageSignature/more", json!(1)),
        ("/messageSignature/messageDigest", json!({})),
        ("/messageSignature/messageDigest/algorithm", json!("SHA1")),
        ("/messageSignature/signature", json!("")),
        ("/messageSignature/signature", json!("not base64")),
    ] {
        let refused = check(&with(&seal, pointer, value), &[&key]);
        assert!(matches!(refused, Err(SealError::Shape(_))), "{pointer}: {refused:?}");
    }
    let text = seal.to_string();
    let keys = [key.public_key().clone()];
    for (what, seal) in [
        ("two seals", text.repeat(2)),
        ("a list of seals", format!("[{text},{text}]")),
        ("a repeated key", text.replacen('{', r#"{"mediaType":"x","#, 1)),
        ("nothing", String::new()),
        ("too long", format!("{text}{}", " ".repeat(MAX_SEAL))),
    ] {
        assert!(verify(INVENTORY, seal.as_bytes(), &keys).is_err(), "{what}");
    }
}

#[test]
fn text_of_a_seal_is_cut_before_it_is_repeated() {
    let (key, seal) = sealed();
    let other = SigningKey::generate().expect("a key");
    let long = "\u{1b}".repeat(5000);
    let hint = with(&seal, "/verificationMaterial/publicKey/hint", json!(long));
    let version = with(&seal, "/mediaType", json!(long));
    for (seal, key) in [(hint, &other), (version, &key)] {
        let error = check(&seal, &[key]).expect_err("refused");
        assert!(error.to_string().chars().count() < 2500, "{error}");
    }
}
