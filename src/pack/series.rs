//! Where a bundle stands in its series: sequence, expiry, and the seal key that takes over.

use super::PackError;
use crate::archive::head::{self, HeadFile};
use crate::inventory::{KeyEntry, Rotation, SEAL_USE};
use crate::oci::Digest;
use crate::seal::{check_expiry, fingerprint_of};
use crate::trust::PublicKey;
use std::fmt;
use std::str::FromStr;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime, UtcOffset};

/// What the inventory says of a bundle's place in its series. A seal gives it weight.
#[derive(Debug, Clone, Default)]
pub struct SeriesPlace {
    /// Position, at most [`crate::seal::MAX_SEQUENCE`].
    pub sequence: Option<u64>,
    /// Until when the bundle may be used.
    pub expires: Option<Expires>,
    /// The key that takes over.
    pub succession: Option<Handover>,
}

/// From a sequence on, another key seals the series.
#[derive(Debug, Clone)]
pub struct Handover {
    /// Fingerprint of the key that seals this bundle, and retires.
    pub retires: Digest,
    /// The key that takes over; it is carried.
    pub successor: PublicKey,
    /// The first sequence that it seals.
    pub from_sequence: u64,
}

/// Until when a bundle may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// Until a point in time.
    At(OffsetDateTime),
    /// For so long after it was made.
    After(Duration),
}

/// Neither a time nor a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a time, such as 2030-01-31T12:00:00Z, nor a duration, such as 12h, 30d or 4w"
)]
pub struct ExpiresError(String);

impl FromStr for Expires {
    type Err = ExpiresError;

    /// A time by RFC 3339, or a positive whole number of hours, days or weeks.
    fn from_str(text: &str) -> Result<Self, ExpiresError> {
        let error = || ExpiresError(text.chars().take(80).collect());
        if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(time));
        }
        let unit = match text.chars().last() {
            Some('h') => 3600,
            Some('d') => 24 * 3600,
            Some('w') => 7 * 24 * 3600,
            _ => return Err(error()),
        };
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let count: i64 = digits.parse().map_err(|_| error())?;
        let seconds = count.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(error)?;
        Ok(Self::After(Duration::seconds(seconds)))
    }
}

impl fmt::Display for Expires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(time) => write!(f, "{}", time.unix_timestamp()),
            Self::After(duration) => write!(f, "{}s", duration.whole_seconds()),
        }
    }
}

impl Handover {
    /// As the inventory has it.
    pub fn rotation(&self) -> Rotation {
        Rotation {
            retires: self.retires,
            successor: fingerprint_of(&self.successor),
            from_sequence: self.from_sequence,
        }
    }
}

impl SeriesPlace {
    /// Refuses what every enclave would refuse, for a bundle that is made at `created`.
    ///
    /// # Errors
    /// [`PackError::Usage`]: a bundle that has expired when it is made, or a rotation that does not count.
    pub fn check(&self, created: OffsetDateTime) -> Result<(), PackError> {
        self.rotation()?;
        self.expires(created).map(|_| ())
    }

    /// `rotation` of the inventory.
    pub(super) fn rotation(&self) -> Result<Option<Rotation>, PackError> {
        let Some(handover) = &self.succession else { return Ok(None) };
        let rotation = crate::seal::rotation::announce(
            handover.rotation(),
            handover.retires,
            self.sequence,
            &[],
        );
        rotation.map(Some).map_err(|error| PackError::Usage(error.to_string()))
    }

    /// `expires` of the inventory: RFC 3339 in UTC, whole seconds.
    pub(super) fn expires(&self, created: OffsetDateTime) -> Result<Option<String>, PackError> {
        let usage = |what: String| PackError::Usage(what);
        let time = match self.expires {
            None => return Ok(None),
            Some(Expires::At(time)) => time.to_offset(UtcOffset::UTC),
            Some(Expires::After(duration)) => created.checked_add(duration).ok_or_else(|| {
                usage("the bundle would expire after all time that can be written".into())
            })?,
        };
        let time = time.replace_nanosecond(0).unwrap_or(time);
        let written = |time: OffsetDateTime| {
            time.format(&Rfc3339).map_err(|_| usage("a time beyond those of RFC 3339".into()))
        };
        let (made, expires) = (written(created)?, written(time)?);
        check_expiry(&made, Some(&expires), created).map_err(|_| {
            usage(format!("the bundle would expire at {expires}, before it is made ({made})"))
        })?;
        Ok(Some(expires))
    }

    /// The key that takes over, as an entry of the head beside those with these names.
    pub(super) fn successor_file(
        &self,
        carried: &[(KeyEntry, HeadFile)],
    ) -> Option<(KeyEntry, HeadFile)> {
        let key = &self.succession.as_ref()?.successor;
        let fingerprint = key.fingerprint();
        let taken = |name: &String| carried.iter().any(|(entry, _)| entry.file == *name);
        // The fingerprint tells more of a key that nobody verifies images with than the name of a file.
        let names = (0..).map(|number| match number {
            0 => format!("{}seal-{}.pub", head::KEYS, &fingerprint.hex()[..16]),
            number => format!("{}seal-{}-{number}.pub", head::KEYS, &fingerprint.hex()[..16]),
        });
        let name = names.into_iter().find(|name| !taken(name))?;
        let entry = KeyEntry {
            file: name.clone(),
            purpose: SEAL_USE.into(),
            fingerprint: fingerprint.to_string(),
            scopes: Vec::new(),
        };
        Some((entry, HeadFile { name, bytes: key.to_pem().into_bytes() }))
    }
}

#[cfg(test)]
mod tests;
