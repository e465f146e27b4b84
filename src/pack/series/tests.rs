use super::*;
use crate::trust::SigningKey;

fn key() -> PublicKey {
    SigningKey::generate().expect("a key").public_key().clone()
}

fn made() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time")
}

fn expiring(text: &str) -> SeriesPlace {
    SeriesPlace { expires: Some(text.parse().expect(text)), ..SeriesPlace::default() }
}

#[test]
fn an_expiry_is_a_time_or_counted_from_when_the_bundle_is_made() {
    for (text, expected) in [
        ("12h", "2027-01-15T20:00:00Z"),
        ("30d", "2027-02-14T08:00:00Z"),
        ("4w", "2027-02-12T08:00:00Z"),
        ("2027-01-15T10:00:00+01:00", "2027-01-15T09:00:00Z"),
        ("2030-01-31T12:00:00.9Z", "2030-01-31T12:00:00Z"),
    ] {
        let expires = expiring(text).expires(made()).expect(text);
        assert_eq!(expires.as_deref(), Some(expected), "{text}");
    }
    assert_eq!(SeriesPlace::default().expires(made()).expect("none"), None);
    for text in
        ["", "30", "d", "0d", "-1d", "+1d", "1.5d", "30m", "1y", "30 d", "2030-01-31", "30é"]
    {
        assert!(text.parse::<Expires>().is_err(), "{text}");
    }
    assert!("9999999999999999999d".parse::<Expires>().is_err());
    assert!(expiring("99999999d").check(made()).is_err(), "beyond all years");
}

#[test]
fn a_bundle_that_has_expired_when_it_is_made_is_refused() {
    for text in ["2027-01-15T08:00:00Z", "2027-01-15T07:59:59Z", "1999-01-01T00:00:00Z"] {
        let refused = expiring(text).check(made());
        assert!(matches!(refused, Err(PackError::Usage(_))), "{text}: {refused:?}");
    }
    assert!(expiring("2027-01-15T08:00:01Z").check(made()).is_ok(), "the positive twin");
}

#[test]
fn a_handover_is_one_that_an_enclave_takes() {
    let (old, new) = (key(), key());
    let place = |sequence, retires: &PublicKey, from_sequence| {
        let (retires, successor) = (fingerprint_of(retires), new.clone());
        let succession = Some(Handover { retires, successor, from_sequence });
        SeriesPlace { sequence, succession, ..SeriesPlace::default() }
    };
    assert!(place(Some(7), &old, 8).check(made()).is_ok());
    for (what, place) in [
        ("without a sequence", place(None, &old, 8)),
        ("from this bundle on", place(Some(8), &old, 8)),
        ("to itself", place(Some(7), &new, 8)),
    ] {
        assert!(matches!(place.check(made()), Err(PackError::Usage(_))), "{what}");
    }
}

#[test]
fn the_key_that_takes_over_is_carried_under_a_name_of_its_own() {
    let successor = key();
    let succession = Handover { retires: Digest::of(b"old"), successor, from_sequence: 8 };
    let place = SeriesPlace { succession: Some(succession), ..SeriesPlace::default() };
    let first = place.successor_file(&[]).expect("carried");
    assert_eq!((first.0.purpose.as_str(), first.0.scopes.len()), ("seal", 0));
    assert_eq!(first.0.file, first.1.name);
    let second = place.successor_file(std::slice::from_ref(&first)).expect("carried");
    assert_ne!(second.0.file, first.0.file);
    assert_eq!(second.1.bytes, first.1.bytes);
    assert!(SeriesPlace::default().successor_file(&[]).is_none());
}
