//! One seal key takes over from another: `rotation` of a sealed inventory, and what it means afterwards.
//!
//! Only the key that retires can say so: whoever holds another trusted key must not be able to replace it.

use super::sequence::MAX_SEQUENCE;
pub use bundle_inventory::Rotation;
use bundle_oci::Digest;

/// The reason why a rotation does not count, or why a key does not seal this sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// It speaks of another key than the one that sealed it.
    #[error(
        "the rotation retires {retires}, but {sealed_by} sealed the bundle: a key retires only itself"
    )]
    OtherKey {
        /// The key that it retires.
        retires: Digest,
        /// The key of the seal.
        sealed_by: Digest,
    },
    /// A key that would succeed itself.
    #[error("the rotation names {0} as its own successor")]
    Itself(Digest),
    /// In a bundle without a sequence nothing says when it begins.
    #[error("the bundle announces a rotation and has no sequence")]
    Unnumbered,
    /// It would begin with the bundle that announces it, or before, or never.
    #[error(
        "the rotation begins with sequence {from_sequence}: expected more than the bundle's {sequence}, at most {MAX_SEQUENCE}"
    )]
    Begin {
        /// The sequence at which it says it begins.
        from_sequence: u64,
        /// The sequence of the bundle that announces it.
        sequence: u64,
    },
    /// The series has a rotation already, and this is another one.
    #[error("{retires} retired in favour of {successor} already")]
    Announced {
        /// The key that retired.
        retires: Digest,
        /// Its successor.
        successor: Digest,
    },
    /// The seal of a key that has retired.
    #[error(
        "the bundle has sequence {sequence} and is sealed by {key}, which retired in favour of {successor} from {from_sequence} on"
    )]
    Retired {
        /// The key of the seal.
        key: Digest,
        /// Its successor.
        successor: Digest,
        /// The first sequence that the key does not seal any more.
        from_sequence: u64,
        /// The bundle's sequence.
        sequence: Shown,
    },
    /// The seal of a key that has retired in another series, in one of which nothing is known.
    #[error(
        "the bundle is sealed by {key}, which retired in the series {series:?} in favour of {successor}, and nothing is known here of the series that it is of"
    )]
    RetiredElsewhere {
        /// The key of the seal.
        key: Digest,
        /// Its successor.
        successor: Digest,
        /// The name of the series in which it retired.
        series: String,
    },
    /// The seal of a successor whose time has not come.
    #[error(
        "the bundle has sequence {sequence} and is sealed by {key}, which seals from {from_sequence} on"
    )]
    Early {
        /// The key of the seal.
        key: Digest,
        /// The first sequence that it seals.
        from_sequence: u64,
        /// The bundle's sequence.
        sequence: Shown,
    },
}

/// A sequence that may be absent, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown(Option<u64>);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(sequence) => sequence.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// The standing of a key in a series under the known rotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No rotation speaks of it: it seals when somebody else says that it may.
    Unmentioned,
    /// It retires later, and seals until then.
    Outgoing,
    /// It succeeded another one, which vouched for it: it seals as that one did.
    Successor {
        /// The key that it succeeded.
        of: Digest,
    },
}

/// Checks a rotation in a bundle that `sealed_by` sealed, against the `known` rotations of its series.
///
/// # Errors
/// [`RotationError`]; nothing is to be recorded then, and the bundle is not to be used.
pub fn announce(
    rotation: Rotation,
    sealed_by: Digest,
    sequence: Option<u64>,
    known: &[Rotation],
) -> Result<Rotation, RotationError> {
    let Rotation { retires, successor, from_sequence } = rotation;
    if retires != sealed_by {
        return Err(RotationError::OtherKey { retires, sealed_by });
    }
    // A way back would make a retired key, which may be stolen, count again.
    if successor == retires || known.iter().any(|earlier| earlier.retires == successor) {
        return Err(RotationError::Itself(successor));
    }
    let sequence = sequence.ok_or(RotationError::Unnumbered)?;
    if from_sequence <= sequence || from_sequence > MAX_SEQUENCE {
        return Err(RotationError::Begin { from_sequence, sequence });
    }
    let earlier = known.iter().find(|earlier| earlier.retires == retires && **earlier != rotation);
    match earlier {
        Some(Rotation { retires, successor, .. }) => {
            Err(RotationError::Announced { retires: *retires, successor: *successor })
        }
        None => Ok(rotation),
    }
}

