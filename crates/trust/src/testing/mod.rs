//! A small world for the verifier's tests: signers, a log, evidence in memory, and a scene with one image in it.

pub mod certificates;
pub mod demands;
mod private_log;
pub mod scene;
mod signer;
mod store;
#[cfg(test)]
pub(crate) mod vectors;

pub use private_log::PrivateLog;
pub use scene::Scene;
pub use signer::Signer;
pub use store::Store;
