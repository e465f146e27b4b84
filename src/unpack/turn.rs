//! The turn to publish: one run on a host at a time, from its last look at what is remembered until it has been recorded.
//!
//! Whatever may have taken long (verifying, sending blobs) is done without it.

use super::error::UnpackError;
use super::plan::Planned;
use super::{installed, sources, tags};
use crate::host::records::publishing::{PublishingTurn, try_publishing};
use crate::host::{HostRoot, InstalledKey};
use crate::progress::Waits;
use crate::trust::Scope;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often it is asked whether another run has ended.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What is looked at before anything is published, and the turn once it is taken; given up when this is dropped.
pub(super) struct Turn<'a> {
    planned: &'a Planned,
    root: Option<&'a HostRoot>,
    going_back: &'a [Scope],
    installed: &'a [InstalledKey],
    waits: &'a Waits,
    taken: Mutex<Option<PublishingTurn>>,
}

impl<'a> Turn<'a> {
    /// Below `root` it is remembered what was published; `going_back` are the sources whose tags may go back in time,
    /// `installed` the keys of the host that the run trusts.
    pub(super) fn new(
        planned: &'a Planned,
        root: Option<&'a HostRoot>,
        going_back: &'a [Scope],
        installed: &'a [InstalledKey],
        waits: &'a Waits,
    ) -> Self {
        Self { planned, root, going_back, installed, waits, taken: Mutex::default() }
    }

    /// Waits until no other run publishes, and looks a last time whether the bundle may still be used. All content is at
    /// the target by then, however long that took.
    ///
    /// # Errors
    /// [`UnpackError::Disguised`], [`UnpackError::Seal`], [`UnpackError::KeyRemoved`], [`UnpackError::Sources`], [`UnpackError::TagsBack`].
    pub(super) async fn take(&self) -> Result<(), UnpackError> {
        self.planned.disguises.check()?;
        let turn = self.wait().await?;
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = turn;
        self.planned.verified.seal().check_again()?;
        self.check_keys()?;
        sources::check(&self.planned.plan, self.root)?;
        tags::check(self.planned, self.root, self.going_back).map(drop)
    }

    /// Refuses to install or configure anything for a key that was removed since the turn was taken.
    ///
    /// # Errors
    /// [`UnpackError::KeyRemovedLate`].
    pub(super) fn check_keys_again(&self) -> Result<(), UnpackError> {
        self.check_keys().map_err(|error| match error {
            UnpackError::KeyRemoved { name } => UnpackError::KeyRemovedLate { name },
            other => other,
        })
    }

    fn check_keys(&self) -> Result<(), UnpackError> {
        match self.root {
            Some(root) => installed::check_again(root, self.installed),
            None => Ok(()),
        }
    }

    /// A user who may not write there remembers nothing, and has no turn. Neither has a layout directory, which has a lock of
    /// its own.
    async fn wait(&self) -> Result<Option<PublishingTurn>, UnpackError> {
        let root = self.root.filter(|_| self.planned.plan.target().mapping().is_some());
        let Some(root) = root else { return Ok(None) };
        let _waiting = self.waits.work("another run of bundle that is publishing");
        loop {
            match try_publishing(root) {
                Ok(Some(turn)) => return Ok(Some(turn)),
                Ok(None) => tokio::time::sleep(ASK_AGAIN).await,
                Err(error) if error.is_permission() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
