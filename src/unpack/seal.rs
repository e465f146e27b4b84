//! The operator's seal: who made it, whether the bundle is still to be used, and what is remembered of its series.
//!
//! What a verified seal grants is that the inventory is authentic, as an expected bundle digest does. What is demanded of
//! single images beside it holds as ever.

use super::refused::CarriedKey;
use super::seal_refusal::SealRefusal;
use super::series::KnownSeries;
use crate::archive::{Archive, head};
use crate::host::{HostRoot, SealState, Series, StateError, Succession, record_seal};
use crate::inventory::{Inventory, KeyEntry, Rotation, SEAL_USE};
use crate::oci::Digest;
use crate::oci::text::bounded;
use crate::report::seal::{KeyStanding, SealReport, SeriesState, VerifiedSeal};
use crate::seal::age::Place;
use crate::seal::{self, Exceptions, ExpiryError, Standing, Verdict, check_expiry, fingerprint_of};
use crate::trust::{Anchors, PublicKey, Scope, ScopedKey};
use std::sync::Arc;
use time::OffsetDateTime;

/// Whose seals count, and what is known of earlier ones. All of it comes from outside the bundle.
#[derive(Debug, Clone, Default)]
pub struct SealInputs {
    /// Keys whose seals count (`--seal-pub`). With one of them a bundle without a good seal is refused.
    pub keys: Vec<PublicKey>,
    /// Whether a bundle without a good seal is refused in any case (`require_seal`); without a key that is an error of
    /// the configuration.
    pub required: bool,
    /// Names of the series that count (`--seal-name`), the empty one for bundles without a name; any where none is given.
    pub names: Vec<String>,
    /// Whether carried keys become anchors for the scopes that the sealed inventory gives them.
    pub introduces_keys: bool,
    /// What is allowed for this run.
    pub exceptions: Exceptions,
    /// Where it is remembered what was seen of each series. `None` remembers nothing: a replay is then not noticed, and
    /// the report says so.
    pub state: Option<Arc<HostRoot>>,
}

/// What became of the seal.
#[derive(Debug)]
pub(super) enum Seal {
    /// There is none, or nobody can say whose it is. `expired` is what the bundle says without anybody to vouch for it.
    Unverified {
        is_there: bool,
        expired: Option<ExpiryError>,
    },
    Verified(Box<Verified>),
}

/// A seal of a trusted key over this bundle, which is neither too old nor expired.
#[derive(Debug)]
pub(super) struct Verified {
    series: Series,
    bundle: Digest,
    sequence: Option<u64>,
    created: String,
    expires: Option<String>,
    exceptions: Exceptions,
    standing: Standing,
    verdict: Verdict,
    announces: Option<Succession>,
    introduces_keys: bool,
    rotations: Vec<Rotation>,
    state: Option<Arc<HostRoot>>,
}

/// Whether the sequence was written down.
#[derive(Debug)]
pub(super) enum Recording {
    /// It was not to be: nothing was pushed, there is no sequence, or nothing is remembered at all.
    Nothing,
    Done,
    Failed(StateError),
}

/// Looks at the seal of a bundle: its signature first, then whether its key may seal this sequence, then the bundle's age.
/// `is_expected` says that its digest is the expected one, so that `expires` is authentic without a seal too.
pub(super) fn examine(
    archive: &Archive,
    inputs: &SealInputs,
    is_expected: bool,
    now: u64,
) -> Result<Seal, SealRefusal> {
    let inventory = archive.inventory();
    let expiry = || {
        let now =
            i64::try_from(now).ok().and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
        let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        check_expiry(&inventory.created, inventory.expires.as_deref(), now)
    };
    let bytes = archive.file(head::SEAL);
    if inputs.keys.is_empty() {
        for (wanted, what) in [
            (inputs.required, "a seal is required"),
            (!inputs.names.is_empty() && !is_expected, "the series of a seal is named"),
            (inputs.introduces_keys, "a seal is to introduce keys"),
            (
                inputs.exceptions != Exceptions::default(),
                "the sequence of a seal is to be excepted",
            ),
        ] {
            if wanted {
                return Err(SealRefusal::NoKey(what));
            }
        }
        check_series(inventory.name.as_deref(), &inputs.names)?;
        let expired = match expiry() {
            Err(error) if is_expected => return Err(error.into()),
            other => other.err(),
        };
        return Ok(Seal::Unverified { is_there: bytes.is_some(), expired });
    }
    let bytes = bytes.ok_or(SealRefusal::Absent)?;
    let series = KnownSeries::read(inputs.state.as_deref(), inventory.name.as_deref())?;
    let keys = series.keys_that_count(&inputs.keys);
    let signed = archive.file(head::INVENTORY).unwrap_or_default();
    let verified = seal::verify(signed, bytes, &keys)?;
    let key = keys.iter().find(|key| key.fingerprint() == verified).map(fingerprint_of);
    let key = key.ok_or(seal::SealError::NoKey)?;
    check_series(inventory.name.as_deref(), &inputs.names)?;
    let standing = series.standing(key, inventory.sequence)?;
    let announces = announced(archive, inventory, key, series.rotations())?;
    expiry()?;
    let bundle = archive.bundle_digest();
    let verdict = series.verdict(key, inventory.sequence, bundle, inputs.exceptions)?;
    Ok(Seal::Verified(Box::new(Verified {
        series: Series::new(key, inventory.name.as_deref())?,
        bundle,
        sequence: inventory.sequence,
        created: inventory.created.clone(),
        expires: inventory.expires.clone(),
        exceptions: inputs.exceptions,
        standing,
        verdict,
        announces,
        introduces_keys: inputs.introduces_keys,
        rotations: series.rotations().to_vec(),
        state: inputs.state.clone(),
    })))
}

