//! ECDSA signatures as security modules give them: r and s of fixed length, one after the other (IEEE P1363).

use crate::testing::HasPublicKey as _;
use crate::testing::scene::{base64, bundle, statement};
use crate::testing::{Scene, Signer};
use crate::{Admission, Hashing, SignatureCode as Code, SignatureError, dsse::IN_TOTO};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA256_FIXED_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm,
};

/// A curve and hash: in DER, of fixed length, bytes of a scalar, and the forms of signatures that permit the hash.
type Curve = (&'static EcdsaSigningAlgorithm, &'static EcdsaSigningAlgorithm, usize, Hashing);

const CURVES: [Curve; 4] = [
    (&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_FIXED_SIGNING, 32, Hashing::Sha256),
    (
        &ECDSA_P384_SHA384_ASN1_SIGNING,
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        48,
        Hashing::Sha256OrMatched,
    ),
    (&ECDSA_P521_SHA256_ASN1_SIGNING, &ECDSA_P521_SHA256_FIXED_SIGNING, 66, Hashing::Sha256),
    (
        &ECDSA_P521_SHA512_ASN1_SIGNING,
        &ECDSA_P521_SHA512_FIXED_SIGNING,
        66,
        Hashing::Sha256OrMatched,
    ),
];

/// The order of P-256.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn fixed_length_signatures_verify_on_every_curve() {
    for (der, fixed, scalar, hashing) in CURVES {
        let signer = Signer::Ecdsa(EcdsaKeyPair::generate(der).expect("a key"));
        let key = signer.public();
        let signature = signer.in_module(fixed).sign(b"message");
        assert_eq!(signature.len(), 2 * scalar);
        assert_eq!(key.verify(hashing, b"message", &signature), Ok(()), "{key:?}");
        assert_eq!(key.verify(hashing, b"message", &signer.sign(b"message")), Ok(()), "{key:?}");
        let other = key.verify(hashing, b"massage", &signature);
        assert_eq!(other, Err(SignatureError::OtherKey), "{key:?}");
    }
}

#[test]
fn fixed_length_signatures_that_are_wrong_are_refused() {
    for (der, fixed, scalar, hashing) in CURVES {
        let signer = Signer::Ecdsa(EcdsaKeyPair::generate(der).expect("a key"));
        let key = signer.public();
        let good = signer.in_module(fixed).sign(b"message");
        let (r, s) = good.split_at(scalar);
        let (zero, ones) = (vec![0; scalar], vec![0xff; scalar]);
        let padded = |number: &[u8]| [&[0], number].concat();
        let mut flipped = good.clone();
        flipped[2 * scalar - 1] ^= 1;
        for (name, wrong) in [
            ("one byte short", good[1..].to_vec()),
            ("one byte long", [&good[..], &[0]].concat()),
            ("r alone", r.to_vec()),
            ("wider numbers", [padded(r), padded(s)].concat()),
            ("s before r", [s, r].concat()),
            ("r zero", [&zero, s].concat()),
            ("s zero", [r, &zero[..]].concat()),
            ("both zero", [&zero[..], &zero].concat()),
            ("r too large", [&ones, s].concat()),
            ("s too large", [r, &ones[..]].concat()),
            ("a flipped bit", flipped),
            ("twice", good.repeat(2)),
        ] {
            assert!(key.verify(hashing, b"message", &wrong).is_err(), "{key:?}: {name}");
        }
        if scalar == P256_ORDER.len() {
            for wrong in [[&P256_ORDER[..], s].concat(), [r, &P256_ORDER[..]].concat()] {
                assert!(key.verify(hashing, b"message", &wrong).is_err(), "the order");
            }
        }
    }
}

#[test]
fn fixed_length_signatures_admit_images_in_both_forms() {
    let signer = Signer::p256();
    let module = signer.in_module(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let scene = || {
        let mut scene = Scene::image();
        scene.trust("quay.io", &signer);
        scene.name_bound = true;
        scene
    };
    let mut simple = scene();
    simple.sign_simple(&simple.root.clone(), &module);
    let mut enveloped = scene();
    let subject = enveloped.root.clone();
    let signed = bundle(statement(subject.digest).to_string().as_bytes(), IN_TOTO, &module);
    enveloped.attach_bundle(&subject, signed.to_string());
    for scene in [&simple, &enveloped] {
        assert_eq!(scene.codes(), [Code::Verified]);
        assert!(matches!(scene.admission(), Admission::Signed), "{:?}", scene.admission());
    }

    let mut swapped = scene();
    let payload = swapped.payload(&subject);
    let mut signature = module.sign(payload.as_bytes());
    signature.rotate_left(32);
    swapped.attach_simple(&subject, payload, Some(&base64(&signature)));
    assert_eq!(swapped.codes(), [Code::SignatureWrongKey]);
}

#[test]
fn a_log_signs_in_der_alone() {
    let signer = Signer::p256();
    let module = signer.in_module(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let key = signer.public();
    assert_eq!(key.verify_log(b"entry", &signer.sign(b"entry")), Ok(()));
    assert!(key.verify_log(b"entry", &module.sign(b"entry")).is_err());
}
