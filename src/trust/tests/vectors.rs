//! Third-party vectors, which are not part of this repository: `$BUNDLE_VECTORS`, else `../shared/vectors`.

use crate::oci::{Descriptor, Digest, Manifest, Reference, media_type};
use crate::trust::candidate::{Candidate, Means};
use crate::trust::cosign::{Claim, judge_layer};
use crate::trust::pem::PemError;
use crate::trust::requirement::Forms;
use crate::trust::sigstore_bundle::{Bundle, Content};
use crate::trust::{Hashing, IdentityRule, KeyError, PublicKey, SignatureCode as Code};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("BUNDLE_VECTORS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = given.unwrap_or(beside);
    folder.join("EXPECTATIONS.tsv").is_file().then_some(folder)
}

/// The rows of one form: id, path, key.
fn rows(folder: &Path, form: &str) -> Vec<(String, PathBuf, PathBuf, bool)> {
    let table = fs::read_to_string(folder.join("EXPECTATIONS.tsv")).expect("the table");
    let rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(|row| row[1] == form)
        .map(|row| {
            let accept = row[4] == "ACCEPT";
            (row[0].to_owned(), folder.join(row[2]), folder.join(row[3]), accept)
        })
        .collect()
}

fn key(file: &Path) -> PublicKey {
    PublicKey::from_pem(&fs::read(file).expect("a key file")).expect("a key")
}

/// The code of one `signature-N` file of containers/image's directory transport: a line, then JSON.
fn judge_file(file: &Path, key: &PublicKey, subject: Digest, source: &Reference) -> Code {
    let bytes = fs::read(file).expect("a signature");
    let start = bytes.iter().position(|byte| *byte == b'{').expect("JSON");
    let wire: Value = serde_json::from_slice(&bytes[start..]).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = text(&wire["mimeType"]);
    if kind != media_type::SIMPLE_SIGNING {
        return Code::NotASignature;
    }
    let payload = STANDARD.decode(text(&wire["payload"])).expect("base64");
    let mut layer = Descriptor::of(&kind, &payload);
    for (name, value) in wire["annotations"].as_object().expect("annotations") {
        layer.annotations.insert(name.clone(), text(value));
    }
    let (rule, forms) = (&IdentityRule::MatchRepository, Forms::All);
    let claim = Claim { subject, source, rule, forms };
    let candidate = Candidate { name: "key.pub", means: Means::Key(key) };
    judge_layer(&layer, &payload, &[candidate], &claim).code
}

/// The digest of the manifest beside the signatures, as long as there is a manifest that this product carries.
fn subject(folder: &Path) -> Option<Digest> {
    let bytes = fs::read(folder.join("manifest.json")).ok()?;
    let announced = [media_type::DOCKER_MANIFEST, media_type::OCI_MANIFEST];
    let parse = |kind| Manifest::parse(bytes.clone().into(), kind).ok();
    announced.into_iter().find_map(parse).map(|manifest| manifest.digest())
}

#[test]
fn simple_signing_vectors_are_judged_as_expected() {
    let Some(folder) = folder() else {
        println!("left out: there are no third-party vectors; BUNDLE_VECTORS names their folder");
        return;
    };
    let (mut accepted, mut refused) = (0, 0);
    for (id, path, key_file, accept) in rows(&folder, "keyed simplesigning") {
        let source = match id.as_str() {
            "ci-cosign-valid-with-tag" => "192.168.64.2:5000/skopeo-signed:tag",
            "ci-cosign-valid-otherrepo" => "192.168.64.2:5000/other:1",
            _ => "192.168.64.2:5000/cosign-signed-single-sample:1",
        };
        let source: Reference = source.parse().expect("a reference");
        let key = key(&key_file);
        let codes: Vec<Code> = if path.is_file() {
            let sibling = path.parent().expect("a folder").join("dir-img-cosign-valid");
            vec![judge_file(&path, &key, subject(&sibling).expect("a manifest"), &source)]
        } else {
            let signatures = (1..).map(|n| path.join(format!("signature-{n}")));
            subject(&path).map_or_else(Vec::new, |subject| {
                signatures
                    .take_while(|file| file.is_file())
                    .map(|file| judge_file(&file, &key, subject, &source))
                    .collect()
            })
        };
        let expected: &[Code] = match id.as_str() {
            "ci-cosign-valid" | "ci-cosign-valid-with-tag" => &[Code::Verified],
            "ci-cosign-valid-2" => &[Code::Verified, Code::Verified],
            "ci-cosign-mixed" => &[Code::SignatureWrongKey, Code::Verified],
            "ci-cosign-mixed-key2" => &[Code::SignatureWrongKey, Code::SignatureWrongKey],
            "ci-cosign-valid-wrongkey" | "ci-unknown-cosign-key" => &[Code::SignatureWrongKey],
            "ci-cosign-valid-otherrepo" => &[Code::IdentityMismatch],
            "ci-cosign-modified-manifest" => &[Code::DigestMismatch],
            "ci-cosign-other-attachment" => &[Code::NotASignature],
            // No manifest that could be pushed, so nothing that a signature could be of.
            "ci-cosign-manifest-digest-error" | "ci-cosign-no-manifest" => &[],
            other => panic!("a row without an expectation: {other}"),
        };
        assert_eq!(codes, expected, "{id}");
        assert_eq!(codes.contains(&Code::Verified), accept, "{id}");
        *(if accept { &mut accepted } else { &mut refused }) += 1;
    }
    println!("simple signing vectors: {accepted} accepted, {refused} refused");
    assert_eq!((accepted, refused), (4, 8));
}

#[test]
fn key_signed_bundle_vectors_are_judged_as_expected() {
    let Some(folder) = folder() else {
        println!("left out: there are no third-party vectors; BUNDLE_VECTORS names their folder");
        return;
    };
    let artifact = folder.join("sigstore-conformance/test/assets/a.txt");
    let artifact = fs::read(artifact).expect("the artifact");
    let rows = rows(&folder, "sigstore bundle (key.pub)");
    assert_eq!(rows.len(), 3);
    for (id, path, _, accept) in rows {
        let bytes = fs::read(path.join("bundle.sigstore.json")).expect("a bundle");
        let bundle = Bundle::parse(&bytes).expect("well formed");
        let Content::Message { digest, signature } = bundle.content else {
            panic!("{id} is not a message signature");
        };
        assert_eq!(digest.as_deref(), Some(&Digest::of(&artifact).as_bytes()[..]), "{id}");
        let file = fs::read(path.join("key.pub")).expect("a key file");
        let verified = match PublicKey::from_pem(&file) {
            Ok(key) => key.verify(Hashing::Sha256OrMatched, &artifact, &signature).is_ok(),
            // The wrong key of the suite is not even base64.
            Err(error) => {
                assert_eq!(error, KeyError::Pem(PemError::Damaged("its content is not base64")));
                false
            }
        };
        assert_eq!(verified, accept, "{id}");
    }
}
