//! Connections: one pool per registry and server, with the certificates that are configured for it.

use super::addresses::{Addresses, Reach, Resolver};
use super::certificates::{Certificates, unbuilt, unusable, wrong};
use super::reach::{Tls, is_loopback};
use super::server::Servers;
use super::tls::{self, Believed};
use super::{RegistryError, RetryPolicy, SetAside};
use bundle_progress::Waits;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use rustls::{ClientConfig, RootCertStore};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Where the certificates of hosts lie, the first directory that exists wins (containers-certs.d(5)).
const CERTIFICATE_DIRECTORIES: [&str; 2] = ["/etc/containers/certs.d", "/etc/docker/certs.d"];
/// Idle connections kept per server: as many as small blobs are in flight at once.
const IDLE: usize = 64;
/// Dead peers are noticed by the kernel, not by the stall limit alone.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Makes and keeps HTTP clients.
pub(super) struct Transports {
    certificates: Option<PathBuf>,
    /// The usual directories that count, the user's first.
    usual: Vec<PathBuf>,
    set_aside: Vec<SetAside>,
    tls: Tls,
    connect: Duration,
    user_agent: String,
    servers: Servers,
    addresses: Arc<Addresses>,
    /// The system's CAs, read when the first certificate is to be verified.
    system: OnceLock<RootCertStore>,
    /// (registry, server, reach) → client. A redirect to an object store gets the registry's CAs, but not its client key.
    clients: Mutex<HashMap<(String, String, Reach), Client>>,
}

impl Transports {
    /// `certificates`: a directory that replaces the usual ones.
    pub(super) fn new(
        certificates: Option<PathBuf>,
        tls: Tls,
        retry_policy: &RetryPolicy,
        user_agent: &str,
        waits: Waits,
    ) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let own = home.map(|home| home.join(".config/containers/certs.d"));
        let mut set_aside = Vec::new();
        let own = own.filter(|own| {
            certificates.is_none() && SetAside::is_kept(own, "--cert-dir", &mut set_aside)
        });
        let usual = own.into_iter().chain(CERTIFICATE_DIRECTORIES.map(PathBuf::from)).collect();
        Self {
            usual,
            set_aside,
            certificates,
            tls,
            connect: retry_policy.connect,
            user_agent: user_agent.to_owned(),
            addresses: Arc::default(),
            system: OnceLock::new(),
            servers: Servers::new(retry_policy.stall, waits),
            clients: Mutex::default(),
        }
    }

    /// Directories in the usual places that do not count.
    pub(super) fn set_aside(&self) -> &[SetAside] {
        &self.set_aside
    }

    /// What is known of the servers that were asked.
    pub(super) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The client for `url` on behalf of `registry` (its name in references).
    pub(super) fn client(
        &self,
        registry: &str,
        url: &Url,
        reach: Reach,
    ) -> Result<Client, RegistryError> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let key = (registry.to_owned(), format!("{}://{host}{port}", url.scheme()), reach);
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let tls = match url.scheme() {
            // Nothing is verified here, and the system's CAs take longer to load than a small image to fetch.
            "http" => {
                let nobody = Believed::Verified(&RootCertStore::empty());
                tls::configuration(nobody, &Certificates::default())
                    .map_err(|e| unbuilt(registry, e))?
            }
            _ => self.tls_for(registry, &format!("{host}{port}"))?,
        };
        let client = self.builder(url, reach, tls).build().map_err(|e| unbuilt(registry, e))?;
        clients.insert(key, client.clone());
        Ok(client)
    }

    /// Whether the server of a URL is on this machine: by its text, or because its name was found to lead here.
    pub(super) fn is_here(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        is_loopback(url) || self.addresses.is_loopback(host, port)
    }

    /// Whether certificates are given for a registry: it is meant to speak TLS then.
    ///
    /// # Errors
    /// As for connecting: certificates that are there and cannot be used.
    pub(super) fn has_certificates(&self, registry: &str) -> Result<bool, RegistryError> {
        Ok(!self.certificates_of(registry)?.is_empty())
    }

    fn tls_for(&self, registry: &str, server: &str) -> Result<ClientConfig, RegistryError> {
        let mut certificates = self.certificates_of(registry)?;
        let is_registry = server == registry
            || (registry == "docker.io" && server == "registry-1.docker.io")
            || registry.strip_suffix(":443") == Some(server);
        if !is_registry {
            let own = match self.certificates {
                Some(_) => Certificates::default(),
                None => self.certificates_of(server)?,
            };
            certificates.authorities.extend(own.authorities);
            certificates.client = own.client;
        }
        let believed = match self.tls {
            Tls::Unverified => Believed::Any,
            Tls::Verified => Believed::Verified(self.system.get_or_init(system_authorities)),
        };
        tls::configuration(believed, &certificates).map_err(|e| unbuilt(registry, e))
    }

    fn builder(&self, url: &Url, reach: Reach, tls: ClientConfig) -> ClientBuilder {
        let resolver = Resolver {
            addresses: Arc::clone(&self.addresses),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            reach,
        };
        let builder = Client::builder()
            .user_agent(&self.user_agent)
            // Redirects are followed by hand: where they may lead and what goes along is decided here.
            .redirect(Policy::none())
            .referer(false)
            // One connection a blob: no flow-control window is shared, and one that breaks takes no other along.
            .http1_only()
            .connect_timeout(self.connect)
            .pool_max_idle_per_host(IDLE)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .dns_resolver(resolver)
            .tls_backend_preconfigured(tls);
        match is_loopback(url) {
            true => builder.no_proxy(),
            false => builder,
        }
    }

    fn certificates_of(&self, host: &str) -> Result<Certificates, RegistryError> {
        if let Some(directory) = &self.certificates {
            let found = Certificates::read(directory)?.ok_or_else(|| {
                let cause = std::io::Error::from(ErrorKind::NotFound);
                unusable(directory, "the directory with certificates cannot be read", cause)
            })?;
            if found.is_empty() {
                return Err(wrong(directory, "there is neither a *.crt nor a *.cert in it"));
            }
            return Ok(found);
        }
        for directory in &self.usual {
            if let Some(found) = Certificates::find(&directory.join(host))? {
                return Ok(found);
            }
        }
        Ok(Certificates::default())
    }
}

/// The CAs that this system trusts. Those that cannot be read are passed over, as by every other program.
fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_named_directory_without_certificates_is_an_error() {
        let directory = tempfile::tempdir().expect("directory");
        let of = |directory: &Path| {
            let retry_policy = RetryPolicy::default();
            let named = Some(directory.to_owned());
            Transports::new(named, Tls::Verified, &retry_policy, "test", Waits::default())
                .certificates_of("r.example")
        };
        let write = |name: &str, content: &str| {
            std::fs::write(directory.path().join(name), content).expect("file");
        };
        let message = || of(directory.path()).map(drop).expect_err("an error").to_string();
        write("ca.pem", "not looked at");
        assert!(message().contains("neither a *.crt nor a *.cert"), "{}", message());
        write("ca.crt", "junk");
        assert!(message().contains("ca.crt: it holds no certificate"), "{}", message());
        let pem = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        write("ca.crt", pem);
        assert_eq!(of(directory.path()).expect("certificates").authorities.len(), 1);
    }
}
