//! What a policy may demand of an image.

use super::node::{Node, PolicyError};
use super::signed_identity;
use super::sigstore::SigstoreSigned;
use super::sources::{Holds, Member, Sources, names};
use crate::IdentityRule;

const KEYS: [Member; 3] =
    [("keyPath", Holds::Path), ("keyPaths", Holds::Paths), ("keyData", Holds::Data)];

/// One requirement of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyRequirement {
    /// Every image satisfies it, signed or not.
    InsecureAcceptAnything,
    /// No image satisfies it.
    Reject,
    /// An OpenPGP signature in simple signing's form.
    SignedBy(SignedBy),
    /// Reserved by the format and implemented by nobody: no image satisfies it.
    SignedBaseLayer {
        /// The identity of the base layer.
        identity: IdentityRule,
    },
    /// A signature as cosign attaches it.
    SigstoreSigned(SigstoreSigned),
}

/// `signedBy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// What the sources hold.
    pub key_type: KeyType,
    /// Keyrings; a key of any of them may sign.
    pub keys: Sources,
    /// What the signature must name.
    pub identity: IdentityRule,
}

/// What the keys of `signedBy` are. The container stack reads all kinds, and accepts no image by the last three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// OpenPGP keyrings.
    GpgKeys,
    /// Keys that are signed by those of a keyring.
    SignedByGpgKeys,
    /// X.509 certificates.
    X509Certificates,
    /// Certificates of X.509 authorities.
    SignedByX509Cas,
}

impl KeyType {
    /// As the policy writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::GpgKeys => "GPGKeys",
            Self::SignedByGpgKeys => "signedByGPGKeys",
            Self::X509Certificates => "X509Certificates",
            Self::SignedByX509Cas => "signedByX509CAs",
        }
    }

    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let text = node.text()?;
        let all =
            [Self::GpgKeys, Self::SignedByGpgKeys, Self::X509Certificates, Self::SignedByX509Cas];
        all.into_iter().find(|kind| kind.name() == text).ok_or_else(|| node.unknown("keyType"))
    }
}

impl PolicyRequirement {
    /// True when a signature is asked for, whether or not anybody could make it.
    pub(super) fn demands_signature(&self) -> bool {
        match self {
            Self::SignedBy(_) | Self::SignedBaseLayer { .. } | Self::SigstoreSigned(_) => true,
            Self::InsecureAcceptAnything | Self::Reject => false,
        }
    }

    /// Reads an object whose `type` says which other keys it has.
    pub(super) fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let kind = node.member("type")?;
        match kind.text()? {
            "insecureAcceptAnything" => {
                node.object(&["type"]).map(|_| Self::InsecureAcceptAnything)
            }
            "reject" => node.object(&["type"]).map(|_| Self::Reject),
            "signedBy" => SignedBy::read(node).map(Self::SignedBy),
            "signedBaseLayer" => {
                let object = node.object(&["type", "baseLayerIdentity"])?;
                let identity = signed_identity::read(&object.need("baseLayerIdentity")?)?;
                Ok(Self::SignedBaseLayer { identity })
            }
            "sigstoreSigned" => SigstoreSigned::read(node).map(Self::SigstoreSigned),
            _ => Err(kind.unknown("type of requirement")),
        }
    }
}

impl SignedBy {
    fn read(node: &Node<'_>) -> Result<Self, PolicyError> {
        let known = [&names(&KEYS)[..], &["type", "keyType", "signedIdentity"]].concat();
        let object = node.object(&known)?;
        Ok(Self {
            key_type: KeyType::read(&object.need("keyType")?)?,
            keys: Sources::need(&object, &KEYS)?,
            identity: signed_identity::read_or_default(&object)?,
        })
    }
}
