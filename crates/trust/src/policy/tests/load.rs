//! Keys in place of their sources.

use super::policy;
use crate::policy::load::MAX_KEY_FILE;
use crate::policy::{LoadCause, LoadError, Loaded, LoadedRequirement, Signers};
use crate::reading::pem::PemError;
use crate::{Algorithm, IdentityRule, KeyError, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::Reference;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/trust/", $name))
    };
}

const P256: &[u8] = file!("cosign/p256.pub");
const P384: &[u8] = file!("cosign/p384.pub");
const ED25519: &[u8] = file!("cosign/ed25519.pub");
const RSA: &[u8] = file!("keys/rsa-2048.pem");

/// Files by name, and which of them were asked for.
#[derive(Default)]
struct Files {
    content: BTreeMap<PathBuf, Vec<u8>>,
    read: Vec<PathBuf>,
}

impl Files {
    fn new() -> Self {
        let content = [
            ("/p256", P256.to_vec()),
            ("/p384", P384.to_vec()),
            ("/ed25519", ED25519.to_vec()),
            ("/rsa", RSA.to_vec()),
            ("/prose", [b"Release key 3\n\n", RSA].concat()),
            ("/two", [P256, P384].concat()),
            ("/text", b"no key".to_vec()),
            ("/empty", Vec::new()),
            ("/large", vec![b'a'; MAX_KEY_FILE + 1]),
            ("/ring", b"a keyring".to_vec()),
            ("/ca", b"certificates".to_vec()),
            ("/ca2", b"more certificates".to_vec()),
        ];
        let content = content.into_iter().map(|(name, bytes)| (name.into(), bytes)).collect();
        Self { content, read: Vec::new() }
    }

    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        self.read.push(path.to_owned());
        self.content.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Loads what a policy demands of `source`.
fn load_for(text: &str, source: &str, files: &mut Files) -> Result<Vec<Loaded>, LoadError> {
    let policy = policy(text);
    let source: Reference = source.parse().expect("a reference");
    policy.requirements_for(&source).load(&mut |path| files.read(path))
}

/// Loads a policy of one requirement.
fn load(requirement: &str) -> Result<LoadedRequirement, LoadError> {
    let text = format!(r#"{{"default":[{requirement}]}}"#);
    let mut loaded = load_for(&text, "quay.io/a:1", &mut Files::new())?;
    assert_eq!(loaded.len(), 1);
    let loaded = loaded.remove(0);
    assert_eq!(
        (loaded.place.as_str(), loaded.source.to_string().as_str()),
        ("default[0]", "quay.io/a:1")
    );
    Ok(loaded.requirement)
}

fn sigstore(members: &str) -> Result<LoadedRequirement, LoadError> {
    load(&format!(r#"{{"type":"sigstoreSigned",{members}}}"#))
}

fn key(file: &[u8]) -> PublicKey {
    PublicKey::from_pem(file).expect("a key")
}

#[test]
fn every_way_to_name_keys_gives_those_keys_in_their_order() {
    let data = |file: &[u8]| STANDARD.encode(file);
    let (p256, rsa) = (data(P256), data(RSA));
    for (members, keys) in [
        (r#""keyPath":"/p256""#.to_owned(), vec![key(P256)]),
        (r#""keyPath":"/prose""#.to_owned(), vec![key(RSA)]),
        (r#""keyPaths":["/rsa","/ed25519"]"#.to_owned(), vec![key(RSA), key(ED25519)]),
        (format!(r#""keyData":"{p256}""#), vec![key(P256)]),
        (format!(r#""keyDatas":["{rsa}","{p256}"]"#), vec![key(RSA), key(P256)]),
    ] {
        let expected = LoadedRequirement::SigstoreSigned {
            signers: Signers::Keys(keys),
            rekor_keys: None,
            identity: IdentityRule::MatchRepoDigestOrExact,
        };
        assert_eq!(sigstore(&members).expect("loads"), expected, "{members}");
    }
    let rekor = format!(
        r#""keyPath":"/rsa","rekorPublicKeyDatas":["{p256}"],"signedIdentity":{{"type":"matchRepository"}}"#
    );
    let expected = LoadedRequirement::SigstoreSigned {
        signers: Signers::Keys(vec![key(RSA)]),
        rekor_keys: Some(vec![key(P256)]),
        identity: IdentityRule::MatchRepository,
    };
    assert_eq!(sigstore(&rekor).expect("loads"), expected);
}

#[test]
fn certificates_and_keyrings_are_handed_on_as_they_are() {
    let fulcio = sigstore(
        r#""fulcio":{"caPath":"/ca","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"/p384""#,
    );
    let LoadedRequirement::SigstoreSigned { signers: Signers::Fulcio(fulcio), rekor_keys, .. } =
        fulcio.expect("loads")
    else {
        panic!("not fulcio");
    };
    assert_eq!(fulcio.ca_pem, b"certificates");
    assert_eq!((fulcio.oidc_issuer.as_str(), fulcio.subject_email.as_str()), ("i", "e"));
    assert_eq!(rekor_keys, Some(vec![key(P384)]));

    let pki = sigstore(
        r#""pki":{"caRootsPath":"/ca","caIntermediatesPath":"/ca2","subjectHostname":"h"}"#,
    );
    let LoadedRequirement::SigstoreSigned { signers: Signers::Pki(pki), rekor_keys, .. } =
        pki.expect("loads")
    else {
        panic!("not a pki");
    };
    assert_eq!((pki.roots_pem.as_slice(), rekor_keys), (&b"certificates"[..], None));
    assert_eq!(pki.intermediates_pem.as_deref(), Some(&b"more certificates"[..]));
    assert_eq!((pki.subject_email, pki.subject_hostname.as_deref()), (None, Some("h")));

    let signed = load(r#"{"type":"signedBy","keyType":"GPGKeys","keyPaths":["/ring","/ca"]}"#);
    let expected = LoadedRequirement::SignedBy {
        keyrings: vec![b"a keyring".to_vec(), b"certificates".to_vec()],
        identity: IdentityRule::MatchRepoDigestOrExact,
    };
    assert_eq!(signed.expect("loads"), expected);
}

#[test]
fn what_the_stack_evaluates_for_no_image_satisfies_none() {
    for requirement in [
        r#"{"type":"signedBaseLayer","baseLayerIdentity":{"type":"matchExact"}}"#,
        r#"{"type":"signedBy","keyType":"signedByGPGKeys","keyPath":"/ring"}"#,
        r#"{"type":"signedBy","keyType":"X509Certificates","keyPath":"/ring"}"#,
        r#"{"type":"signedBy","keyType":"signedByX509CAs","keyPath":"/ring"}"#,
    ] {
        let loaded = load(requirement).expect("loads");
        assert!(matches!(loaded, LoadedRequirement::Unsatisfiable(_)), "{requirement}");
    }
    let simple = |kind: &str| load(&format!(r#"{{"type":"{kind}"}}"#)).expect("loads");
    assert_eq!(simple("reject"), LoadedRequirement::Reject);
    assert_eq!(simple("insecureAcceptAnything"), LoadedRequirement::AcceptAnything);
}

#[test]
fn one_source_that_cannot_be_used_fails_all_and_is_named() {
    let text = STANDARD.encode("no key");
    let kind = |cause: &LoadCause| match cause {
        LoadCause::Read(error) => format!("read: {error}"),
        LoadCause::Key(KeyError::Pem(error)) => format!("pem: {error}"),
        LoadCause::Key(error) => format!("key: {error}"),
        LoadCause::Empty => "empty".to_owned(),
        LoadCause::TooLarge(size) => format!("large: {size}"),
        LoadCause::NotEcdsa(algorithm) => format!("log: {algorithm}"),
    };
    let missing = format!("read: {}", io::Error::from(io::ErrorKind::NotFound));
    let none = format!("pem: {}", PemError::NoBlock);
    let two = format!("pem: {}", PemError::SeveralKeys(2));
    let large = format!("large: {}", MAX_KEY_FILE + 1);
    for (members, place, origin, cause) in [
        (r#""keyPaths":["/p256","/missing"]"#, "keyPaths[1]", "/missing", &*missing),
        (r#""keyPaths":["/text","/p256"]"#, "keyPaths[0]", "/text", &none),
        (r#""keyPath":"/two""#, "keyPath", "/two", &two),
        (r#""keyPath":"/empty""#, "keyPath", "/empty", "empty"),
        (r#""keyPath":"/large""#, "keyPath", "/large", &large),
        (&format!(r#""keyDatas":["{text}"]"#), "keyDatas[0]", "the data", &none),
        (
            r#""keyPath":"/p256","rekorPublicKeyPath":"/ed25519""#,
            "rekorPublicKeyPath",
            "/ed25519",
            "log: Ed25519",
        ),
        (
            r#""keyPath":"/p256","rekorPublicKeyPaths":["/p256","/rsa"]"#,
            "rekorPublicKeyPaths[1]",
            "/rsa",
            "log: RSA-2048",
        ),
        (
            r#""pki":{"caRootsPath":"/ca","caIntermediatesPath":"/none","subjectEmail":"e"}"#,
            "pki.caIntermediatesPath",
            "/none",
            &missing,
        ),
        (
            r#""fulcio":{"caPath":"/empty","oidcIssuer":"i","subjectEmail":"e"},"rekorPublicKeyPath":"/p256""#,
            "fulcio.caPath",
            "/empty",
            "empty",
        ),
    ] {
        let error = sigstore(members).expect_err(members);
        let found = (error.place.as_str(), error.origin.as_str(), kind(&error.cause));
        assert_eq!(found, (&*format!("default[0].{place}"), origin, cause.to_owned()));
        assert!(error.to_string().contains(place) && error.to_string().contains(origin));
    }
    let name = format!("/{}", "a".repeat(1 << 16));
    let error = sigstore(&format!(r#""keyPath":"{name}""#)).expect_err("missing");
    assert!(error.to_string().len() < 400);
    assert_eq!(key(RSA).algorithm(), Algorithm::Rsa { bits: 2048 });
}

#[test]
fn only_what_applies_is_read_and_all_of_it() {
    let text = r#"{
        "default": [{"type":"sigstoreSigned","keyPath":"/missing"}],
        "transports": {"docker": {
            "quay.io/org": [
                {"type":"sigstoreSigned","keyPath":"/p256"},
                {"type":"signedBy","keyType":"GPGKeys","keyPath":"/ring"}
            ],
            "quay.io": [{"type":"insecureAcceptAnything"}, {"type":"sigstoreSigned","keyPath":"/text"}]
        }}
    }"#;
    let mut files = Files::new();
    let loaded = load_for(text, "quay.io/org/app:1", &mut files).expect("loads");
    let places: Vec<&str> = loaded.iter().map(|loaded| loaded.place.as_str()).collect();
    let scope = r#"transports.docker["quay.io/org"]"#;
    assert_eq!(places, [format!("{scope}[0]"), format!("{scope}[1]")]);
    assert_eq!(files.read, [Path::new("/p256"), Path::new("/ring")]);

    for (source, place) in [
        ("quay.io/other/app:1", r#"transports.docker["quay.io"][1].keyPath"#),
        ("elsewhere.example/app:1", "default[0].keyPath"),
    ] {
        let error = load_for(text, source, &mut Files::new()).expect_err("refused");
        assert_eq!(error.place, place);
    }

    let mut files = Files::new();
    let errors = policy(text).load_all(&mut |path| files.read(path));
    let places: Vec<&str> = errors.iter().map(|error| error.place.as_str()).collect();
    assert_eq!(places, ["default[0].keyPath", r#"transports.docker["quay.io"][1].keyPath"#]);
    assert_eq!(files.read.len(), 4);
}

#[test]
fn each_requirement_knows_the_name_that_it_was_looked_up_by() {
    let hex = "ab".repeat(32);
    let text = r#"{"default":[{"type":"reject"}]}"#;
    let source = format!("quay.io/a:1@sha256:{hex}");
    let loaded = load_for(text, &source, &mut Files::new()).expect("loads");
    let sources: Vec<String> = loaded.iter().map(|loaded| loaded.source.to_string()).collect();
    assert_eq!(sources, ["quay.io/a:1".to_owned(), format!("quay.io/a@sha256:{hex}")]);
}