/// Refuses a bundle of a series that was not named, where some are.
fn check_series(name: Option<&str>, expected: &[String]) -> Result<(), SealRefusal> {
    let name = name.unwrap_or_default();
    if expected.is_empty() || expected.iter().any(|expected| expected == name) {
        return Ok(());
    }
    let expected: Vec<String> = expected.iter().map(|name| format!("{name:?}")).collect();
    let (found, expected) = (bounded(name), expected.join(" or "));
    Err(SealRefusal::OtherSeries { found, expected })
}

/// The rotation that a sealed bundle announces, with the key that it carries for it.
fn announced(
    archive: &Archive,
    inventory: &Inventory,
    key: Digest,
    known: &[Rotation],
) -> Result<Option<Succession>, SealRefusal> {
    let Some(rotation) = inventory.rotation else { return Ok(None) };
    let rotation = crate::seal::rotation::announce(rotation, key, inventory.sequence, known)?;
    let successor = rotation.successor;
    let is_it =
        |entry: &&KeyEntry| entry.purpose == SEAL_USE && entry.fingerprint == successor.to_string();
    let entry = inventory.keys.iter().find(is_it);
    let entry = entry.ok_or(SealRefusal::SuccessorMissing { successor })?;
    let file = archive.file(&entry.file).unwrap_or_default();
    let carried = PublicKey::from_pem(file)
        .map_err(|source| SealRefusal::SuccessorUnusable { successor, source })?;
    let succession = Succession::new(rotation, carried);
    Ok(Some(succession.ok_or(SealRefusal::SuccessorMissing { successor })?))
}

impl Seal {
    pub(super) fn is_verified(&self) -> bool {
        matches!(self, Self::Verified(_))
    }

    /// The place in its series that a verified seal gives the bundle, where it has a sequence.
    pub(super) fn place(&self) -> Option<Place> {
        let Self::Verified(verified) = self else { return None };
        let (key, name) = (verified.series.key(), verified.series.name().to_owned());
        verified.sequence.map(|sequence| Place { key, name, sequence })
    }

    /// The rotations of its series that are known.
    pub(super) fn rotations(&self) -> &[Rotation] {
        match self {
            Self::Verified(verified) => &verified.rotations,
            Self::Unverified { .. } => &[],
        }
    }

    /// True when the administrator allowed to go back to this very sequence.
    pub(super) fn is_going_back(&self) -> bool {
        matches!(self, Self::Verified(verified) if matches!(verified.verdict, Verdict::RolledBack { .. }))
    }

    /// True when the seal does not tell whether the bundle is older than one that was used here.
    pub(super) fn is_of_unknown_age(&self) -> bool {
        let unknown = |verdict: Verdict| matches!(verdict, Verdict::First | Verdict::Unnumbered);
        matches!(self, Self::Verified(verified) if unknown(verified.verdict))
    }

    /// Makes carried keys anchors for the scopes that the sealed inventory gives them, where that was asked for. One
    /// without a scope is only carried.
    pub(super) fn introduce(
        &self,
        anchors: &mut Anchors,
        carried: &[CarriedKey],
    ) -> Result<(), SealRefusal> {
        if !matches!(self, Self::Verified(verified) if verified.introduces_keys) {
            return Ok(());
        }
        for key in carried {
            for scope in &key.scopes {
                let scope: Scope = scope
                    .parse()
                    .map_err(|source| SealRefusal::Scope { file: bounded(&key.file), source })?;
                let (key, name) = (key.key.clone(), key.file.clone());
                anchors.keys.push(ScopedKey { scope, key, name });
            }
        }
        Ok(())
    }

