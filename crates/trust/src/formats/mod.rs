//! What is signed, in the forms that signers write it.
//!
//! - [`payload`]: of simple signatures and GPG signatures
//! - [`dsse`]: envelopes; [`statement`]: the in-toto statements in them; [`predicate`]: types of what they state

pub mod dsse;
pub mod payload;
pub mod predicate;
pub mod statement;
