//! Rehoming: signatures that verified and lie where container runtimes do not look get a manifest where they do.
//!
//! Runtimes read simple signatures under one tag, `sha256-<hex>.sig`, in an OCI manifest each layer of which they fetch.
//! A courier could move a signature elsewhere, or put something beside it that runtimes cannot read, and the image would
//! be admitted here and enforced nowhere. The layer and its annotations are all there is to a signature, so it counts
//! in another manifest as well: ours has one verified signature of each signer that has none in reach, beside what
//! lies there already and can be read. It is the same for the same bundle and the same anchors.

mod reported;

pub(super) use reported::{reports, warnings};

use super::error::UnpackError;
use super::plan::destinations::Plan;
use super::verify::Verified;
use crate::oci::{Descriptor, Digest, Manifest, Meaning, media_type};
use crate::trust::{Found, SignatureFinding, Signer, runtimes_read, signature_tag};
use bytes::Bytes;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most bytes of one signature's annotations: far more than a certificate with its chain and a log entry take.
const MAX_ANNOTATIONS: usize = 256 << 10;
/// What cosign calls the config of a manifest of signatures.
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Signatures of one manifest, and the manifest that holds them where runtimes look.
#[derive(Debug)]
pub(super) struct Rehomed {
    /// Number of the repository in the plan.
    pub(super) repository: usize,
    /// What they sign.
    pub(super) subject: Digest,
    /// The tag that runtimes ask for.
    pub(super) tag: String,
    /// What the tag names.
    pub(super) manifest: Manifest,
    /// Its config, which nobody reads.
    pub(super) config: Bytes,
    /// The manifests that held them in the bundle.
    from: Vec<Digest>,
    /// What the bundle has under the tag.
    pub(super) displaced: Option<Digest>,
}

impl Rehomed {
    pub(super) fn config_descriptor(&self) -> Descriptor {
        Descriptor::of(CONFIG, &self.config)
    }
}

/// All of them, in a fixed order.
#[derive(Debug, Default)]
pub(super) struct Rehomings {
    all: Vec<Rehomed>,
    /// By repository in the plan and subject.
    numbers: HashMap<(usize, Digest), usize>,
}

impl Rehomings {
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Rehomed> {
        self.all.iter()
    }

    /// True when the tag of a manifest's signatures names one of these.
    pub(super) fn takes(&self, repository: usize, subject: Digest, tag: &str) -> bool {
        self.numbers.contains_key(&(repository, subject)) && tag == signature_tag(&subject)
    }
}

/// What is known of the signatures of one manifest.
#[derive(Default)]
struct Known<'v> {
    /// Signers of whom runtimes find a signature.
    in_reach: BTreeSet<Signer>,
    /// A verified signature of each other signer.
    misplaced: BTreeMap<Signer, &'v SignatureFinding>,
    /// What the bundle has under the tag.
    tagged: Option<Digest>,
}

/// Decides which signatures get another manifest.
///
/// # Errors
/// [`UnpackError::Archive`] when a manifest is no longer what it was.
pub(super) fn plan(verified: &Verified, plan: &Plan) -> Result<Rehomings, UnpackError> {
    let mut known: BTreeMap<(usize, Digest), Known<'_>> = BTreeMap::new();
    for ((_, image, verdict), planned) in verified.images().zip(plan.images()) {
        for finding in verdict.verifying() {
            let Some(signer) = finding.signer() else { continue };
            let entry = known.entry((planned.repository, finding.subject)).or_default();
            if finding.is_misplaced() {
                entry.misplaced.entry(signer).or_insert(finding);
            } else if finding.is_for_runtimes() && !matches!(finding.found, Found::Atomic(_)) {
                entry.in_reach.insert(signer);
            }
        }
        for attachment in image.attachments() {
            let is_signatures = |tag: &str| tag == signature_tag(&attachment.subject);
            if let crate::inventory::Found::Tag(tag) = &attachment.found
                && is_signatures(tag)
            {
                let entry = known.entry((planned.repository, attachment.subject)).or_default();
                entry.tagged =
                    verified.catalogue().attached(attachment).next_back().map(|r| r.digest);
            }
        }
    }
    let mut rehomings = Rehomings::default();
    for ((repository, subject), mut known) in known {
        let Known { in_reach, misplaced, .. } = &mut known;
        misplaced.retain(|signer, _| !in_reach.contains(signer));
        if !misplaced.is_empty()
            && let Some(rehomed) = rehome(verified, repository, subject, &known)?
        {
            rehomings.numbers.insert((repository, subject), rehomings.all.len());
            rehomings.all.push(rehomed);
        }
    }
    Ok(rehomings)
}

/// The manifest for signatures of `subject`; `None` where their bytes do not allow it.
fn rehome(
    verified: &Verified,
    repository: usize,
    subject: Digest,
    known: &Known<'_>,
) -> Result<Option<Rehomed>, UnpackError> {
    let mut layers = match known.tagged {
        Some(tagged) => read(verified, tagged)?.filter(runtimes_read).map_or(Vec::new(), layers_of),
        None => Vec::new(),
    };
    let mut from = Vec::new();
    for finding in known.misplaced.values() {
        let Some(holder) = read(verified, finding.manifest)? else { continue };
        let Some(layer) = layers_of(holder).into_iter().nth(finding.position) else { continue };
        let length: usize = layer.annotations.iter().map(|(k, v)| k.len() + v.len()).sum();
        if length > MAX_ANNOTATIONS || finding.layer != Some(layer.digest) {
            continue;
        }
        let bare = Descriptor::new(&layer.media_type, layer.digest, layer.size);
        layers.push(Descriptor { annotations: layer.annotations, ..bare });
        from.push(finding.manifest);
    }
    if from.is_empty() {
        return Ok(None);
    }
    from.sort_unstable();
    from.dedup();
    let config = config(&layers);
    let document = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": Descriptor::of(CONFIG, &config),
        "layers": layers,
    });
    let bytes = Bytes::from(document.to_string());
    // What is too large stays where it is.
    let Ok(manifest) = Manifest::parse(bytes, media_type::OCI_MANIFEST) else { return Ok(None) };
    let (tag, displaced) = (signature_tag(&subject), known.tagged);
    Ok(Some(Rehomed { repository, subject, tag, manifest, config, from, displaced }))
}

fn read(verified: &Verified, digest: Digest) -> Result<Option<Manifest>, UnpackError> {
    let Some(record) = verified.catalogue().manifest(&digest) else { return Ok(None) };
    Ok(Some(verified.catalogue().read_manifest(verified.archive(), record)?))
}

fn layers_of(manifest: Manifest) -> Vec<Descriptor> {
    match manifest.meaning() {
        Meaning::Image(image) => image.layers.clone(),
        Meaning::Index(_) => Vec::new(),
    }
}

/// The config that cosign gives to a manifest of signatures: some registries read it.
fn config(layers: &[Descriptor]) -> Bytes {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let history: Vec<_> = layers.iter().map(|_| json!({ "created": NEVER })).collect();
    let digests: Vec<String> = layers.iter().map(|layer| layer.digest.to_string()).collect();
    let document = json!({
        "architecture": "",
        "created": NEVER,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
        "config": {},
    });
    Bytes::from(document.to_string())
}
