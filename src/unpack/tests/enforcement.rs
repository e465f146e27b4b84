//! What a host could enforce of what was carried.

use super::*;
use crate::trust::{Pattern, Policy};
use crate::unpack::at_target::AtTarget;
use crate::unpack::{NotEnforceable, Signers};

/// What is said of [`APP`]'s repository when `signers` are trusted for everything.
fn said(scene: &Scene, signers: &[&Signer]) -> Result<Signers, NotEnforceable> {
    let mut anchors = Anchors::default();
    for signer in signers {
        anchors.keys.extend(anchored("*", signer).keys);
    }
    anchors.allow_unsigned = vec!["quay.io/org/app".parse::<Pattern>().expect("a pattern")];
    said_under(scene, TrustInputs { anchors, ..TrustInputs::default() })
}

fn said_under(scene: &Scene, trust: TrustInputs) -> Result<Signers, NotEnforceable> {
    scene.builder.write(&scene.archive());
    let opened = Opened::open(&[scene.archive()]).expect("opened");
    let target = "127.0.0.1:1".parse().expect("a target");
    let verified = opened.check().expect("checked").verify_for(target, trust).expect("verified");
    let planned = verified.plan().expect("a plan");
    let at_target = AtTarget::expected(&planned);
    let enforcement = planned.verified.enforcement(&|_| false, &at_target).expect("an answer");
    let app: Repository = "quay.io/org/app".parse().expect("a repository");
    enforcement.of(&app).expect("carried").clone()
}

fn keys(signers: &[&Signer]) -> Vec<String> {
    let mut all: Vec<String> = signers.iter().map(|s| s.fingerprint().to_string()).collect();
    all.sort();
    all
}

fn fingerprints(said: &Result<Signers, NotEnforceable>) -> Vec<String> {
    let signers = said.as_ref().expect("enforceable");
    assert!(signers.logs.is_empty());
    signers.keys.iter().map(|key| key.fingerprint().to_string()).collect()
}

fn sign_children(scene: &mut Scene, number: usize, signer: &Signer) {
    for child in scene.children.clone() {
        scene.builder.sign(number, &child, signer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_manifest_that_a_runtime_could_choose_needs_a_signature() {
    let mut scene = Scene::new().await;
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    let image = APP.to_owned();
    assert_eq!(said(&scene, &[&signer]), Err(NotEnforceable::Uncovered { image: image.clone() }));
    let first = scene.children[0].clone();
    scene.builder.sign(0, &first, &signer);
    assert_eq!(said(&scene, &[&signer]), Err(NotEnforceable::Uncovered { image }));
    let second = scene.children[1].clone();
    scene.builder.sign(0, &second, &signer);
    assert_eq!(fingerprints(&said(&scene, &[&signer])), keys(&[&signer]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_name_one_key_and_several_where_they_need_them() {
    let mut scene = Scene::new().await;
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    let other = Signer::p256();
    sign_children(&mut scene, 0, &signer);
    let image = scene.builder.simple_image("amd64", "the second one");
    let tag = "quay.io/org/app:2";
    scene.builder.add_image(tag, &image, &[]);
    let both = [&signer, &other];
    let uncovered = NotEnforceable::Uncovered { image: tag.into() };
    assert_eq!(said(&scene, &both), Err(uncovered));
    let number = scene.builder.images.len() - 1;
    scene.builder.sign(number, &image, &other);
    assert_eq!(fingerprints(&said(&scene, &both)), keys(&both));
    // The first image signed by the other one too, but for its index, which runtimes do not ask about.
    let children: Vec<Digest> = scene.children.iter().map(|child| child.digest).collect();
    scene.builder.images[0].attachments.retain(|one| !children.contains(&one.subject));
    sign_children(&mut scene, 0, &other);
    scene.builder.forget_unreferenced();
    assert_eq!(fingerprints(&said(&scene, &both)), keys(&[&other]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_one_image_is_no_key_for_its_repository() {
    let mut scene = Scene::new().await;
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    sign_children(&mut scene, 0, &signer);
    let under = |scopes: &[&str]| {
        let anchors = Anchors {
            keys: scopes.iter().flat_map(|scope| anchored(scope, &signer).keys).collect(),
            ..Anchors::default()
        };
        TrustInputs { anchors, ..TrustInputs::default() }
    };
    assert_eq!(
        said_under(&scene, under(&["registry.example", APP])),
        Err(NotEnforceable::SingleImages)
    );
    for scope in ["quay.io/org/app:*", "quay.io/org/app", "quay.io", "*.io", "*"] {
        let said = said_under(&scene, under(&["registry.example", APP, scope]));
        assert_eq!(fingerprints(&said), keys(&[&signer]), "{scope}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_key_verified_is_named() {
    let mut scene = Scene::new().await;
    let signer = std::mem::replace(&mut scene.signer, Signer::p256());
    sign_children(&mut scene, 0, &signer);
    let accepting = br#"{"default": [{"type": "insecureAcceptAnything"}]}"#;
    assert!(Policy::parse(accepting).is_ok());
    let file = scene.folder.path().join("policy.json");
    std::fs::write(&file, accepting).expect("a policy");
    let policy = crate::host::PolicyFile::open(&file).expect("a policy");
    let trust = TrustInputs { policy: Some(policy), ..TrustInputs::default() };
    assert_eq!(said_under(&scene, trust), Err(NotEnforceable::ByPolicy));
    assert_eq!(fingerprints(&said(&scene, &[&signer])), keys(&[&signer]));
    scene.builder.images[0].attachments.clear();
    scene.builder.forget_unreferenced();
    let mut web = anchored("registry.example/web", &signer);
    web.allow_unsigned = vec!["quay.io/org/app".parse().expect("a pattern")];
    let trust = TrustInputs { anchors: web, ..TrustInputs::default() };
    assert_eq!(said_under(&scene, trust), Err(NotEnforceable::NoKey));
}
