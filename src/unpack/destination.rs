//! The target, ready to be asked and filled.

use super::error::UnpackError;
use super::merging::OnExistingAttachment;
use super::plan::Planned;
use super::push::pushed::Pushed;
use super::refused_attachment::AttachmentsRefused;
use super::survey::Survey;
use super::target::Target;
use super::turn::Turn;
use crate::archive::sequential::BlobStream;
use crate::oci::layout::{LayoutDirectory, LayoutError, LayoutWriter};
use crate::progress::Progress;
use crate::registry::Client;
use crate::transfer::Jobs;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;

/// What fills a target, and how.
pub(super) struct Transfer<'a> {
    pub(super) planned: &'a Planned,
    pub(super) survey: &'a Survey,
    /// The blobs of an archive that is read in order, as they come.
    pub(super) stream: Option<BlobStream>,
    pub(super) attachments_refused: AttachmentsRefused,
    pub(super) jobs: Jobs,
    pub(super) progress: &'a Arc<dyn Progress>,
    pub(super) turn: &'a Turn<'a>,
}

/// A target of one kind.
pub(super) trait Destination: Send + Sync {
    /// Asks what is there. Changes nothing.
    fn survey<'a>(
        &'a self,
        planned: &'a Planned,
        on_existing: OnExistingAttachment,
    ) -> BoxFuture<'a, Result<Survey, UnpackError>>;

    /// Brings everything there; tags, or what stands for them, come last.
    fn fill<'a>(&'a self, transfer: Transfer<'a>) -> BoxFuture<'a, Result<Pushed, UnpackError>>;
}

/// Opens the target of a plan. `client` reaches registries.
pub(super) async fn open(
    planned: &Planned,
    client: &Client,
    dry_run: bool,
) -> Result<Box<dyn Destination>, UnpackError> {
    let Target::Layout(directory) = planned.plan.target() else {
        return Ok(Box::new(client.clone()));
    };
    let directory: PathBuf = directory.clone();
    let open = move || -> Result<Box<dyn Destination>, LayoutError> {
        Ok(match dry_run {
            true if !directory.join("oci-layout").exists() => Box::new(LayoutAsItIs(None)),
            true => Box::new(LayoutAsItIs(Some(LayoutDirectory::open(&directory)?))),
            false => Box::new(LayoutWriter::open_or_create(&directory)?),
        })
    };
    Ok(tokio::task::spawn_blocking(open).await??)
}

/// A layout that is only looked at; nothing when it is not there.
struct LayoutAsItIs(Option<LayoutDirectory>);

impl Destination for LayoutAsItIs {
    fn survey<'a>(
        &'a self,
        planned: &'a Planned,
        on_existing: OnExistingAttachment,
    ) -> BoxFuture<'a, Result<Survey, UnpackError>> {
        planned.survey_layout(self.0.as_ref(), on_existing).boxed()
    }

    fn fill<'a>(&'a self, _: Transfer<'a>) -> BoxFuture<'a, Result<Pushed, UnpackError>> {
        std::future::ready(Ok(Pushed::default())).boxed()
    }
}
