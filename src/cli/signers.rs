//! Options that say whose signatures count, the same for pack, verify and unpack.

use super::failure::Failure;
use super::keys::{self, KeyFile};
use bundle::oci::Digest;
use bundle::trust::{Anchors, PredicateType, Scoped, ScopedKey};
use clap::Args;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Whose signatures count. SCOPE is HOST, HOST/NAMESPACE, HOST/REPOSITORY[:TAG], *.DOMAIN; without it, all images.
#[derive(Args)]
#[command(next_help_heading = "Whose signatures count")]
pub(super) struct Signers {
    /// Images of SCOPE may be signed by this public key (repeatable; pack carries it too)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    key: Vec<Scoped<PathBuf>>,
    /// Images of SCOPE need valid signatures by N distinct signers; the narrowest scope counts (repeatable)
    #[arg(long, value_name = "[SCOPE=]N")]
    threshold: Vec<Scoped<NonZeroUsize>>,
    /// Images of SCOPE need a verified attestation of this predicate type: a URI, or a name as cosign's --type has it
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]PREDICATE_TYPE")]
    require_attestation: Vec<Scoped<PredicateType>>,
}

/// The anchors of a run, and what they were made of.
pub(super) struct Given {
    pub(super) anchors: Anchors,
    /// The files of `--key`.
    pub(super) keys: Vec<KeyFile>,
    /// SHA-256 over every option and file.
    pub(super) digest: Digest,
}

impl Signers {
    /// Reads every file that is named.
    pub(super) fn read(&self) -> Result<Given, Failure> {
        let mut made_of = Vec::new();
        let mut note = |option: &str, scope: &dyn ToString, value: &dyn ToString| {
            made_of.push(serde_json::json!([option, scope.to_string(), value.to_string()]));
        };
        let mut anchors = Anchors::default();
        let mut keys = Vec::new();
        for option in &self.key {
            let file = keys::read_scoped(option)?;
            note("key", &file.scope, &file.key.fingerprint());
            let (scope, key, name) = (file.scope.clone(), file.key.clone(), file.name.clone());
            anchors.keys.push(ScopedKey { scope, key, name });
            keys.push(file);
        }
        for option in &self.threshold {
            note("threshold", &option.scope, &option.value);
        }
        for option in &self.require_attestation {
            note("require-attestation", &option.scope, &option.value);
        }
        anchors.thresholds = self.threshold.clone();
        anchors.required_attestations = self.require_attestation.clone();
        let digest = Digest::of(serde_json::Value::from(made_of).to_string().as_bytes());
        Ok(Given { anchors, keys, digest })
    }
}
