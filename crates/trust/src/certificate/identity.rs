//! Whom a certificate names (RFC 5280 §4.2.1.6). The common name names nobody.

use crate::reading::text::bounded;
use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

/// The kind of `otherName` that holds a user name (sigstore/fulcio docs/oid-info.md).
const USER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// One of the subject alternative names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// `rfc822Name`: a person who signed in.
    Email(String),
    /// `dNSName`, perhaps with a wildcard.
    DnsName(String),
    /// `uniformResourceIdentifier`: a workload, such as a workflow of a forge.
    Uri(String),
    /// `iPAddress`.
    Address(IpAddr),
    /// `otherName` of Fulcio's kind: a user of somebody's own directory.
    UserName(String),
    /// A name of a kind that nothing is compared with.
    Other(&'static str),
}

impl Identity {
    /// `None` for an address or a user name that is none.
    pub(super) fn of(name: &GeneralName) -> Option<Self> {
        Some(match name {
            GeneralName::Rfc822Name(text) => Self::Email(text.as_str().to_owned()),
            GeneralName::DnsName(text) => Self::DnsName(text.as_str().to_owned()),
            GeneralName::UniformResourceIdentifier(text) => Self::Uri(text.as_str().to_owned()),
            GeneralName::IpAddress(bytes) => {
                let bytes = bytes.as_bytes();
                let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
                let address = four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
                Self::Address(address.ok()?)
            }
            GeneralName::OtherName(OtherName { type_id, value }) if *type_id == USER_NAME => {
                let text = value.decode_as::<Utf8StringRef<'_>>().ok()?;
                Self::UserName(text.as_str().to_owned())
            }
            GeneralName::OtherName(_) => Self::Other("otherName"),
            GeneralName::DirectoryName(_) => Self::Other("directoryName"),
            GeneralName::EdiPartyName(_) => Self::Other("ediPartyName"),
            GeneralName::RegisteredId(_) => Self::Other("registeredID"),
        })
    }
}

impl fmt::Display for Identity {
    /// Kind and value; the value is untrusted and not cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email(text) => write!(f, "email:{text}"),
            Self::DnsName(text) => write!(f, "dns:{text}"),
            Self::Uri(text) => write!(f, "uri:{text}"),
            Self::Address(address) => write!(f, "ip:{address}"),
            Self::UserName(text) => write!(f, "user:{text}"),
            Self::Other(kind) => write!(f, "{kind}"),
        }
    }
}

/// All of them in one bounded line.
pub(super) fn list(identities: &[Identity]) -> String {
    if identities.is_empty() {
        return "nobody".into();
    }
    let names: Vec<String> =
        identities.iter().take(4).map(|one| bounded(&one.to_string())).collect();
    bounded(&names.join(", "))
}

/// Who must have signed, of one kind and to the letter. A name of another kind with the same text is somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An e-mail address, as in the policy `fulcio`.
    Email(String),
    /// A URI.
    Uri(String),
    /// A host name to the letter, or a user name.
    Name(String),
}

/// A text that is neither an e-mail address nor a URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an e-mail address nor a URI with ://")]
pub struct SubjectError(String);

impl Subject {
    /// Whom a text means: with `://` in it a URI, else with `@` in it an e-mail address, else a host or a user.
    pub fn of(text: &str) -> Self {
        let text = text.to_owned();
        match (text.contains("://"), text.contains('@')) {
            (true, _) => Self::Uri(text),
            (false, true) => Self::Email(text),
            (false, false) => Self::Name(text),
        }
    }

    /// True when one of `identities` is exactly this one, letters' case included. Nobody is the empty one.
    pub fn is_among(&self, identities: &[Identity]) -> bool {
        identities.iter().any(|identity| match (self, identity) {
            (Self::Email(wanted), Identity::Email(found))
            | (Self::Uri(wanted), Identity::Uri(found))
            | (Self::Name(wanted), Identity::DnsName(found) | Identity::UserName(found)) => {
                wanted == found && !wanted.is_empty()
            }
            _ => false,
        })
    }

    /// The text that it was given as.
    pub fn as_str(&self) -> &str {
        let (Self::Email(text) | Self::Uri(text) | Self::Name(text)) = self;
        text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.as_str().is_empty()
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    /// As [`Self::of`], without hosts and users: a policy `fulcio` expects none.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        match Self::of(text) {
            Self::Name(text) => Err(SubjectError(bounded(&text))),
            subject => Ok(subject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_compared_by_kind_and_to_the_letter() {
        let email = |text: &str| Identity::Email(text.into());
        let uri = |text: &str| Identity::Uri(text.into());
        let me: Subject = "me@example.com".parse().expect("a subject");
        assert_eq!(me, Subject::Email("me@example.com".into()));
        assert!(me.is_among(&[email("you@example.com"), email("me@example.com")]));
        for other in ["ME@example.com", "me@example.com ", "me@example.co", "", "me@example.com\0"]
        {
            assert!(!me.is_among(&[email(other)]), "{other:?}");
        }
        assert!(!me.is_among(&[uri("me@example.com"), Identity::DnsName("me@example.com".into())]));
        let flow: Subject = "https://forge.example/a@refs/heads/main".parse().expect("a subject");
        assert!(flow.is_among(&[uri("https://forge.example/a@refs/heads/main")]));
        assert!(!flow.is_among(&[email("https://forge.example/a@refs/heads/main")]));
        assert!("somebody".parse::<Subject>().is_err());
    }
}
