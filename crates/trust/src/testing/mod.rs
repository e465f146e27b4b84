//! A small world for the verifier's tests: signers, a log, evidence in memory, and a scene with one image in it.

pub mod certificates;
pub mod demands;
mod private_log;
pub mod scene;
mod store;
#[cfg(test)]
pub(crate) mod vectors;

pub use bundle_testing::Signer;
pub use private_log::PrivateLog;
pub use scene::Scene;
pub use store::Store;

use crate::PublicKey;

/// The public key of a signer, as the verifier has it.
pub trait HasPublicKey {
    /// The key, which is usable.
    fn public(&self) -> PublicKey;
}

impl HasPublicKey for Signer {
    fn public(&self) -> PublicKey {
        PublicKey::from_spki(self.spki()).expect("a usable key")
    }
}
