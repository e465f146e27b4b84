//! Keys that gpg does not make: put together packet by packet, as an attacker would.

use super::gpg::{DAY, MADE, SIGNED};
use super::scene::{Forge, bytes, critical, fault, flags, keys, plain, push, signed, verify};
use crate::openpgp::{KeyFault, Keyring, KeyringError, OpenPgpError};
use pgp::bytes::Bytes;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SignatureConfig, SignatureType, SubpacketData};
use pgp::types::{Duration, KeyDetails as _, RevocationKey, RevocationKeyClass};

#[test]
fn a_primary_key_says_what_it_is_for_and_for_how_long() {
    let Some([owner, attacker]) = keys("forged primary keys") else { return };
    let key = &owner.primary_key;
    let message = signed(key, |_| {});
    let good = Forge::of(key).named(MADE, push(flags(true))).packets;
    assert_eq!(verify(&good, &message, SIGNED), Ok(()));

    assert_eq!(fault(&Forge::of(key).packets, &message, SIGNED), KeyFault::Unproven);
    let for_else = Forge::of(key).named(MADE, push(flags(false))).packets;
    assert_eq!(fault(&for_else, &message, SIGNED), KeyFault::NotForSigning);
    for (name, forge) in [
        ("before the key", Forge::of(key).named(MADE - 1, |_| {})),
        ("in the future", Forge::of(key).named(SIGNED + 1, |_| {})),
        ("by MD5", Forge::of(key).named(MADE, |config| config.hash_alg = HashAlgorithm::Md5)),
        (
            "expired",
            Forge::of(key)
                .named(MADE, push(SubpacketData::SignatureExpirationTime(Duration::from_secs(60)))),
        ),
        (
            "under a condition",
            Forge::of(key).named(MADE, |config| {
                let unknown = SubpacketData::Experimental(101, Bytes::new());
                config.hashed_subpackets.push(critical(unknown));
            }),
        ),
    ] {
        assert_eq!(fault(&forge.packets, &message, SIGNED), KeyFault::Unproven, "{name}");
    }

    // A direct-key signature and a name: both must allow what they speak of.
    let direct = |change: fn(&mut SignatureConfig)| {
        let forge = Forge::of(key).direct(SignatureType::Key, key, MADE, change);
        forge.named(MADE + 1, push(flags(true))).packets
    };
    assert_eq!(verify(&direct(|_| {}), &message, SIGNED), Ok(()));
    let brief = direct(|config| {
        let lifetime = SubpacketData::KeyExpirationTime(Duration::from_secs(60));
        config.hashed_subpackets.push(plain(lifetime));
    });
    assert_eq!(fault(&brief, &message, SIGNED), KeyFault::Expired { at: MADE + 60 });
    let alone = Forge::of(key).direct(SignatureType::Key, key, MADE, |_| {}).packets;
    assert_eq!(verify(&alone, &message, SIGNED), Ok(()));
    let by_another =
        Forge::of(key).direct(SignatureType::Key, &attacker.primary_key, MADE, |_| {}).packets;
    assert_eq!(fault(&by_another, &message, SIGNED), KeyFault::Unproven);

    // An expiry in the part that is not signed says nothing; that way none can be taken away either.
    let unsigned = Forge::of(key).named(MADE, |config| {
        let lifetime = SubpacketData::KeyExpirationTime(Duration::from_secs(60));
        config.unhashed_subpackets.push(plain(lifetime));
    });
    assert_eq!(verify(&unsigned.packets, &message, SIGNED), Ok(()));
}

