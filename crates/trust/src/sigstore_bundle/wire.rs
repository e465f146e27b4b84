//! What was read strictly, as the types of the library that verifies it. Nothing is parsed a second time, so the library
//! sees exactly what was read here.

use super::material::{InclusionProof, LogEntry};
use super::{Bundle, BundleFailure, Cause, Content, Subject, Version};
use sigstore_types::bundle::{
    CertificateContent, CheckpointData, InclusionPromise, InclusionProof as WireProof, LogId,
    MessageDigest, MessageSignature, PublicKeyIdentifier, Rfc3161Timestamp,
    TimestampVerificationData, VerificationMaterial, VerificationMaterialContent, X509Certificate,
};
use sigstore_types::{
    Artifact, ArtifactDigest, CanonicalizedBody, DerCertificate, DigestBytes, DsseEnvelope,
    DsseSignature, HashAlgorithm, KeyId, KindVersion, LogIndex, LogKeyId, MediaType, PayloadBytes,
    Sha256Hash, SignatureBytes, SignatureContent, SignedTimestamp, TimestampToken,
    TransparencyLogEntry,
};
use std::time::{Duration, UNIX_EPOCH};

/// Whether RFC 3161 timestamps go along. Where one is there, the library demands that it verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timestamps {
    /// They are checked.
    Checked,
    /// They stay out: nobody is trusted to make them, and nothing depends on their time.
    LeftOut,
}

/// A bundle with these of its certificates; none for one that is signed with a bare key.
pub(super) fn bundle(
    bundle: &Bundle,
    certificates: &[Vec<u8>],
    timestamps: Timestamps,
) -> Result<sigstore_types::Bundle, BundleFailure> {
    let entries = bundle.material.entries.iter().map(entry).collect::<Result<_, _>>()?;
    let tokens = match timestamps {
        Timestamps::Checked => &bundle.material.timestamps[..],
        Timestamps::LeftOut => &[],
    };
    let tokens =
        tokens.iter().map(|token| Rfc3161Timestamp::new(TimestampToken::from_bytes(token)));
    let material = VerificationMaterial::new(material(certificates, bundle.version))
        .with_tlog_entries(entries)
        .with_timestamp_verification_data(TimestampVerificationData::new(tokens.collect()));
    let media_type = match bundle.version {
        Version::V0_1 => MediaType::Bundle0_1,
        Version::V0_2 => MediaType::Bundle0_2,
        Version::V0_3 => MediaType::Bundle0_3,
    };
    Ok(sigstore_types::Bundle::new(media_type, material, content(&bundle.content)))
}

pub(super) fn artifact(subject: Subject<'_>) -> Result<Artifact<'_>, BundleFailure> {
    let (algorithm, digest) = match subject {
        Subject::Manifest(manifest) => return Ok(Artifact::from_blob(manifest.bytes())),
        Subject::Artifact(bytes) => return Ok(Artifact::from_blob(bytes)),
        Subject::Sha256(digest) => (HashAlgorithm::Sha2256, digest.as_bytes().to_vec()),
        Subject::Sha512(digest) => (HashAlgorithm::Sha2512, digest.to_vec()),
    };
    let digest = ArtifactDigest::new(algorithm, DigestBytes::new(digest))?;
    Ok(Artifact::from_digest(digest))
}

fn material(certificates: &[Vec<u8>], version: Version) -> VerificationMaterialContent {
    match (certificates, version) {
        ([], _) => VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new("")),
        ([only], Version::V0_3) => VerificationMaterialContent::Certificate(
            CertificateContent::new(DerCertificate::from_bytes(only)),
        ),
        (chain, _) => VerificationMaterialContent::X509CertificateChain {
            certificates: chain
                .iter()
                .map(|der| X509Certificate::new(DerCertificate::from_bytes(der)))
                .collect(),
        },
    }
}

fn content(content: &Content) -> SignatureContent {
    match content {
        Content::Envelope(envelope) => {
            let signature = SignatureBytes::from_bytes(&envelope.signature);
            SignatureContent::DsseEnvelope(DsseEnvelope::new(
                envelope.payload_type.clone(),
                PayloadBytes::from_bytes(&envelope.payload),
                DsseSignature::new(signature, KeyId::default()),
            ))
        }
        Content::Message { digest, signature } => {
            let message = MessageSignature::new(SignatureBytes::from_bytes(signature));
            SignatureContent::MessageSignature(match digest {
                Some(digest) => message.with_message_digest(MessageDigest::new(
                    HashAlgorithm::Sha2256,
                    DigestBytes::new(digest.clone()),
                )),
                None => message,
            })
        }
    }
}

fn entry(entry: &LogEntry) -> Result<TransparencyLogEntry, BundleFailure> {
    let kind = match (entry.kind.as_str(), entry.kind_version.as_str()) {
        ("hashedrekord", "0.0.1") => KindVersion::HashedRekordV001,
        ("hashedrekord", "0.0.2") => KindVersion::HashedRekordV002,
        ("dsse", "0.0.1") => KindVersion::DsseV001,
        ("intoto", "0.0.2") => KindVersion::IntotoV002,
        (kind, version) => {
            let detail = format!("a log entry of kind {kind:?} in version {version:?}");
            return Err(BundleFailure::new(Cause::Unsupported, detail));
        }
    };
    let mut wire = TransparencyLogEntry::new(
        LogIndex::new(entry.index)?,
        LogId::new(LogKeyId::from_bytes(&entry.log_id)),
        kind,
        CanonicalizedBody::from_bytes(&entry.body),
    );
    if let Some(seconds) = entry.integrated_time {
        let unusable = || BundleFailure::new(Cause::Malformed, "a log entry of an absurd time");
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or_else(unusable)?;
        wire = wire.with_integrated_time(time.try_into().map_err(|_| unusable())?);
    }
    if let Some(promise) = &entry.promise {
        wire = wire
            .with_inclusion_promise(InclusionPromise::new(SignedTimestamp::from_bytes(promise)));
    }
    match &entry.proof {
        Some(inclusion) => Ok(wire.with_inclusion_proof(proof(inclusion)?)),
        None => Ok(wire),
    }
}

fn proof(proof: &InclusionProof) -> Result<WireProof, BundleFailure> {
    let hashes = proof.hashes.iter().map(|hash| hash_of(hash)).collect::<Result<_, _>>()?;
    let checkpoint = CheckpointData::new(proof.checkpoint.as_str())
        .map_err(|error| BundleFailure::new(Cause::LogEntryInvalid, error.to_string()))?;
    let index = LogIndex::new(proof.index)?;
    Ok(WireProof::new(index, hash_of(&proof.root_hash)?, proof.tree_size, hashes, checkpoint))
}

fn hash_of(bytes: &[u8]) -> Result<Sha256Hash, BundleFailure> {
    Sha256Hash::try_from(bytes).map_err(|_| {
        BundleFailure::new(Cause::LogEntryInvalid, "a hash of its proof has not 32 bytes")
    })
}
