//! What is known when images are refused: enough to say how to go on.

use crate::oci::Digest;
use crate::report::seal::SealReport;
use crate::report::signer_names::SignerNames;
use crate::trust::{
    Fingerprint, IdleScope, ImageVerdict, KeyFingerprint, KeyMaterial, KeyUse, PublicKey,
};
use serde::Serialize;

/// At least one image may not be published, so nothing is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Version of this report's shape.
    pub report_version: &'static str,
    /// What the verifier says about every image, in the inventory's order.
    pub verdicts: Vec<ImageVerdict>,
    /// The keys that travel in the bundle. None is trusted by being there.
    pub carried: Vec<CarriedKey>,
    /// OpenPGP keys, keys of logs and trusted roots that travel in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub carried_authorities: Vec<CarriedAuthority>,
    /// True when there was anything at all that could admit an image.
    pub any_anchor: bool,
    /// SHA-256 of `bundle.json`.
    pub bundle_digest: Digest,
    /// What became of the seal.
    pub seal: SealReport,
    /// A policy decided, so that nothing else could admit an image.
    #[serde(skip)]
    pub by_policy: bool,
    /// The bundle is authentic as a whole: names count as they stand in it.
    #[serde(skip)]
    pub names_bound: bool,
    /// Scopes that options gave and that cover no image.
    #[serde(skip)]
    pub idle_scopes: Vec<IdleScope>,
    /// Names of trusted signers, for people.
    #[serde(skip)]
    pub signer_names: SignerNames,
}

/// Something else in the bundle by which signatures could be verified, by its own bytes. None of these is ever taken for
/// the key of a cosign signer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CarriedAuthority {
    /// Its file in the bundle; untrusted text.
    pub file: String,
    /// What it would verify, as the bundle says.
    #[serde(rename = "use")]
    pub usage: KeyUse,
    /// Its name, computed from the carried file.
    pub fingerprint: KeyFingerprint,
    /// Scopes it was given for at pack, as the bundle says; untrusted text.
    pub scopes: Vec<String>,
    /// True when its fingerprint was trusted from outside.
    pub pinned: bool,
    /// What was read.
    #[serde(skip)]
    pub material: KeyMaterial,
}

/// A key of use `cosign` in the bundle, by its own bytes.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CarriedKey {
    /// Its file in the bundle; untrusted text.
    pub file: String,
    /// SHA-256 of its SubjectPublicKeyInfo, computed from the carried file.
    pub fingerprint: Fingerprint,
    /// What kind of key it is.
    pub algorithm: String,
    /// Scopes it was given for at pack, as the bundle says; untrusted text.
    pub scopes: Vec<String>,
    /// True when its fingerprint was trusted from outside.
    pub pinned: bool,
    /// The key.
    #[serde(skip)]
    pub key: PublicKey,
}

impl Refused {
    /// The verdicts that are refusals.
    pub fn refusals(&self) -> impl Iterator<Item = &ImageVerdict> {
        self.verdicts.iter().filter(|verdict| !verdict.is_admitted())
    }

    /// One line.
    pub fn summary(&self) -> String {
        let (refused, all) = (self.refusals().count(), self.verdicts.len());
        match self.any_anchor {
            true => format!("{refused} of {all} images may not be published"),
            false => "nothing is trusted, so no image may be published".to_owned(),
        }
    }
}
