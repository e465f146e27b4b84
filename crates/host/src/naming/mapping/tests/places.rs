//! What is less than a trusted signature takes no place at the target that is another's, whatever names lead there.

use super::{Mapping, SourceHost};
use bundle_trust::dsse::IN_TOTO;
use bundle_trust::sigstore_bundle::KeylessPolicy;
use bundle_trust::testing::HasPublicKey as _;
use bundle_trust::testing::demands::{DEMANDS, demand};
use bundle_trust::testing::scene::{base64, bundle, statement};
use bundle_trust::testing::{PrivateLog, Scene, Signer};
use bundle_trust::{Admission, Authority, OwnPlaces, RefusalCode, ScopedAuthority, StatedAtPack};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) const KEEP: &str = "keep-host";

/// The scene's image under this name, on its way to a registry with these names: `SRC=DST` and [`KEEP`].
pub(super) fn scene(source: &str, names: &[&str]) -> Scene {
    let mut scene = Scene::image();
    scene.source = source.parse().expect("a reference");
    let (keep, rules): (Vec<&str>, Vec<_>) = names.iter().partition(|name| **name == KEEP);
    let mut mapping = Mapping::to_host("r.example");
    mapping.rules = rules.iter().map(|rule| rule.parse().expect("a rule")).collect();
    if !keep.is_empty() {
        mapping.source_host = SourceHost::FirstComponent;
    }
    scene.places = Box::new(mapping);
    scene
}

/// Whether the image is admitted; where it is not, the place is the reason.
pub(super) fn is_admitted(scene: &Scene, what: &str) -> bool {
    match scene.admission() {
        Admission::Refused(refusal) => {
            assert_eq!(refusal.code, RefusalCode::PlaceProtected, "{what}");
            assert!(refusal.detail.is_some_and(|detail| detail.contains("r.example")), "{what}");
            false
        }
        _ => true,
    }
}

