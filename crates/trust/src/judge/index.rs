//! Indexes: what a signature on them covers, and when an unsigned one is good because all it lists is
//! (docs/spec/verification.md §11).

use super::evidence::Evidence;
use super::signatures;
use super::tree::Tree;
use crate::outcome::RefusalCode;
use crate::outcome::verdict::{ChildStatus, ChildVerdict, Refusal};
use crate::reading::fields::{Fields, document};
use crate::reading::text::bounded;
use bundle_oci::{Descriptor, Digest, Manifest, Meaning, Platform};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Largest image config read.
const MAX_CONFIG: u64 = 4 << 20;
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// Judges indexes of one image by the manifests of it that are signed.
pub(crate) struct Indexes<'a> {
    pub(crate) tree: &'a Tree<'a>,
    pub(crate) signed: &'a BTreeSet<Digest>,
    /// Those of them that a container runtime finds signed too.
    pub(crate) enforceable: &'a BTreeSet<Digest>,
    pub(crate) evidence: &'a dyn Evidence,
    /// What configs say, each read once however often it is listed.
    pub(crate) configs: RefCell<HashMap<Digest, Result<Option<Built>, String>>>,
}

impl Indexes<'_> {
    /// Accepts the unsigned index `root` when everything that it lists is carried, signed, and what it says.
    pub(crate) fn accept_unsigned(&self, root: &Manifest) -> Result<(), Refusal> {
        self.accept(root, &mut BTreeSet::new())
    }

    /// `accepted` holds nested indexes that were found good, so that each is looked into once.
    fn accept(&self, index: &Manifest, accepted: &mut BTreeSet<Digest>) -> Result<(), Refusal> {
        let (attestations, images): (Vec<_>, Vec<_>) =
            index.children().iter().partition(|child| is_attestation(child));
        let about = |code, child: &Descriptor| Err(Refusal::new(code, child.digest.to_string()));
        if images.is_empty() {
            return Err(Refusal::bare(RefusalCode::NoSignature));
        }
        for child in index.children() {
            if self.tree.is_omitted(&child.digest) {
                return about(RefusalCode::ChildOmitted, child);
            }
            if !child.urls.is_empty() {
                return about(RefusalCode::ForeignUrl, child);
            }
        }
        // Nobody vouches for a blob that an unsigned index lists.
        if let Some(blob) = index.blobs().next() {
            return about(RefusalCode::ChildUnsigned, blob);
        }
        for &child in &images {
            let Some(manifest) = self.tree.get(&child.digest) else {
                return about(RefusalCode::ChildMissing, child);
            };
            match manifest.meaning() {
                Meaning::Image(image) if self.signed.contains(&child.digest) => {
                    self.check_platform(child, &image.config)?;
                }
                Meaning::Index(_) if child.platform.is_some() => {
                    return about(RefusalCode::PlatformMismatch, child);
                }
                Meaning::Index(_) if self.signed.contains(&child.digest) => {}
                Meaning::Index(_) if accepted.contains(&child.digest) => {}
                Meaning::Index(_) => {
                    self.accept(manifest, accepted)?;
                    accepted.insert(child.digest);
                }
                Meaning::Image(_) => return about(RefusalCode::ChildUnsigned, child),
            }
        }
        for child in &attestations {
            if self.tree.get(&child.digest).is_some_and(|child| self.may_run_unsigned(child)) {
                return about(RefusalCode::ChildUnsigned, child);
            }
        }
        let images: HashSet<Digest> = images.iter().map(|image| image.digest).collect();
        match attestations.into_iter().find(|entry| !self.is_bound_attestation(entry, &images)) {
            Some(stray) => about(RefusalCode::AttestationUnbound, stray),
            None => Ok(()),
        }
    }

    /// An attestation manifest must name one of `images`, be attached to nothing else, and have no manifests of its own
    /// to smuggle in.
    fn is_bound_attestation(&self, entry: &Descriptor, images: &HashSet<Digest>) -> bool {
        // A digest has one form as text.
        let named = entry.annotation(REFERENCE_DIGEST).and_then(|named| named.parse().ok());
        let names_one = named.is_some_and(|named: Digest| images.contains(&named));
        let of_these = |subject: &Descriptor| images.contains(&subject.digest);
        let is_one = |manifest: &Manifest| {
            matches!(manifest.meaning(), Meaning::Image(_))
                && manifest.subject().is_none_or(of_these)
        };
        names_one && self.tree.get(&entry.digest).is_some_and(is_one)
    }

    /// Whoever knows its digest can run an image, whatever an index says of it.
    fn may_run_unsigned(&self, manifest: &Manifest) -> bool {
        !self.signed.contains(&manifest.digest()) && self.evidence.is_runnable(manifest)
    }

    /// An unsigned index could send one platform's machines to another's image.
    fn check_platform(&self, child: &Descriptor, config: &Descriptor) -> Result<(), Refusal> {
        let mismatch = |detail: String| {
            let detail = bounded(&format!("manifest {}: {detail}", child.digest));
            Refusal::new(RefusalCode::PlatformMismatch, detail)
        };
        let stated = self.built(config).map_err(mismatch)?;
        let version = stated.as_ref().and_then(|built| built.os_version.clone());
        let stated = stated.map(|built| built.platform);
        let same = match (&child.platform, &stated) {
            // Both ways: a variant that only one side names is a difference, but for the first of an architecture.
            (Some(listed), Some(stated)) => listed.serves(stated) && stated.serves(listed),
            (None, None) => true,
            _ => false,
        };
        if same && agrees(child, version.as_deref()) {
            return Ok(());
        }
        if same {
            let name = |version: Option<&str>| bounded(version.unwrap_or("none"));
            let (listed, built) = (name(child.os_version.as_deref()), name(version.as_deref()));
            return Err(mismatch(format!("listed for os.version {listed}, built for {built}")));
        }
        let name = |platform: &Option<Platform>| {
            platform.as_ref().map_or_else(|| "no platform".to_owned(), |p| bounded(&p.to_string()))
        };
        Err(mismatch(format!("listed as {}, built for {}", name(&child.platform), name(&stated))))
    }

    /// What the config says that the image was built for.
    fn built(&self, config: &Descriptor) -> Result<Option<Built>, String> {
        if let Some(known) = self.configs.borrow().get(&config.digest) {
            return known.clone();
        }
        let read = signatures::read(self.evidence, config, MAX_CONFIG);
        let read = read.map_err(|failure| failure.detail.map(String::from).unwrap_or_default());
        let built = read.and_then(|bytes| built(&bytes));
        self.configs.borrow_mut().insert(config.digest, built.clone());
        built
    }

    /// True when a container runtime would find every carried manifest signed that it could choose below `root`.
    pub(crate) fn is_enforceable(&self, root: &Manifest) -> bool {
        let choosable = self.choosable(root);
        !choosable.is_empty() && choosable.is_subset(self.enforceable)
    }

    /// The carried images at or below `root`, from which a container runtime chooses.
    pub(crate) fn choosable(&self, root: &Manifest) -> BTreeSet<Digest> {
        let mut choosable = BTreeSet::new();
        self.collect_choosable(root, &mut BTreeSet::new(), &mut choosable);
        choosable
    }

    /// `seen` keeps an index that is listed many times from being entered many times.
    fn collect_choosable(
        &self,
        manifest: &Manifest,
        seen: &mut BTreeSet<Digest>,
        choosable: &mut BTreeSet<Digest>,
    ) {
        if matches!(manifest.meaning(), Meaning::Image(_)) {
            choosable.insert(manifest.digest());
            return;
        }
        for child in manifest.children().iter().filter(|child| !is_attestation(child)) {
            let carried = !self.tree.is_omitted(&child.digest) && seen.insert(child.digest);
            if let Some(child) = self.tree.get(&child.digest).filter(|_| carried) {
                self.collect_choosable(child, seen, choosable);
            }
        }
    }

    /// The status of every manifest listed below `root`, each once.
    pub(crate) fn statuses(&self, root: &Manifest) -> Vec<ChildVerdict> {
        let mut children = Vec::new();
        let covered = self.signed.contains(&root.digest());
        self.list(root, covered, &mut BTreeSet::new(), &mut children);
        children
    }

    fn list(
        &self,
        index: &Manifest,
        covered: bool,
        seen: &mut BTreeSet<Digest>,
        children: &mut Vec<ChildVerdict>,
    ) {
        for child in index.children() {
            if !seen.insert(child.digest) {
                continue;
            }
            let signed = self.signed.contains(&child.digest);
            let status = if self.tree.is_omitted(&child.digest) {
                ChildStatus::Omitted
            } else if signed {
                ChildStatus::Signed
            } else if covered {
                ChildStatus::CoveredByIndex
            } else if is_attestation(child) {
                ChildStatus::Attachment
            } else {
                ChildStatus::Unsigned
            };
            let platform = child.platform.clone();
            let enforceable = self.enforceable.contains(&child.digest);
            children.push(ChildVerdict { digest: child.digest, platform, status, enforceable });
            if let Some(nested) = self.tree.get(&child.digest) {
                self.list(nested, covered || signed, seen, children);
            }
        }
    }
}

