//! `bundle unpack`.

use super::connection::{self, Connection};
use super::exit::Status;
use super::failure::Failure;
use super::keys;
use super::progress::{Talk, progress};
use super::text::{count, safe, size};
use bundle::host::{HostRoot, KeyName, installed_keys};
use bundle::oci::Digest;
use bundle::trust::{Admission, Anchors, Fingerprint, ImageVerdict, Pattern, Scope, Scoped, ScopedKey};
use clap::{Args, ValueEnum};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

/// Verify a bundle offline, push it to a registry, install its keys
#[derive(Args)]
pub(super) struct Options {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to: REGISTRY[/PREFIX], or oci:DIR
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    #[command(flatten)]
    trust: Trust,
    /// Install the keys that verified something under /etc/pki/sigstore, for the repositories they verified
    #[arg(long)]
    install_keys: bool,
    /// Name of an installed key's file (repeatable; default: bundle- and 16 digits of its fingerprint)
    #[arg(long, value_name = "FINGERPRINT=NAME", requires = "install_keys")]
    install_keys_as: Vec<NamedKey>,
    /// Use this directory in place of / for installed keys
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// What to do where the target has another .sig, .att or .sbom for the same image
    #[arg(long, value_enum, default_value = "keep")]
    on_existing_attachment: ExistingAttachment,
    /// Large blobs transferred at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Verify and print what would be pushed; push nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// No progress on stderr
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    connection: Connection,
}

/// What is trusted. Nothing inside the bundle is.
#[derive(Args)]
#[command(next_help_heading = "Trust")]
struct Trust {
    /// Images of SCOPE (default: all) may be signed by this public key (repeatable)
    #[arg(long, value_name = "[SCOPE=]FILE")]
    key: Vec<Scoped<PathBuf>>,
    /// Trust the carried key that has this fingerprint, for SCOPE (repeatable)
    #[arg(long, value_name = "[SCOPE=]sha256:…")]
    trust_fingerprint: Vec<Scoped<Fingerprint>>,
    /// The bundle digest that pack printed, received another way: names and verdicts in this bundle are then authentic
    #[arg(long, value_name = "sha256:…")]
    expect_bundle: Option<Digest>,
    /// Images that may come without a verified signature (repeatable)
    #[arg(long, value_name = "PATTERN")]
    allow_unsigned: Vec<Pattern>,
    /// Where signatures count that name no repository, although nothing binds the name (repeatable)
    #[arg(long, value_name = "SCOPE")]
    accept_unbound_names: Vec<Scope>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExistingAttachment {
    /// Keep it when it holds all that is carried, else stop
    Keep,
    /// Replace it
    Replace,
}

/// `FINGERPRINT=NAME`.
#[derive(Debug, Clone)]
struct NamedKey(Digest, KeyName);

impl FromStr for NamedKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (fingerprint, name) =
            text.split_once('=').ok_or_else(|| "expected FINGERPRINT=NAME".to_owned())?;
        let fingerprint = fingerprint.parse().map_err(|e: bundle::oci::digest::DigestError| e.to_string())?;
        let name = name.parse().map_err(|e| format!("{e}"))?;
        Ok(Self(fingerprint, name))
    }
}
