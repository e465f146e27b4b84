//! What is trusted and what is not; a refusal leaves the target untouched.

use super::*;
use crate::host::{Grant, HostRoot, InstalledKey, KeyOrigin, KeyRecord, KeyUse, installed_keys};
use crate::report::unpack::KeyChange;
use crate::trust::{Admission, RefusalCode};
use std::collections::BTreeMap;

/// The refusal codes by image, after a run that must be refused and change nothing.
async fn refused(scene: &Scene, trust: TrustInputs) -> (Vec<Option<RefusalCode>>, bool) {
    let error = scene.run(scene.options(trust)).await.expect_err("refused");
    assert_eq!(error.class(), Class::Refused, "{error:?}");
    assert!(scene.is_untagged().await);
    assert!(scene.repository("org/app").tags().await.unwrap_or_default().is_empty());
    let UnpackError::Refused(refused) = error else { panic!("{error:?}") };
    let code = |admission: &Admission| match admission {
        Admission::Refused(refusal) => Some(refusal.code),
        _ => None,
    };
    let codes = refused.verdicts.iter().map(|verdict| code(verdict.admission())).collect();
    (codes, refused.any_anchor)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_trusted_or_another_key_refuses() {
    let scene = Scene::new().await;
    let none = Some(RefusalCode::NoAnchor);
    assert_eq!(refused(&scene, TrustInputs::default()).await, (vec![none, none], false));
    let other = TrustInputs { anchors: anchored("*", &Signer::p256()), ..TrustInputs::default() };
    let wrong = Some(RefusalCode::NoTrustedSignature);
    assert_eq!(refused(&scene, other).await, (vec![wrong, wrong], true));
    // One image that may be published does not help the other.
    let (codes, _) = refused(&scene, scene.trusting("quay.io")).await;
    assert_eq!(codes, [None, none]);
    assert!(scene.run_trusting().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_signature_refuses_unless_it_may_be_missing() {
    let mut scene = Scene::new().await;
    scene.builder.images[1].attachments.clear();
    scene.builder.forget_unreferenced();
    let (codes, _) = refused(&scene, scene.trusting("*")).await;
    assert_eq!(codes, [None, Some(RefusalCode::NoSignature)]);
    let mut trust = scene.trusting("quay.io");
    trust.anchors.allow_unsigned.push("registry.example/web".parse().expect("a pattern"));
    let report = scene.run(scene.options(trust)).await.expect("allowed");
    assert_eq!(report.images[1].verdict.admission(), &Admission::UnsignedAllowed { sealed: false });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carried_key_counts_only_by_its_pinned_fingerprint() {
    let scene = Scene::new().await;
    let pin = |text: String| TrustInputs {
        pins: vec![text.parse().expect("a pin")],
        ..TrustInputs::default()
    };
    let fingerprint = scene.signer.fingerprint();
    let (codes, _) = refused(&scene, pin(format!("quay.io={fingerprint}"))).await;
    assert_eq!(codes, [None, Some(RefusalCode::NoAnchor)]);
    let other = pin(Digest::of(b"another key").to_string());
    let error = scene.run(scene.options(other)).await.expect_err("nobody answers");
    assert!(matches!(error, UnpackError::UnansweredPins(_)), "{error:?}");
    assert_eq!(error.class(), Class::Refused);
    assert!(scene.run(scene.options(pin(fingerprint.to_string()))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_names_carried_keys_by_their_own_bytes() {
    let scene = Scene::new().await;
    let error = scene.run(scene.options(TrustInputs::default())).await.expect_err("refused");
    let UnpackError::Refused(refused) = error else { panic!("{error:?}") };
    let [key] = &refused.carried[..] else { panic!("one key") };
    assert_eq!(key.fingerprint.to_string(), scene.signer.fingerprint().to_string());
    assert!(!key.pinned && !refused.any_anchor);
    assert_eq!(refused.summary(), "nothing is trusted, so no image may be published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_what_the_inventory_says_refuses() {
    let mut scene = Scene::new().await;
    scene.builder.keys[0].fingerprint = Digest::of(b"the vendor's").to_string();
    let error = scene.run_trusting().await.expect_err("refused");
    assert!(matches!(error, UnpackError::Fingerprint { .. }), "{error:?}");
    assert_eq!(error.class(), Class::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expected_bundle_vouches_for_what_was_verified_at_pack() {
    let mut scene = Scene::new().await;
    scene.builder.images[0].verdict.code = "signed".into();
    scene.builder.write(&scene.archive());
    let digest = Opened::open(&[scene.archive()]).expect("opened").archive().bundle_digest();
    let expecting = |digest| TrustInputs { expect_bundle: Some(digest), ..TrustInputs::default() };
    // The second image's verdict at pack was "unverified".
    let (codes, any) = refused(&scene, expecting(digest)).await;
    assert_eq!((codes[0], codes[1].is_some(), any), (None, true, true));
    // The same verdict without the digest is the courier's word.
    let (codes, _) = refused(&scene, TrustInputs::default()).await;
    assert!(codes[0].is_some());
    let other = Digest::of(b"another bundle");
    let error = scene.run(scene.options(expecting(other))).await.expect_err("another");
    assert!(matches!(error, UnpackError::OtherBundle { .. }), "{error:?}");
    scene.builder.images[1].verdict.code = "index-unsigned".into();
    scene.builder.write(&scene.archive());
    let digest = Opened::open(&[scene.archive()]).expect("opened").archive().bundle_digest();
    let report = scene.run(scene.options(expecting(digest))).await.expect("vouched for");
    assert_eq!(report.images[0].verdict.admission(), &Admission::PackVerdict);
    assert!(report.names_bound && report.warnings.is_empty(), "{:?}", report.warnings);
}

fn installed(signer: &Signer, scope: &str) -> TrustInputs {
    let record = KeyRecord {
        name: "vendor".parse().expect("a name"),
        usage: KeyUse::Cosign,
        fingerprint: signer.fingerprint().into(),
        grant: Grant { scopes: [scope.to_owned()].into(), ..Grant::default() },
        origin: KeyOrigin {
            bundle: Digest::of(b""),
            file: "keys/0.pub".into(),
            installed_at: time::OffsetDateTime::UNIX_EPOCH,
            found_key_file: false,
        },
    };
    let key = InstalledKey {
        record,
        content: signer.public_pem().into_bytes(),
        path: "etc/pki/sigstore/vendor.pub".into(),
    };
    TrustInputs { installed: vec![key], ..TrustInputs::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_key_counts_within_its_scopes() {
    let mut scene = Scene::new().await;
    let trust = installed(&scene.signer, "quay.io/org/app");
    let (codes, _) = refused(&scene, trust).await;
    assert_eq!(codes, [None, Some(RefusalCode::NoAnchor)]);
    scene.builder.images.pop();
    scene.builder.forget_unreferenced();
    let trust = installed(&scene.signer, "quay.io/org/app");
    assert!(scene.run(scene.options(trust)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn installed_key_covers_its_repository_and_none_below_it() {
    let mut scene = Scene::new().await;
    scene.builder.images.pop();
    scene.builder.forget_unreferenced();
    for scope in ["quay.io/org", "quay.io/org:*", "quay.io/org/app:2"] {
        let (codes, _) = refused(&scene, installed(&scene.signer, scope)).await;
        assert_eq!(codes, [Some(RefusalCode::NoAnchor)], "{scope}");
    }
    for scope in ["quay.io/org/app", "quay.io/org/app:*", "quay.io/org/app:1"] {
        let trust = installed(&scene.signer, scope);
        assert!(scene.run(scene.options(trust)).await.is_ok(), "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_one_tag_is_installed_for_that_tag_alone() {
    let mut scene = Scene::new().await;
    scene.builder.images.pop();
    scene.builder.forget_unreferenced();
    for (number, (scope, recorded)) in [
        ("quay.io/org/app:1", "quay.io/org/app:1"),
        ("quay.io/org/app:*", "quay.io/org/app"),
        ("quay.io", "quay.io/org/app"),
    ]
    .into_iter()
    .enumerate()
    {
        let root = scene.folder.path().join(format!("root-{number}"));
        std::fs::create_dir(&root).expect("a root");
        let root = HostRoot::under(&root).expect("a root");
        let mut options = scene.options(scene.trusting(scope));
        options.install =
            Some(InstallOptions { root, names: BTreeMap::new(), replacements: vec![] });
        let report = scene.run(options).await.expect("unpacked");
        assert_eq!(report.keys[0].scopes, [recorded], "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_installed_for_what_they_verified_and_after_the_push() {
    let mut scene = Scene::new().await;
    let stranger = Signer::p256();
    scene.builder.carry(&stranger);
    let root = scene.folder.path().join("root");
    std::fs::create_dir(&root).expect("a root");
    let install = || InstallOptions {
        root: HostRoot::under(&root).expect("a root"),
        names: BTreeMap::new(),
        replacements: vec![],
    };
    let mut options = scene.options(TrustInputs::default());
    options.install = Some(install());
    assert!(scene.run(options).await.is_err());
    let found = || installed_keys(&HostRoot::under(&root).expect("a root")).expect("read");
    assert!(found().keys.is_empty());
    let mut options = scene.options(scene.trusting("*"));
    options.install = Some(install());
    let report = scene.run(options).await.expect("unpacked");
    assert_eq!(report.keys.len(), 1);
    assert_eq!(report.keys[0].change, KeyChange::Created);
    assert_eq!(report.keys[0].scopes, ["quay.io/org/app", "registry.example/web"]);
    let keys = found().keys;
    assert_eq!(keys[0].record.fingerprint, scene.signer.fingerprint().into());
    // What was installed is enough for the next time.
    let trust = TrustInputs { installed: keys, ..TrustInputs::default() };
    let mut options = scene.options(trust);
    options.install = Some(install());
    let report = scene.run(options).await.expect("unpacked by what was installed");
    assert_eq!(report.keys[0].change, KeyChange::Unchanged);
}
