//! What was seen last of each sealed series: `/var/lib/bundle/seals/<64 hex>.json`, one file for each seal key and bundle
//! name. An older bundle of the same series is refused by it ([`bundle_seal::sequence`]).
//!
//! A file is whole and synced before it has its name, so that a power cut leaves the earlier one or the new one. That
//! there is none, and that there is one that cannot be used, are different answers: the first may be the first bundle of
//! a series or a loss, and is reported; the second is refused.

use crate::files::{Directory, HostRoot, PathError};
use bundle_oci::{Digest, json};
use bundle_seal::{MAX_SEQUENCE, Rotation, fingerprint_of};
use bundle_trust::PublicKey;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// Where state lives, below the root.
const SEALS: [&str; 4] = ["var", "lib", "bundle", "seals"];
/// Longest name of a series, in bytes.
pub const MAX_NAME: usize = 255;
/// Largest file read: one has less than 1 KiB, but for its name.
const MAX_STATE: u64 = 16 << 10;
/// Most values of its JSON.
const MAX_VALUES: usize = 100;
/// Most files that are looked at for rotations: more series than any enclave has.
const MAX_FILES: usize = 10_000;

/// A series of sealed bundles: those of one key under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    key: Digest,
    name: String,
}

/// What is known of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealState {
    /// Whose it is.
    pub series: Series,
    /// The highest sequence that was used here.
    pub sequence: u64,
    /// The bundle that had it: SHA-256 of its `bundle.json`.
    pub bundle: Digest,
    /// The rotation that the series' key announced.
    pub rotation: Option<Succession>,
    /// When this was recorded, in UTC.
    pub recorded_at: OffsetDateTime,
}

/// A rotation that a verified seal announced, with the key that succeeds: later bundles are sealed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Succession {
    rotation: Rotation,
    successor: PublicKey,
}

impl Succession {
    /// A rotation and its successor's key; `None` when that is not the key which the rotation names.
    pub fn new(rotation: Rotation, successor: PublicKey) -> Option<Self> {
        let is_it = fingerprint_of(&successor) == rotation.successor;
        is_it.then_some(Self { rotation, successor })
    }

    /// What was announced.
    pub fn rotation(&self) -> Rotation {
        self.rotation
    }

    /// The key that succeeds.
    pub fn successor(&self) -> &PublicKey {
        &self.successor
    }
}

/// Why nothing can be said about a series, or nothing recorded.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A directory or file has another kind, owner or mode than it must, or the system refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The name of the bundle is no name of a series.
    #[error("the bundle's name has {0} bytes, more than {MAX_NAME}")]
    Name(usize),
    /// The file is there and cannot be used: it is not taken for absent.
    #[error("{path} is damaged: the record of this series is lost", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: StateFault,
    },
    /// It cannot be written as it must.
    #[error("the state of the series cannot be written")]
    Unwritable(#[source] StateFault),
    /// More files than there can be series.
    #[error("{path} holds more than {MAX_FILES} files", path = .0.display())]
    TooMany(PathBuf),
}

