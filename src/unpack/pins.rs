//! Fingerprints from outside that admit carried keys. What a pin means: *this key signs images*.
//!
//! The bundle says of each of its keys what it is for, and the courier may have written that. So a pin never takes the
//! bundle's word: `sha256:` admits keys as signers of cosign signatures, `openpgp:` as signers of GPG signatures, and
//! nothing makes a carried key a log's or a trusted root an authority. A log's key that was given the label of a signer is
//! told by what is known of logs from elsewhere, or by the bundle itself.

use super::error::UnpackError;
use super::refused::{CarriedAuthority, CarriedKey};
use crate::trust::openpgp::{Keyring, OpenPgpFingerprint};
use crate::trust::{
    Anchors, Authority, Fingerprint, KeyFingerprint, KeyMaterial, Log, Scoped, ScopedAuthority,
};
use std::sync::Arc;

/// Admits carried keys by pins, each only within the scope of its pin.
///
/// # Errors
/// [`UnpackError::PinnedLog`], and [`UnpackError::UnansweredPins`] with all that nothing answers to.
pub(super) fn admit(
    anchors: &mut Anchors,
    pins: &[Scoped<Fingerprint>],
    openpgp_pins: &[Scoped<OpenPgpFingerprint>],
    carried: &[CarriedKey],
    authorities: &[CarriedAuthority],
) -> Result<(), UnpackError> {
    if let Some(pin) = pins.iter().find(|pin| is_of_log(&pin.value, anchors, authorities)) {
        return Err(UnpackError::PinnedLog(pin.value));
    }
    let answers: Vec<_> = carried.iter().map(|key| (key.file.as_str(), &key.key)).collect();
    let unanswered = anchors.admit_carried(pins, answers);
    let mut unanswered: Vec<KeyFingerprint> =
        unanswered.into_iter().map(|pin| pin.value.into()).collect();
    for pin in openpgp_pins {
        let answer = authorities.iter().find_map(|carried| match &carried.material {
            KeyMaterial::OpenPgp(key) if key.fingerprint() == pin.value => Some((carried, key)),
            _ => None,
        });
        let keyring =
            answer.map(|(carried, key)| (carried, Keyring::read(key.armored().as_bytes())));
        match keyring {
            Some((carried, Ok(keyring))) => anchors.authorities.push(ScopedAuthority {
                scopes: vec![pin.scope.clone()],
                authority: Authority::OpenPgp(Arc::new(keyring)),
                name: carried.file.clone(),
            }),
            // What was read when the bundle was checked is read again here.
            Some((_, Err(_))) | None => unanswered.push(pin.value.into()),
        }
    }
    match unanswered.is_empty() {
        true => Ok(()),
        false => Err(UnpackError::UnansweredPins(unanswered)),
    }
}

/// True for the key of a log that is trusted here, or that the bundle itself has as a log's.
fn is_of_log(
    fingerprint: &Fingerprint,
    anchors: &Anchors,
    authorities: &[CarriedAuthority],
) -> bool {
    let hex = fingerprint.hex();
    let trusted = anchors.logs.iter().any(|authority| match &authority.log {
        Log::Key(key, _) => key.id() == *fingerprint,
        Log::Root(root) => root.names_log(&hex),
    });
    let carried = authorities.iter().any(|carried| match &carried.material {
        KeyMaterial::Rekor(key) => key.id() == *fingerprint,
        KeyMaterial::TrustedRoot(root) => root.names_log(&hex),
        KeyMaterial::Cosign(_) | KeyMaterial::OpenPgp(_) => false,
    });
    trusted || carried
}
