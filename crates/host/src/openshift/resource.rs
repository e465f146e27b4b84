//! A resource and its name.

use bundle_oci::Repository;
use bundle_oci::text::bounded;
use std::fmt;
use std::str::FromStr;

/// Longest name of a resource (RFC 1123 subdomain, as Kubernetes has it).
const MAX_NAME: usize = 253;
/// Longest scope of an image policy.
const MAX_SCOPE: usize = 512;

/// Longest key, as it is written in base64.
pub const MAX_KEY_DATA: usize = 8192;
/// Most bytes that a ConfigMap holds (Kubernetes: 1 MiB), keys included.
pub const MAX_CONFIG_MAP: usize = 1 << 20;

/// A resource in YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Name of the file: kind and name of the resource.
    pub file: String,
    /// Its content.
    pub content: String,
}

/// The name of a resource: lower-case letters, digits, `-` and `.`, as in a domain name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceName(String);

/// Something that a cluster would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenshiftError {
    /// Not the name of a resource.
    #[error(
        "{0:?} is not the name of a resource: lower-case letters, digits, - and ., up to {MAX_NAME}"
    )]
    Name(String),
    /// A name that the platform keeps for itself.
    #[error("names of image policies that begin with \"openshift\" are the platform's: {0:?}")]
    Reserved(String),
    /// A host that the schemas do not admit, such as an IPv6 address.
    #[error(
        "{0} cannot be written there: OpenShift's schemas do not accept its host as a domain name"
    )]
    Host(Repository),
    /// A scope of more than 512 characters.
    #[error("{0} is longer than a scope may be")]
    LongScope(Repository),
    /// Nothing to say.
    #[error("a {0} needs at least one entry")]
    Empty(&'static str),
    /// Two policies on one scope would be joined: images would need the signatures of both keys.
    #[error("{0} would have two policies, and images would need both signatures")]
    TwoPolicies(Repository),
    /// One source with two lists of mirrors.
    #[error("{0} is mirrored twice")]
    TwoMirrors(Repository),
    /// Not exactly one PEM block of a public key with one newline at its end.
    #[error("the key is not exactly one PEM block of a public key with one newline after it")]
    KeyForm,
    /// A key that is too long.
    #[error("the key takes {0} characters, more than {max}", max = MAX_KEY_DATA)]
    KeyLength(usize),
    /// A file that an earlier run is said to have written.
    #[error("{0} cannot be read as what an earlier run wrote")]
    Earlier(String),
    /// More than a ConfigMap holds.
    #[error("the signatures of {digest} take {size} bytes, more than the {max} of a ConfigMap",
        max = MAX_CONFIG_MAP)]
    LargeConfigMap {
        /// The release.
        digest: String,
        /// Their size in bytes.
        size: usize,
    },
}

impl ResourceName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of one of several resources, from 1; the first keeps the name.
    pub(super) fn numbered(&self, number: usize) -> Result<Self, OpenshiftError> {
        if number == 1 { Ok(self.clone()) } else { format!("{}-{number}", self.0).parse() }
    }
}

impl FromStr for ResourceName {
    type Err = OpenshiftError;

    fn from_str(text: &str) -> Result<Self, OpenshiftError> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let label = |label: &str| {
            let bytes = label.as_bytes();
            bytes.first().is_some_and(|byte| alphanumeric(*byte))
                && bytes.last().is_some_and(|byte| alphanumeric(*byte))
                && bytes.iter().all(|byte| alphanumeric(*byte) || *byte == b'-')
        };
        match text.len() <= MAX_NAME && text.split('.').all(label) {
            true => Ok(Self(text.to_owned())),
            false => Err(OpenshiftError::Name(bounded(text))),
        }
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks that a repository may be a source or a mirror: the schemas admit every host but an IPv6 address. One without a
/// dot needs a port (or is `localhost`): otherwise container tools take it for a namespace of docker.io.
///
/// # Errors
/// [`OpenshiftError::Host`].
pub fn check_mirror(repository: &Repository) -> Result<(), OpenshiftError> {
    let host = repository.host();
    match !host.starts_with('[') && (host.contains(['.', ':']) || host == "localhost") {
        true => Ok(()),
        false => Err(OpenshiftError::Host(repository.clone())),
    }
}

/// Checks that a repository may be the scope of a policy: its host is a domain name with a dot, an IPv4 address, or
/// `localhost`, each with or without a port.
///
/// # Errors
/// [`OpenshiftError::Host`], [`OpenshiftError::LongScope`].
pub fn check_scope(repository: &Repository) -> Result<(), OpenshiftError> {
    let host = repository.host();
    let name = host.split(':').next().unwrap_or_default();
    if host.starts_with('[') || !(name.contains('.') || name == "localhost") {
        return Err(OpenshiftError::Host(repository.clone()));
    }
    match repository.to_string().len() <= MAX_SCOPE {
        true => Ok(()),
        false => Err(OpenshiftError::LongScope(repository.clone())),
    }
}
