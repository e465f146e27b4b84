//! What counts as enforceable on a host, and what a policy accepts, is no more than container runtimes look at: the
//! layers of the manifest under the tag `sha256-….sig`, by the annotations of today.

use crate::certificate::{Authorities, Pki};
use crate::testing::HasPublicKey as _;
use crate::testing::certificates::{EMAIL, Sketch, authority, names, purposes};
use crate::testing::scene::{CONFIG, wire};
use crate::testing::{Scene, Signer};
use crate::{
    Admission, Attached, Authority, Found, RefusalCode, ScopedAuthority, SignatureCode as Code,
    simple_signing, vouched,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Descriptor, media_type};
use serde_json::{Value, json};

const ME: &str = "me@example.com";

/// A requirement of `signer`'s key for `quay.io/org/repo`.
fn by_key(signer: &Signer) -> Value {
    json!({
        "type": "sigstoreSigned", "keyData": STANDARD.encode(signer.public().to_pem()),
        "signedIdentity": {"type": "matchRepository"},
    })
}

/// A valid layer by `signer`, of the scene's image.
fn layer(scene: &mut Scene, signer: &Signer) -> Descriptor {
    let payload = scene.payload(&scene.root.clone());
    let mut layer = scene.store.blob(media_type::SIMPLE_SIGNING, payload.clone());
    let signature = signer.sign_base64(payload.as_bytes());
    layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
    layer
}

/// Attaches these layers in a manifest of this type.
fn attach(scene: &mut Scene, media_type: &str, layers: &[Descriptor], found: Found) {
    let config = scene.store.blob(CONFIG, "{}");
    let layers: Vec<Value> = layers.iter().map(wire).collect();
    let mut document = json!({
        "schemaVersion": 2, "mediaType": media_type, "config": wire(&config), "layers": layers,
    });
    if media_type == media_type::DOCKER_MANIFEST {
        document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json".into();
    }
    let manifest = scene.store.manifest(media_type, &document);
    scene.attached.push(Attached { subject: scene.root.digest, manifest, found });
}

/// The scene's image with one valid signature, attached in a way that runtimes look at or not.
fn scenes(signer: &Signer) -> Vec<(&'static str, bool, Scene)> {
    let (oci, docker) = (media_type::OCI_MANIFEST, media_type::DOCKER_MANIFEST);
    let own = |scene: &Scene| Found::Tag(format!("sha256-{}.sig", scene.root.digest.hex()));
    let huge = Descriptor::new("text/plain", bundle_oci::Digest::of(b"x"), (4 << 20) + 1);
    let small = Descriptor { size: 4 << 20, ..huge.clone() };
    let mut scenes = Vec::new();
    for (name, read, kind, beside, referrer) in [
        ("under its tag", true, oci, None, false),
        ("beside another layer", true, oci, Some(small), false),
        ("beside a layer that is too large", false, oci, Some(huge), false),
        ("in Docker's form", false, docker, None, false),
        ("as a referrer", false, oci, None, true),
    ] {
        let mut scene = Scene::image();
        let layers: Vec<_> = [layer(&mut scene, signer)].into_iter().chain(beside).collect();
        let found = if referrer { Found::Referrer } else { own(&scene) };
        attach(&mut scene, kind, &layers, found);
        scenes.push((name, read, scene));
    }
    scenes
}

#[test]
fn a_signature_where_runtimes_do_not_look_is_not_enforceable() {
    let signer = Signer::p256();
    for (name, read, mut scene) in scenes(&signer) {
        scene.trust("*", &signer);
        let verdict = scene.judge();
        assert_eq!(*verdict.admission(), Admission::Signed, "{name}");
        assert_eq!(verdict.enforceable(), read, "{name}");
        assert_eq!(verdict.is_beyond_runtimes(), !read, "{name}");
    }
}

#[test]
fn a_policy_accepts_no_signature_where_runtimes_do_not_look() {
    let signer = Signer::p256();
    for (name, read, mut scene) in scenes(&signer) {
        scene.set_policy(&json!({"default": [by_key(&signer)]}));
        assert_eq!(scene.judge().is_admitted(), read, "{name}");
        if !read {
            assert!(scene.codes().contains(&Code::FormNotInPolicy), "{name}: {:?}", scene.codes());
        }
    }
}

