//! The verifier as a whole: one-field breaks, each with the valid object beside it (docs/spec/verification.md §17).

mod admission;
mod annotations;
mod attestation;
mod bundle;
mod demands;
mod enforceable;
mod fixed_length;
mod index;
mod keyless;
mod keys;
mod logged;
mod payload;
mod peers;
mod runtimes;
mod sigstore;
mod threshold;
mod trusted_root;
mod vectors;
