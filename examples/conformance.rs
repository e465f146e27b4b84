//! A client for sigstore-conformance (docs/cli_protocol.md there), for its verifying half:
//!
//! ```text
//! conformance verify-bundle --bundle FILE --certificate-identity ID --certificate-oidc-issuer URL
//!             [--trusted-root FILE] FILE_OR_DIGEST
//! conformance verify-bundle --bundle FILE --key FILE [--trusted-root FILE] FILE_OR_DIGEST
//! ```
//!
//! Exit status 0 when the bundle verifies, 1 with the reason on stderr when not. Nothing is ever fetched, so a trusted
//! root must be given; where the suite leaves it to the client, `TRUSTED_ROOT` names the file, and
//! `TRUSTED_ROOT_STAGING` the one for `--staging`. Signing is not what this product does.

use anyhow::{Context as _, Result, bail};
use bundle::oci::Digest;
use bundle::trust::PublicKey;
use bundle::trust::sigstore_bundle::{Bundle, KeylessPolicy, Subject};
use bundle::trust::trusted_root::TrustedRoot;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

const OPTIONS: [&str; 5] =
    ["--bundle", "--key", "--certificate-identity", "--certificate-oidc-issuer", "--trusted-root"];

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    match arguments.next().as_deref() {
        Some("verify-bundle") => {}
        Some("sign-bundle") => bail!("this client does not sign; it verifies what others signed"),
        _ => bail!("expected verify-bundle"),
    }
    let mut options = BTreeMap::new();
    let (mut staging, mut content) = (false, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--staging" => staging = true,
            option if OPTIONS.contains(&option) => {
                let value = arguments.next().with_context(|| format!("{option} has no value"))?;
                if options.insert(argument.clone(), value).is_some() {
                    bail!("{argument} is given twice");
                }
            }
            option if option.starts_with("--") => bail!("unknown option {option}"),
            _ if content.is_some() => bail!("expected one FILE_OR_DIGEST"),
            _ => content = Some(argument),
        }
    }
    let content = content.context("expected FILE_OR_DIGEST")?;
    verify(&options, staging, &content)
}

fn verify(options: &BTreeMap<String, String>, staging: bool, content: &str) -> Result<()> {
    let option = |name: &str| options.get(name).map(String::as_str);
    let root = TrustedRoot::parse(&read(&trusted_root(option("--trusted-root"), staging)?)?)
        .context("the trusted root")?;
    let bundle = Bundle::parse(&read(option("--bundle").context("--bundle is missing")?)?)?;
    let bytes;
    let subject = match digest(content) {
        Some(digest) => Subject::Sha256(digest),
        None => {
            bytes = read(content)?;
            Subject::Artifact(&bytes)
        }
    };
    let names = (option("--certificate-identity"), option("--certificate-oidc-issuer"));
    match (option("--key"), names) {
        (Some(file), (None, None)) => {
            let key = PublicKey::from_pem(&read(file)?).with_context(|| file.to_owned())?;
            bundle.verify_logged(&key, &root, subject)?;
        }
        (None, (Some(identity), Some(issuer))) => {
            let (identity, issuer) = (identity.to_owned(), issuer.to_owned());
            let policy = KeylessPolicy { root: Arc::new(root), identity, issuer };
            bundle.verify_keyless(&policy, subject)?;
        }
        _ => bail!("expected --key, or --certificate-identity with --certificate-oidc-issuer"),
    }
    Ok(())
}

fn trusted_root(given: Option<&str>, staging: bool) -> Result<String> {
    if let Some(file) = given {
        return Ok(file.to_owned());
    }
    let variable = if staging { "TRUSTED_ROOT_STAGING" } else { "TRUSTED_ROOT" };
    std::env::var(variable).with_context(|| {
        format!("no trusted root: nothing is fetched, so give --trusted-root or set {variable}")
    })
}

/// A digest is what is written like one, and is no file.
fn digest(content: &str) -> Option<Digest> {
    let digest = content.parse().ok()?;
    (!Path::new(content).exists()).then_some(digest)
}

fn read(file: &str) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.to_owned())
}
