//! What can be said of a signature and of an image.
//!
//! - [`codes`]: the stable codes of reports; `declare` is how they are written
//! - [`signer`]: who signed, and what proves it; `judgement`: what the check of one signature comes to
//! - [`finding`]: the same for each attachment, as reports have it; [`vouching`]: by what each attachment is verified
//! - [`verdict`]: statuses and admission of an image

pub mod codes;
mod declare;
pub mod finding;
pub(crate) mod judgement;
pub mod signer;
pub mod verdict;
pub mod vouching;

pub use self::codes::{RefusalCode, SignatureCode};
pub(crate) use declare::codes;
