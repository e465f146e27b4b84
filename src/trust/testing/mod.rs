//! A small world for the verifier's tests: signers, a log, evidence in memory, and a scene with one image in it.

pub(super) mod certificates;
mod private_log;
pub(super) mod scene;
mod signer;
mod store;
pub(super) mod vectors;

pub(super) use private_log::PrivateLog;
pub(super) use scene::Scene;
pub(super) use signer::Signer;
pub(super) use store::Store;
