//! Keyed simple signatures out of the test data of containers/image.

use super::Verdict;
use crate::judge::candidate::{Candidate, Means};
use crate::judge::requirement::Forms;
use crate::judge::simple_signing::{Claim, SignedPayload, judge_layer};
use crate::testing::vectors::{KeptSignature, Row, read};
use crate::{IdentityRule, PublicKey, SignatureCode as Code};
use bundle_oci::{Descriptor, Digest, Manifest, Reference, media_type};
use std::fs;
use std::path::Path;

/// The code of one `signature-N` file.
fn judge_file(file: &Path, key: &PublicKey, subject: Digest, source: &Reference) -> Code {
    let kept = KeptSignature::read(file);
    if kept.media_type != media_type::SIMPLE_SIGNING {
        return Code::NotASignature;
    }
    let mut layer = Descriptor::of(&kept.media_type, &kept.payload);
    layer.annotations = kept.annotations;
    let (rule, forms) = (&IdentityRule::MatchRepository, Forms::All);
    let claim = Claim { subject, source, rule, forms };
    let candidate = Candidate { name: "key.pub", means: Means::Key(key) };
    judge_layer(&layer, &SignedPayload::new(&kept.payload), &[candidate], &claim).code
}

/// The digest of the manifest beside the signatures, as long as there is a manifest that this product carries.
fn subject(folder: &Path) -> Option<Digest> {
    let bytes = fs::read(folder.join("manifest.json")).ok()?;
    let announced = [media_type::DOCKER_MANIFEST, media_type::OCI_MANIFEST];
    let parse = |kind| Manifest::parse(bytes.clone().into(), kind).ok();
    announced.into_iter().find_map(parse).map(|manifest| manifest.digest())
}

/// Judges all signatures of a row, each by its own code.
pub(super) fn judge(folder: &Path, row: &Row) -> Verdict {
    let source = match row.id.as_str() {
        "ci-cosign-valid-with-tag" => "192.168.64.2:5000/skopeo-signed:tag",
        "ci-cosign-valid-otherrepo" => "192.168.64.2:5000/other:1",
        _ => "192.168.64.2:5000/cosign-signed-single-sample:1",
    };
    let source: Reference = source.parse().expect("a reference");
    let key = PublicKey::from_pem(&read(&folder.join(&row.trusted))).expect("a key");
    let codes: Vec<Code> = if row.path.is_file() {
        let sibling = row.path.parent().expect("a folder").join("dir-img-cosign-valid");
        vec![judge_file(&row.path, &key, subject(&sibling).expect("a manifest"), &source)]
    } else {
        let signatures = (1..).map(|n| row.path.join(format!("signature-{n}")));
        subject(&row.path).map_or_else(Vec::new, |subject| {
            signatures
                .take_while(|file| file.is_file())
                .map(|file| judge_file(&file, &key, subject, &source))
                .collect()
        })
    };
    assert_eq!(codes, expected(&row.id), "{}", row.id);
    if codes.contains(&Code::Verified) { Verdict::Accepted } else { Verdict::Refused }
}

fn expected(id: &str) -> &'static [Code] {
    match id {
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
    }
}
