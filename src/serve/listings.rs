//! Lists of repositories, tags and referrers, all in pages.

use super::range::number;
use super::refusal::Refusal;
use super::route::{Query, parse_digest};
use super::{Content, Name, json, set};
use crate::oci::manifest::MAX_MANIFEST;
use crate::oci::{Descriptor, Digest, media_type};
use axum::http::{HeaderName, header};
use axum::response::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// Characters that stand as they are in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'/');
/// A list of referrers is an index, and readers take none that is longer than a manifest. What stands around the
/// entries is less than this.
const MAX_REFERRERS: usize = MAX_MANIFEST as usize - 1024;

/// `GET /v2/_catalog`.
pub(super) fn catalog(content: &dyn Content, query: &Query) -> Result<Response, Refusal> {
    let all = content.repositories();
    let names = all.iter().map(Name::as_str).collect();
    let (page, next) = page(names, query)?;
    let mut response = json(&serde_json::json!({ "repositories": page }))?;
    link(&mut response, "/v2/_catalog", next)?;
    Ok(response)
}

/// `GET …/tags/list`.
pub(super) fn tags(content: &dyn Content, name: &Name, query: &Query) -> Result<Response, Refusal> {
    let unknown = || Refusal::name_unknown(format!("repository {name} does not exist"));
    let all = content.tags(name).ok_or_else(unknown)?;
    let (page, next) = page(all.iter().map(String::as_str).collect(), query)?;
    let mut response = json(&serde_json::json!({ "name": name.as_str(), "tags": page }))?;
    link(&mut response, &format!("/v2/{name}/tags/list"), next)?;
    Ok(response)
}

/// `GET …/referrers/<digest>`: an index, empty where there are none.
pub(super) fn referrers(
    content: &dyn Content,
    name: &Name,
    subject: &Digest,
    query: &Query,
) -> Result<Response, Refusal> {
    let wanted = query.get("artifactType").filter(|kind| !kind.is_empty());
    let limit = limit(query)?.unwrap_or(usize::MAX);
    let after = query.get("last").map(parse_digest).transpose()?;
    let found = content.referrers(name, subject);
    let matching = found.iter().filter(|referrer| {
        after.is_none_or(|after| referrer.digest > after)
            && wanted.is_none_or(|kind| referrer.artifact_type.as_deref() == Some(kind))
    });
    let (entries, last) = referrers_page(matching, limit)?;
    let document = serde_json::value::to_raw_value(&ReferrersIndex {
        schema_version: 2,
        media_type: media_type::OCI_INDEX,
        manifests: &entries,
    });
    let document = document.map_err(|error| Refusal::failed(&error))?;
    let mut response = Response::new(document.get().to_owned().into());
    let mut headers = vec![(header::CONTENT_TYPE, media_type::OCI_INDEX.to_owned())];
    if wanted.is_some() {
        headers.push((FILTERS_APPLIED, "artifactType".to_owned()));
    }
    set(&mut response, &headers)?;
    let next = last.map(|last| {
        let mut parameters = vec![("last", last.to_string())];
        parameters.extend(query.get("n").map(|n| ("n", n.to_owned())));
        parameters.extend(wanted.map(|kind| ("artifactType", kind.to_owned())));
        parameters
    });
    link(&mut response, &format!("/v2/{name}/referrers/{subject}"), next)?;
    Ok(response)
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersIndex<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Box<RawValue>],
}

/// As many referrers as fit, one at least; with the last of them when there are more.
fn referrers_page<'a>(
    matching: impl Iterator<Item = &'a Descriptor>,
    limit: usize,
) -> Result<(Vec<Box<RawValue>>, Option<Digest>), Refusal> {
    let (mut entries, mut length, mut last) = (Vec::new(), 0, None);
    for referrer in matching {
        let entry = serde_json::value::to_raw_value(referrer);
        let entry = entry.map_err(|error| Refusal::failed(&error))?;
        length += entry.get().len() + 1;
        if entries.len() >= limit || (length > MAX_REFERRERS && !entries.is_empty()) {
            return Ok((entries, last));
        }
        entries.push(entry);
        last = Some(referrer.digest);
    }
    Ok((entries, None))
}

/// Parameters of the request for the next page.
type Next = Option<Vec<(&'static str, String)>>;

/// The names after `last`, at most `n` (distribution-spec §listing tags).
fn page<'a>(names: Vec<&'a str>, query: &Query) -> Result<(Vec<&'a str>, Next), Refusal> {
    let after = query.get("last").unwrap_or("");
    let mut rest = names.into_iter().filter(|name| *name > after);
    let Some(limit) = limit(query)? else {
        return Ok((rest.collect(), None));
    };
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next = page
        .last()
        .filter(|_| rest.next().is_some())
        .map(|last| vec![("last", (*last).to_owned()), ("n", limit.to_string())]);
    Ok((page, next))
}

fn limit(query: &Query) -> Result<Option<usize>, Refusal> {
    let Some(text) = query.get("n") else {
        return Ok(None);
    };
    let limit = number(text).and_then(|n| usize::try_from(n).ok());
    let invalid = || Refusal::number_invalid("n is not a number of entries");
    limit.map(Some).ok_or_else(invalid)
}

/// Sets `Link` to the next page (RFC 8288).
fn link(response: &mut Response, path: &str, next: Next) -> Result<(), Refusal> {
    let Some(parameters) = next else {
        return Ok(());
    };
    let parameters: Vec<String> = parameters
        .iter()
        .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, QUERY)))
        .collect();
    let link = format!("<{path}?{}>; rel=\"next\"", parameters.join("&"));
    set(response, &[(header::LINK, link)])
}
