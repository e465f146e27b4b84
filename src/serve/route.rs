//! The endpoint that a request is for: a pure parser of the path, by distribution-spec §endpoints.

use super::name::{Name, Target};
use super::refusal::Refusal;
use crate::oci::Digest;
use crate::oci::text::bounded;
use percent_encoding::percent_decode_str;

/// An endpoint with what its path names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Base,
    Catalog,
    Tags(Name),
    Manifest(Name, Target),
    Blob(Name, Digest),
    Uploads(Name),
    Upload(Name, String),
    Referrers(Name, Digest),
    Signatures(Name, Digest),
}

impl Route {
    /// The endpoint of a request's path.
    pub(crate) fn parse(path: &str) -> Result<Self, Refusal> {
        let unknown = || Refusal::not_found("there is nothing at this path");
        let path = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        if let Some(rest) = path.strip_prefix("/extensions/v2/") {
            return Self::parse_signatures(rest).ok_or_else(unknown)?;
        }
        let rest = path.strip_prefix("/v2").ok_or_else(unknown)?;
        if rest.is_empty() || rest == "/" {
            return Ok(Self::Base);
        }
        let rest = rest.strip_prefix('/').ok_or_else(unknown)?;
        if rest == "_catalog" {
            return Ok(Self::Catalog);
        }
        // A name may itself hold components such as `blobs`, so the endpoint is found from the end.
        let mut from_end = rest.rsplitn(4, '/');
        let mut next = || from_end.next().unwrap_or("");
        let (last, second, third, first) = (next(), next(), next(), next());
        match (first, third, second, last) {
            (name, "blobs", "uploads", "") => Ok(Self::Uploads(parse_name(name)?)),
            (name, "blobs", "uploads", upload) => {
                Ok(Self::Upload(parse_name(name)?, upload.to_owned()))
            }
            _ => Self::parse_two(rest, second, last).ok_or_else(unknown)?,
        }
    }

    /// The one endpoint of the signature extension.
    fn parse_signatures(rest: &str) -> Option<Result<Self, Refusal>> {
        let (rest, digest) = rest.rsplit_once('/')?;
        let name = rest.strip_suffix("/signatures")?;
        let parsed = parse_name(name).and_then(|name| Ok((name, parse_digest(digest)?)));
        Some(parsed.map(|(name, digest)| Self::Signatures(name, digest)))
    }

    /// Endpoints whose path ends with two components after the name.
    fn parse_two(rest: &str, second: &str, last: &str) -> Option<Result<Self, Refusal>> {
        let name = rest.get(..rest.len().checked_sub(second.len() + last.len() + 2)?)?;
        let name = || parse_name(name);
        let digest = || parse_digest(last);
        let route = match (second, last) {
            ("tags", "list") => name().map(Self::Tags),
            ("blobs", "uploads") => name().map(Self::Uploads),
            ("blobs", _) => name().and_then(|name| Ok(Self::Blob(name, digest()?))),
            ("referrers", _) => name().and_then(|name| Ok(Self::Referrers(name, digest()?))),
            ("manifests", _) => {
                name().and_then(|name| Ok(Self::Manifest(name, parse_target(last)?)))
            }
            _ => return None,
        };
        Some(route)
    }
}

fn parse_name(text: &str) -> Result<Name, Refusal> {
    let invalid = || Refusal::name_invalid(format!("{:?} is not a repository name", bounded(text)));
    Name::parse(text).ok_or_else(invalid)
}

fn parse_target(text: &str) -> Result<Target, Refusal> {
    if text.contains(':') {
        return parse_digest(text).map(Target::Digest);
    }
    let invalid = || Refusal::tag_invalid(format!("{:?} is not a tag", bounded(text)));
    Target::parse(text).ok_or_else(invalid)
}

/// A digest that a client sent.
pub(crate) fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error: crate::oci::digest::DigestError| {
        Refusal::digest_invalid(error.to_string())
    })
}

