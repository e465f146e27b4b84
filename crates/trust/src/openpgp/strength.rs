//! Which algorithms, lengths and hashes are strong enough.

use pgp::crypto::hash::HashAlgorithm;
use pgp::ser::Serialize as _;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams};

use crate::keys::{MAX_RSA_BITS, MIN_RSA_BITS};

/// The name of a key's algorithm, with its length or curve.
pub(super) fn name(key: &impl KeyDetails) -> String {
    match key.public_params() {
        PublicParams::RSA(params) => format!("RSA-{}", rsa_bits(params)),
        PublicParams::DSA(_) => "DSA".to_owned(),
        PublicParams::Elgamal(_) => "ElGamal".to_owned(),
        PublicParams::ECDSA(params) => format!("ECDSA {}", params.curve()),
        PublicParams::ECDH(params) => format!("ECDH {}", params.curve()),
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. })
        | PublicParams::Ed25519(_) => "Ed25519".to_owned(),
        PublicParams::EdDSALegacy(params) => format!("EdDSA {}", params.curve()),
        PublicParams::Ed448(_) => "Ed448".to_owned(),
        PublicParams::X25519(_) => "X25519".to_owned(),
        PublicParams::X448(_) => "X448".to_owned(),
        PublicParams::Unknown { .. } => format!("algorithm {}", u8::from(key.algorithm())),
    }
}

/// Why a key's signatures are not accepted, whoever vouches for it: the name of what it is.
pub(super) fn weakness(key: &impl KeyDetails) -> Option<String> {
    let strong = match key.public_params() {
        PublicParams::RSA(params) => (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&rsa_bits(params)),
        PublicParams::ECDSA(params) => matches!(
            params,
            EcdsaPublicParams::P256 { .. }
                | EcdsaPublicParams::P384 { .. }
                | EcdsaPublicParams::P521 { .. }
        ),
        PublicParams::EdDSALegacy(params) => {
            matches!(params, EddsaLegacyPublicParams::Ed25519 { .. })
        }
        PublicParams::Ed25519(_) | PublicParams::Ed448(_) => true,
        PublicParams::DSA(_)
        | PublicParams::Elgamal(_)
        | PublicParams::ECDH(_)
        | PublicParams::X25519(_)
        | PublicParams::X448(_)
        | PublicParams::Unknown { .. } => false,
    };
    (!strong).then(|| name(key))
}

/// True when nobody can make two messages that agree under this hash. Everything that a key vouches for needs it.
pub(super) fn resists_collisions(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// True for the hashes that a primary key's statements about itself may use. SHA-1 is one of them, because keys of
/// vendors that are in service were certified with it, and such a statement gives power to no other key: what it says
/// is when the key expires and what it is for. Subkeys, which do sign, need the stronger kind.
pub(super) fn suffices_for_itself(hash: HashAlgorithm) -> bool {
    resists_collisions(hash) || hash == HashAlgorithm::Sha1
}

/// The modulus as an OpenPGP integer begins with its length in bits (RFC 9580 §3.2).
fn rsa_bits(params: &pgp::types::RsaPublicParams) -> u32 {
    let modulus = params.to_bytes().unwrap_or_default();
    modulus.first_chunk().map_or(0, |bits| u16::from_be_bytes(*bits).into())
}
