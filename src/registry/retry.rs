//! How patient to be with a registry.

use super::RegistryError;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// How often, how long and after which pauses. The default suits people's networks; tests use shorter times.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Attempts at one request, the first included.
    pub attempts: u32,
    /// Attempts at the first contact: a registry that never answered is most likely a wrong name.
    pub first_contact: u32,
    /// Pause before the second attempt; it doubles from there.
    pub pause: Duration,
    /// No pause is longer, whatever `Retry-After` says.
    pub longest_pause: Duration,
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Longest time without a byte, in either direction. There is no limit on the whole.
    pub stall: Duration,
    /// Longest wait for the answer to content that was sent: a registry may copy it to an object store first.
    pub commit: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_contact: 3,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            commit: Duration::from_secs(300),
        }
    }
}

impl Patience {
    /// The pause after `failures` failed attempts (1 or more). What the registry asked for is kept to, up to the cap;
    /// otherwise the time doubles, half of it at random so that many workers do not return at once.
    pub(super) fn pause_after(&self, failures: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            return asked.min(self.longest_pause);
        }
        let doublings = failures.saturating_sub(1).min(16);
        let whole = (self.pause * (1 << doublings)).min(self.longest_pause);
        let share = RandomState::new().hash_one(failures) % 1000;
        whole / 2 + (whole / 2).mul_f64(share as f64 / 1000.0)
    }

    /// Tries `attempts` times what can be helped by trying again.
    pub(super) async fn retry<T, F>(
        &self,
        attempts: u32,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let mut failures = 0;
        loop {
            match attempt().await {
                Err(error) if error.is_transient() => {
                    failures += 1;
                    if failures >= attempts {
                        return Err(error);
                    }
                    let pause = self.pause_after(failures, error.retry_after());
                    tokio::time::sleep(pause).await;
                }
                other => return other,
            }
        }
    }
}

/// What `Retry-After` asks for: seconds or a date (RFC 9110 §10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let patience = Patience::default();
        for (failures, most) in [(1, 500), (2, 1000), (3, 2000), (40, 60_000)] {
            let pause = patience.pause_after(failures, None).as_millis();
            assert!(pause >= most / 2 && pause <= most, "{failures}: {pause}");
        }
    }

    #[test]
    fn what_the_registry_asks_for_is_kept_to_up_to_the_cap() {
        let patience = Patience::default();
        for (asked, kept) in [(0, 0), (7, 7), (86_400, 60)] {
            let pause = patience.pause_after(1, Some(Duration::from_secs(asked)));
            assert_eq!(pause, Duration::from_secs(kept));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = OffsetDateTime::parse("Sun, 06 Nov 1994 08:49:00 GMT", &Rfc2822).expect("a date");
        for (text, wanted) in [
            ("3", Some(3)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a header"));
            assert_eq!(retry_after(&headers, now), wanted.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