#[test]
fn an_image_that_a_runtime_would_refuse_is_not_enforceable() {
    let (signer, other) = (Signer::p256(), Signer::p256());
    for (list, refusal) in [
        (json!([by_key(&signer)]), None),
        (json!([by_key(&signer), {"type": "insecureAcceptAnything"}]), None),
        (json!([by_key(&signer), {"type": "reject"}]), Some(RefusalCode::PolicyRejects)),
        (
            json!([by_key(&signer), {
                "type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}
            }]),
            Some(RefusalCode::PolicyUnusable),
        ),
        (json!([by_key(&signer), by_key(&other)]), Some(RefusalCode::NoTrustedSignature)),
    ] {
        let (mut scene, children) = Scene::index();
        for child in &children {
            scene.sign_simple(child, &signer);
        }
        scene.set_policy(&json!({"default": list}));
        let verdict = scene.judge();
        assert_eq!(verdict.is_admitted(), refusal.is_none(), "{list}");
        assert_eq!(verdict.enforceable(), refusal.is_none(), "{list}");
        let enforceable = verdict.children().iter().all(|child| child.enforceable);
        assert_eq!(enforceable, refusal.is_none(), "{list}");
        if let Some(code) = refusal {
            assert_eq!(scene.refusal(), code, "{list}");
        }
    }
}

#[test]
fn requirements_are_met_manifest_by_manifest() {
    let (one, two) = (Signer::p256(), Signer::p256());
    let (mut scene, children) = Scene::index();
    scene.set_policy(&json!({"default": [by_key(&one), by_key(&two)]}));
    let root = scene.root.clone();
    scene.sign_simple(&root, &one);
    scene.sign_simple(&children[0], &two);
    scene.sign_simple(&children[1], &two);
    assert_eq!(scene.refusal(), RefusalCode::NoTrustedSignature);
    scene.sign_simple(&children[0], &one);
    scene.sign_simple(&children[1], &one);
    assert_eq!(scene.admission(), Admission::IndexUnsigned);
}

/// An organisation, and a certificate of it for `signer`.
fn organisation(signer: &Signer) -> (String, String) {
    let root = Signer::p256();
    let leaf = Sketch::new("", signer, "root").with(names(&[(EMAIL, ME.as_bytes())]));
    let leaf = leaf.with(purposes(&["1.3.6.1.5.5.7.3.3"])).pem(&root);
    let root = Sketch::new("root", &root, "root").with(authority(None)).pem(&root);
    (root, leaf)
}

#[test]
fn old_spelling_of_an_annotation_is_unknown_to_runtimes() {
    let signer = Signer::p256();
    let (root, leaf) = organisation(&signer);
    for (annotation, read) in
        [(vouched::CERTIFICATE_ANNOTATION, true), ("dev.cosignproject.cosign/certificate", false)]
    {
        let mut scene = Scene::image();
        let mut layer = layer(&mut scene, &signer);
        layer.annotations.insert(annotation.into(), leaf.clone());
        let image = scene.root.clone();
        scene.attach_layers(&image, &[layer]);
        scene.anchors.now = 1_700_000_000;
        scene.set_policy(&json!({"default": [{
            "type": "sigstoreSigned", "signedIdentity": {"type": "matchRepository"},
            "pki": {"caRootsData": STANDARD.encode(&root), "subjectEmail": ME},
        }]}));
        assert_eq!(scene.judge().is_admitted(), read, "{annotation}");
        scene.anchors.policy = None;
        scene.anchors.authorities.push(pki(&root));
        let verdict = scene.judge();
        assert_eq!((verdict.is_admitted(), verdict.enforceable()), (true, read), "{annotation}");
    }
}

fn pki(root: &str) -> ScopedAuthority {
    let roots = Authorities::from_pem(root.as_bytes()).expect("a root");
    let pki = Pki::new(roots, None, Some(ME.into()), None).expect("expectations");
    let scopes = vec!["*".parse().expect("a scope")];
    ScopedAuthority { scopes, authority: Authority::Pki(pki), name: "ca.pem".into() }
}
