//! Third-party bundles beyond those that have a row in the table of vectors: other spellings of subjects and names, and
//! keys without a log.

use super::vectors::ISSUER;
use crate::reading::blocks::BlocksError;
use crate::reading::pem::PemError;
use crate::sigstore_bundle::{Bundle, Cause, Claim, Content, KeylessPolicy, Subject};
use crate::testing::vectors::{Expected, folder, read, rows};
use crate::trusted_root::TrustedRoot;
use crate::{Hashing, KeyError, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Digest;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Who vouches for people at the public instance.
pub(super) const GITHUB: &str = "https://github.com/login/oauth";

pub(super) fn policy(root: &Path, identity: &str, issuer: &str) -> KeylessPolicy {
    KeylessPolicy {
        root: Arc::new(TrustedRoot::parse(&read(root)).expect("a usable root")),
        identity: identity.into(),
        issuer: issuer.into(),
    }
}

/// The first subject of the statement that a file's bundle holds: its digest by `algorithm`, decoded.
pub(super) fn stated_subject(file: &Path, algorithm: &str) -> Vec<u8> {
    let bundle: Value = serde_json::from_slice(&read(file)).expect("JSON");
    let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("a payload");
    let statement: Value =
        serde_json::from_slice(&STANDARD.decode(payload).expect("base64")).expect("a statement");
    let hex = statement["subject"][0]["digest"][algorithm].as_str().expect("a digest");
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn subjects_named_by_sha512_are_compared_by_that_alone() {
    let Some(vectors) = folder() else { return };
    let go = vectors.join("sigstore-go/pkg/testing/data");
    let root = go.join("trusted-roots/public-good.json");
    let release =
        "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main";
    for (name, identity, issuer, predicate) in [
        ("dsse", "brian@dehamer.com", GITHUB, "https://slsa.dev/provenance/v0.2"),
        ("sigstore.js@2.0.0-provenance", release, ISSUER, "https://slsa.dev/provenance/v1"),
    ] {
        let file = go.join(format!("bundles/{name}.sigstore.json"));
        let bundle = Bundle::parse(&read(&file)).expect(name);
        let digest: [u8; 64] = stated_subject(&file, "sha512").try_into().expect("SHA-512");
        let policy = policy(&root, identity, issuer);
        let evidence = bundle.verify_keyless(&policy, Subject::Sha512(&digest)).expect(name);
        assert_eq!(evidence.claim, Claim::Attestation(predicate.into()), "{name}");
        // A subject that is named by SHA-512 only is nobody's SHA-256.
        let other = bundle.verify_keyless(&policy, Subject::Sha256(Digest::of(&digest)));
        assert_eq!(other.expect_err(name).cause, Cause::SubjectMismatch, "{name}");
    }
}

#[test]
fn a_user_name_of_fulcio_is_no_email_address() {
    let Some(vectors) = folder() else { return };
    let go = vectors.join("sigstore-go/pkg/testing/data");
    let file = go.join("bundles/othername.sigstore.json");
    let bundle = Bundle::parse(&read(&file)).expect("well formed");
    let wire: Value = serde_json::from_slice(&read(&file)).expect("JSON");
    let hint = wire["messageSignature"]["messageDigest"]["digest"].as_str().expect("a digest");
    let digest: String =
        STANDARD.decode(hint).expect("base64").iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{digest}").parse().expect("a digest");
    let scaffolding = go.join("trusted-roots/scaffolding.json");
    for (identity, expected) in
        [("foo!oidc.local", None), ("foo@oidc.local", Some(Cause::IdentityMismatch))]
    {
        let policy = policy(&scaffolding, identity, "http://oidc.local:8080");
        let outcome = bundle.verify_keyless(&policy, Subject::Sha256(digest));
        assert_eq!(outcome.err().map(|failure| failure.cause), expected, "{identity}");
    }
}

/// The same bundles as in the suite, but nobody demands a log: the key alone decides.
#[test]
fn without_a_demanded_log_the_key_alone_decides() {
    let Some(folder) = folder() else { return };
    let artifact = read(&folder.join("sigstore-conformance/test/assets/a.txt"));
    let mut rows = rows(&folder);
    rows.retain(|row| row.form == "sigstore bundle (key.pub)");
    assert_eq!(rows.len(), 3);
    for row in rows {
        let id = &row.id;
        let bundle = Bundle::parse(&read(&row.path.join("bundle.sigstore.json")));
        let Content::Message { digest, signature } = bundle.expect("well formed").content else {
            panic!("{id} is not a message signature");
        };
        assert_eq!(digest.as_deref(), Some(&Digest::of(&artifact).as_bytes()[..]), "{id}");
        let verified = match PublicKey::from_pem(&read(&row.path.join("key.pub"))) {
            Ok(key) => key.verify(Hashing::Sha256OrMatched, &artifact, &signature).is_ok(),
            // The wrong key of the suite is not even base64.
            Err(error) => {
                assert_eq!(error, KeyError::Pem(PemError::Damaged(BlocksError::Damaged(1))));
                false
            }
        };
        assert_eq!(verified, row.expected == Expected::Accept, "{id}");
    }
}