/// What is wrong with the content of a file.
#[derive(Debug, thiserror::Error)]
pub enum StateFault {
    /// Not strict JSON, an unknown or missing field, or a field of another type.
    #[error("it is not valid JSON of its kind")]
    Json(#[from] serde_json::Error),
    /// It speaks of another series than its name says.
    #[error("it is of another series")]
    OtherSeries,
    /// Not an object, or a value that cannot be.
    #[error("its {0} cannot be")]
    Value(&'static str),
    /// Its time is none.
    #[error("its time is not valid by RFC 3339")]
    Time(#[from] time::error::Parse),
    /// A time that RFC 3339 cannot say.
    #[error("the time cannot be written by RFC 3339")]
    Clock(#[from] time::error::Format),
}

/// The file. Only what is named here is read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Wire {
    seal_key: Digest,
    name: String,
    sequence: u64,
    bundle: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<Rotation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    successor_key: Option<String>,
    recorded_at: String,
}

impl Series {
    /// The series of the bundles that `key` (a fingerprint) seals under `name`; bundles without a name share one.
    ///
    /// # Errors
    /// [`StateError::Name`].
    pub fn new(key: Digest, name: Option<&str>) -> Result<Self, StateError> {
        let name = name.unwrap_or_default();
        match name.len() > MAX_NAME {
            true => Err(StateError::Name(name.len())),
            false => Ok(Self { key, name: name.to_owned() }),
        }
    }

    /// Fingerprint of the key.
    pub fn key(&self) -> Digest {
        self.key
    }

    /// The name; empty for bundles without one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name is anybody's text, so the file is named after its hash.
    fn file(&self) -> String {
        format!("{}.json", Digest::of(format!("{}\n{}", self.key, self.name).as_bytes()).hex())
    }
}

impl SealState {
    fn parse(bytes: &[u8]) -> Result<Self, StateFault> {
        let value = json::parse_within(bytes, MAX_VALUES)?;
        let is_object = |value: &serde_json::Value| value.is_object() || value.is_null();
        if !value.is_object() || !value.get("rotation").is_none_or(is_object) {
            return Err(StateFault::Value("form"));
        }
        let wire: Wire = serde_json::from_value(value)?;
        if wire.sequence > MAX_SEQUENCE {
            return Err(StateFault::Value("sequence"));
        }
        let rotation = wire.rotation;
        if rotation.is_some_and(|r| r.retires != wire.seal_key || r.from_sequence > MAX_SEQUENCE) {
            return Err(StateFault::Value("rotation"));
        }
        let successor = wire.successor_key.map(|pem| PublicKey::from_pem(pem.as_bytes()));
        let successor = successor.transpose().map_err(|_| StateFault::Value("successorKey"))?;
        let rotation = match (rotation, successor) {
            (None, None) => None,
            (Some(rotation), Some(successor)) => {
                let succession = Succession::new(rotation, successor);
                Some(succession.ok_or(StateFault::Value("successorKey"))?)
            }
            _ => return Err(StateFault::Value("successorKey")),
        };
        if wire.name.len() > MAX_NAME {
            return Err(StateFault::Value("name"));
        }
        Ok(Self {
            series: Series { key: wire.seal_key, name: wire.name },
            sequence: wire.sequence,
            bundle: wire.bundle,
            rotation,
            recorded_at: OffsetDateTime::parse(&wire.recorded_at, &Rfc3339)?,
        })
    }

    fn to_json(&self) -> Result<Vec<u8>, StateFault> {
        if self.sequence > MAX_SEQUENCE {
            return Err(StateFault::Value("sequence"));
        }
        let time = self.recorded_at.to_offset(UtcOffset::UTC);
        let wire = Wire {
            seal_key: self.series.key,
            name: self.series.name.clone(),
            sequence: self.sequence,
            bundle: self.bundle,
            rotation: self.rotation.as_ref().map(Succession::rotation),
            successor_key: self.rotation.as_ref().map(|known| known.successor().to_pem()),
            recorded_at: time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339)?,
        };
        let mut bytes = serde_json::to_vec_pretty(&wire)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// What is known of a series; `None` when nothing is. Only files of root count (below `--root`, also those of the user
/// who runs this), which nobody else may write.
///
/// # Errors
/// [`StateError::Damaged`], [`StateError::Path`].
pub fn seal_state(root: &HostRoot, series: &Series) -> Result<Option<SealState>, StateError> {
    match root.existing(&SEALS)? {
        Some(directory) => read(&directory, series),
        None => Ok(None),
    }
}

/// What is known of all series, whichever key and name they are of: keys succeed each other, and one that has retired
/// begins no other series.
///
/// # Errors
/// As [`seal_state`]: a file that cannot be read may be of any of them.
pub fn seal_states(root: &HostRoot) -> Result<Vec<SealState>, StateError> {
    let Some(directory) = root.existing(&SEALS)? else { return Ok(Vec::new()) };
    let names = directory.names()?;
    if names.len() > MAX_FILES {
        return Err(StateError::TooMany(directory.path().to_owned()));
    }
    let mut states = Vec::new();
    for file in names {
        let Some(file) = file.to_str().filter(|file| is_state_file(file)) else { continue };
        states.extend(read_file(&directory, file)?);
    }
    Ok(states)
}

/// Records what was used: only after a verified seal and a completed push. A sequence that is known never goes down, nor
/// does another bundle take its place, and a rotation that is known stays. Durable when this returns.
///
/// # Errors
/// [`StateError`]; what was known is known still.
pub fn record_seal(root: &HostRoot, state: &SealState) -> Result<SealState, StateError> {
    let directory = root.create(&SEALS)?;
    let _lock = directory.lock()?;
    let mut merged = state.clone();
    if let Some(known) = read(&directory, &state.series)? {
        merged.rotation = known.rotation.or_else(|| state.rotation.clone());
        if known.sequence >= state.sequence {
            merged.sequence = known.sequence;
            merged.bundle = known.bundle;
        }
    }
    let bytes = merged.to_json().map_err(StateError::Unwritable)?;
    directory.stage(&state.series.file(), &bytes)?.publish_over()?;
    directory.sync()?;
    Ok(merged)
}

fn read(directory: &Directory, series: &Series) -> Result<Option<SealState>, StateError> {
    read_file(directory, &series.file())
}

fn read_file(directory: &Directory, file: &str) -> Result<Option<SealState>, StateError> {
    let Some(bytes) = directory.read(file, MAX_STATE)? else { return Ok(None) };
    let damaged = |source| StateError::Damaged { path: directory.path_of(file), source };
    let state = SealState::parse(&bytes).map_err(damaged)?;
    match state.series.file() == file {
        true => Ok(Some(state)),
        false => Err(damaged(StateFault::OtherSeries)),
    }
}

fn is_state_file(name: &str) -> bool {
    name.strip_suffix(".json")
        .is_some_and(|stem| stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests;
