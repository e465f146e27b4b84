//! Manifests and tags (distribution-spec §pulling manifests, §pushing manifests, §listing tags).

use super::exchange::{Answer, Ask};
use super::link;
use super::reach::same_origin;
use super::retry::Tries;
use super::{Asked, RegistryError, RemoteRepository};
use bundle_oci::json::{self, Bounds};
use bundle_oci::manifest::{MAX_MANIFEST, MAX_VALUES, ManifestError};
use bundle_oci::{Digest, Manifest, media_type, reference::is_tag};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use std::collections::HashSet;

/// [`media_type::MANIFESTS`] as one header; a registry converts or hides what is not named here.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";
/// Largest page of tags: one registry sends all its tags at once, at most 130 bytes each.
const MAX_TAG_PAGE: u64 = 16 << 20;
/// Most tags of a repository, over all pages.
const MAX_TAGS: usize = 500_000;
/// What a page of tags holds: its tags, and a name.
const TAG_PAGE: Bounds = Bounds { values: MAX_TAGS + 100, members: 100, text: 1024 };
/// Tags asked for per page; the most that registries with a limit allow.
const TAGS_PER_PAGE: &str = "1000";
/// What is read of one short page of tags, or of a refusal.
const MAX_SHORT_PAGE: u64 = 256 << 10;
/// Pages followed before a registry is taken to have no end; those with a limit of their own give 50 tags or more a page.
const MAX_PAGES: usize = 2_000;
/// Pages in a row that bring nothing new.
const MAX_IDLE_PAGES: usize = 10;
/// Attempts at a manifest of which the registry says that it does not know all that was pushed before it.
const UNKNOWN_TRIES: u32 = 4;

pub(super) const DOCKER_CONTENT_DIGEST: &str = "docker-content-digest";
const OCI_SUBJECT: &str = "oci-subject";

/// A manifest is in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestPushed {
    /// The registry said that it lists the manifest as a referrer of its subject. When false and there is a subject,
    /// [`RemoteRepository::add_referrers_to_fallback_tag`] has to do it.
    pub subject_understood: bool,
}

impl RemoteRepository {
    /// What a tag points to now. `None` when the registry says for certain that there is no such tag.
    ///
    /// # Errors
    /// Everything else, also an answer that is not a manifest.
    pub async fn manifest_by_tag(&self, tag: &str) -> Result<Option<Manifest>, RegistryError> {
        let answer = self.get_manifest(tag).await?;
        answer.map(|(asked, answer)| parse(asked, answer)).transpose()
    }

    /// The manifest with this digest, hashed and compared. `None` when the registry says for certain that it has none.
    ///
    /// # Errors
    /// Everything else; [`RegistryError::DigestMismatch`] when other bytes came.
    pub async fn manifest_by_digest(
        &self,
        digest: &Digest,
    ) -> Result<Option<Manifest>, RegistryError> {
        let Some((asked, answer)) = self.get_manifest(&digest.to_string()).await? else {
            return Ok(None);
        };
        let found = Digest::of(&answer.body);
        if found != *digest {
            return Err(RegistryError::DigestMismatch { asked, expected: *digest, found });
        }
        parse(asked, answer).map(Some)
    }

