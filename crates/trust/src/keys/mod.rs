//! Public keys, and signatures by them.
//!
//! - `public_key`: a key that was read strictly, its fingerprint, and the check of a signature; `checked` remembers
//!   what was asked before
//! - [`crypto`]: the one door to the crypto library; `message`: bytes that are hashed once for all keys
//! - `keyring`: keys that are tried in turn
//! - [`signing`]: private keys, and the signatures that the product makes itself

mod checked;
pub mod crypto;
pub(crate) mod keyring;
pub(crate) mod message;
mod public_key;
pub mod signing;

pub use crypto::Algorithm;
pub use message::Hashing;
pub use public_key::{
    Fingerprint, KeyError, MAX_RSA_BITS, MIN_RSA_BITS, MIN_RSA_EXPONENT, PublicKey, SignatureError,
};
pub use signing::{SigningError, SigningKey};
