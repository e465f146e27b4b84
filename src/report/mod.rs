//! What a run did, as values: text for people and JSON for machines are made from the same report.

pub mod attachments;
pub mod config;
pub mod configuration;
pub mod inspect;
pub mod keys;
pub mod pack;
pub mod seal;
pub mod signer_names;
pub mod size;
pub mod unpack;
pub mod verify;