/// Source, names at the target, what is protected, how narrow the permission is, and what becomes of it.
pub(super) type Case = (&'static str, &'static [&'static str], &'static str, &'static str, bool);

pub(super) const REDHAT: &[&str] = &["registry.redhat.io=redhat"];

pub(super) const CASES: &[Case] = &[
    // Names that a rule brings to the same place, whatever the width of either side.
    ("a.example/redhat/ubi9/ubi:1", REDHAT, "registry.redhat.io/ubi9/ubi", "a.example", false),
    ("a.example/redhat/ubi9/ubi:1", REDHAT, "registry.redhat.io", "a.example", false),
    ("a.example/redhat/ubi9/ubi:1", REDHAT, "*.redhat.io", "a.example/redhat", false),
    ("a.example/redhat/x:1", REDHAT, "registry.redhat.io", "a.example/redhat/x", false),
    ("a.example/redhat/ubi9/ubi:2", REDHAT, "registry.redhat.io/ubi9/ubi:1", "a.example", false),
    ("a.example/redhat/ubi9/ubi:1", REDHAT, "registry.redhat.io/ubi9/ubi:*", "*", false),
    // The rule takes what is protected elsewhere.
    ("a.example/ubi9/ubi:1", REDHAT, "registry.redhat.io/ubi9/ubi", "a.example", true),
    ("a.example/ubi9/ubi:1", REDHAT, "registry.redhat.io", "a.example", true),
    ("a.example/redhatter/x:1", REDHAT, "registry.redhat.io", "a.example", true),
    // Rules below and above the scope.
    ("a.example/ubi/x:1", &["quay.io/org/ubi=ubi"], "quay.io/org", "a.example", false),
    ("a.example/ubi/x:1", &["quay.io/org/ubi=ubi"], "quay.io/other", "a.example", true),
    ("a.example/org/ubi/x:1", &["quay.io/org/ubi=ubi"], "quay.io/org", "a.example", true),
    ("a.example/q/org/x:1", &["quay.io=q", "quay.io/org=o"], "quay.io/org", "*", true),
    ("a.example/o/x:1", &["quay.io=q", "quay.io/org=o"], "quay.io", "*", false),
    // The permission's own rule leads there.
    ("a.example/tools/x:1", &["a.example/tools=org"], "quay.io/org", "a.example/tools", false),
    ("a.example/org/x:1", &["a.example=a"], "quay.io", "a.example", true),
    // Without rules hosts are left out.
    ("a.example/org/app:1", &[], "quay.io/org/app", "a.example/org/app", false),
    ("a.example/org/app:1", &[], "quay.io", "a.example", false),
    ("a.example/org/app:1", &[], "*.io", "a.example/org", false),
    ("a.example/org/app:1", &[], "quay.io/other", "a.example", true),
    ("a.example/org/app:1", &[], "quay.io", "a.example/org/app", true),
    // The same registry, and another path of it.
    ("a.example/b/x:1", &["a.example/b=a"], "a.example/a", "a.example/b", false),
    ("a.example/b/x:1", &["a.example/b=a"], "a.example/a/x", "a.example/b/x", false),
    ("a.example/b/x:1", &["a.example/b=a"], "a.example/c", "a.example/b", true),
    // A registry is the same however it is written.
    ("registry.redhat.io:443/ubi9/ubi:1", &[], "registry.redhat.io:8443/ubi9", "*", false),
    ("a.example/q.example/x:1", &[KEEP, "a.example=a"], "q.example", "a.example", true),
    // With the host kept they are apart, unless something looks like a host.
    ("a.example/org/app:1", &[KEEP], "quay.io/org/app", "a.example", true),
    ("a.example/org/app:1", &[KEEP], "quay.io", "*", true),
    ("a.example/x:1", &[KEEP, "a.example=quay.io"], "quay.io", "a.example/x", false),
    ("a.example/x:1", &[KEEP, "a.example=quay.io_8443"], "quay.io:8443", "a.example", false),
    ("a.example/x:1", &[KEEP, "a.example=quay.io_8443"], "quay.io", "a.example", true),
];

/// Somebody whom a certificate names, for what lies in all of these scopes.
fn authority(scopes: &[&str]) -> ScopedAuthority {
    ScopedAuthority {
        scopes: scopes.iter().map(|scope| scope.parse().expect("a scope")).collect(),
        authority: Authority::Keyless(KeylessPolicy {
            root: Arc::new(PrivateLog(Signer::p256()).root()),
            identity: "release@org.example".into(),
            issuer: "https://issuer.example".into(),
        }),
        name: "root.json".into(),
    }
}

#[test]
fn a_permission_to_come_unsigned_takes_no_protected_place() {
    for &(source, names, protected, pattern, admitted) in CASES {
        let what = format!("{source} {names:?} {protected} {pattern}");
        let mut by_key = scene(source, names);
        by_key.trust(protected, &Signer::p256());
        by_key.allow_unsigned(pattern);
        assert_eq!(is_admitted(&by_key, &what), admitted, "{what}");
        by_key.anchors.bundle_expected = true;
        assert_eq!(is_admitted(&by_key, &what), admitted, "{what}, in an expected bundle");
        let mut by_authority = scene(source, names);
        by_authority.anchors.authorities.push(authority(&["*", protected]));
        by_authority.allow_unsigned(pattern);
        assert_eq!(is_admitted(&by_authority, &what), admitted, "{what}, by an authority");
        for demanded in DEMANDS {
            let mut by_demand = scene(source, names);
            demand(&mut by_demand.anchors, demanded, protected);
            by_demand.allow_unsigned(pattern);
            assert_eq!(is_admitted(&by_demand, &what), admitted, "{what} {demanded}");
        }
    }
}

#[test]
fn a_signature_that_names_nothing_takes_no_protected_place() {
    let signer = Signer::p256();
    for &(source, names, protected, accepted, admitted) in CASES {
        let what = format!("{source} {names:?} {protected} {accepted}");
        let mut scene = scene(source, names);
        scene.trust(protected, &Signer::p256());
        // By the holder of a key for this image.
        scene.trust(source, &signer);
        scene.anchors.accept_unbound_names.push(accepted.parse().expect("a scope"));
        let root = scene.root.clone();
        let signed = statement(root.digest).to_string();
        scene.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &signer).to_string());
        assert_eq!(is_admitted(&scene, &what), admitted, "{what}");
        scene.name_bound = true;
        assert!(is_admitted(&scene, &what), "{what}: a bound name is no permission");
    }
}

pub(super) fn signed(signer: &Signer) -> Value {
    json!([{
        "type": "sigstoreSigned", "keyData": base64(signer.public().to_pem().as_bytes()),
        "signedIdentity": {"type": "matchRepository"},
    }])
}

#[test]
fn the_word_of_a_seal_takes_no_protected_place() {
    for &(source, names, protected, _, _) in CASES {
        let what = format!("{source} {names:?} {protected}");
        // An authentic inventory names the image, as a pattern does that names its repository.
        let named = source.rsplit_once(':').map_or(source, |(name, _)| name);
        let mut by_pattern = scene(source, names);
        by_pattern.trust(protected, &Signer::p256());
        by_pattern.allow_unsigned(named);
        let mut by_seal = scene(source, names);
        by_seal.trust(protected, &Signer::p256());
        by_seal.anchors.bundle_expected = true;
        by_seal.stated = StatedAtPack::Verified;
        assert_eq!(is_admitted(&by_seal, &what), is_admitted(&by_pattern, &what), "{what}");
    }
    let mut scene = scene("a.example/redhat/ubi9/ubi:1", REDHAT);
    scene.anchors.bundle_expected = true;
    scene.stated = StatedAtPack::Verified;
    assert_eq!(scene.admission(), Admission::PackVerdict);
    scene.trust("registry.redhat.io/ubi9", &Signer::p256());
    assert_eq!(scene.refusal(), RefusalCode::PlaceProtected);
}

