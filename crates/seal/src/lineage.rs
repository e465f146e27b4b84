//! Keys that belong together because they succeeded each other. One series of bundles goes through all of them.

use super::rotation::Rotation;
use bundle_oci::Digest;
use std::collections::BTreeSet;

/// The keys that may seal where `trusted` may: themselves, and whoever succeeded them, one after another.
pub fn heirs(
    trusted: impl IntoIterator<Item = Digest>,
    rotations: &[Rotation],
) -> BTreeSet<Digest> {
    closure(trusted, |key| {
        rotations.iter().filter(move |one| one.retires == key).map(|one| one.successor)
    })
}

/// All keys of the series that `key` seals: itself, whom it succeeded and who succeeded it. What was seen of one of them
/// makes a bundle of another one old.
pub fn lineage(key: Digest, rotations: &[Rotation]) -> BTreeSet<Digest> {
    closure([key], |key| {
        let beside = move |one: &Rotation| match (one.retires == key, one.successor == key) {
            (true, _) => Some(one.successor),
            (_, true) => Some(one.retires),
            _ => None,
        };
        rotations.iter().filter_map(beside)
    })
}

/// Everything that is reached from `start` by `next`.
fn closure<I: Iterator<Item = Digest>>(
    start: impl IntoIterator<Item = Digest>,
    next: impl Fn(Digest) -> I,
) -> BTreeSet<Digest> {
    let mut open: Vec<Digest> = start.into_iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(key) = open.pop() {
        if reached.insert(key) {
            open.extend(next(key));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    fn keys(names: &[&str]) -> BTreeSet<Digest> {
        names.iter().map(|name| key(name)).collect()
    }

    fn rotation(retires: &str, successor: &str) -> Rotation {
        Rotation { retires: key(retires), successor: key(successor), from_sequence: 1 }
    }

    #[test]
    fn trust_goes_to_successors_and_never_back() {
        let rotations = [rotation("b", "c"), rotation("a", "b"), rotation("x", "y")];
        assert_eq!(heirs([key("a")], &rotations), keys(&["a", "b", "c"]));
        assert_eq!(heirs([key("b")], &rotations), keys(&["b", "c"]));
        assert_eq!(heirs([key("c"), key("x")], &rotations), keys(&["c", "x", "y"]));
        assert_eq!(heirs([], &rotations), keys(&[]));
        let round = [rotation("a", "b"), rotation("b", "a")];
        assert_eq!(heirs([key("a")], &round), keys(&["a", "b"]), "it ends");
    }

    #[test]
    fn age_is_told_by_all_keys_of_a_line() {
        let rotations = [rotation("b", "c"), rotation("a", "b"), rotation("x", "y")];
        for name in ["a", "b", "c"] {
            assert_eq!(lineage(key(name), &rotations), keys(&["a", "b", "c"]), "{name}");
        }
        assert_eq!(lineage(key("x"), &rotations), keys(&["x", "y"]));
        assert_eq!(lineage(key("z"), &rotations), keys(&["z"]));
    }
}
