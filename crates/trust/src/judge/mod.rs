//! Who decides whether an image is admitted: [`admission`].
//!
//! - [`admission`]: the grounds on which an image is admitted, in their order; [`evidence`] is what it is given
//! - [`tree`] and `index`: every manifest of an image, and what covers it
//! - `rule`: what the anchors demand of one image; `requirement`: how its manifests stand against that; `distinct`
//!   counts who signed
//! - `signatures`: a finding for each attachment, in whichever form; `examination_memory` bounds what is examined at
//!   once; `runtimes`: which signatures container runtimes get to see
//! - [`simple_signing`], `attestation`, `bundle`: what a signature in each form is worth when somebody vouches for it
//! - `candidate`: somebody who may have signed, and whether he vouches for a signature; `failure`: why he does not

pub mod admission;
mod attestation;
mod bundle;
pub(crate) mod candidate;
mod distinct;
pub mod evidence;
mod examination_memory;
mod failure;
mod index;
pub(crate) mod requirement;
mod rule;
mod runtimes;
mod signatures;
pub mod simple_signing;
pub mod tree;

pub use admission::judge;
pub use evidence::{
    AtomicSignature, Attached, Evidence, EvidenceError, ImageUnderTest, StatedAtPack,
};
pub use runtimes::{runtimes_read, signature_tag};
