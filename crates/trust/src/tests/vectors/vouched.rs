//! Signatures of cosign's with what vouches for their key, out of the test data of containers/image: from the manifest to
//! the name, as the verifier judges them.

use super::Verdict;
use crate::certificate::{Authorities, Fulcio, Pki, Presented, Subject};
use crate::judge::simple_signing::{Detached, judge_detached};
use crate::rekor::{self, Entry, LogKey, Verifier};
use crate::testing::vectors::{KeptSignature, Row, read};
use crate::{
    Anchors, Authority, IdentityRule, Log, LogAuthority, PublicKey, Scope, ScopedAuthority,
    ScopedKey, Signer,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bundle_oci::{Digest, Reference};
use std::path::{Path, PathBuf};

/// Within 2024 to 2052, for which the certificates of the `pki` are valid.
const NOW: u64 = 1_800_000_000;

/// Judges one row; each is accepted.
pub(super) fn judge(folder: &Path, row: &Row) -> Verdict {
    let trusted: Vec<PathBuf> = row.trusted.split(" + ").map(|name| folder.join(name)).collect();
    match (row.id.as_str(), &trusted[..]) {
        ("ci-key-rekor", [key, log]) => {
            let key = PublicKey::from_pem(&read(key)).expect("a key");
            let fingerprint = key.fingerprint();
            let keys = vec![ScopedKey { scope: Scope::Everything, key, name: "key".into() }];
            let signer = signer(row, Anchors { keys, logs: logs(log), ..Anchors::default() });
            assert_eq!(signer, Signer::Key(fingerprint));
        }
        ("ci-fulcio-rekor", [root, log]) => {
            let subject = Subject::Email("mitr@redhat.com".into());
            let fulcio = Fulcio::new(roots(root), "https://github.com/login/oauth", subject);
            let authorities = authorities(Authority::Fulcio(fulcio.expect("expectations")));
            let signer =
                signer(row, Anchors { authorities, logs: logs(log), ..Anchors::default() });
            assert_named(&signer, "mitr@redhat.com");
        }
        ("ci-pki", [root, intermediates]) => {
            let (email, host) = ("qiwan@redhat.com", "myhost.example.com");
            let intermediates = Some(roots(intermediates));
            let pki = Pki::new(roots(root), intermediates, Some(email.into()), Some(host.into()));
            let authorities = authorities(Authority::Pki(pki.expect("expectations")));
            let signer = signer(row, Anchors { authorities, now: NOW, ..Anchors::default() });
            assert_named(&signer, "qiwan@redhat.com myhost.example.com");
        }
        ("ci-rekor-unit", [log]) => assert_logged(row, log),
        (other, _) => panic!("a row without an expectation: {other}"),
    }
    Verdict::Accepted
}

fn roots(file: &Path) -> Authorities {
    Authorities::from_pem(&read(file)).expect("authorities")
}

fn log_key(file: &Path) -> LogKey {
    LogKey::from_pem(&read(file)).expect("the key of a log")
}

fn logs(file: &Path) -> Vec<LogAuthority> {
    let log = Log::of_key(log_key(file)).expect("a log");
    vec![LogAuthority { scope: Scope::Everything, log, name: "log".into() }]
}

fn authorities(authority: Authority) -> Vec<ScopedAuthority> {
    vec![ScopedAuthority { scopes: vec![Scope::Everything], authority, name: "authority".into() }]
}

/// Who signed the image, under the name that the row's note has.
fn signer(row: &Row, anchors: Anchors) -> Signer {
    let source: Reference = match row.id.as_str() {
        "ci-key-rekor" => "192.168.64.2:5000/cosign-signed/key-1:1",
        "ci-fulcio-rekor" => "192.168.64.2:5000/cosign-signed/fulcio-rekor-1:1",
        _ => "localhost:5000/test:1",
    }
    .parse()
    .expect("a reference");
    let kept = KeptSignature::read(&row.path.join("signature-1"));
    let signature = Detached { payload: &kept.payload, annotations: &kept.annotations };
    let subject = Digest::of(&read(&row.path.join("manifest.json")));
    let claim = (subject, &source, &IdentityRule::MatchRepository);
    judge_detached(signature, &anchors, claim).unwrap_or_else(|error| panic!("{}: {error}", row.id))
}

fn assert_named(signer: &Signer, subject: &str) {
    let Signer::Certificate(identity) = signer else { panic!("{signer:?} is no certificate") };
    assert_eq!(identity.subject, subject);
}

/// The parts of one log entry, each in a file.
fn assert_logged(row: &Row, log: &Path) {
    let part = |name: &str| read(&row.path.with_file_name(format!("rekor-{name}")));
    let text = |name: &str| String::from_utf8(part(name)).expect("text");
    let signature = STANDARD.decode(text("sig").trim()).expect("base64");
    let presented = Presented::from_pem(&text("cert"), None).expect("a certificate");
    let verifier = Verifier::Certificate(presented.leaf());
    let payload = part("payload");
    let entry = Entry { payload: &payload, signature: &signature, verifier };
    let logged = rekor::verify(&text("set"), &[log_key(log)], &entry).expect("accepted");
    assert_eq!(logged.integrated_time, 1_670_870_899);
}
