//! What is attached to a digest (distribution-spec §listing referrers, §referrers tag schema).
//!
//! A lookup that fails is an error. It is never an empty list.

use super::exchange::Ask;
use super::manifest::{Pages, parse};
use super::referrer_list::{self, Extended, ListEntry, ListRoom};
use super::{RegistryError, RemoteRepository};
use bundle_oci::manifest::{MAX_MANIFEST, Meaning};
use bundle_oci::{Descriptor, Digest, Manifest, media_type};
use reqwest::{Method, StatusCode};

/// Most referrers of one digest that are listed; signatures come in tens, and nobody packs more.
const MAX_REFERRERS: usize = 20_000;
/// Most bytes of all pages of such a list.
const MAX_LISTED: usize = 32 << 20;
/// Attempts to add to a list that others are changing at the same time.
const MAX_RACES: usize = 5;
/// Answers that say "there is no referrers API here": 404 by specification, 303 to a web page (GHCR), the others by
/// registries that take the path for something else. None of them says that access failed.
const NO_API: [StatusCode; 6] = [
    StatusCode::NOT_FOUND,
    StatusCode::SEE_OTHER,
    StatusCode::BAD_REQUEST,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::NOT_ACCEPTABLE,
    StatusCode::NOT_IMPLEMENTED,
];

/// What a registry lists as attached to a digest. Hints only: sizes and types can lie, and each manifest has to be
/// fetched to see whether it names this subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// Each digest once, in the registry's order, without annotations.
    pub descriptors: Vec<Descriptor>,
    /// Where the list was found.
    pub how: ReferrersFrom,
}

/// Where a list of referrers was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferrersFrom {
    /// The registry keeps the list.
    Api,
    /// Clients keep it, in an index under the tag [`fallback_tag`].
    FallbackTag,
}

