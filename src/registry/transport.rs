//! Connections: one pool per registry and server, with the certificates that are configured for it.

use super::reach::{Tls, is_loopback};
use super::words::bounded;
use super::{Patience, RegistryError};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url};
use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
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
    tls: Tls,
    connect: Duration,
    user_agent: String,
    /// (registry, server) → client. A redirect to an object store gets the registry's CAs, but not its client key.
    clients: Mutex<HashMap<(String, String), Client>>,
}

/// What a host's directory holds.
#[derive(Default)]
struct Certificates {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

impl Transports {
    /// `certificates`: a directory that replaces the usual ones.
    pub(super) fn new(
        certificates: Option<PathBuf>,
        tls: Tls,
        patience: &Patience,
        user_agent: &str,
    ) -> Self {
        Self {
            certificates,
            tls,
            connect: patience.connect,
            user_agent: user_agent.to_owned(),
            clients: Mutex::default(),
        }
    }

    /// The client for `url` on behalf of `registry` (its name in references).
    pub(super) fn client(&self, registry: &str, url: &Url) -> Result<Client, RegistryError> {
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let key = (registry.to_owned(), format!("{}://{host}{port}", url.scheme()));
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let server = format!("{host}{port}");
        let client = match url.scheme() {
            // The system's CAs take longer to load than a small image to fetch, and nothing is verified here.
            "http" => {
                let builder = self.builder(&Certificates::default(), is_loopback(url));
                builder.tls_certs_only([]).build().map_err(|e| unbuilt(registry, e))?
            }
            _ => self.build(registry, &server, is_loopback(url))?,
        };
        clients.insert(key, client.clone());
        Ok(client)
    }

    fn build(&self, registry: &str, server: &str, local: bool) -> Result<Client, RegistryError> {
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
            certificates.identity = own.identity;
        }
        let authorities = certificates.authorities.clone();
        self.builder(&certificates, local)
            .tls_certs_merge(authorities.clone())
            .build()
            // A machine without any system CA: only what is configured here can be trusted then.
            .or_else(|_| {
                let builder = self.builder(&certificates, local);
                builder.tls_certs_only(authorities).build()
            })
            .map_err(|e| unbuilt(registry, e))
    }

    fn builder(&self, certificates: &Certificates, local: bool) -> ClientBuilder {
        let mut builder = Client::builder()
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
            .tls_danger_accept_invalid_certs(self.tls == Tls::Unverified);
        if local {
            builder = builder.no_proxy();
        }
        if let Some(identity) = &certificates.identity {
            builder = builder.identity(identity.clone());
        }
        builder
    }

    fn certificates_of(&self, host: &str) -> Result<Certificates, RegistryError> {
        if let Some(directory) = &self.certificates {
            return read(directory)?.ok_or_else(|| {
                let cause = std::io::Error::from(ErrorKind::NotFound);
                unusable(directory, "the directory with certificates cannot be read", cause)
            });
        }
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let own = home.map(|home| home.join(".config/containers/certs.d"));
        let usual = CERTIFICATE_DIRECTORIES.map(PathBuf::from);
        for directory in own.into_iter().chain(usual) {
            if let Some(found) = read(&directory.join(host))? {
                return Ok(found);
            }
        }
        Ok(Certificates::default())
    }
}

fn unbuilt(registry: &str, error: reqwest::Error) -> RegistryError {
    RegistryError::Setup {
        path: bounded(registry, 255).into(),
        what: "the certificates for this registry cannot be used".into(),
        source: Some(error.into()),
    }
}

fn unusable(
    path: &Path,
    what: &str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> RegistryError {
    RegistryError::Setup {
        path: path.to_owned(),
        what: what.to_owned(),
        source: Some(cause.into()),
    }
}

/// Reads a directory of `*.crt` (CAs) and `*.cert` + `*.key` (client certificate). `None` when it is not there, or
/// belongs to others: a machine's directory can be root's own.
fn read(directory: &Path) -> Result<Option<Certificates>, RegistryError> {
    let listing = match std::fs::read_dir(directory) {
        Ok(listing) => listing,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(e) => return Err(unusable(directory, "the directory cannot be read", e)),
    };
    let mut paths = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| unusable(directory, "the directory cannot be read", e))?;
    paths.sort();
    let mut found = Certificates::default();
    for path in paths {
        let bytes = |path: &Path| {
            std::fs::read(path).map_err(|e| unusable(path, "the file cannot be read", e))
        };
        match path.extension().and_then(|e| e.to_str()) {
            Some("crt") => {
                let pem = Certificate::from_pem_bundle(&bytes(&path)?)
                    .map_err(|e| unusable(&path, "not a PEM file of certificates", e))?;
                found.authorities.extend(pem);
            }
            Some("cert") => {
                let mut pem = bytes(&path)?;
                pem.push(b'\n');
                pem.extend(bytes(&path.with_extension("key"))?);
                // The cause is not kept: it comes from reading a private key.
                let identity = Identity::from_pem(&pem).map_err(|_| RegistryError::Setup {
                    path: path.clone(),
                    what: "not a PEM certificate with its private key beside it".into(),
                    source: None,
                })?;
                found.identity = Some(identity);
            }
            _ => {}
        }
    }
    Ok(Some(found))
}
