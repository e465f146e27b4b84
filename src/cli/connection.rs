//! Options of every command that talks to a registry.

use super::exit::Status;
use super::failure::Failure;
use super::output::tell;
use super::text::safe;
use bundle::registry::{Client, ClientOptions, RegistryError};
use bundle::unpack::UnpackError;
use clap::Args;
use std::path::PathBuf;

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
}

impl Connection {
    /// Whether certificates are checked.
    pub(super) fn verifies_tls(&self) -> bool {
        self.tls_verify
    }

    pub(super) fn client(&self) -> Result<Client, Failure> {
        let options = ClientOptions {
            authfile: self.authfile.clone(),
            cert_dir: self.cert_dir.clone(),
            tls_verify: self.tls_verify,
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
        let transparent = || match error.downcast_ref::<UnpackError>() {
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
