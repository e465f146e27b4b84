//! Options of keys that travel along although nothing is verified with them.

use super::failure::Failure;
use bundle::signers::{CarriedKey, files};
use bundle::trust::{KeyMaterial, KeyMaterialError, KeyUse};
use clap::Args;
use std::path::{Path, PathBuf};

/// Keys to carry without verifying with them.
#[derive(Args)]
pub(super) struct Carry {
    /// Carry this without verifying with it: a public key of cosign's, OpenPGP public keys, or a trusted_root.json
    /// (repeatable)
    #[arg(long, value_name = "FILE")]
    carry_key: Vec<PathBuf>,
    /// Carry this public key of a Rekor log without demanding its entries (repeatable)
    #[arg(long, value_name = "FILE")]
    carry_rekor_key: Vec<PathBuf>,
}

impl Carry {
    /// Reads every file that is named.
    pub(super) fn read(&self) -> Result<Vec<CarriedKey>, Failure> {
        let mut carried = Vec::new();
        for path in &self.carry_key {
            carried.extend(read(path, KeyMaterial::detect)?);
        }
        let log = |file: &[u8]| Ok(vec![KeyMaterial::read(KeyUse::Rekor, file)?]);
        for path in &self.carry_rekor_key {
            carried.extend(read(path, log)?);
        }
        Ok(carried)
    }
}

fn read(
    path: &Path,
    parse: impl Fn(&[u8]) -> Result<Vec<KeyMaterial>, KeyMaterialError>,
) -> Result<Vec<CarriedKey>, Failure> {
    let (bytes, name) = files::read(path)?;
    let keys = parse(&bytes).map_err(|error| {
        Failure::usage(format!("key file {} cannot be used: {error}", path.display()))
    })?;
    let carried = |material| CarriedKey { material, name: name.clone(), scopes: vec![] };
    Ok(keys.into_iter().map(carried).collect())
}
