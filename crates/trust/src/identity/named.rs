//! Names as distribution/reference reads them (`ParseNormalizedNamed`): what signatures and policies say, which need
//! not be anything that this product would fetch.
//!
//! [`Reference`] is for images to carry and stricter or wider in places: it knows SHA-256 digests only, and hosts that
//! container runtimes cannot name. Identities are compared by what the runtimes read.

use bundle_oci::Reference;
use bundle_oci::reference::{MAX_NAME, is_host, is_path, is_tag};
use std::fmt;
use std::str::FromStr;

/// Longest text that is looked at: a name, a tag and a SHA-512 digest, with what normalisation may take off.
const MAX_TEXT: usize = MAX_NAME + 1 + 128 + 1 + 7 + 128 + 64;
const DEFAULT_DOMAIN: &str = "docker.io";
/// Digest algorithms that go-digest knows, with the length of their hex.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A normalised name, `host/path`, with at most a tag and a digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Named {
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NamedError {
    /// Longer than any name can be.
    #[error("it is too long")]
    TooLong,
    /// 64 hex digits, which container tools take for an image's id.
    #[error("64 hexadecimal digits are the id of an image")]
    Identifier,
    /// Host or path are not as the grammar has them.
    #[error("host/path, in lower case, was expected")]
    Name,
    /// What follows the colon is no tag.
    #[error("the tag is not valid")]
    Tag,
    /// What follows the at sign is no digest.
    #[error("the digest is not one of SHA-256, SHA-384 or SHA-512 in lower-case hexadecimal")]
    Digest,
    /// A reference needs a tag or a digest, or it can match nothing.
    #[error("it has neither a tag nor a digest")]
    Unpinned,
}

impl Named {
    /// What a signature names. Wider than [`Named::from_str`] by IPv6 hosts, which the product can fetch from and
    /// container runtimes cannot: a name with such a host is only ever equal to such a source.
    ///
    /// # Errors
    /// When the grammar does not admit it.
    pub fn of_signature(text: &str) -> Result<Self, NamedError> {
        Self::parse(text, |host| is_domain(host) || (host.starts_with('[') && is_host(host)))
    }

    /// Host and path, such as `docker.io/library/alpine`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tag, when there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// True when there is neither a tag nor a digest.
    pub fn is_name_only(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The same name without tag and digest.
    pub(super) fn without_pins(&self) -> Self {
        Self { name: self.name.clone(), tag: None, digest: None }
    }

    fn parse(text: &str, is_domain: impl Fn(&str) -> bool) -> Result<Self, NamedError> {
        if text.len() > MAX_TEXT {
            return Err(NamedError::TooLong);
        }
        if is_hex(text, 64) {
            return Err(NamedError::Identifier);
        }
        let (host, remainder) = split_domain(text);
        let official = host == DEFAULT_DOMAIN && !remainder.contains('/');
        let whole = format!("{host}/{}{remainder}", if official { "library/" } else { "" });

        let (rest, digest) = match whole.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (whole.as_str(), None),
        };
        // There is a slash after the host, so a colon in the last component starts a tag.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[last..].find(':') {
            Some(colon) => (&rest[..last + colon], Some(&rest[last + colon + 1..])),
            None => (rest, None),
        };
        let has_domain = |(host, path): (&str, &str)| is_domain(host) && is_path(path);
        // A first component that is no host counts as one more path component, as in the grammar.
        if !is_path(name) && !name.split_once('/').is_some_and(has_domain) {
            return Err(NamedError::Name);
        }
        if name.len() > MAX_NAME {
            return Err(NamedError::TooLong);
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(NamedError::Tag);
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(NamedError::Digest);
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

/// `splitDockerDomain`, without the `library/`: a first component without `.` and `:` that is not `localhost` belongs
/// to a name on docker.io.
fn split_domain(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some(("index.docker.io", rest)) => (DEFAULT_DOMAIN, rest),
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => (DEFAULT_DOMAIN, text),
    }
}

/// `DomainRegexp`: labels with dots between them and any number as port.
pub(super) fn is_domain(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').all(is_label) && port.is_none_or(is_port)
}

/// What `digest.Parse` of go-digest accepts.
pub(crate) fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        ALGORITHMS.iter().any(|(known, length)| *known == algorithm && is_hex(hex, *length))
    })
}

/// Exactly `length` lower-case hex digits.
pub(crate) fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for Named {
    type Err = NamedError;

    fn from_str(text: &str) -> Result<Self, NamedError> {
        Self::parse(text, is_domain)
    }
}

impl From<&Reference> for Named {
    fn from(reference: &Reference) -> Self {
        Self {
            name: reference.repository().to_string(),
            tag: reference.tag().map(str::to_owned),
            digest: reference.digest().map(|digest| digest.to_string()),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