    /// The digest that a tag points to now, by HEAD where the registry tells it there.
    ///
    /// # Errors
    /// As [`Self::manifest_by_tag`].
    pub async fn manifest_digest(&self, tag: &str) -> Result<Option<Digest>, RegistryError> {
        let url = self.manifest_url(tag).await?;
        let mut ask = Ask::new(Method::HEAD, url, self.to_pull());
        ask.accept = Some(ACCEPT);
        // Whatever a HEAD does not say clearly, the GET will.
        ask.expected = &[StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
        let answer = self.host().whole(&ask, 0).await?;
        if answer.status.is_success()
            && let Some(digest) = named_digest(&answer)
        {
            return Ok(Some(digest));
        }
        if self.is_absent(&answer).await? {
            return Ok(None);
        }
        Ok(self.manifest_by_tag(tag).await?.map(|m| m.digest()))
    }

    async fn manifest_url(&self, reference: &str) -> Result<Url, RegistryError> {
        let url = self.url(&format!("manifests/{reference}")).await?;
        if is_tag(reference) || reference.starts_with("sha256:") {
            return Ok(url);
        }
        let asked = Asked::new(&Method::GET, &url);
        Err(RegistryError::bad_answer(asked, "this is not a tag"))
    }

    async fn get_manifest(
        &self,
        reference: &str,
    ) -> Result<Option<(Asked, Answer)>, RegistryError> {
        let url = self.manifest_url(reference).await?;
        let mut ask = Ask::new(Method::GET, url, self.to_pull());
        ask.accept = Some(ACCEPT);
        ask.expected = &[StatusCode::NOT_FOUND];
        let answer = self.host().whole(&ask, MAX_MANIFEST).await?;
        if self.is_absent(&answer).await? {
            return Ok(None);
        }
        Ok(Some((ask.asked(), answer)))
    }

    /// True for the registry's own 404, with whatever body. The 404 of a store that it redirects to is a failure: the
    /// registry knows the content, but cannot deliver it.
    pub(super) async fn is_absent(&self, answer: &Answer) -> Result<bool, RegistryError> {
        if answer.status != StatusCode::NOT_FOUND {
            return Ok(false);
        }
        if same_origin(self.host().base().await?, &answer.url) {
            return Ok(true);
        }
        let asked = Asked::new(&Method::GET, &answer.url);
        let why = "the store that the registry redirects to does not have it";
        Err(RegistryError::bad_answer(asked, why))
    }

    /// Pushes a manifest's bytes as they are, under a tag or by digest alone. All that it refers to has to be there;
    /// some registries need a moment until they know that.
    ///
    /// # Errors
    /// When the registry does not take it, or says that it stored something else.
    pub async fn push_manifest(
        &self,
        tag: Option<&str>,
        manifest: &Manifest,
    ) -> Result<ManifestPushed, RegistryError> {
        let host = self.host();
        let mut tries = Tries::of(host.retry_policy(), UNKNOWN_TRIES);
        loop {
            let error = match self.push_manifest_once(tag, manifest).await {
                Err(error) if error.misses_content() => error,
                other => return other,
            };
            match tries.pause(&error) {
                Some(pause) => pause.over(host.waits(), host.name()).await,
                None => return Err(error),
            }
        }
    }

    /// As [`Self::push_manifest`], for an index that lists what is not there: no time helps.
    ///
    /// # Errors
    /// As there.
    pub async fn push_sparse_index(
        &self,
        index: &Manifest,
    ) -> Result<ManifestPushed, RegistryError> {
        self.push_manifest_once(None, index).await
    }

    async fn push_manifest_once(
        &self,
        tag: Option<&str>,
        manifest: &Manifest,
    ) -> Result<ManifestPushed, RegistryError> {
        let digest = manifest.digest();
        let reference = tag.map_or_else(|| digest.to_string(), ToOwned::to_owned);
        let url = self.manifest_url(&reference).await?;
        let mut ask = Ask::new(Method::PUT, url, self.to_push());
        ask.content = Some((manifest.media_type(), manifest.bytes().clone()));
        let answer = self.host().whole(&ask, MAX_MANIFEST).await?;
        if let Some(found) = named_digest(&answer).filter(|found| *found != digest) {
            return Err(RegistryError::DigestMismatch {
                asked: ask.asked(),
                expected: digest,
                found,
            });
        }
        let said = answer.header(OCI_SUBJECT).and_then(|s| s.parse().ok());
        let subject = manifest.subject().map(|subject| subject.digest);
        Ok(ManifestPushed { subject_understood: subject.is_some() && said == subject })
    }

    /// All tags, in the registry's order.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] when there is no such repository; any page that fails.
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let mut url = self.url("tags/list").await?;
        url.query_pairs_mut().append_pair("n", TAGS_PER_PAGE);
        let mut pages = Pages::starting_at(url);
        let mut tags: Vec<String> = Vec::new();
        while let Some(url) = pages.next.take() {
            let ask = Ask::new(Method::GET, url, self.to_pull());
            let answer = self.host().whole(&ask, MAX_TAG_PAGE).await?;
            let page = read_tags(&answer.body).ok_or_else(|| {
                RegistryError::bad_answer(ask.asked(), "the answer is not a list of tags")
            })?;
            if tags.len() + page.len() > MAX_TAGS {
                let why = format!("more than {MAX_TAGS} tags");
                return Err(RegistryError::bad_answer(ask.asked(), why));
            }
            // Registries give tags in order, so a page that goes back begins with one that was there.
            let is_new = page.last().is_some_and(|last| tags.last() != Some(last));
            tags.extend(page);
            pages.turn(self, &ask, &answer.headers, is_new).await?;
        }
        Ok(tags)
    }

    /// True when the registry says that the repository does not exist or has no tags. A hint about what is worth asking:
    /// whatever else comes, failures included, is false, and what is asked next meets them again.
    pub async fn is_empty(&self) -> bool {
        let Ok(mut url) = self.url("tags/list").await else { return false };
        url.query_pairs_mut().append_pair("n", "1");
        let ask = Ask::new(Method::GET, url, self.to_pull());
        match self.host().whole_once(&ask, MAX_SHORT_PAGE).await {
            Ok(answer) => read_tags(&answer.body).is_some_and(|tags| tags.is_empty()),
            // Any other 404 may come from a registry that lists no tags at all.
            Err(RegistryError::NotFound { said, .. }) => said.code() == "NAME_UNKNOWN",
            Err(_) => false,
        }
    }
}