/// The tag under which clients list what is attached to `subject`, where the registry does not: `sha256-<hex>`.
pub fn fallback_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl RemoteRepository {
    /// What is attached to `subject`, by the referrers API with all its pages, else by the fallback tag.
    ///
    /// # Errors
    /// Whenever the list cannot be read whole: no access, a limit, a failure, an answer that is no index.
    pub async fn referrers(&self, subject: &Digest) -> Result<Referrers, RegistryError> {
        let (descriptors, how) = match self.referrers_by_api(subject).await? {
            Some(listed) => (listed, ReferrersFrom::Api),
            None => (self.referrers_by_tag(subject).await?, ReferrersFrom::FallbackTag),
        };
        let mut seen = std::collections::HashSet::new();
        let once = descriptors.into_iter().filter(|d| seen.insert(d.digest));
        Ok(Referrers { descriptors: once.collect(), how })
    }

    /// `None` when the registry has no referrers API.
    async fn referrers_by_api(
        &self,
        subject: &Digest,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut pages = Pages::starting_at(self.url(&format!("referrers/{subject}")).await?);
        let (mut listed, mut bytes, mut first) = (Vec::new(), 0, true);
        let mut seen = std::collections::HashSet::new();
        while let Some(url) = pages.next.take() {
            let mut ask = Ask::new(Method::GET, url, self.to_pull());
            ask.accept = Some(media_type::OCI_INDEX);
            // A page that is missing in the middle is a failure.
            ask.expected = if first { &NO_API } else { &[] };
            let answer = self.host().whole(&ask, MAX_MANIFEST).await?;
            if !answer.status.is_success() {
                return Ok(None);
            }
            let headers = answer.headers.clone();
            bytes += answer.body.len();
            let page = parse(ask.asked(), answer)?;
            if !matches!(page.meaning(), Meaning::Index(_)) {
                let why = "the list of referrers is not an index";
                return Err(RegistryError::bad_answer(ask.asked(), why));
            }
            let before = listed.len();
            listed.extend(page.listed().filter(|d| seen.insert(d.digest)).map(listing));
            if listed.len() > MAX_REFERRERS || bytes > MAX_LISTED {
                let why = format!("more than {MAX_REFERRERS} referrers, or {MAX_LISTED} bytes");
                return Err(RegistryError::bad_answer(ask.asked(), why));
            }
            pages.turn(self, &ask, &headers, listed.len() > before).await?;
            first = false;
        }
        Ok(Some(listed))
    }

    async fn referrers_by_tag(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self.manifest_by_tag(&fallback_tag(subject)).await? {
            // Some registries resolve such a tag to the image itself, and some tools tag images so: no list.
            Some(manifest) if manifest.digest() != *subject => {
                Ok(manifest.listed().map(listing).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Adds manifests to the list under their subject's fallback tag, and reads back that they are there. For registries
    /// that did not say that they understood the subject. Updates of one list by this process wait for each other.
    /// Gives the digests for which the list has no room. What nobody vouches for fails on no list: where the tag holds
    /// something that is not such a list, there is no room for it.
    ///
    /// # Errors
    /// When the tag holds something that is not such a list, and when the list cannot be read or written.
    pub async fn add_referrers_to_fallback_tag(
        &self,
        subject: &Digest,
        referrers: &[ListEntry],
    ) -> Result<Vec<Digest>, RegistryError> {
        let is_verified = referrers.iter().any(|entry| entry.room() == ListRoom::Verified);
        match self.extend_list(subject, referrers).await {
            Err(RegistryError::BadAnswer { .. } | RegistryError::BadManifest { .. })
                if !is_verified =>
            {
                Ok(referrers.iter().map(ListEntry::digest).collect())
            }
            extended => extended,
        }
    }

    async fn extend_list(
        &self,
        subject: &Digest,
        referrers: &[ListEntry],
    ) -> Result<Vec<Digest>, RegistryError> {
        let lock = self.host().referrer_lock(self.name().path(), *subject);
        let _held = lock.lock().await;
        let tag = fallback_tag(subject);
        // No registry offers compare-and-swap: when another process wrote in between, the entries are added again.
        for _ in 0..MAX_RACES {
            let current = self.current_list(&tag, subject).await?;
            match referrer_list::extended(current.as_ref(), referrers) {
                Extended::Unchanged { full } => return Ok(full),
                Extended::List(list) => {
                    self.push_manifest(Some(&tag), &list).await?;
                }
                Extended::Unusable => {
                    return self
                        .unusable_tag(&tag, "the list of referrers cannot be extended")
                        .await;
                }
            }
        }
        let current = self.current_list(&tag, subject).await?;
        match referrer_list::extended(current.as_ref(), referrers) {
            Extended::Unchanged { full } => Ok(full),
            _ => self.unusable_tag(&tag, "the list of referrers does not keep added entries").await,
        }
    }

    /// The list as it is; `None` when there is no such tag yet.
    async fn current_list(
        &self,
        tag: &str,
        subject: &Digest,
    ) -> Result<Option<Manifest>, RegistryError> {
        let Some(manifest) = self.manifest_by_tag(tag).await? else {
            return Ok(None);
        };
        if manifest.digest() == *subject {
            // Either the registry resolves such tags by itself, or someone tagged the image so.
            return match self.tags().await?.iter().any(|known| known == tag) {
                false => Ok(None),
                true => self.unusable_tag(tag, "this tag is an image's").await,
            };
        }
        if manifest.media_type() != media_type::OCI_INDEX {
            return self.unusable_tag(tag, "this tag is not a list of referrers").await;
        }
        Ok(Some(manifest))
    }

    async fn unusable_tag<T>(&self, tag: &str, why: &str) -> Result<T, RegistryError> {
        let url = self.url(&format!("manifests/{tag}")).await?;
        let ask = Ask::new(Method::PUT, url, self.to_push());
        Err(RegistryError::bad_answer(ask.asked(), why))
    }
}

/// A listed descriptor without its annotations: nothing goes by them, and a list may have megabytes of them.
fn listing(listed: &Descriptor) -> Descriptor {
    let artifact_type = listed.artifact_type.clone();
    let plain = Descriptor::new(&listed.media_type, listed.digest, listed.size);
    Descriptor { artifact_type, ..plain }
}
