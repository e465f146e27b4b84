//! What is remembered of the series that a sealed bundle says it is of, and of others of its key.

use super::seal_refusal::SealRefusal;
use crate::host::{HostRoot, SealState, StateError, Succession, seal_states};
use crate::inventory::Rotation;
use crate::oci::Digest;
use crate::oci::text::bounded;
use crate::seal::{
    Exceptions, Known, RotationError, SequenceError, Standing, Verdict, fingerprint_of, heirs,
    lineage, rotation, sequence,
};
use crate::trust::PublicKey;

/// What is known of all series of one name, whichever keys seal them, and of all others.
pub(super) struct KnownSeries {
    states: Vec<SealState>,
    others: Vec<SealState>,
    rotations: Vec<Rotation>,
}

impl KnownSeries {
    /// Reads what is remembered below `root`; nothing is known where nothing is remembered.
    pub(super) fn read(root: Option<&HostRoot>, name: Option<&str>) -> Result<Self, StateError> {
        let all = root.map(seal_states).transpose()?.unwrap_or_default();
        let name = name.unwrap_or_default();
        let (states, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|state| state.series.name() == name);
        let rotations = rotations(&states);
        Ok(Self { states, others, rotations })
    }

    /// The rotations of the series of this name.
    pub(super) fn rotations(&self) -> &[Rotation] {
        &self.rotations
    }

    /// The given keys, and those that succeeded them in the series of this name.
    pub(super) fn keys_that_count(&self, given: &[PublicKey]) -> Vec<PublicKey> {
        let heirs = heirs(given.iter().map(fingerprint_of), &self.rotations);
        let successors = successions(&self.states).map(Succession::successor);
        let successors = successors.filter(|key| heirs.contains(&fingerprint_of(key)));
        let mut keys = given.to_vec();
        for key in successors {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// Whether `key` may seal a bundle with this sequence.
    pub(super) fn standing(
        &self,
        key: Digest,
        sequence: Option<u64>,
    ) -> Result<Standing, RotationError> {
        rotation::standing(key, sequence, &self.rotations)
    }

    /// Whether a bundle that `key` sealed is not older than one that was used.
    pub(super) fn verdict(
        &self,
        key: Digest,
        sequence: Option<u64>,
        bundle: Digest,
        exceptions: Exceptions,
    ) -> Result<Verdict, SealRefusal> {
        let known = newest(&self.states, key, &self.rotations);
        if known.is_none() {
            begins_no_series(key, &self.others)?;
            if sequence.is_none() && !exceptions.unnumbered {
                numbers_nothing_else(key, &self.others)?;
            }
        }
        Ok(sequence::check(sequence, bundle, known, exceptions)?)
    }
}

fn successions(states: &[SealState]) -> impl Iterator<Item = &Succession> {
    states.iter().filter_map(|state| state.rotation.as_ref())
}

fn rotations(states: &[SealState]) -> Vec<Rotation> {
    successions(states).map(Succession::rotation).collect()
}

/// The newest bundle that is known of the series, whichever of its keys sealed it.
fn newest(states: &[SealState], key: Digest, rotations: &[Rotation]) -> Option<Known> {
    let line = lineage(key, rotations);
    let of_line = states.iter().filter(|state| line.contains(&state.series.key()));
    let newest = of_line.max_by_key(|state| (state.sequence, state.series.key() == key));
    newest.map(|state| Known { sequence: state.sequence, bundle: state.bundle })
}

/// Refuses a bundle without a sequence where its key, or another one of its line, has numbered others: who has an old one
/// of those could pass it off as one of no age.
fn numbers_nothing_else(key: Digest, others: &[SealState]) -> Result<(), SequenceError> {
    let line = lineage(key, &rotations(others));
    let numbered = others.iter().find(|state| line.contains(&state.series.key()));
    numbered.map_or(Ok(()), |state| {
        let series = bounded(state.series.name());
        Err(SequenceError::Unnumbered { series, known: state.sequence })
    })
}

/// Refuses a key that has retired in another series: a key retires because it may be known to others, and who has it
/// could begin a series of any name. It has retired when a bundle was used that it would not have sealed any more.
fn begins_no_series(key: Digest, others: &[SealState]) -> Result<(), RotationError> {
    let own = others.iter().filter(|state| state.series.key() == key);
    for (state, rotation) in own.filter_map(|state| Some((state, state.rotation.as_ref()?))) {
        let Rotation { successor, from_sequence, .. } = rotation.rotation();
        let is_same = |one: &&SealState| one.series.name() == state.series.name();
        let series: Vec<SealState> = others.iter().filter(is_same).cloned().collect();
        let newest = newest(&series, key, &rotations(&series));
        if newest.is_some_and(|newest| newest.sequence >= from_sequence) {
            let series = bounded(state.series.name());
            return Err(RotationError::RetiredElsewhere { key, successor, series });
        }
    }
    Ok(())
}
