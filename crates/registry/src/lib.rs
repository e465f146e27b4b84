//! Registries, as the OCI distribution specification describes them and as they are met in the field.
//!
//! ```text
//! client      what callers hold: Client, RemoteRepository
//! manifest    manifests and tags: get, resolve, push, list
//! download    blobs out: a stream that resumes by itself
//! upload      blobs in: one request with a known length, held back until the digest is right
//! extension   GPG signatures that the registry keeps itself
//! lookaside   GPG signatures on a web server beside it
//! referrer    what is attached to a digest: the API, its pages, the fallback tag; referrer_list bounds the last
//! ------------------------------------------------------------------------------------------
//! body        the body of an upload
//! encoding    answers that were compressed on the way
//! exchange    one request: authorised, redirected safely, tried again where that can help
//! host        one registry: where it is reached, and with which scheme
//! server      whether a server answers: one verdict for each and run
//! reach       where its answers may lead
//! auth        challenges, credentials, tokens
//! transport   connections: proxies, pools
//! addresses   names to addresses: what may lead to this machine
//! certificates what is configured for a host
//! tls         whom a client believes, and how it shows itself
//! link        the `Link` header
//! set_aside   what is found and does not count
//! retry       which failures are tried again, how often and how long
//! pace        how slowly an answer may come
//! answer_memory   how much of answers is in memory at once
//! error       what failed about which request
//! secrets     what is never printed
//! messages    how errors name requests, and what registries said
//! ```

mod addresses;
mod answer_memory;
mod auth;
mod body;
mod certificates;
mod client;
mod download;
mod encoding;
mod error;
mod exchange;
pub mod extension;
mod host;
mod link;
mod lookaside;
mod manifest;
mod messages;
mod pace;
mod reach;
mod referrer;
mod referrer_list;
mod retry;
pub mod secrets;
mod server;
mod set_aside;
mod tls;
mod transport;
mod upload;

#[cfg(test)]
mod tests;

pub use client::{Client, ClientOptions, LookasideUrlError, RemoteRepository};
pub use error::RegistryError;
pub use extension::{ExtensionSignature, SignaturePushed};
pub use lookaside::Lookaside;
pub use manifest::ManifestPushed;
pub use messages::{Asked, Said};
pub use reach::is_loopback_host;
pub use referrer::{Referrers, ReferrersFrom, fallback_tag};
pub use referrer_list::{ListEntry, ListRoom};
pub use retry::RetryPolicy;
pub use set_aside::SetAside;
pub use upload::{BlobPushed, Presence};
