//! On what ground an image is admitted, and what never admits it.

use crate::testing::HasPublicKey as _;
use crate::testing::{Scene, Signer};
use crate::{Admission, RefusalCode, Scoped, SignatureCode as Code, StatedAtPack};
use bundle_oci::Digest;

#[test]
fn without_any_anchor_nothing_is_admitted_and_nothing_checked() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    assert!(scene.anchors.is_empty());
    assert_eq!(scene.refusal(), RefusalCode::NoAnchor);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!((scene.codes(), scene.refusal()), (vec![Code::NoKey], RefusalCode::NoAnchor));
    scene.trust("quay.io/org/repo-evil", &signer);
    assert_eq!(scene.refusal(), RefusalCode::NoAnchor, "a key for another repository is none");
    scene.trust("quay.io/org/repo", &signer);
    assert_eq!(scene.admission(), Admission::Signed);
}

#[test]
fn a_covered_image_without_signature_is_refused() {
    let mut scene = Scene::image();
    scene.trust("*", &Signer::p256());
    assert_eq!(scene.refusal(), RefusalCode::NoSignature);
}

#[test]
fn every_key_whose_scope_covers_the_image_may_verify_it() {
    let (broad, narrow) = (Signer::p256(), Signer::ed25519());
    for signer in [&broad, &narrow] {
        let mut scene = Scene::image();
        scene.trust("*", &broad);
        scene.trust("quay.io/org/repo", &narrow);
        let root = scene.root.clone();
        scene.sign_simple(&root, signer);
        assert_eq!(scene.admission(), Admission::Signed);
    }
}

#[test]
fn unsigned_image_needs_a_permission_narrower_than_any_key() {
    for (key, pattern, admitted) in [
        (None, "*", true),
        (None, "quay.io/org/*", true),
        (None, "quay.io/other/*", false),
        (Some("*"), "*", true),
        (Some("quay.io"), "*", false),
        (Some("*.io"), "*", false),
        (Some("quay.io"), "quay.io", true),
        (Some("quay.io"), "quay.io/*", true),
        (Some("quay.io"), "quay.io/org/repo", true),
        (Some("quay.io/org"), "quay.io", false),
        (Some("quay.io/org/repo"), "quay.io/org/*", false),
        (Some("quay.io/org/repo"), "quay.io/org/repo", true),
        (Some("quay.io/org/repo:1"), "quay.io/org/repo", false),
        (Some("quay.io/org/repo:1"), "quay.io/org/repo:1", true),
        (Some("quay.io/org/repo:2"), "quay.io/org/*", true),
    ] {
        let mut scene = Scene::image();
        if let Some(scope) = key {
            scene.trust(scope, &Signer::p256());
        }
        scene.allow_unsigned(pattern);
        assert_eq!(scene.judge().is_admitted(), admitted, "key {key:?}, pattern {pattern}");
        if admitted {
            assert_eq!(scene.admission().as_str(), "unsigned-unsealed");
            scene.anchors.bundle_expected = true;
            assert_eq!(scene.admission().as_str(), "unsigned-allowed");
        }
    }
}

#[test]
fn the_case_of_a_host_name_moves_no_image_out_of_a_keys_scope() {
    let mut scene = Scene::image();
    scene.source = "QUAY.IO/org/repo:1".parse().expect("a reference");
    scene.trust("quay.io", &Signer::p256());
    scene.allow_unsigned("*");
    assert_eq!(scene.refusal(), RefusalCode::NoSignature);
}

#[test]
fn unsigned_image_of_another_host_takes_no_signed_place() {
    for (source, key, pattern, admitted) in [
        ("quay.io:443/org/repo:1", "quay.io/org", "*", false),
        ("other.example/org/repo:1", "quay.io/org/repo", "*", false),
        ("other.example/org/repo:1", "quay.io/org/repo:*", "other.example", false),
        ("other.example/org/repo:1", "quay.io/org/repo:1", "*", false),
        ("other.example/org/repo:1", "quay.io/org/repo", "other.example/org/repo", true),
        // A repository at the target has one source, whatever the tag.
        ("other.example/org/repo:2", "quay.io/org/repo:1", "*", false),
        ("other.example/org/more:2", "quay.io/org/repo:1", "*", true),
        ("other.example/org/more:1", "quay.io/org/repo", "*", true),
        ("other.example/org/repo/sub:1", "quay.io/org/repo:*", "*", true),
    ] {
        let mut scene = Scene::image();
        scene.source = source.parse().expect("a reference");
        scene.trust(key, &Signer::p256());
        scene.allow_unsigned(pattern);
        assert_eq!(scene.judge().is_admitted(), admitted, "{source}, {key}, {pattern}");
    }
}

#[test]
fn a_signature_wins_over_the_permission_to_come_without() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    scene.allow_unsigned("*");
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.admission(), Admission::Signed);
}

