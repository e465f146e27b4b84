//! Which of two bundles is older, where they may be of different series: by the sequence within one series, else by when
//! each was made. What filled each tag comes from `bundle_host::records::tags`.

use super::lineage::lineage;
use super::rotation::Rotation;
use bundle_oci::Digest;
use time::OffsetDateTime;

/// The age of a bundle, as an authentic inventory says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Age {
    /// The time when it was made.
    pub created: OffsetDateTime,
    /// Its place in a series; `None` without a verified seal or a sequence.
    pub place: Option<Place>,
}

/// The place of a bundle in a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Fingerprint of the key that sealed it.
    pub key: Digest,
    /// Name of the series; empty for bundles without one.
    pub name: String,
    /// Its sequence.
    pub sequence: u64,
}

/// The order of two bundles in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is newer.
    Newer,
    /// It is older.
    Older,
    /// It cannot be told: both have one sequence, or were made in the same second.
    Unknown,
}

impl Age {
    /// The place of this bundle in time beside `known`. `rotations` are those of this bundle's series.
    pub fn order(&self, known: &Self, rotations: &[Rotation]) -> Order {
        let by = |comparison| match comparison {
            std::cmp::Ordering::Less => Order::Older,
            std::cmp::Ordering::Equal => Order::Unknown,
            std::cmp::Ordering::Greater => Order::Newer,
        };
        match (&self.place, &known.place) {
            (Some(own), Some(other)) if own.is_of_series(other, rotations) => {
                by(own.sequence.cmp(&other.sequence))
            }
            _ => by(self.created.cmp(&known.created)),
        }
    }
}

impl Place {
    /// True when both are of one series, whichever of its keys sealed them.
    pub fn is_of_series(&self, other: &Self, rotations: &[Rotation]) -> bool {
        self.name == other.name && lineage(self.key, rotations).contains(&other.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(created: i64, place: Option<(&str, &str, u64)>) -> Age {
        let created = OffsetDateTime::from_unix_timestamp(created).expect("a time");
        let place = place.map(|(key, name, sequence)| Place {
            key: Digest::of(key.as_bytes()),
            name: name.to_owned(),
            sequence,
        });
        Age { created, place }
    }

    #[test]
    fn a_series_is_told_by_its_sequence_and_others_by_time() {
        let known = age(100, Some(("a", "org", 42)));
        for (own, expected) in [
            (age(50, Some(("a", "org", 43))), Order::Newer),
            (age(200, Some(("a", "org", 41))), Order::Older),
            (age(200, Some(("a", "org", 42))), Order::Unknown),
            (age(50, Some(("b", "org", 43))), Order::Newer),
            (age(50, Some(("x", "org", 43))), Order::Older),
            (age(50, Some(("a", "trial", 43))), Order::Older),
            (age(200, Some(("a", "trial", 1))), Order::Newer),
            (age(100, Some(("a", "trial", 1))), Order::Unknown),
            (age(50, None), Order::Older),
            (age(100, None), Order::Unknown),
            (age(200, None), Order::Newer),
        ] {
            let (retires, successor) = (Digest::of(b"a"), Digest::of(b"b"));
            let rotations = [Rotation { retires, successor, from_sequence: 43 }];
            assert_eq!(own.order(&known, &rotations), expected, "{own:?}");
        }
        let without = age(100, None);
        assert_eq!(known.order(&without, &[]), Order::Unknown);
        assert_eq!(age(101, Some(("a", "org", 1))).order(&without, &[]), Order::Newer);
    }
}
