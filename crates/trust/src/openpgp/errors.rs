//! Why a keyring cannot be used, or a message is not accepted: one variant for each cause.

use super::fingerprint::OpenPgpFingerprint;

/// Why a file is not a usable set of OpenPGP public keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// The program cannot read OpenPGP keys at all.
    #[error("this program was built without OpenPGP: it cannot check GPG signatures")]
    NotBuilt,
    /// More bytes than a file of keys has.
    #[error("the file has {0} bytes, more than {most}", most = super::MAX_KEYRING)]
    TooLarge(usize),
    /// No public key in it.
    #[error("it holds no OpenPGP public key")]
    NoKey,
    /// A secret key: it has no business where public keys are read.
    #[error("it holds a secret key; give the public key instead")]
    SecretKey,
    /// Not one key by itself, in the one form in which keys are carried and installed.
    #[error("it is not one OpenPGP public key in canonical form")]
    NotCanonical,
    /// The text around binary keys is not well formed (RFC 9580 §6).
    #[error("the armor of the key block is damaged: {0}")]
    Armor(&'static str),
    /// More of something than any real key has.
    #[error("it holds more than {most} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many are accepted.
        most: usize,
    },
    /// A key of a version that is not read: its fingerprint would be guesswork.
    #[error("packet {packet} is a key of version {version}; versions 4 and 6 are supported")]
    Version {
        /// Its place among the packets, from 1.
        packet: usize,
        /// As the packet states.
        version: u8,
    },
    /// A packet that cannot be read, or that does not belong where it is.
    #[error("{after} is damaged: packet {packet} {why}")]
    Damaged {
        /// The key that the packet belongs to.
        after: String,
        /// Its place among the packets, from 1.
        packet: usize,
        /// What is wrong with it, bounded.
        why: String,
    },
    /// Not one key of the file is of an algorithm and length that is accepted.
    #[error("no key in it is strong enough: {key} is {weakness}")]
    NoneUsable {
        /// The first of them.
        key: OpenPgpFingerprint,
        /// What is wrong with it.
        weakness: String,
    },
}

/// Why a message is not one that a trusted key signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenPgpError {
    /// It is not one inline-signed message.
    #[error("it is not one signed OpenPGP message: {0}")]
    Form(#[from] FormFault),
    /// A signature packet of a version that is not supported.
    #[error("the signature is of version {0}; versions 3, 4 and 6 are supported")]
    SignatureVersion(u8),
    /// A signature that is not over a binary document.
    #[error("the signature is of type 0x{0:02x}, expected 0x00, over a binary document")]
    SignatureType(u8),
    /// A hash under which two messages can be made to agree.
    #[error("the signature uses {0}, which is not collision resistant enough")]
    WeakHash(String),
    /// The signer demands that something be understood which is not.
    #[error("the signature has a critical subpacket of type {0}, which is not understood")]
    CriticalSubpacket(u8),
    /// The keyring has no key of that name.
    #[error("it is signed by {0}, which is not in the keyring")]
    UnknownKey(String),
    /// The key did not make this signature over this payload.
    #[error("the signature is not by {0} over this payload")]
    BadSignature(OpenPgpFingerprint),
    /// The signature's own time is over.
    #[error("the signature expired at {at} (seconds since 1970)")]
    SignatureExpired {
        /// When it ceased to hold.
        at: i64,
    },
    /// Made later than now.
    #[error("the signature was made at {created} (seconds since 1970), which is in the future")]
    SignatureInFuture {
        /// When it says it was made.
        created: i64,
    },
    /// Made before the key that made it.
    #[error("the signature was made at {created} (seconds since 1970), before its key was")]
    SignatureBeforeKey {
        /// When it says it was made.
        created: i64,
    },
    /// The key made this signature, but it may not vouch for anything (now, or at all).
    #[error("{key} {fault}")]
    Key {
        /// The primary key or the subkey at fault.
        key: OpenPgpFingerprint,
        /// What is wrong with it.
        fault: KeyFault,
    },
}

/// Why a message has not the one form that is accepted: a one-pass signature, literal data, the signature; all of it
/// compressed or not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormFault {
    /// Longer than a signature is, compressed or not.
    #[error("it has more than {} bytes", super::MAX_MESSAGE)]
    TooLarge,
    /// Neither binary nor a form of text that has a name of its own here.
    #[error("it is not a binary OpenPGP message")]
    NotBinary,
    /// The cleartext signature framework (RFC 9580 §7).
    #[error("it is a cleartext signature")]
    Cleartext,
    /// Encrypted, so who signed it cannot be seen.
    #[error("it is encrypted")]
    Encrypted,
    /// Content without a signature.
    #[error("it is not signed")]
    Unsigned,
    /// A signature without content.
    #[error("it is a detached signature")]
    Detached,
    /// More than one signature.
    #[error("it has several signatures")]
    SeveralSignatures,
    /// Something after the message.
    #[error("there is more after the signature")]
    Trailing,
    /// A compression other than ZIP and ZLIB.
    #[error("it is compressed by algorithm {0}; ZIP (1) and ZLIB (2) are supported")]
    Compression(u8),
    /// Anything else.
    #[error("it is damaged: {0}")]
    Malformed(String),
}

/// Why a key may not vouch for a message that it did sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// An algorithm or a length that is not accepted.
    #[error("is {0}, which is not strong enough")]
    Weak(String),
    /// The primary key says nothing valid about itself: no user id or direct-key signature holds now.
    #[error("has no valid self-signature")]
    Unproven,
    /// Made later than now.
    #[error("was made in the future")]
    InFuture,
    /// Past its expiry.
    #[error("expired at {at} (seconds since 1970)")]
    Expired {
        /// When it ceased to hold.
        at: i64,
    },
    /// Revoked; when and why does not matter, as in GnuPG.
    #[error("is revoked")]
    Revoked,
    /// The primary key has no valid binding signature on this subkey.
    #[error("is a subkey without a valid binding signature")]
    Unbound,
    /// The subkey did not confirm that it belongs to the primary key (type 0x19): anyone could have adopted it.
    #[error("is a subkey that did not sign back to its primary key")]
    NotSignedBack,
    /// The key is for something else.
    #[error("is not for signing")]
    NotForSigning,
}
