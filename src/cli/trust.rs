//! Trust options: what is believed, all of it from outside the bundle.

use super::exit::Status;
use super::failure::Failure;
use super::sealed::SealTrust;
use super::settings;
use super::signers::Signers;
use super::standard_error::tell;
use super::text::safe;
use bundle::host::settings::InForce;
use bundle::host::settings::Settings;
use bundle::host::{HostRoot, installed_keys};
use bundle::oci::Digest;
use bundle::trust::openpgp::OpenPgpFingerprint;
use bundle::trust::{Fingerprint, GivenScope, KeyFingerprint, Pattern, Scope, Scoped};
use bundle::unpack::{SealInputs, TrustInputs};
use clap::Args;
use std::cell::OnceCell;
use std::path::PathBuf;

/// What is trusted. Nothing inside the bundle is.
#[derive(Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct Trust {
    #[command(flatten)]
    signers: Signers,
    /// Trust the carried key that has this fingerprint to sign images of SCOPE: sha256:… with cosign, openpgp:… with GPG
    /// (repeatable)
    #[arg(long, value_name = "[SCOPE=]FINGERPRINT", conflicts_with_all = ["policy", "host_policy"])]
    trust_fingerprint: Vec<Scoped<KeyFingerprint>>,
    /// The bundle digest that pack printed, received another way: names and verdicts in this bundle are then authentic
    #[arg(long, value_name = "sha256:…")]
    expect_bundle: Option<Digest>,
    /// Images that may come without a verified signature, but for places at the target that are protected for another source
    /// (repeatable)
    #[arg(long, value_name = "PATTERN", conflicts_with_all = ["policy", "host_policy"])]
    allow_unsigned: Vec<Pattern>,
    /// Where signatures count that name no repository, although nothing binds the name (repeatable)
    #[arg(long, value_name = "SCOPE", conflicts_with_all = ["policy", "host_policy"])]
    accept_unbound_names: Vec<Scope>,
    #[command(flatten)]
    seal: SealTrust,
    /// Use this directory in place of / for installed keys, configuration, /etc/bundle and /var/lib/bundle
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Read once: what was told about them is not told again.
    #[arg(skip)]
    files: OnceCell<settings::Files>,
}

impl Trust {
    /// The directory in the place of `/`, or `/`.
    pub(super) fn host_root(&self) -> Result<HostRoot, Failure> {
        let root = match &self.root {
            Some(directory) => HostRoot::under(directory),
            None => HostRoot::host(),
        };
        root.map_err(|e| Failure::of(Status::Usage, &e))
    }

    /// What the configuration says, under these options.
    pub(super) fn in_force(&self, options: Settings) -> Result<InForce, Failure> {
        if let Some(files) = self.files.get() {
            return Ok(files.in_force(options));
        }
        let files = settings::Files::read(&self.host_root()?)?;
        Ok(self.files.get_or_init(|| files).in_force(options))
    }