/// Pages of a list, each read once.
pub(super) struct Pages {
    pub(super) next: Option<Url>,
    seen: HashSet<String>,
    /// Pages in a row that brought nothing new.
    idle: usize,
}

impl Pages {
    pub(super) fn starting_at(url: Url) -> Self {
        Self { seen: HashSet::from([url.to_string()]), next: Some(url), idle: 0 }
    }

    /// Notes where the next page is. It must be the registry's own: our credentials go there. `is_new` says that this one
    /// brought something that those before it had not.
    pub(super) async fn turn(
        &mut self,
        repository: &RemoteRepository,
        ask: &Ask<'_>,
        headers: &HeaderMap,
        is_new: bool,
    ) -> Result<(), RegistryError> {
        self.idle = if is_new { 0 } else { self.idle + 1 };
        let Some(next) = link::next(headers) else {
            return Ok(());
        };
        let wrong = |why| Err(RegistryError::bad_answer(ask.asked(), why));
        let Ok(next) = ask.url.join(&next) else {
            return wrong("the link to the next page is not a URL");
        };
        if !same_origin(repository.host().base().await?, &next) {
            return wrong("the link to the next page leads to another server");
        }
        let is_endless = self.seen.len() >= MAX_PAGES || self.idle > MAX_IDLE_PAGES;
        if is_endless || !self.seen.insert(next.to_string()) {
            return wrong("the list of pages has no end");
        }
        self.next = Some(next);
        Ok(())
    }
}

/// The tags of one page; `null` stands for none.
fn read_tags(body: &[u8]) -> Option<Vec<String>> {
    let page = json::members(body, TAG_PAGE).ok()?;
    let tags = json::elements(page.get("tags")?).ok()?;
    let tag = |tag: &serde_json::value::RawValue| match json::parse_within(tag.get().as_bytes(), 1)
    {
        Ok(serde_json::Value::String(tag)) if is_tag(&tag) => Some(tag),
        _ => None,
    };
    tags.into_iter().map(tag).collect()
}

/// The digest in `Docker-Content-Digest`. Checked where it answers a question; beside a body the hash counts.
pub(super) fn named_digest(answer: &Answer) -> Option<Digest> {
    answer.header(DOCKER_CONTENT_DIGEST)?.parse().ok()
}

/// What a manifest says it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    media_type: Option<String>,
    schema_version: Option<u64>,
}

/// Reads an answer as the manifest it is announced as. A page that a proxy puts in a manifest's place is none.
pub(super) fn parse(asked: Asked, answer: Answer) -> Result<Manifest, RegistryError> {
    let announced = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let media_type = if media_type::is_manifest(announced) {
        announced.to_owned()
    } else {
        // Static servers and old mirrors send JSON under a general type; the document may still say what it is.
        let general = matches!(
            announced,
            "" | "application/json" | "text/plain" | "application/octet-stream"
        );
        let read = || json::read::<Named>(&answer.body, Bounds::values(MAX_VALUES)).ok();
        let named = general.then(read).flatten().unwrap_or_default();
        let inside = named.media_type.as_deref();
        match inside.filter(|inside| media_type::is_manifest(inside)) {
            Some(inside) => inside.to_owned(),
            None => {
                let is_first = named.schema_version == Some(1);
                let source = match inside {
                    _ if is_first => ManifestError::SchemaOne,
                    Some(inside) => {
                        ManifestError::MediaType(bundle_oci::text::bounded_to(inside, 100))
                    }
                    None => ManifestError::MediaType(bundle_oci::text::bounded_to(announced, 100)),
                };
                return Err(RegistryError::BadManifest { asked, source });
            }
        }
    };
    Manifest::parse(answer.body, &media_type)
        .map_err(|source| RegistryError::BadManifest { asked, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_type_is_accepted() {
        assert_eq!(ACCEPT, media_type::MANIFESTS.join(", "));
    }

    #[test]
    fn a_page_of_tags_is_a_list_of_tags() {
        let tags = |text: &str| read_tags(text.as_bytes());
        assert_eq!(tags(r#"{"name":"a","tags":["1","b"]}"#), Some(vec!["1".into(), "b".into()]));
        assert_eq!(tags(r#"{"name":"a","tags":null}"#), Some(vec![]));
        for wrong in [
            r#"{"name":"a"}"#,
            r#"{"tags":"x"}"#,
            r#"{"tags":["a/../b"]}"#,
            r#"{"tags":[1]}"#,
            "<html></html>",
            "[]",
        ] {
            assert_eq!(tags(wrong), None, "{wrong}");
        }
    }
}
