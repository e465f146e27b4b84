//! How patient to be with a registry.

use super::RegistryError;
use super::messages::shown;
use bundle_progress::Waits;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Attempts at a request that each waited in vain. Between them they have all the time of [`RetryPolicy::stall`].
const STALLS: u32 = 2;
/// Bytes a second at which a registry is expected to store what was sent, at least.
const STORES: u64 = 16 << 20;

/// How often, how long and after which pauses. The default suits people's networks; tests use shorter times.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// Attempts at one request, the first included. A server that was there and is gone is tried for as long as
    /// `stall`, however many attempts that takes.
    pub attempts: u32,
    /// Attempts at the first contact: a registry that never answered is most likely a wrong name.
    pub first_contact: u32,
    /// Pause before the second attempt; it doubles from there.
    pub pause: Duration,
    /// No pause of our own choice is longer.
    pub longest_pause: Duration,
    /// Time to connect, TLS included.
    pub connect: Duration,
    /// Longest time without a byte of a server, all attempts and pauses between them included; then it is not asked
    /// again. A registry that asks for a longer pause is not waited for either. There is no limit on the whole.
    pub stall: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_contact: 3,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(10),
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(50),
        }
    }
}

impl RetryPolicy {
    /// How long the answer to `length` bytes that were sent may take: a registry may copy them to an object store first.
    pub(super) fn to_store(&self, length: u64) -> Duration {
        self.stall + Duration::from_secs(length / STORES)
    }

    /// The pause after `failures` failed attempts (1 or more). What the registry asked for is kept to, and is `None`
    /// where that is too long; otherwise the time doubles, half of it at random so that many workers do not return at
    /// once.
    fn pause_after(&self, failures: u32, asked: Option<Duration>) -> Option<Duration> {
        if let Some(asked) = asked {
            return (asked <= self.stall).then_some(asked);
        }
        let doublings = failures.saturating_sub(1).min(16);
        let whole = (self.pause * (1 << doublings)).min(self.longest_pause);
        let share = RandomState::new().hash_one(failures) % 1000;
        Some(whole / 2 + (whole / 2).mul_f64(share as f64 / 1000.0))
    }

    /// Tries `attempts` times what can be helped by trying again, on the server called `whom`.
    pub(super) async fn retry<T, F>(
        &self,
        attempts: u32,
        (waits, whom): (&Waits, &str),
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let mut tries = Tries::of(self, attempts);
        let mut before = None;
        loop {
            let error = match attempt().await {
                Err(error) if error.is_transient() => error,
                // What it was given up for in the meantime says more.
                Err(given_up @ RegistryError::GivenUp { .. }) => {
                    return Err(before.unwrap_or(given_up));
                }
                other => return other,
            };
            match tries.pause(&error) {
                Some(pause) => pause.over(waits, whom).await,
                None => return Err(error),
            }
            before = Some(error);
        }
    }
}

/// Attempts at one thing.
pub(super) struct Tries {
    retry_policy: RetryPolicy,
    attempts: u32,
    failures: u32,
    stalls: u32,
    /// Since when the server is gone that was there.
    gone: Option<Instant>,
}

/// A pause before the next attempt.
pub(super) struct Pause {
    length: Duration,
    why: String,
}

impl Tries {
    pub(super) fn of(retry_policy: &RetryPolicy, attempts: u32) -> Self {
        Self { retry_policy: retry_policy.clone(), attempts, failures: 0, stalls: 0, gone: None }
    }

    /// The pause after a failed attempt; `None` when there is to be no other.
    pub(super) fn pause(&mut self, error: &RegistryError) -> Option<Pause> {
        self.failures += 1;
        let length = self.retry_policy.pause_after(self.failures, error.retry_after())?;
        let again = if error.is_stall() {
            self.stalls += 1;
            self.stalls < STALLS
        } else if error.is_outage() {
            let gone = *self.gone.get_or_insert_with(Instant::now);
            gone.elapsed() + length < self.retry_policy.stall
        } else {
            self.gone = None;
            self.failures < self.attempts
        };
        let why = match error.retry_after() {
            Some(asked) => format!("it asked for {} (Retry-After)", shown(asked)),
            None => error.to_string(),
        };
        again.then_some(Pause { length, why })
    }
}

impl Pause {
    /// Waits.
    pub(super) async fn over(self, waits: &Waits, whom: &str) {
        tracing::info!("{whom}: trying again in {}: {}", shown(self.length), self.why);
        let _told = waits.pause(whom, &self.why, self.length);
        tokio::time::sleep(self.length).await;
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
    use crate::{Asked, Said};
    use reqwest::{Method, StatusCode, Url};

    fn asked() -> Asked {
        Asked::new(&Method::GET, &Url::parse("https://r.example/v2/").expect("a URL"))
    }

    fn of_status(status: u16, retry_after: Option<u64>) -> RegistryError {
        let status = StatusCode::from_u16(status).expect("a status");
        let wait = retry_after.map(Duration::from_secs);
        RegistryError::of_status(asked(), status, Said::default(), wait)
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        let retry_policy = RetryPolicy::default();
        for (failures, most) in [(1, 500), (2, 1000), (3, 2000), (40, 10_000)] {
            let pause = retry_policy.pause_after(failures, None).expect("a pause").as_millis();
            assert!(pause >= most / 2 && pause <= most, "{failures}: {pause}");
        }
    }

    #[test]
    fn a_pause_that_a_registry_asks_for_is_kept_or_refused() {
        let retry_policy = RetryPolicy::default();
        for (asked, kept) in [(0, Some(0)), (7, Some(7)), (50, Some(50)), (51, None), (3600, None)]
        {
            let pause = retry_policy.pause_after(1, Some(Duration::from_secs(asked)));
            assert_eq!(pause, kept.map(Duration::from_secs));
            let mut tries = Tries::of(&retry_policy, 6);
            let pause = tries.pause(&of_status(429, Some(asked)));
            assert_eq!(pause.is_some(), kept.is_some());
            if let Some(pause) = pause {
                assert_eq!(
                    pause.why,
                    format!("it asked for {} (Retry-After)", shown(pause.length))
                );
            }
        }
    }

    #[test]
    fn attempts_end_by_number_and_stalls_by_time() {
        let retry_policy = RetryPolicy::default();
        let count = |error: &dyn Fn() -> RegistryError| {
            let mut tries = Tries::of(&retry_policy, 6);
            1 + (0..100).take_while(|_| tries.pause(&error()).is_some()).count()
        };
        assert_eq!(count(&|| of_status(503, None)), 6);
        assert_eq!(count(&|| RegistryError::stalled(asked())), 2);
        let mut tries = Tries::of(&retry_policy, 6);
        assert!((0..100).all(|_| tries.pause(&RegistryError::gone(asked())).is_some()));
        let hasty = RetryPolicy { stall: Duration::ZERO, ..RetryPolicy::default() };
        assert!(Tries::of(&hasty, 6).pause(&RegistryError::gone(asked())).is_none());
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
