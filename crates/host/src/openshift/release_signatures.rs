//! GPG signatures of OpenShift releases. The cluster's own updates look for them in ConfigMaps (openshift/library-go,
//! `verify/store/configmap`): in the namespace and with the label below, under keys that begin with the digest.

use super::resource::{MAX_CONFIG_MAP, OpenshiftError, Resource};
use crate::quoting::quoted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;

const NAMESPACE: &str = "openshift-config-managed";
const LABEL: &str = "release.openshift.io/verification-signatures";

/// The signatures of one release, as they were carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSignatures {
    /// The digest of the release image.
    pub release: Digest,
    /// OpenPGP messages. Never empty.
    pub signatures: Vec<Vec<u8>>,
}

/// One ConfigMap for one release, so that none grows with the number of releases.
///
/// # Errors
/// [`OpenshiftError::Empty`], [`OpenshiftError::LargeConfigMap`].
pub fn release_config_map(signed: &ReleaseSignatures) -> Result<Resource, OpenshiftError> {
    if signed.signatures.is_empty() {
        return Err(OpenshiftError::Empty("ConfigMap"));
    }
    let name = format!("sha256-{}", signed.release.hex());
    let keys = (1..).map(|number| format!("{name}-{number}"));
    let entries: Vec<(String, &Vec<u8>)> = keys.zip(&signed.signatures).collect();
    let size = entries.iter().map(|(key, bytes)| key.len() + bytes.len()).sum();
    if size > MAX_CONFIG_MAP {
        let digest = signed.release.to_string();
        return Err(OpenshiftError::LargeConfigMap { digest, size });
    }
    let mut content = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}\n  namespace: {}\n  labels:\n    {LABEL}: \"\"\n\
         binaryData:\n",
        quoted(&name),
        quoted(NAMESPACE)
    );
    for (key, bytes) in entries {
        content.push_str(&format!("  {key}: {}\n", quoted(&STANDARD.encode(bytes))));
    }
    Ok(Resource { file: format!("configmap-{name}.yaml"), content })
}