#[test]
fn the_verdict_at_pack_counts_only_in_a_bundle_that_is_expected() {
    for (expected, good, admitted) in
        [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
    {
        let mut scene = Scene::image();
        scene.anchors.bundle_expected = expected;
        scene.stated = if good { StatedAtPack::Verified } else { StatedAtPack::Nothing };
        assert_eq!(scene.judge().is_admitted(), admitted, "{expected} {good}");
        if admitted {
            assert_eq!(scene.admission(), Admission::PackVerdict);
        }
    }
}

#[test]
fn unsigned_accepted_at_pack_counts_only_in_an_authentic_bundle() {
    let scene = |expected, refused| {
        let mut scene = Scene::image();
        scene.anchors.bundle_expected = expected;
        scene.anchors.refuse_unsigned = refused;
        scene.stated = StatedAtPack::UnsignedAccepted;
        scene
    };
    assert_eq!(scene(true, false).admission(), Admission::UnsignedSealed);
    assert_eq!(scene(true, false).admission().as_str(), "unsigned-sealed");
    for (expected, refused) in [(false, false), (false, true), (true, true)] {
        assert!(!scene(expected, refused).judge().is_admitted(), "{expected} {refused}");
    }
    // What the host says for itself is not forbidden by it.
    let mut allowed = scene(true, true);
    allowed.allow_unsigned("quay.io/org/repo");
    assert_eq!(allowed.admission(), Admission::UnsignedAllowed { sealed: true });
    // A verdict at pack is another statement.
    let mut verified = scene(true, true);
    verified.stated = StatedAtPack::Verified;
    assert_eq!(verified.admission(), Admission::PackVerdict);
}

#[test]
fn signature_counts_before_the_word_that_none_is_needed() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    scene.anchors.bundle_expected = true;
    scene.stated = StatedAtPack::UnsignedAccepted;
    assert_eq!(scene.admission(), Admission::UnsignedSealed);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.admission(), Admission::Signed);
}

#[test]
fn a_pinned_source_is_its_digest_or_refused() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    scene.source = scene.source.repository().pinned(root.digest);
    assert_eq!(scene.admission(), Admission::Signed);
    assert!(!scene.judge().tag_unbound(), "a digest needs no binding");
    scene.source = scene.source.repository().pinned(Digest::of(b"other"));
    scene.allow_unsigned("*");
    assert_eq!(scene.refusal(), RefusalCode::PinnedDigestMismatch);
}

#[test]
fn no_ground_admits_an_image_whose_manifests_are_not_all_there() {
    let (mut scene, children) = Scene::index();
    scene.allow_unsigned("*");
    scene.anchors.bundle_expected = true;
    scene.stated = StatedAtPack::Verified;
    assert!(scene.judge().is_admitted());
    scene.store.manifests.remove(&children[0].digest);
    assert_eq!(scene.refusal(), RefusalCode::ChildMissing);
    scene.store.manifests.remove(&scene.root.digest);
    assert_eq!(scene.refusal(), RefusalCode::ManifestMissing);
}

#[test]
fn carried_key_becomes_an_anchor_only_by_its_fingerprint() {
    let (signer, stranger) = (Signer::p256(), Signer::p256());
    let carried = [("a.pub", signer.public()), ("b.pub", stranger.public())];
    let pin = |text: String| text.parse::<Scoped<crate::Fingerprint>>().expect("a pin");
    let pins = [
        pin(format!("quay.io/org={}", signer.public().fingerprint())),
        pin(format!("quay.io={}", Digest::of(b"nobody"))),
    ];
    let mut scene = Scene::image();
    let unanswered =
        scene.anchors.admit_carried(&pins, carried.iter().map(|(name, key)| (*name, key)));
    assert_eq!(unanswered, &pins[1..]);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.admission(), Admission::Signed);
    scene.attached.clear();
    scene.sign_simple(&root, &stranger);
    assert_eq!(scene.refusal(), RefusalCode::NoTrustedSignature);
    scene.source = "quay.io/other/repo:1".parse().expect("a reference");
    assert_eq!(scene.refusal(), RefusalCode::NoAnchor, "the pin has a scope");
}

#[test]
fn a_verdict_serialises_with_its_codes() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, &Signer::p256());
    let report = serde_json::to_value(scene.judge()).expect("JSON");
    assert_eq!(report["admission"], "refused");
    assert_eq!(report["code"], "no-trusted-signature");
    assert_eq!(report["signatures"][0]["code"], "signature-wrong-key");
    assert_eq!(report["signatures"][0]["form"], "simple-signing");
    assert_eq!(report["source"], "quay.io/org/repo:1");
    assert_eq!(report["tagUnbound"], true);
}

#[test]
fn untrusted_text_in_a_finding_is_bounded() {
    let signer = Signer::p256();
    let mut scene = Scene::image();
    scene.trust("*", &signer);
    let root = scene.root.clone();
    let payload = scene.payload(&root).replace("org/repo", &format!("org/{}", "x".repeat(1 << 20)));
    let signature = signer.sign_base64(payload.as_bytes());
    scene.attach_simple(&root, payload, Some(&signature));
    let verdict = scene.judge();
    let finding = &verdict.signatures()[0];
    assert_eq!(finding.code, Code::IdentityMismatch);
    assert!(finding.detail.as_ref().expect("a detail").len() < 1000, "{finding:?}");
}

#[test]
fn codes_are_kebab_case_and_distinct() {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let refusals = RefusalCode::ALL.iter().map(|code| code.as_str());
    for code in codes.iter().copied().chain(refusals) {
        assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
    }
    let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len());
}

#[test]
fn verdicts_that_say_alike_share_what_they_say() {
    let signer = Signer::p256();
    let (mut scene, children) = Scene::index();
    scene.trust("quay.io", &signer);
    for child in &children {
        scene.sign_simple(child, &signer);
    }
    let first = scene.judge();
    scene.source = "quay.io/org/repo:2".parse().expect("a reference");
    let mut second = scene.judge();
    assert!(!second.shares_with(&first));
    let before = second.clone();
    second.share_with(&first);
    assert!(second.shares_with(&first));
    assert_eq!(second, before);
    // What says something else stays as it is.
    scene.attached.pop();
    let mut third = scene.judge();
    let before = third.clone();
    third.share_with(&first);
    assert!(!third.shares_with(&first));
    assert_eq!(third, before);
}
