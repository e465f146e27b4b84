//! Options of every command that talks to a registry.

use super::exit::Status;
use super::failure::Failure;
use super::standard_error::tell;
use super::text::safe;
use bundle::progress::Waits;
use bundle::registry::{Client, ClientOptions, RegistryError, RetryPolicy};
use bundle::unpack::UnpackError;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Connection {
    /// File with credentials, instead of those of podman and docker
    #[arg(long, value_name = "FILE")]
    authfile: Option<PathBuf>,
    /// Directory with *.crt (CA) and *.cert + *.key (client certificate)
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// Verify certificates; =false accepts any, and plain HTTP. Loopback may speak HTTP anyway, where neither credentials
    /// nor certificates are there for it
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true",
          num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    tls_verify: bool,
    /// How long a registry may stay without answering, all attempts included: 50s, 5m, 1h. Then it is not asked again
    /// in this run. A longer pause that it asks for (Retry-After) is not waited for
    #[arg(long, value_name = "DURATION", default_value = "50s", value_parser = duration)]
    timeout: Duration,
}

/// Shortest time that is one: anything less ends runs that would succeed.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longest time that is one.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A number with `s`, `m` or `h`; without one it means seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        _ => None,
    };
    let number: Option<u64> = digits.parse().ok().filter(|_| !digits.starts_with('+'));
    let seconds = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    let time = seconds.map(Duration::from_secs);
    time.filter(|time| (SHORTEST..=LONGEST).contains(time))
        .ok_or_else(|| "expected 1s to 24h, such as 50s, 5m or 1h".to_owned())
}

impl Connection {
    /// Whether certificates are checked.
    pub(super) fn verifies_tls(&self) -> bool {
        self.tls_verify
    }

    /// The client; what it waits for stands in `waits`.
    pub(super) fn client(&self, waits: &Waits) -> Result<Client, Failure> {
        let options = ClientOptions {
            authfile: self.authfile.clone(),
            cert_dir: self.cert_dir.clone(),
            tls_verify: self.tls_verify,
            retry_policy: RetryPolicy { stall: self.timeout, ..RetryPolicy::default() },
            waits: waits.clone(),
            ..ClientOptions::default()
        };
        let client = Client::new(options).map_err(|error| Failure::of(Status::Usage, &error))?;
        for found in client.set_aside() {
            tell!("warning: {}", safe(&found.to_string()));
            tell!("hint: {}", safe(&found.hint()));
        }
        Ok(client)
    }
}

/// Ways out of a registry's error; under sudo, credentials are those of another user.
pub(super) fn hints(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut hints = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        // Where an error is boxed, its box stands in the chain.
        let boxed = || error.downcast_ref::<Box<RegistryError>>().map(|boxed| &**boxed);
        // A transparent error is not in its own chain.
        let boxed_whole = || error.downcast_ref::<Box<UnpackError>>().map(|boxed| &**boxed);
        let transparent = || match error.downcast_ref::<UnpackError>().or_else(boxed_whole) {
            Some(UnpackError::Registry(registry)) => Some(registry),
            _ => None,
        };
        let registry = error.downcast_ref::<RegistryError>().or_else(boxed);
        if let Some(registry) = registry.or_else(transparent) {
            hints.extend(registry.hint().map(str::to_owned));
            if let (RegistryError::Unauthorized { .. }, Ok(user)) =
                (registry, std::env::var("SUDO_USER"))
            {
                hints.push(format!("under sudo, name the credentials of who called it: --authfile ~{user}/.docker/config.json"));
            }
        }
        next = error.source();
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        for (text, seconds) in [("50s", 50), ("50", 50), ("5m", 300), ("1h", 3600), ("24h", 86_400)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "0",
            "0s",
            "-1s",
            "+5",
            "1.5m",
            "5 m",
            "5d",
            "5ms",
            "25h",
            "9999999999999999999h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