/// Parameters of a request's query, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the `?`. What is not UTF-8 or has no `=` is left out: it is none of ours.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        // A plus stays one: media types have them, and nothing that is asked for has blanks.
        let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            Some((decode(key)?, decode(value)?))
        };
        Self(text.unwrap_or("").split('&').filter_map(pair).collect())
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(k, _)| k == key)?;
        Some(&pair.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use axum::response::IntoResponse as _;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    #[test]
    fn every_endpoint_is_found_from_the_end_of_its_path() {
        let digest = Digest::of(b"");
        for (path, route) in [
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/a/tags/list", Route::Tags(name("a"))),
            ("/v2/a/b/blobs/uploads/", Route::Uploads(name("a/b"))),
            ("/v2/a/b/blobs/uploads", Route::Uploads(name("a/b"))),
            ("/v2/a/blobs/uploads/x1", Route::Upload(name("a"), "x1".into())),
            ("/v2/tags/list/tags/list", Route::Tags(name("tags/list"))),
            (
                "/v2/a/blobs/uploads/manifests/1",
                Route::Manifest(name("a/blobs/uploads"), Target::Tag("1".into())),
            ),
        ] {
            assert_eq!(Route::parse(path).expect(path), route, "{path}");
        }
        let blob = Route::Blob(name("a/b"), digest);
        assert_eq!(Route::parse(&format!("/v2/a/b/blobs/{digest}")).expect("blob"), blob);
        let escaped = format!("/v2/a%2Fb/blobs/sha256%3A{}", digest.hex());
        assert_eq!(Route::parse(&escaped).expect("blob"), blob);
        let referrers = Route::parse(&format!("/v2/a/referrers/{digest}")).expect("referrers");
        assert_eq!(referrers, Route::Referrers(name("a"), digest));
        let signatures =
            Route::parse(&format!("/extensions/v2/a/signatures/b/signatures/{digest}"));
        let expected = Route::Signatures(name("a/signatures/b"), digest);
        assert_eq!(signatures.expect("signatures"), expected);
    }

    #[test]
    fn odd_names_tags_and_digests_are_refused_by_their_code() {
        let long = format!("/v2/{}/tags/list", "a".repeat(256));
        for (path, status, code) in [
            ("/v2/../tags/list", 400, "NAME_INVALID"),
            ("/v2/a/%2e%2e/b/tags/list", 400, "NAME_INVALID"),
            ("/v2/A/manifests/1", 400, "NAME_INVALID"),
            ("/v2//tags/list", 400, "NAME_INVALID"),
            ("/v2/a%00/tags/list", 400, "NAME_INVALID"),
            (long.as_str(), 400, "NAME_INVALID"),
            ("/v2/a/manifests/-x", 400, "TAG_INVALID"),
            ("/v2/a/manifests/sha256:..", 400, "DIGEST_INVALID"),
            ("/v2/a/blobs/sha256:../../etc/passwd", 404, "NOT_FOUND"),
            ("/v2/a/blobs/sha256:%2e%2e", 400, "DIGEST_INVALID"),
            ("/v2/a/blobs/sha512:00", 400, "DIGEST_INVALID"),
            ("/v2/a/referrers/x", 400, "DIGEST_INVALID"),
            ("/v2/tags/list", 404, "NOT_FOUND"),
            ("/extensions/v2/a/signatures/x", 400, "DIGEST_INVALID"),
            ("/extensions/v2/A/signatures/x", 400, "NAME_INVALID"),
            ("/extensions/v2/signatures/x", 404, "NOT_FOUND"),
            ("/extensions/v2/", 404, "NOT_FOUND"),
            ("/v2/a", 404, "NOT_FOUND"),
            ("/v3/", 404, "NOT_FOUND"),
            ("/", 404, "NOT_FOUND"),
            ("/v2/%ff/tags/list", 404, "NOT_FOUND"),
        ] {
            let refusal = Route::parse(path).expect_err(path);
            let text = format!("{refusal:?}");
            assert!(text.contains(&format!("{code:?}")), "{path}: {text}");
            let wanted = StatusCode::from_u16(status).expect("a status");
            assert_eq!(refusal.into_response().status(), wanted, "{path}");
        }
    }

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse(Some("n=5&digest=sha256%3Aab&t=a+%2b&bad&t=c"));
        assert_eq!(query.get("digest"), Some("sha256:ab"));
        assert_eq!(query.get("t"), Some("a++"));
        assert_eq!((query.get("bad"), query.get("last")), (None, None));
        assert_eq!(Query::parse(None).get("n"), None);
    }
}
