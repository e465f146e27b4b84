//! Verifies one of cosign's simple signatures from its parts, with no network: an example of how the library is used.
//!
//! ```text
//! cargo run --example verify-simple-signing -- --key FILE [--rekor-key FILE] [--bundle FILE] --payload FILE
//!     --signature FILE --reference REF --digest DIGEST [--identity RULE]
//! ```
//!
//! - `--key`: the public key, in PEM. `--rekor-key`: the key of a log, which must then have an entry of the signature
//! - `--bundle`: the log's entry, as the annotation `dev.sigstore.cosign/bundle` has it
//! - `--payload`: the bytes that were signed. `--signature`: the signature in base64
//! - `--reference`, `--digest`: the image, and the digest of its manifest
//! - `--identity`: how the signed name must relate to the reference: match-repository (default), match-exact,
//!   match-repo-digest-or-exact, exact-reference=REF, exact-repository=REPO, remap-identity=PREFIX=SIGNED_PREFIX
//!
//! Exit status: 0 accepted, 1 refused (the code and the reason are on standard error), 2 for wrong arguments.

use bundle::oci::{Digest, Reference};
use bundle::trust::rekor::LogKey;
use bundle::trust::simple_signing::{Detached, MAX_PAYLOAD, SIGNATURE_ANNOTATION, judge_detached};
use bundle::trust::vouched::LOG_ANNOTATION;
use bundle::trust::{Anchors, IdentityRule, Log, LogAuthority, PublicKey, Scope, ScopedKey};
use clap::Parser;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Parser)]
struct Options {
    #[arg(long)]
    key: PathBuf,
    #[arg(long)]
    rekor_key: Option<PathBuf>,
    #[arg(long)]
    bundle: Option<PathBuf>,
    #[arg(long)]
    payload: PathBuf,
    #[arg(long)]
    signature: PathBuf,
    #[arg(long)]
    reference: Reference,
    #[arg(long)]
    digest: Digest,
    #[arg(long, default_value = "match-repository")]
    identity: IdentityRule,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match verify(&options) {
        Ok(signer) => {
            println!("verified: {} by {signer}", options.digest);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("refused: {}", error.escape_debug());
            ExitCode::FAILURE
        }
    }
}

fn verify(options: &Options) -> Result<String, String> {
    let mut anchors = Anchors::default();
    let pem = read(&options.key)?;
    let key = PublicKey::from_pem(&pem).map_err(|error| named(&options.key, &error))?;
    anchors.keys.push(ScopedKey { scope: Scope::Everything, key, name: "key".into() });
    if let Some(file) = &options.rekor_key {
        let key = LogKey::from_pem(&read(file)?).map_err(|error| named(file, &error))?;
        let log = Log::of_key(key).map_err(|error| named(file, &error))?;
        let (scope, name) = (Scope::Everything, "rekor key".into());
        anchors.logs.push(LogAuthority { scope, log, name });
    }
    let mut annotations = BTreeMap::new();
    annotations.insert(SIGNATURE_ANNOTATION.to_owned(), text(&options.signature)?);
    if let Some(file) = &options.bundle {
        annotations.insert(LOG_ANNOTATION.to_owned(), text(file)?);
    }
    let payload = read(&options.payload)?;
    let signature = Detached { payload: &payload, annotations: &annotations };
    let claim = (options.digest, &options.reference, &options.identity);
    let signer = judge_detached(signature, &anchors, claim).map_err(|error| error.to_string())?;
    Ok(signer.to_string())
}

/// Reads a file, no further than one byte beyond what is accepted.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|open| open.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes))
        .map_err(|error| named(file, &error))?;
    Ok(bytes)
}

fn text(file: &Path) -> Result<String, String> {
    String::from_utf8(read(file)?).map_err(|error| named(file, &error))
}

fn named(file: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", file.display())
}