/// The form in which buildx lists attestations: no machine chooses such an entry to run it.
fn is_attestation(child: &Descriptor) -> bool {
    child.annotation(REFERENCE_TYPE) == Some("attestation-manifest")
        && child.platform.as_ref().is_some_and(Platform::is_unknown)
}

/// What an image was built for, by its config.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    platform: Platform,
    os_version: Option<String>,
}

/// A version that is listed is the one that the config says. One that is not listed is asked for where machines choose
/// by it, which is on Windows.
fn agrees(child: &Descriptor, built: Option<&str>) -> bool {
    let is_windows = child.platform.as_ref().is_some_and(|platform| platform.os == "windows");
    match child.os_version.as_deref() {
        Some(listed) => built == Some(listed),
        None => !is_windows || built.is_none(),
    }
}

/// What an image config says that it runs on (image-spec config.md); `None` where it says nothing, as artifacts do.
fn built(bytes: &[u8]) -> Result<Option<Built>, String> {
    let read = || {
        let value = document("the config", bytes)?;
        let known = ["os", "architecture", "variant", "os.version"];
        let config = Fields::open("the config", &value, &known)?;
        let text = |key: &str| config.get(key).map(|_| config.text(key)).transpose();
        let set = |text: &&str| !text.is_empty();
        let (os, architecture) = (text("os")?.filter(set), text("architecture")?.filter(set));
        let variant = text("variant")?.filter(set).map(str::to_owned);
        let os_version = text("os.version")?.filter(set).map(str::to_owned);
        match (os, architecture) {
            (None, None) => Ok(None),
            (Some(os), Some(architecture)) => {
                let (os, architecture) = (os.to_owned(), architecture.to_owned());
                Ok(Some(Built { platform: Platform { os, architecture, variant }, os_version }))
            }
            (None, _) => Err(config.not("os", "there")),
            (_, None) => Err(config.not("architecture", "there")),
        }
    };
    read().map_err(|error| error.to_string())
}