#[test]
fn no_date_and_no_later_statement_undoes_a_revocation() {
    let Some([owner, attacker]) = keys("forged revocations") else { return };
    let (key, other) = (&owner.primary_key, &attacker.primary_key);
    let message = signed(key, |_| {});
    let revocation = SignatureType::KeyRevocation;
    for (name, at, reason) in [
        ("superseded, later than the message", SIGNED + DAY, RevocationCode::KeySuperseded),
        ("retired, before the last self-signature", MADE, RevocationCode::KeyRetired),
        ("stolen", SIGNED, RevocationCode::KeyCompromised),
    ] {
        let reason = SubpacketData::RevocationReason(reason, Bytes::new());
        let forge = Forge::of(key).direct(revocation, key, at, push(reason));
        let keyring = forge.named(MADE + DAY, |_| {}).packets;
        assert_eq!(fault(&keyring, &message, SIGNED + 2 * DAY), KeyFault::Revoked, "{name}");
    }
    let by_another =
        Forge::of(key).direct(revocation, other, SIGNED, |_| {}).named(MADE, |_| {}).packets;
    assert_eq!(verify(&by_another, &message, SIGNED), Ok(()), "anyone could");
    let revoker = SubpacketData::RevocationKey(RevocationKey::new(
        RevocationKeyClass::Default,
        other.algorithm(),
        other.fingerprint().as_bytes(),
    ));
    let appointed = Forge::of(key)
        .direct(revocation, other, SIGNED, |_| {})
        .direct(SignatureType::Key, key, MADE, push(revoker))
        .named(MADE, |_| {});
    assert_eq!(fault(&appointed.packets, &message, SIGNED), KeyFault::Revoked);

    // A revocation that cannot be read makes the file unusable rather than the key trusted.
    let mut unreadable = Forge::of(key).named(MADE, |_| {}).packets;
    unreadable.extend([0x88, 3, 5, 0x20, 22]);
    let error = Keyring::read(&unreadable).expect_err("a revocation of version 5");
    assert!(matches!(error, KeyringError::Damaged { packet: 4, .. }), "{error:?}");
}

#[test]
fn a_subkey_needs_both_signatures_and_the_right_purpose() {
    let Some([owner, attacker]) = keys("forged subkeys") else { return };
    let (key, subkey) = (&owner.primary_key, &owner.secret_subkeys[0].key);
    let public = subkey.public_key();
    let message = signed(subkey, |_| {});
    let forge = || Forge::of(key).named(MADE, push(flags(true)));
    let back = || forge().signed_back(subkey, MADE, |_| {});
    let complete = |config: &mut SignatureConfig| {
        config.hashed_subpackets.push(plain(flags(true)));
        config.unhashed_subpackets.push(back());
    };
    let bound = |bindings: &[pgp::packet::Signature]| forge().subkey(public, bindings).packets;
    let good = forge().binding(public, MADE, complete);
    assert_eq!(verify(&bound(std::slice::from_ref(&good)), &message, SIGNED), Ok(()));

    let cases = [
        ("no binding", vec![], KeyFault::Unbound),
        (
            "binding by another key",
            vec![Forge::of(&attacker.primary_key).binding(public, MADE, complete)],
            KeyFault::Unbound,
        ),
        (
            "binding of another subkey",
            vec![forge().binding(attacker.secret_subkeys[0].key.public_key(), MADE, complete)],
            KeyFault::Unbound,
        ),
        (
            "SHA-1 binding",
            vec![forge().binding(public, MADE, |config| {
                complete(config);
                config.hash_alg = HashAlgorithm::Sha1;
            })],
            KeyFault::Unbound,
        ),
        ("in the future", vec![forge().binding(public, SIGNED + 1, complete)], KeyFault::Unbound),
        (
            "not signed back",
            vec![forge().binding(public, MADE, push(flags(true)))],
            KeyFault::NotSignedBack,
        ),
        (
            "signed back by SHA-1",
            vec![forge().binding(public, MADE, |config| {
                let sha1 = |config: &mut SignatureConfig| config.hash_alg = HashAlgorithm::Sha1;
                config.hashed_subpackets.push(plain(flags(true)));
                config.hashed_subpackets.push(forge().signed_back(subkey, MADE, sha1));
            })],
            KeyFault::NotSignedBack,
        ),
        (
            "signed back by another subkey",
            vec![forge().binding(public, MADE, |config| {
                let other = &attacker.secret_subkeys[0].key;
                config.hashed_subpackets.push(plain(flags(true)));
                config.hashed_subpackets.push(forge().signed_back(other, MADE, |_| {}));
            })],
            KeyFault::NotSignedBack,
        ),
        (
            "for something else",
            vec![forge().binding(public, MADE, |config| {
                config.hashed_subpackets.push(plain(flags(false)));
                config.unhashed_subpackets.push(back());
            })],
            KeyFault::NotForSigning,
        ),
        (
            "for nothing in particular",
            vec![forge().binding(public, MADE, |config| config.unhashed_subpackets.push(back()))],
            KeyFault::NotForSigning,
        ),
        (
            "expired in the last binding",
            vec![
                forge().binding(public, MADE + 1, |config| {
                    complete(config);
                    let lifetime = SubpacketData::KeyExpirationTime(Duration::from_secs(60));
                    config.hashed_subpackets.push(plain(lifetime));
                }),
                good.clone(),
            ],
            KeyFault::Expired { at: MADE + 60 },
        ),
    ];
    for (name, bindings, expected) in cases {
        assert_eq!(fault(&bound(&bindings), &message, SIGNED), expected, "{name}");
    }

    // The attacker adopts the owner's subkey: what the owner signed would count as the attacker's.
    let adopting = Forge::of(&attacker.primary_key).named(MADE, |_| {});
    let theirs = adopting.binding(public, MADE, complete);
    let adopted = adopting.subkey(public, &[theirs]).packets;
    assert_eq!(fault(&adopted, &message, SIGNED), KeyFault::NotSignedBack);
    // Beside the owner's own key the message is the owner's.
    let both = Keyring::read(&[adopted, bound(&[good])].concat()).expect("a keyring");
    let signer = both.verify(&message, SIGNED).expect("by the owner").signer;
    assert_eq!(signer.primary, both.keys()[1].fingerprint);

    // A revocation under a second copy of the subkey counts for the first.
    let complete_binding = forge().binding(public, MADE, complete);
    let revocation = forge().binding(public, SIGNED, |config| {
        config.typ = SignatureType::SubkeyRevocation;
    });
    let twice = forge().subkey(public, &[complete_binding]).subkey(public, &[revocation]).packets;
    assert_eq!(fault(&twice, &message, SIGNED), KeyFault::Revoked);

    // A key that does not stand cannot vouch for a subkey.
    let unproven = Forge::of(key);
    let binding = unproven.binding(public, MADE, complete);
    let unproven = unproven.subkey(public, &[binding]).packets;
    assert_eq!(fault(&unproven, &message, SIGNED), KeyFault::Unproven);
}

