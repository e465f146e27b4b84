//! Values that the OCI specifications name, parsed at the edge: a value that exists here is valid.
//!
//! - [`digest`](mod@digest): SHA-256 digests as text, and the hasher that makes them
//! - [`reference`](mod@reference): image references, normalised as container tools do; [`host_name`]: spellings of one host
//! - [`platform`](mod@platform): operating system, architecture and variant
//! - [`media_type`]: the types that decide how a blob is read or stored
//! - [`descriptor`]: media type, digest and size of one piece of content
//! - [`json`]: JSON without duplicate keys, for everything that came from outside
//! - [`manifest`]: an image manifest or an index, original bytes beside their meaning
//! - [`runnable`]: what a container runtime would run
//! - [`source`]: where blobs come from: the one door to bytes, bounded and hashed
//! - [`atomic`]: names and limits of GPG signatures, which lie beside manifests
//! - [`text`]: texts from outside, cut for messages
//! - [`layout`]: an OCI image layout directory, as a source and as a target

pub mod atomic;
pub mod descriptor;
pub mod digest;
pub mod host_name;
mod inline;
pub mod json;
pub mod layout;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod reference;
pub mod runnable;
pub mod source;
pub mod text;

pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher};
pub use manifest::{Manifest, Meaning};
pub use platform::Platform;
pub use reference::{Reference, Repository};
