//! Signatures that gpg does not make: put together packet by packet, as an attacker would.

use super::gpg::{DAY, MADE, SIGNED};
use super::scene::{
    Forge, PAYLOAD, critical, flags, keys, message, plain, push, signature, signed, time, verify,
};
use crate::openpgp::{FormFault, OpenPgpError};
use pgp::bytes::Bytes;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureType, SubpacketData};
use pgp::types::{Duration, KeyDetails as _};

#[test]
fn what_a_signature_demands_and_states_is_respected() {
    let Some([owner, _]) = keys("forged signatures") else { return };
    let key = &owner.primary_key;
    let keyring = Forge::of(key).named(MADE, |_| {}).packets;
    let later = SIGNED + 1000 * DAY;
    let good = signed(key, |_| {});
    assert_eq!(verify(&keyring, &good, later), Ok(()));

    let notation = || {
        SubpacketData::Notation(Notation {
            readable: true,
            name: Bytes::from_static(b"only@example"),
            value: Bytes::from_static(b"on sundays"),
        })
    };
    assert_eq!(verify(&keyring, &signed(key, push(notation())), later), Ok(()));
    for (kind, data) in [
        (20, notation()),
        (27, flags(true)),
        (30, SubpacketData::Features((&[1][..]).into())),
        (100, SubpacketData::Experimental(100, Bytes::new())),
    ] {
        let inside = data.clone();
        let message = signed(key, |config| config.hashed_subpackets.push(critical(inside)));
        assert_eq!(
            verify(&keyring, &message, later),
            Err(OpenPgpError::CriticalSubpacket(kind)),
            "{kind}"
        );
        let message = signed(key, |config| config.unhashed_subpackets.push(critical(data)));
        let error = verify(&keyring, &message, later);
        assert_eq!(error, Err(OpenPgpError::CriticalSubpacket(kind)), "{kind}, not signed");
    }

    let lifetime = || SubpacketData::SignatureExpirationTime(Duration::from_secs(60));
    let brief = signed(key, push(lifetime()));
    let expired = OpenPgpError::SignatureExpired { at: SIGNED + 60 };
    assert_eq!(verify(&keyring, &brief, later), Err(expired));
    let forever = SubpacketData::SignatureExpirationTime(Duration::from_secs(0));
    assert_eq!(verify(&keyring, &signed(key, push(forever)), later), Ok(()));

    let malformed = |message: &[u8]| match verify(&keyring, message, later) {
        Err(OpenPgpError::Form(FormFault::Malformed(why))) => why,
        other => panic!("{other:?}"),
    };
    let undated = signed(key, |config| config.hashed_subpackets.clear());
    assert!(malformed(&undated).contains("does not say when"));
    let dated_by_others = signed(key, |config| {
        config.unhashed_subpackets.append(&mut config.hashed_subpackets);
    });
    assert!(malformed(&dated_by_others).contains("does not say when"));
    let twice = signed(key, push(SubpacketData::SignatureCreationTime(time(SIGNED))));
    assert!(malformed(&twice).contains("twice"));

    let old = signed(key, |config| {
        config.hashed_subpackets =
            vec![plain(SubpacketData::SignatureCreationTime(time(MADE - 1)))];
    });
    let before = OpenPgpError::SignatureBeforeKey { created: MADE - 1 };
    assert_eq!(verify(&keyring, &old, later), Err(before));
    let text = signed(key, |config| config.typ = SignatureType::Text);
    assert_eq!(verify(&keyring, &text, later), Err(OpenPgpError::SignatureType(1)));
    // Nobody named: every key of the ring is tried, and the right one found.
    let nameless = signed(key, |config| config.unhashed_subpackets.clear());
    assert_eq!(verify(&keyring, &nameless, later), Ok(()));
}

#[test]
fn another_announcement_than_signature_is_refused() {
    let Some([owner, attacker]) = keys("announcements") else { return };
    let key = &owner.primary_key;
    let keyring = Forge::of(key).named(MADE, |_| {}).packets;
    let sha256 = signature(key, |config| config.hash_alg = HashAlgorithm::Sha256);
    let mut changed = message(key, PAYLOAD, &sha256);
    assert_eq!(verify(&keyring, &changed, SIGNED), Ok(()));
    // Tag, length, version, type, hash.
    assert_eq!(changed[4], 8, "SHA-256");
    changed[4] = 10;
    let error = verify(&keyring, &changed, SIGNED).expect_err("SHA-512 announced");
    assert!(matches!(error, OpenPgpError::Form(FormFault::Malformed(_))), "{error:?}");

    let named_as_owner = signed(&attacker.primary_key, |config| {
        let name = SubpacketData::IssuerKeyId(key.legacy_key_id());
        config.unhashed_subpackets = vec![plain(name)];
    });
    let error = verify(&keyring, &named_as_owner, SIGNED).expect_err("signed by another");
    assert!(matches!(error, OpenPgpError::BadSignature(_)), "{error:?}");
}