#[test]
fn a_withdrawn_name_says_nothing() {
    let Some([owner, _]) = keys("withdrawn names") else { return };
    let key = &owner.primary_key;
    let message = signed(key, |_| {});
    let named = Forge::of(key).named(MADE, |_| {}).packets;
    let revoke = |at| {
        let forge = Forge::of(key).named(at, |config| config.typ = SignatureType::CertRevocation);
        let all = forge.packets;
        all[bytes(key.public_key()).len()..].to_vec()
    };
    assert_eq!(verify(&named, &message, SIGNED), Ok(()));
    let again = |at| {
        let all = Forge::of(key).named(at, |_| {}).packets;
        all[bytes(key.public_key()).len()..].to_vec()
    };
    // However often the name stands there, it is one name; withdrawn at the same time or later is withdrawn.
    for (case, keyring) in [
        ("later", [&named[..], &revoke(MADE + 1)].concat()),
        ("at the same time", [&named[..], &revoke(MADE)].concat()),
        (
            "before the certification in the file",
            [&named[..], &revoke(MADE + 2), &again(MADE + 1)].concat(),
        ),
    ] {
        assert_eq!(fault(&keyring, &message, SIGNED), KeyFault::Unproven, "{case}");
        let copies = [&keyring, &named].map(|file| Keyring::read(file).expect("a keyring"));
        let merged = Keyring::merged(copies).expect("a keyring");
        let error = merged.verify(&message, SIGNED).expect_err(case);
        assert!(matches!(error, OpenPgpError::Key { fault: KeyFault::Unproven, .. }), "{error:?}");
    }
    let renewed = [&named[..], &revoke(MADE + 1), &again(MADE + 2)].concat();
    assert_eq!(verify(&renewed, &message, SIGNED), Ok(()));
}
