//! What is attached to a digest (distribution-spec §listing referrers, §referrers tag schema).
//!
//! A lookup that fails is an error. It is never an empty list.

use super::exchange::Ask;
use super::manifest::{Pages, parse};
use super::{RegistryError, RemoteRepository};
use crate::oci::manifest::{MAX_MANIFEST, MAX_VALUES, Meaning};
use crate::oci::{Descriptor, Digest, Manifest, json, media_type};
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};

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

    /// Adds a manifest to the list under its subject's fallback tag, and reads back that it is there. For registries
    /// that did not say that they understood the subject. Updates of one list by this process wait for each other.
    ///
    /// # Errors
    /// When the tag holds something that is not such a list, and when the list cannot be read or written.
    pub async fn add_referrer_to_fallback_tag(
        &self,
        subject: &Digest,
        referrer: &Manifest,
    ) -> Result<(), RegistryError> {
        let lock = self.host().referrer_lock(self.name().path(), *subject);
        let _held = lock.lock().await;
        let tag = fallback_tag(subject);
        // No registry offers compare-and-swap: when another process wrote in between, the entry is added again.
        for _ in 0..MAX_RACES {
            let current = self.current_list(&tag, subject).await?;
            if current.as_ref().is_some_and(|list| lists(list, referrer)) {
                return Ok(());
            }
            let list = self.extended(&tag, current.as_ref(), referrer).await?;
            self.push_manifest(Some(&tag), &list).await?;
        }
        let current = self.current_list(&tag, subject).await?;
        if current.as_ref().is_some_and(|list| lists(list, referrer)) {
            return Ok(());
        }
        self.unusable_tag(&tag, "the list of referrers does not keep what is added").await
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

    /// `list` with `referrer` at its end; what is in it stays as it is.
    async fn extended(
        &self,
        tag: &str,
        list: Option<&Manifest>,
        referrer: &Manifest,
    ) -> Result<Manifest, RegistryError> {
        let written = match extend(list, referrer) {
            Some(bytes) => Manifest::parse(bytes, media_type::OCI_INDEX).ok(),
            None => None,
        };
        match written {
            Some(list) => Ok(list),
            None => self.unusable_tag(tag, "the list of referrers cannot grow further").await,
        }
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

fn lists(list: &Manifest, referrer: &Manifest) -> bool {
    list.listed().any(|entry| entry.digest == referrer.digest())
}

/// The bytes of `list` (or an empty one) with an entry for `referrer`: its type, and all its annotations.
fn extend(list: Option<&Manifest>, referrer: &Manifest) -> Option<Bytes> {
    let mut entry = Map::new();
    entry.insert("mediaType".into(), referrer.media_type().into());
    entry.insert("digest".into(), referrer.digest().to_string().into());
    entry.insert("size".into(), referrer.bytes().len().into());
    if let Some(artifact_type) = referrer.effective_artifact_type() {
        entry.insert("artifactType".into(), artifact_type.into());
    }
    if !referrer.annotations().is_empty() {
        entry.insert("annotations".into(), json!(referrer.annotations()));
    }
    let mut document = match list {
        Some(list) => json::parse_within(list.bytes(), MAX_VALUES).ok()?,
        None => json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": [],
        }),
    };
    let entries = document.as_object_mut()?.entry("manifests").or_insert_with(|| json!([]));
    if entries.is_null() {
        *entries = json!([]);
    }
    entries.as_array_mut()?.push(Value::Object(entry));
    serde_json::to_vec(&document).ok().map(Bytes::from)
}
