//! The requests of the doors: which archive goes where, who is trusted, and a setter for everything that has a default.

use super::{
    AttachmentChoice, AttachmentsRefused, ConfigureOptions, DEFAULT_JOBS, EmitOptions,
    ImageSelection, InstallOptions, OnExistingAttachment, Target, TrustInputs,
};
use crate::archive::Input;
use crate::archive::integrity::Depth;
use crate::host::HostRoot;
use crate::oci::Digest;
use crate::transfer::Jobs;
use crate::trust::{Scope, SigningKey};
use std::path::PathBuf;

/// An archive to unpack, where it goes, and who is trusted.
pub struct Request {
    pub(super) input: Input,
    pub(super) target: Target,
    pub(super) trust: TrustInputs,
    pub(super) memory: Option<HostRoot>,
    pub(super) allow_tag_rollback: Vec<Scope>,
    pub(super) emit: Option<EmitOptions>,
    pub(super) install: Option<InstallOptions>,
    pub(super) configure: Option<ConfigureOptions>,
    pub(super) selection: ImageSelection,
    pub(super) attachments: AttachmentChoice,
    pub(super) on_existing_attachment: OnExistingAttachment,
    pub(super) attachments_refused: AttachmentsRefused,
    pub(super) lookaside: Option<PathBuf>,
    pub(super) jobs: Jobs,
    pub(super) dry_run: bool,
}

impl Request {
    /// The archive of `input`, verified under `trust`, to `target`. Nothing on this host is changed or remembered.
    pub fn new(input: Input, target: Target, trust: TrustInputs) -> Self {
        Self {
            input,
            target,
            trust,
            memory: None,
            allow_tag_rollback: Vec::new(),
            emit: None,
            install: None,
            configure: None,
            selection: ImageSelection::default(),
            attachments: AttachmentChoice::default(),
            on_existing_attachment: OnExistingAttachment::default(),
            attachments_refused: AttachmentsRefused::default(),
            lookaside: None,
            jobs: Jobs::new(DEFAULT_JOBS),
            dry_run: false,
        }
    }

    /// Below which root it is remembered where target repositories were filled from; without one nothing is compared.
    #[must_use]
    pub fn memory(self, root: HostRoot) -> Self {
        Self { memory: Some(root), ..self }
    }

    /// For which images, by their sources, tags may be moved back in time.
    #[must_use]
    pub fn allow_tag_rollback(self, scopes: Vec<Scope>) -> Self {
        Self { allow_tag_rollback: scopes, ..self }
    }

    /// Which resources for a cluster are written, and where; in a dry run too.
    #[must_use]
    pub fn emit(self, emit: Option<EmitOptions>) -> Self {
        Self { emit, ..self }
    }

    /// Whether and where keys are installed.
    #[must_use]
    pub fn install(self, install: Option<InstallOptions>) -> Self {
        Self { install, ..self }
    }

    /// Whether and how the container stack of the host is configured.
    #[must_use]
    pub fn configure(self, configure: Option<ConfigureOptions>) -> Self {
        Self { configure, ..self }
    }

    /// Which images are unpacked, and what those that are refused do.
    #[must_use]
    pub fn selection(self, selection: ImageSelection) -> Self {
        Self { selection, ..self }
    }

    /// Which attachments are published.
    #[must_use]
    pub fn attachments(self, attachments: AttachmentChoice) -> Self {
        Self { attachments, ..self }
    }

    /// What to do with other signatures under the same tag.
    #[must_use]
    pub fn on_existing_attachment(self, on_existing: OnExistingAttachment) -> Self {
        Self { on_existing_attachment: on_existing, ..self }
    }

    /// What to do with attachments that the registry does not take.
    #[must_use]
    pub fn attachments_refused(self, refused: AttachmentsRefused) -> Self {
        Self { attachments_refused: refused, ..self }
    }

    /// Where GPG signatures are written for a web server: verified ones before anything is published, others after it.
    #[must_use]
    pub fn lookaside(self, directory: Option<PathBuf>) -> Self {
        Self { lookaside: directory, ..self }
    }

    /// Large blobs in flight; small ones are four times as many. See [`DEFAULT_JOBS`].
    #[must_use]
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: Jobs::new(jobs), ..self }
    }

    /// Whether to verify, plan and look at the target, but change nothing anywhere.
    #[must_use]
    pub fn dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }
}

/// An archive whose proven keys are installed, without a push.
pub struct InstallRequest {
    pub(super) input: Input,
    pub(super) trust: TrustInputs,
    pub(super) options: InstallOptions,
    pub(super) dry_run: bool,
}

impl InstallRequest {
    /// The keys of the archive of `input` that verified something under `trust`.
    pub fn new(input: Input, trust: TrustInputs, options: InstallOptions) -> Self {
        Self { input, trust, options, dry_run: false }
    }

    /// Whether to verify and plan, but change nothing.
    #[must_use]
    pub fn dry_run(self, dry_run: bool) -> Self {
        Self { dry_run, ..self }
    }
}

/// An archive that is verified and sealed where it lies.
pub struct SealRequest<'a> {
    pub(super) paths: &'a [PathBuf],
    pub(super) key: &'a SigningKey,
    pub(super) trust: TrustInputs,
    pub(super) depth: Depth,
    pub(super) accept_rotation: Option<Digest>,
    pub(super) series: Vec<String>,
}

impl<'a> SealRequest<'a> {
    /// The archive that `paths` name, verified under `trust` down to its last byte, and the key that seals it.
    pub fn new(paths: &'a [PathBuf], key: &'a SigningKey, trust: TrustInputs) -> Self {
        let (accept_rotation, series) = (None, Vec::new());
        Self { paths, key, trust, depth: Depth::Whole, accept_rotation, series }
    }

    /// How much is read.
    #[must_use]
    pub fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// The successor in a change of the seal key that the operator means, by its fingerprint.
    #[must_use]
    pub fn accept_rotation(self, successor: Option<Digest>) -> Self {
        Self { accept_rotation: successor, ..self }
    }

    /// Names of the series that are meant; any where none is given.
    #[must_use]
    pub fn series(self, names: Vec<String>) -> Self {
        Self { series: names, ..self }
    }
}
