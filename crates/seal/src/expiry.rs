//! The end of a sealed bundle's use: `expires` of its inventory against this machine's clock.

use bundle_trust::text::bounded;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// The time that this machine's clock may be behind the one that made the bundle.
const SKEW: Duration = Duration::days(1);

/// The reason why a bundle is not to be used any more, or why that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpiryError {
    /// Its time has passed.
    #[error("the bundle expired at {expires}; it is {now} here")]
    Expired {
        /// The end of its use, as it says.
        expires: String,
        /// The time on the clock.
        now: String,
    },
    /// A clock that runs before the bundle was made says nothing about its age: an empty battery must not prolong it.
    #[error(
        "the clock of this machine says {now}, before the bundle was made ({created}): whether it expired cannot be said"
    )]
    Clock {
        /// The time when the bundle was made, as it says.
        created: String,
        /// The time on the clock.
        now: String,
    },
    /// A time that is none.
    #[error("{field} of the bundle, {text:?}, is not a time by RFC 3339")]
    Malformed {
        /// The field's name.
        field: &'static str,
        /// The field's text.
        text: String,
    },
}

/// Checks `expires` of a sealed inventory that was made at `created` (both RFC 3339). Without `expires` it never
/// expires. The very moment counts as expired.
///
/// # Errors
/// [`ExpiryError`].
pub fn check_expiry(
    created: &str,
    expires: Option<&str>,
    now: OffsetDateTime,
) -> Result<(), ExpiryError> {
    let Some(expires) = expires else { return Ok(()) };
    if now >= time("expires", expires)? {
        return Err(ExpiryError::Expired { expires: bounded(expires), now: shown(now) });
    }
    if time("created", created)? > now.saturating_add(SKEW) {
        return Err(ExpiryError::Clock { created: bounded(created), now: shown(now) });
    }
    Ok(())
}

fn time(field: &'static str, text: &str) -> Result<OffsetDateTime, ExpiryError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| ExpiryError::Malformed { field, text: bounded(text) })
}

fn shown(now: OffsetDateTime) -> String {
    let now = now.replace_nanosecond(0).unwrap_or(now);
    now.format(&Rfc3339).unwrap_or_else(|_| now.unix_timestamp().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(created: &str, expires: Option<&str>, now: &str) -> Result<(), ExpiryError> {
        check_expiry(created, expires, OffsetDateTime::parse(now, &Rfc3339).expect("a time"))
    }

    #[test]
    fn a_bundle_is_used_until_it_expires() {
        let created = "2026-11-01T00:00:00Z";
        let expires = Some("2026-12-01T12:00:00+02:00");
        assert_eq!(check(created, expires, "2026-12-01T09:59:59Z"), Ok(()));
        for now in ["2026-12-01T10:00:00Z", "2026-12-01T10:00:00.5Z", "2031-01-01T00:00:00Z"] {
            let error = check(created, expires, now).expect_err("expired");
            assert!(matches!(error, ExpiryError::Expired { .. }), "{now}: {error}");
        }
        assert_eq!(check(created, None, "2999-01-01T00:00:00Z"), Ok(()));
        assert_eq!(check("?", None, "1970-01-01T00:00:00Z"), Ok(()), "nothing depends on it");
    }

    #[test]
    fn a_clock_that_was_set_back_prolongs_nothing() {
        let (created, expires) = ("2026-11-10T00:00:00Z", Some("2026-12-01T00:00:00Z"));
        assert_eq!(check(created, expires, "2026-11-09T00:00:00Z"), Ok(()), "a day of skew");
        for now in ["2026-11-08T23:59:59Z", "1970-01-01T00:00:00Z"] {
            let error = check(created, expires, now).expect_err("refused");
            assert!(matches!(error, ExpiryError::Clock { .. }), "{now}: {error}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let (created, now) = ("2026-11-10T00:00:00Z", "2026-11-20T00:00:00Z");
        for text in ["", "2026-12-01", "2026-12-01T00:00:00", "tomorrow", "2026-02-30T00:00:00Z"] {
            let error = check(created, Some(text), now).expect_err("refused");
            assert!(matches!(error, ExpiryError::Malformed { field: "expires", .. }), "{text}");
            let error = check(text, Some("2027-01-01T00:00:00Z"), now).expect_err("refused");
            assert!(matches!(error, ExpiryError::Malformed { field: "created", .. }), "{text}");
        }
        let long = check(created, Some(&"x".repeat(10_000)), now).expect_err("refused");
        assert!(long.to_string().len() < 400);
    }
}
