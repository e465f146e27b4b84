//! Under a policy nothing counts that container runtimes do not get to see, however well it is signed.

use crate::policy::PreparedPolicy;
use crate::testing::HasPublicKey as _;
use crate::testing::certificates::{EMAIL, Sketch, authority, names, purposes};
use crate::testing::scene::{CONFIG, base64, wire};
use crate::testing::{Scene, Signer};
use crate::{
    Admission, Attached, Found, ImageVerdict, Policy, RefusalCode, SignatureCode as Code,
    simple_signing,
};
use bundle_oci::media_type::{DOCKER_MANIFEST, OCI_MANIFEST, SIMPLE_SIGNING};
use serde_json::{Value, json};

const OTHER: &str = "application/octet-stream";

/// What holds a signature, and where.
struct Holder {
    media_type: &'static str,
    tag: Option<&'static str>,
    layers: Vec<Value>,
}

/// Judges an image with one signature by `signer`, held as `change` says.
fn judge(signer: &Signer, anchor: &Anchor, change: impl Fn(&mut Holder)) -> ImageVerdict {
    let mut scene = Scene::image();
    let payload = scene.payload(&scene.root);
    let mut layer = scene.store.blob(SIMPLE_SIGNING, payload.clone());
    let signature = signer.sign_base64(payload.as_bytes());
    layer.annotations.insert(simple_signing::SIGNATURE_ANNOTATION.into(), signature);
    let mut holder =
        Holder { media_type: OCI_MANIFEST, tag: Some("sig"), layers: vec![wire(&layer)] };
    change(&mut holder);
    let config = wire(&scene.store.blob(CONFIG, "{}"));
    let document = json!({"schemaVersion": 2, "mediaType": holder.media_type,
        "config": config, "layers": holder.layers});
    let manifest = scene.store.manifest(holder.media_type, &document);
    let subject = scene.root.digest;
    let found = match holder.tag {
        Some(ending) => Found::Tag(format!("sha256-{}.{ending}", subject.hex())),
        None => Found::Referrer,
    };
    scene.attached.push(Attached { subject, manifest, found });
    match anchor {
        Anchor::Option => scene.trust("*", signer),
        Anchor::Policy(requirements) => {
            let document = json!({ "default": requirements }).to_string();
            let policy = Policy::parse(document.as_bytes()).expect("a policy");
            let mut no_files = |_: &_| Err(std::io::ErrorKind::NotFound.into());
            let prepared = PreparedPolicy::new(&policy, [&scene.source], &mut no_files);
            scene.anchors.policy = Some(prepared);
            scene.anchors.now = 1_700_000_000;
        }
    }
    scene.judge()
}

enum Anchor {
    /// `--key`.
    Option,
    /// These requirements for everything.
    Policy(Value),
}

fn by_key(signer: &Signer) -> Value {
    json!({
        "type": "sigstoreSigned",
        "keyData": base64(signer.public().to_pem().as_bytes()),
        "signedIdentity": {"type": "matchRepository"},
    })
}

fn refusal(verdict: &ImageVerdict) -> Option<RefusalCode> {
    match verdict.admission() {
        Admission::Refused(refusal) => Some(refusal.code),
        _ => None,
    }
}

type Change = fn(&mut Holder);

/// A layer that is no signature, of this size.
fn other_layer(size: u64) -> Value {
    json!({"mediaType": OTHER, "digest": format!("sha256:{}", "0".repeat(64)), "size": size})
}

#[test]
fn a_signature_counts_under_a_policy_where_runtimes_look_for_it() {
    let signer = Signer::p256();
    let policy = Anchor::Policy(json!([by_key(&signer)]));
    let kept: [(&str, Change); 2] = [
        ("as it is", |_| {}),
        ("beside the largest layer that is read", |h| h.layers.push(other_layer(4 << 20))),
    ];
    for (what, change) in kept {
        let verdict = judge(&signer, &policy, change);
        assert_eq!(verdict.admission(), &Admission::Signed, "{what}");
        assert!(verdict.enforceable() && !verdict.is_beyond_runtimes(), "{what}");
    }
    let out_of_reach: [(&str, Change); 6] = [
        ("as a referrer", |h| h.tag = None),
        ("under the tag of attestations", |h| h.tag = Some("att")),
        ("in a Docker manifest", |h| h.media_type = DOCKER_MANIFEST),
        ("beside a layer that is too large", |h| h.layers.push(other_layer((4 << 20) + 1))),
        ("to be fetched elsewhere", |h| h.layers[0]["urls"] = json!(["https://elsewhere.example"])),
        ("beside a layer from elsewhere", |h| {
            let mut layer = other_layer(1);
            layer["urls"] = json!(["https://elsewhere.example"]);
            h.layers.insert(0, layer);
        }),
    ];
    for (what, change) in out_of_reach {
        let verdict = judge(&signer, &policy, change);
        let signature = verdict.signatures().iter().find(|f| f.code != Code::NotASignature);
        assert_eq!(signature.map(|f| f.code), Some(Code::FormNotInPolicy), "{what}");
        assert_eq!(refusal(&verdict), Some(RefusalCode::NoTrustedSignature), "{what}");
        // A key that was given for us counts for us, and the report says for whom it does not.
        let verdict = judge(&signer, &Anchor::Option, change);
        assert_eq!(verdict.admission(), &Admission::Signed, "{what}");
        assert!(!verdict.enforceable() && verdict.is_beyond_runtimes(), "{what}");
    }
}

#[test]
fn nothing_is_enforceable_that_the_policy_rejects() {
    let signer = Signer::p256();
    let unusable = json!({"type": "signedBy", "keyType": "X509Certificates", "keyData": "YQ=="});
    for (other, code) in [
        (json!({"type": "reject"}), RefusalCode::PolicyRejects),
        (unusable, RefusalCode::PolicyUnusable),
    ] {
        let policy = Anchor::Policy(json!([by_key(&signer), other]));
        let verdict = judge(&signer, &policy, |_| {});
        assert_eq!((refusal(&verdict), verdict.enforceable()), (Some(code), false));
    }
}

#[test]
fn a_policy_reads_certificates_under_their_present_name_only() {
    let (root, signer) = (Signer::p256(), Signer::p256());
    let ca = Sketch::new("root", &root, "root").with(authority(None)).pem(&root);
    let leaf = Sketch::new("leaf", &signer, "root").with(names(&[(EMAIL, b"me@example.com")]));
    let leaf = leaf.with(purposes(&["1.3.6.1.5.5.7.3.3"])).pem(&root);
    let policy = Anchor::Policy(json!([{
        "type": "sigstoreSigned",
        "pki": {"caRootsData": base64(ca.as_bytes()), "subjectEmail": "me@example.com"},
        "signedIdentity": {"type": "matchRepository"},
    }]));
    let (present, old) =
        ("dev.sigstore.cosign/certificate", "dev.cosignproject.cosign/certificate");
    let old_chain = "dev.cosignproject.cosign/chain";
    for (annotations, expected) in [
        (&[(present, leaf.as_str())][..], Code::Verified),
        (&[(present, &leaf), (old, "another")], Code::Verified),
        (&[(present, &leaf), (old_chain, "another")], Code::Verified),
        (&[(old, &leaf)], Code::CertificateMissing),
        (&[], Code::CertificateMissing),
    ] {
        let verdict = judge(&signer, &policy, |holder| {
            for (name, value) in annotations {
                holder.layers[0]["annotations"][*name] = json!(value);
            }
        });
        assert_eq!(verdict.signatures()[0].code, expected, "{annotations:?}");
        assert_eq!(verdict.enforceable(), expected == Code::Verified);
    }
}
