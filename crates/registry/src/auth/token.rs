//! Buying a token (distribution's token authentication specification, and its OAuth2 form for refresh tokens).

use super::secret::Credentials;
use super::{Grant, basic};
use crate::host::Host;
use crate::reach::is_loopback;
use crate::{Asked, RegistryError, Said, retry};
use bundle_oci::json::{self, Bounds};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, StatusCode, Url};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// Largest answer of a token service: tokens that list many rights have some ten KiB.
const MAX_ANSWER: u64 = 1 << 20;
/// What such an answer holds: three members count, and some services say more.
const BOUNDS: Bounds = Bounds::values(1000);
/// What a token lives at least, whatever the service says (token specification, `expires_in`).
const SHORTEST_LIFE: u64 = 60;

/// A token service and what to ask it for.
pub(super) struct Service {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    pub(super) scopes: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Service {
    /// Buys a token for the scopes, anonymously when there are no credentials. Tried once: the request that needs the
    /// token is tried again as a whole.
    pub(super) async fn buy(
        &self,
        host: &Host,
        credentials: Option<&Credentials>,
    ) -> Result<Grant, RegistryError> {
        let realm = self.realm(host).await?;
        let asked_at = Instant::now();
        let request = match credentials {
            Some(Credentials::Identity(token)) => self.oauth(realm, token.reveal()),
            Some(Credentials::Password { user, password }) => {
                let mut request = self.plain(realm);
                if let Ok(mut header) = HeaderValue::from_str(&basic(user, password)) {
                    header.set_sensitive(true);
                    request.headers_mut().insert(AUTHORIZATION, header);
                }
                request
            }
            Some(Credentials::Bearer(_)) | None => self.plain(realm),
        };
        let asked = Asked::new(request.method(), request.url());
        let url = request.url().clone();
        let response = host.execute(request, None).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = host.read(response, MAX_ANSWER, || asked.clone()).await?;
        if status != StatusCode::OK {
            // No redirect is followed either: what is sent here is worth more than one token.
            let wait = retry::retry_after(&headers, time::OffsetDateTime::now_utc());
            return Err(RegistryError::of_status(asked, status, Said::read(&body), wait));
        }
        read_answer(&body, asked_at).ok_or_else(|| {
            let asked = Asked::new(&Method::GET, &url);
            RegistryError::bad_answer(asked, "the token service gave no valid token")
        })
    }

    /// The realm's URL, when credentials may go there.
    async fn realm(&self, host: &Host) -> Result<Url, RegistryError> {
        let base = host.base().await?;
        let refused = |why: &str| {
            RegistryError::bad_answer(
                Asked::new(&Method::GET, base),
                format!("its token service cannot be used: {why}"),
            )
        };
        let url = Url::parse(&self.realm).map_err(|_| refused("its realm is not a URL"))?;
        let url = host.may_go(base, url).map_err(refused)?;
        // Who allowed plain HTTP on this machine did not allow it on the network.
        if url.scheme() == "http" && is_loopback(base) && !is_loopback(&url) {
            return Err(refused("it leads to plain HTTP"));
        }
        Ok(url)
    }

    fn plain(&self, mut url: Url) -> Request {
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for scope in &self.scopes {
                query.append_pair("scope", scope);
            }
        }
        Request::new(Method::GET, url)
    }

    fn oauth(&self, url: Url, refresh_token: &str) -> Request {
        // The query serialiser of a URL writes exactly what a form's body is.
        let mut form = url.clone();
        form.set_query(None);
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("service", self.service.as_deref().unwrap_or_default())
            .append_pair("client_id", "bundle")
            .append_pair("scope", &self.scopes.join(" "))
            .append_pair("refresh_token", refresh_token);
        let body = form.query().unwrap_or_default().to_owned();
        let mut request = Request::new(Method::POST, url);
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        *request.body_mut() = Some(body.into());
        request
    }
}

fn read_answer(body: &[u8], asked_at: Instant) -> Option<Grant> {
    let answer: Answer = json::read(body, BOUNDS).ok()?;
    let token = [answer.token, answer.access_token];
    let token = token.into_iter().flatten().find(|t| !t.is_empty())?;
    let life = answer.expires_in.unwrap_or(SHORTEST_LIFE).clamp(SHORTEST_LIFE, 86_400);
    // A tenth early, so that it does not run out on the way.
    let expires = asked_at + Duration::from_secs(life) * 9 / 10;
    Grant::new(&format!("Bearer {token}"), Some(expires))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_either_name_and_lives_a_minute_at_least() {
        let now = Instant::now();
        for (body, wanted) in [
            (r#"{"token":"t","expires_in":300}"#, Some(("Bearer t", 270))),
            (r#"{"access_token":"a"}"#, Some(("Bearer a", 54))),
            (r#"{"token":"","access_token":"a","expires_in":1}"#, Some(("Bearer a", 54))),
            (r#"{"token":"a\nb"}"#, None),
            (r#"{"token":null}"#, None),
            ("{}", None),
            ("<html>", None),
        ] {
            let grant = read_answer(body.as_bytes(), now);
            let found = grant.as_ref().map(|grant| {
                let life = grant.expires.map(|at| (at - now).as_secs());
                (grant.header.to_str().unwrap_or_default(), life.unwrap_or_default())
            });
            assert_eq!(found, wanted, "{body}");
        }
    }
}