#[test]
fn what_protects_the_image_itself_is_weighed_by_width() {
    for (source, key, pattern, admitted) in [
        ("quay.io/org/app:1", "quay.io", "quay.io/org/app", true),
        ("quay.io/org/app:1", "quay.io", "quay.io", true),
        ("quay.io/org/app:1", "*", "*", true),
        ("quay.io/org/app:1", "*", "quay.io/org/app", true),
        ("quay.io/org/app:2", "quay.io/org/app:1", "quay.io/org/*", true),
        ("quay.io:443/org/app:1", "quay.io", "quay.io:443", true),
        ("a.example.com/x:1", "*.example.com", "*.example.com", true),
        ("a.example.com/x:1", "*.example.com", "a.example.com/x", true),
    ] {
        for names in [&[][..], &["quay.io=q"], &[KEEP]] {
            let mut scene = scene(source, names);
            scene.trust(key, &Signer::p256());
            scene.allow_unsigned(pattern);
            assert_eq!(is_admitted(&scene, source), admitted, "{source} {key} {pattern}");
        }
    }
}

/// What a wide key is for would lie in the same places as what a narrower permission is for.
#[test]
fn a_wider_demand_keeps_its_places_from_a_permission() {
    const RULE: &[&str] = &["quay.io/b=a"];
    const BY_RULE: &[&str] = &["quay.io/b=a", "quay.io/c=a"];
    for (source, names, wide, permitted, admitted) in [
        ("tools.example/org/app:1", &[][..], "*", &["tools.example"][..], false),
        ("tools.example/org/app:1", &[], "*", &["tools.example/org"], false),
        ("tools.example/org/app:1", &[], "*.example", &["tools.example"], false),
        ("tools.example/org/app:1", &[], "*", &["tools.example", "quay.io"], false),
        ("tools.example/org/app:1", &["tools.example=quay.io"], "*", &["tools.example"], true),
        ("tools.example/org/app:1", &[KEEP], "*", &["tools.example"], true),
        ("tools.example/org/app:1", &[], "*", &["tools.example/org/app"], true),
        ("tools.example/org/app:1", &[], "*", &["*"], true),
        // One registry, two namespaces that a rule brings together.
        ("quay.io/b/app:1", BY_RULE, "quay.io", &["quay.io/b"], false),
        ("quay.io/b/app:1", BY_RULE, "quay.io", &["quay.io/b/app"], false),
        ("quay.io/b/app:1", BY_RULE, "*", &["quay.io/b"], false),
        ("quay.io/b/app:1", BY_RULE, "quay.io", &["quay.io/b", "quay.io/c"], true),
        ("quay.io/b/app:1", BY_RULE, "quay.io", &["quay.io"], true),
        ("quay.io/b/app:1", BY_RULE, "quay.io/b", &["quay.io/b"], true),
        // A place that a rule gives is the source's, whatever a whole registry would bring there by its paths.
        ("quay.io/b/app:1", RULE, "quay.io", &["quay.io/b"], true),
    ] {
        let what = format!("{source} {names:?} {wide} {permitted:?}");
        let mut by_key = scene(source, names);
        by_key.trust(wide, &Signer::p256());
        permitted.iter().for_each(|pattern| by_key.allow_unsigned(pattern));
        assert_eq!(is_admitted(&by_key, &what), admitted, "{what}");
        let signer = Signer::p256();
        let mut unbound = scene(source, names);
        unbound.trust(wide, &signer);
        let accepted = permitted.iter().map(|scope| scope.parse().expect("a scope"));
        unbound.anchors.accept_unbound_names.extend(accepted);
        let root = unbound.root.clone();
        let signed = statement(root.digest).to_string();
        unbound.attach_bundle(&root, bundle(signed.as_bytes(), IN_TOTO, &signer).to_string());
        assert_eq!(is_admitted(&unbound, &what), admitted, "{what}, unbound");
    }
}

#[test]
fn a_layout_directory_has_a_place_for_every_source() {
    for (source, key, admitted) in [
        ("other.example/org/app:1", "quay.io/org/app", true),
        ("other.example/org/app:1", "quay.io", true),
        ("quay.io:443/org/app:1", "quay.io/org", false),
        ("QUAY.io/org/app:1", "quay.io/org", false),
        ("index.docker.io/library/alpine:1", "docker.io/library/alpine", false),
        ("registry-1.docker.io/library/alpine:1", "docker.io/library/alpine", false),
    ] {
        let mut scene = Scene::image();
        scene.places = Box::new(OwnPlaces);
        scene.source = source.parse().expect("a reference");
        scene.trust(key, &Signer::p256());
        scene.allow_unsigned("*");
        assert_eq!(scene.judge().is_admitted(), admitted, "{source} {key}");
    }
}

#[test]
fn a_trusted_signature_has_any_place() {
    let signer = Signer::p256();
    let mut scene = scene("a.example/redhat/ubi9/ubi:1", REDHAT);
    scene.trust("registry.redhat.io", &Signer::p256());
    scene.trust("a.example", &signer);
    let root = scene.root.clone();
    scene.sign_simple(&root, &signer);
    assert_eq!(scene.admission(), Admission::Signed);
}