/// The standing of `key` for the bundle `sequence` of a series with these rotations.
///
/// # Errors
/// [`RotationError::Retired`], [`RotationError::Early`].
pub fn standing(
    key: Digest,
    sequence: Option<u64>,
    rotations: &[Rotation],
) -> Result<Standing, RotationError> {
    let mut standing = Standing::Unmentioned;
    for Rotation { retires, successor, from_sequence } in rotations.iter().copied() {
        // Without a sequence nothing says that it was made before the rotation, or after.
        if retires == key && sequence.is_none_or(|sequence| sequence >= from_sequence) {
            let sequence = Shown(sequence);
            return Err(RotationError::Retired { key, successor, from_sequence, sequence });
        }
        if successor == key && sequence.is_none_or(|sequence| sequence < from_sequence) {
            return Err(RotationError::Early { key, from_sequence, sequence: Shown(sequence) });
        }
        standing = match standing {
            _ if successor == key => Standing::Successor { of: retires },
            Standing::Unmentioned if retires == key => Standing::Outgoing,
            other => other,
        };
    }
    Ok(standing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn rotation(retires: &str, successor: &str, from_sequence: u64) -> Rotation {
        Rotation { retires: key(retires), successor: key(successor), from_sequence }
    }

    #[test]
    fn a_key_retires_itself_for_later_bundles() {
        let good = rotation("a", "b", 10);
        assert_eq!(announce(good, key("a"), Some(9), &[]), Ok(good));
        assert_eq!(announce(good, key("a"), Some(8), &[good]), Ok(good), "said again");
        let refused = |rotation: Rotation, by: &str, sequence, known: &[Rotation]| {
            announce(rotation, key(by), sequence, known).expect_err("refused")
        };
        let other = RotationError::OtherKey { retires: key("a"), sealed_by: key("b") };
        assert_eq!(refused(good, "b", Some(9), &[]), other);
        assert_eq!(refused(good, "a", None, &[]), RotationError::Unnumbered);
        for sequence in [10, 11] {
            let begin = RotationError::Begin { from_sequence: 10, sequence };
            assert_eq!(refused(good, "a", Some(sequence), &[]), begin);
        }
        let never = rotation("a", "b", MAX_SEQUENCE + 1);
        assert!(matches!(refused(never, "a", Some(1), &[]), RotationError::Begin { .. }));
        let itself = RotationError::Itself(key("a"));
        assert_eq!(refused(rotation("a", "a", 10), "a", Some(9), &[]), itself);
    }

    #[test]
    fn a_rotation_is_not_taken_back_or_turned_round() {
        let known = [rotation("a", "b", 10)];
        for other in [rotation("a", "c", 10), rotation("a", "b", 11)] {
            let error = announce(other, key("a"), Some(9), &known);
            let expected = RotationError::Announced { retires: key("a"), successor: key("b") };
            assert_eq!(error, Err(expected));
        }
        let back = announce(rotation("b", "a", 20), key("b"), Some(15), &known);
        assert_eq!(back, Err(RotationError::Itself(key("a"))));
        let on = rotation("b", "c", 20);
        assert_eq!(announce(on, key("b"), Some(15), &known), Ok(on));
    }

    #[test]
    fn each_key_seals_its_own_part_of_the_series() {
        let rotations = [rotation("a", "b", 10), rotation("b", "c", 20)];
        let of = |name: &str, sequence| standing(key(name), sequence, &rotations);
        assert_eq!(of("a", Some(9)), Ok(Standing::Outgoing));
        assert_eq!(of("b", Some(10)), Ok(Standing::Successor { of: key("a") }));
        assert_eq!(of("b", Some(19)), Ok(Standing::Successor { of: key("a") }));
        assert_eq!(of("c", Some(20)), Ok(Standing::Successor { of: key("b") }));
        for sequence in [None, Some(1), Some(30)] {
            assert_eq!(of("d", sequence), Ok(Standing::Unmentioned));
        }
        for (name, sequence, retired) in [
            ("a", Some(10), true),
            ("a", None, true),
            ("b", Some(20), true),
            ("b", Some(9), false),
            ("c", Some(19), false),
            ("c", None, false),
        ] {
            match of(name, sequence) {
                Err(RotationError::Retired { .. }) => assert!(retired, "{name} {sequence:?}"),
                Err(RotationError::Early { .. }) => assert!(!retired, "{name} {sequence:?}"),
                other => panic!("{name} {sequence:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn its_json_is_that_of_the_inventory() {
        let text = serde_json::to_string(&rotation("a", "b", 10)).expect("JSON");
        let expected =
            format!(r#"{{"retires":"{}","successor":"{}","fromSequence":10}}"#, key("a"), key("b"));
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Rotation>(&text).expect("read"), rotation("a", "b", 10));
        let more = text.replacen('{', r#"{"more":1,"#, 1);
        assert!(serde_json::from_str::<Rotation>(&more).is_err());
    }
}
