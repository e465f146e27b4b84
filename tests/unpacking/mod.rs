//! `bundle unpack` as a user types it: what arrives, on whose word, and what becomes of what was there.

mod again;
mod attached;
mod existing;
mod pushing;
mod refused;
mod selecting;
mod trust;

use crate::harness::images::TestImage;
use crate::harness::scene::Connected;
use crate::harness::signer::Signer;

/// The connected side with one signed image, packed with the key that signed it.
pub(crate) struct Carried {
    pub(crate) side: Connected,
    pub(crate) signer: Signer,
    pub(crate) image: TestImage,
    /// The file with the public key.
    pub(crate) key: String,
}

impl Carried {
    /// From the product's own registry.
    pub(crate) fn new() -> Self {
        Self::from(Connected::start())
    }

    /// From any registry.
    pub(crate) fn from(side: Connected) -> Self {
        let signer = Signer::p256();
        let image = side.signed("team/app", &signer);
        let key = side.key("release.pub", &signer);
        side.pack(&["team/app:1"], &["--key", &key]).expect_code(0);
        Self { side, signer, image, key }
    }
}