    /// Whether the bundle may still be used: a pipe may take as long as whoever fills it likes, and meanwhile it expires,
    /// or a newer one is used.
    pub(super) fn check_again(&self) -> Result<(), SealRefusal> {
        let Self::Verified(verified) = self else { return Ok(()) };
        let Verified { series, bundle, sequence, exceptions, .. } = &**verified;
        let (created, expires) = (&verified.created, verified.expires.as_deref());
        check_expiry(created, expires, OffsetDateTime::now_utc())?;
        let known = KnownSeries::read(verified.state.as_deref(), Some(series.name()))?;
        known.standing(series.key(), *sequence)?;
        known.verdict(series.key(), *sequence, *bundle, *exceptions)?;
        Ok(())
    }

    /// Writes down what was used. Only after everything is published: what was not used makes nothing old.
    pub(super) fn record(&self) -> Recording {
        let Self::Verified(verified) = self else { return Recording::Nothing };
        let Verified { series, bundle, sequence, announces, state, .. } = &**verified;
        let (Some(root), Some(sequence)) = (state, sequence) else { return Recording::Nothing };
        let state = SealState {
            series: series.clone(),
            sequence: *sequence,
            bundle: *bundle,
            rotation: announces.clone(),
            recorded_at: OffsetDateTime::now_utc(),
        };
        match record_seal(root, &state) {
            Ok(_) => Recording::Done,
            Err(error) => Recording::Failed(error),
        }
    }

    /// What reports say of it.
    pub(super) fn report(&self, recording: &Recording) -> SealReport {
        let verified = match self {
            Self::Unverified { is_there: false, .. } => return SealReport::Absent,
            Self::Unverified { is_there: true, .. } => return SealReport::Unexamined,
            Self::Verified(verified) => verified,
        };
        let name = Some(verified.series.name()).filter(|name| !name.is_empty());
        SealReport::Verified(Box::new(VerifiedSeal {
            key: verified.series.key(),
            name: name.map(str::to_owned),
            sequence: verified.sequence,
            expires: verified.expires.clone(),
            standing: match verified.standing {
                Standing::Unmentioned => KeyStanding::Unmentioned,
                Standing::Outgoing => KeyStanding::Outgoing,
                Standing::Successor { of } => KeyStanding::Successor { succeeds: of },
            },
            state: match verified.verdict {
                Verdict::Unnumbered => SeriesState::Unnumbered,
                Verdict::First => SeriesState::First,
                Verdict::Newer => SeriesState::Newer,
                Verdict::Same => SeriesState::Same,
                Verdict::RolledBack { from } => SeriesState::RolledBack { known: from },
            },
            rotation: verified.announces.as_ref().map(Succession::rotation),
            recorded: matches!(recording, Recording::Done),
        }))
    }

    /// What the operator has to know of it.
    pub(super) fn warnings(&self, recording: &Recording) -> Vec<String> {
        let mut warnings = Vec::new();
        let verified = match self {
            Self::Verified(verified) => verified,
            Self::Unverified { is_there, expired } => {
                if *is_there {
                    warnings.push(UNEXAMINED.to_owned());
                }
                let expired = expired.as_ref();
                warnings.extend(expired.map(|e| format!("{e}; nothing authenticates that")));
                return warnings;
            }
        };
        match verified.verdict {
            Verdict::Unnumbered => {
                warnings.push(format!("the bundle has no sequence: {UNNOTICED}"));
            }
            Verdict::First => warnings.push(format!(
                "this host has no record of this series: it is the first bundle, or the record was lost; {UNNOTICED}"
            )),
            Verdict::RolledBack { from } => warnings.push(format!(
                "the bundle has an older sequence than {from}, or the same; going back to it was allowed"
            )),
            Verdict::Newer | Verdict::Same => {}
        }
        if let Recording::Failed(error) = recording {
            let causes =
                std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            warnings.push(format!(
                "the sequence of this bundle is not recorded, so an older one will not be noticed: {}",
                causes.join(": ")
            ));
        }
        warnings
    }
}

const UNEXAMINED: &str =
    "the bundle has a seal that was not checked; give its key with --seal-pub FILE";
const UNNOTICED: &str = "a replay of an older bundle would not have been noticed";
