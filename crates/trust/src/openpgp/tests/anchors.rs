//! GPG keys of several options: what is known of a key in one file is known of it everywhere.

use super::gpg::{MADE, SIGNED};
use super::scene::{Forge, keys, message, signature_over};
use crate::openpgp::{Keyring, OpenPgpFingerprint};
use crate::testing::Scene;
use crate::{AtomicSignature, Authority, ScopedAuthority, SignatureCode as Code};
use pgp::packet::{SecretKey, SignatureType};
use pgp::types::KeyDetails as _;
use std::sync::Arc;

fn authority(scope: &str, name: &str, keyring: &[u8]) -> ScopedAuthority {
    let keyring = Keyring::read(keyring).expect("a keyring");
    ScopedAuthority {
        scopes: vec![scope.parse().expect("a scope")],
        authority: Authority::OpenPgp(Arc::new(keyring)),
        name: name.into(),
    }
}

/// An image with a signature by `signer`.
fn scene(signer: &SecretKey) -> Scene {
    let mut scene = Scene::image();
    let root = scene.root.clone();
    let payload = scene.payload(&root).replace("cosign container image", "atomic container");
    let payload = payload.replace("null", "{}");
    let signature = signature_over(payload.as_bytes(), signer, |_| {});
    let message = message(signer, payload.as_bytes(), &signature);
    let blob = scene.store.blob("application/octet-stream", message);
    scene.atomic.push(AtomicSignature { subject: root.digest, name: "signature-1".into(), blob });
    scene.anchors.now = SIGNED as u64;
    scene
}

#[test]
fn the_file_that_holds_the_signing_key_is_named() {
    let Some([owner, other]) = keys("anchors of GPG signatures") else { return };
    let ring = |key| Forge::of(key).named(MADE, |_| {}).packets;
    let mut scene = scene(&owner.primary_key);
    scene.anchors.authorities = vec![
        authority("*", "other.gpg", &ring(&other.primary_key)),
        authority("quay.io", "owner.gpg", &ring(&owner.primary_key)),
    ];
    let verdict = scene.judge();
    let finding = &verdict.signatures()[0];
    assert_eq!((finding.code, finding.anchor.as_deref()), (Code::Verified, Some("owner.gpg")));
    let fingerprint = finding.openpgp.as_ref().map(OpenPgpFingerprint::to_string);
    let own = owner.primary_key.fingerprint().to_string().to_lowercase();
    assert!(fingerprint.is_some_and(|found| found.to_lowercase().ends_with(&own)));
}

#[test]
fn a_revocation_counts_whatever_its_file_is_for() {
    let Some([owner, other]) = keys("revocations in other scopes") else { return };
    let good = Forge::of(&owner.primary_key).named(MADE, |_| {}).packets;
    let revocation = SignatureType::KeyRevocation;
    let revoked = Forge::of(&owner.primary_key)
        .direct(revocation, &owner.primary_key, SIGNED, |_| {})
        .named(MADE, |_| {})
        .packets;
    let of_another = Forge::of(&other.primary_key).named(MADE, |_| {}).packets;
    for (elsewhere, code) in
        [(&good, Code::Verified), (&of_another, Code::Verified), (&revoked, Code::KeyRevoked)]
    {
        let mut scene = scene(&owner.primary_key);
        scene.anchors.authorities = vec![
            authority("quay.io", "owner.gpg", &good),
            authority("ghcr.io", "elsewhere.gpg", elsewhere),
        ];
        assert_eq!(scene.codes(), [code]);
        // What a file elsewhere says of a key trusts no key here.
        scene.anchors.authorities.remove(0);
        assert_eq!(scene.codes(), [Code::NoKey]);
    }
}
