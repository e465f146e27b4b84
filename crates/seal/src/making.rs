//! Making the seal of a bundle: nothing is sealed that every enclave would refuse.

use super::rotation::RotationError;
use super::signature::{fingerprint_of, sign};
use bundle_inventory::{Inventory, InventoryError};
use bundle_trust::{SigningError, SigningKey};

/// The reason why a seal cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MakingError {
    /// The bytes to seal are not an inventory.
    #[error("the inventory cannot be sealed")]
    Inventory(#[from] InventoryError),
    /// The bundle announces a rotation that this key may not announce.
    #[error("the bundle announces a rotation that this key cannot seal")]
    Rotation(#[from] RotationError),
    /// The key did not sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// Seals a bundle by the exact bytes of its `bundle.json`.
///
/// # Errors
/// [`MakingError`].
pub fn make(inventory: &[u8], key: &SigningKey) -> Result<Vec<u8>, MakingError> {
    let Inventory { sequence, rotation, .. } = Inventory::from_bytes(inventory)?;
    if let Some(rotation) = rotation {
        super::rotation::announce(rotation, fingerprint_of(key.public_key()), sequence, &[])?;
    }
    Ok(sign(inventory, key)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify;
    use bundle_inventory::Rotation;
    use bundle_oci::Digest;
    use serde_json::json;

    fn inventory(sequence: Option<u64>, rotation: Option<Rotation>) -> Vec<u8> {
        let mut value = json!({
            "format": "bundle", "formatVersion": "1.0", "created": "2026-01-01T00:00:00Z",
            "tool": {"name": "bundle", "version": "0.1.0"},
            "images": [], "keys": [], "files": [], "blobs": [],
            "totals": {"images": 0, "attachments": 0, "blobs": 0, "bytes": 0},
        });
        if let Some(sequence) = sequence {
            value["sequence"] = json!(sequence);
        }
        if let Some(rotation) = rotation {
            value["rotation"] = json!(rotation);
        }
        value.to_string().into_bytes()
    }

    #[test]
    fn only_the_key_that_retires_seals_its_rotation() {
        let (key, other) = (SigningKey::generate(), SigningKey::generate());
        let (key, other) = (key.expect("a key"), other.expect("a key"));
        let rotation = Rotation {
            retires: fingerprint_of(key.public_key()),
            successor: Digest::of(b"next"),
            from_sequence: 8,
        };
        let good = inventory(Some(7), Some(rotation));
        let seal = make(&good, &key).expect("sealed");
        let verified = verify(&good, &seal, std::slice::from_ref(key.public_key()));
        assert_eq!(verified, Ok(key.public_key().fingerprint()));
        let by_other = make(&good, &other);
        assert!(matches!(by_other, Err(MakingError::Rotation(RotationError::OtherKey { .. }))));
        for sequence in [None, Some(8)] {
            let refused = make(&inventory(sequence, Some(rotation)), &key);
            assert!(matches!(refused, Err(MakingError::Rotation(_))), "{sequence:?}");
        }
        assert!(make(&inventory(None, None), &other).is_ok());
        assert!(matches!(make(b"{}", &key), Err(MakingError::Inventory(_))));
    }
}