    /// The first option that was given and does not go with a policy.
    fn names_keys(&self) -> Option<&'static str> {
        let given = [
            ("--trust-fingerprint", !self.trust_fingerprint.is_empty()),
            ("--allow-unsigned", !self.allow_unsigned.is_empty()),
            ("--accept-unbound-names", !self.accept_unbound_names.is_empty()),
            ("--seal-introduces-keys", self.seal.introduces_keys()),
        ];
        let own = given.into_iter().find_map(|(option, given)| given.then_some(option));
        self.signers.names_keys().or(own)
    }

    fn pins(&self) -> Vec<Scoped<Fingerprint>> {
        let pins = self.trust_fingerprint.iter().filter_map(|pin| match pin.value {
            KeyFingerprint::Sha256(digest) => {
                Some(Scoped { scope: pin.scope.clone(), value: digest.into() })
            }
            KeyFingerprint::OpenPgp(_) => None,
        });
        pins.collect()
    }

    fn openpgp_pins(&self) -> Vec<Scoped<OpenPgpFingerprint>> {
        let pins = self.trust_fingerprint.iter().filter_map(|pin| match pin.value {
            KeyFingerprint::OpenPgp(value) => Some(Scoped { scope: pin.scope.clone(), value }),
            KeyFingerprint::Sha256(_) => None,
        });
        pins.collect()
    }

    /// Says that keys which are installed now count one by one afterwards, where this run demanded more.
    pub(super) fn warn_of_lone_keys(&self) {
        let options = self.signers.not_remembered();
        if !options.is_empty() {
            tell!(
                "warning: installed keys count one by one: later runs demand as much only with {} again",
                options.join(" and ")
            );
        }
    }

    /// Whether the bundle must be one whose digest was given.
    pub(super) fn expects_bundle(&self) -> bool {
        self.expect_bundle.is_some()
    }

    /// The names of series that were given as options.
    pub(super) fn seal_names(&self) -> &[String] {
        self.seal.names()
    }

    /// The same for who makes a seal: one in the bundle counts only where its key was given as an option, and nothing is
    /// compared with what was used on this host.
    pub(super) fn inputs_to_seal(&self) -> Result<TrustInputs, Failure> {
        let seal = self.seal.given()?;
        // Scopes may be those of carried keys, and verdicts that nobody reached are not sworn to.
        let given_scopes = Vec::new();
        let inputs = self.inputs_without_seal(&self.in_force(Settings::default())?)?;
        Ok(TrustInputs { seal, given_scopes, ..inputs })
    }

    /// Every scope of the command line, with its option. Those of files are for other bundles as well.
    fn scopes(&self) -> Vec<GivenScope> {
        let mut scopes = self.signers.scopes();
        let pins = self.trust_fingerprint.iter();
        scopes.extend(pins.map(|pin| GivenScope::new("--trust-fingerprint", &pin.scope)));
        let unsigned = self.allow_unsigned.iter();
        scopes
            .extend(unsigned.map(|unsigned| GivenScope::of_pattern("--allow-unsigned", unsigned)));
        let unbound = self.accept_unbound_names.iter();
        scopes.extend(unbound.map(|scope| GivenScope::new("--accept-unbound-names", scope)));
        scopes
    }

    /// Reads keys, given, configured and installed.
    pub(super) fn inputs(&self) -> Result<TrustInputs, Failure> {
        let in_force = self.in_force(Settings::default())?;
        let seal = self.seal.inputs(self.host_root()?, &in_force)?;
        Ok(TrustInputs { seal, ..self.inputs_without_seal(&in_force)? })
    }

    /// Everything that is trusted but for seals.
    fn inputs_without_seal(&self, in_force: &InForce) -> Result<TrustInputs, Failure> {
        let signers = settings::signers(&self.signers, self.names_keys(), in_force)?;
        let given = signers.read(self.host_root()?.path())?;
        let mut anchors = given.anchors;
        anchors.allow_unsigned = self.allow_unsigned.clone();
        let refused = in_force.refuse_unsigned.as_ref();
        anchors.refuse_unsigned = refused.is_some_and(|refused| refused.value);
        anchors.accept_unbound_names = self.accept_unbound_names.clone();
        let installed = installed_keys(&self.host_root()?).map_err(|error| {
            Failure::of(Status::Refused, &error).hint("the store of installed keys cannot be trusted as it is: mend it, or name another with --root")
        })?;
        for skipped in installed.skipped.iter().filter(|skipped| !skipped.may_demand) {
            let path = skipped.path.display().to_string();
            tell!("warning: {} grants nothing: {}", safe(&path), safe(&skipped.reason.to_string()));
        }
        let installed = installed.usable().map_err(|error| {
            Failure::of(Status::Refused, &error).hint(
                "restore it; or take the record away, and nothing is demanded by it any more: bundle keys remove NAME",
            )
        })?;
        Ok(TrustInputs {
            anchors,
            policy: given.policy,
            installed,
            pins: self.pins(),
            openpgp_pins: self.openpgp_pins(),
            first_use: None,
            given_scopes: self.scopes(),
            expect_bundle: self.expect_bundle,
            seal: SealInputs::default(),
        })
    }
}
