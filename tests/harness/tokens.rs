//! Bearer tokens (distribution-spec's token authentication), as the large public registries demand them.

use super::servers::{PASSWORD, USER};
use axum::body::Body;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Name of the service in challenges.
const SERVICE: &str = "tests";

/// Who gets a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Issue {
    /// Everybody, for pulling; the user of [`USER`] and [`PASSWORD`] also for pushing.
    AnonymousPull,
    /// That user only.
    UserOnly,
}

/// Hands out tokens at `/token` and demands them everywhere else.
pub(crate) struct TokenGate {
    issue: Issue,
    /// What each token is good for.
    issued: Mutex<BTreeMap<String, Vec<String>>>,
}

impl TokenGate {
    pub(crate) fn new(issue: Issue) -> Self {
        Self { issue, issued: Mutex::default() }
    }

    /// Makes all tokens expire.
    pub(super) fn forget(&self) {
        self.issued.lock().expect("tokens").clear();
    }

    /// The answer that this request gets here; `None` when it may pass.
    pub(super) fn judge(
        &self,
        address: &str,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Option<Response> {
        let authorization = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        if let Some(query) = path.strip_prefix("/token?") {
            return Some(self.hand_out(query, authorization));
        }
        let needed = needed_scope(method, path);
        let issued = self.issued.lock().expect("tokens");
        let scopes = authorization
            .and_then(|value| value.strip_prefix("Bearer "))
            .and_then(|token| issued.get(token));
        let granted = match (&needed, scopes) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some((repository, action)), Some(scopes)) => {
                scopes.iter().any(|scope| grants(scope, repository, action))
            }
        };
        if granted {
            return None;
        }
        let mut challenge =
            format!("Bearer realm=\"http://{address}/token\",service=\"{SERVICE}\"");
        if let Some((repository, action)) = needed {
            let actions = if action == "push" { "pull,push" } else { action };
            challenge.push_str(&format!(",scope=\"repository:{repository}:{actions}\""));
        }
        let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        Some(
            Response::builder()
                .status(401)
                .header(header::WWW_AUTHENTICATE, challenge)
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body))
                .expect("challenge"),
        )
    }

    fn hand_out(&self, query: &str, authorization: Option<&str>) -> Response {
        let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
        let user = authorization == Some(expected.as_str());
        let refused = !user && (authorization.is_some() || self.issue == Issue::UserOnly);
        if refused {
            let refusal = Response::builder().status(401).body(Body::from("{}"));
            return refusal.expect("refusal");
        }
        let scopes = query
            .split('&')
            .filter_map(|parameter| parameter.strip_prefix("scope="))
            .flat_map(|scopes| {
                let scopes = percent_encoding::percent_decode_str(scopes).decode_utf8_lossy();
                scopes.split([' ', '+']).map(str::to_owned).collect::<Vec<_>>()
            })
            .filter_map(|scope| allowed(&scope, user))
            .collect();
        let mut issued = self.issued.lock().expect("tokens");
        let token = format!("token-{}", issued.len());
        issued.insert(token.clone(), scopes);
        Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(format!(r#"{{"token":"{token}","expires_in":300}}"#)))
            .expect("token")
    }
}

/// Repository and action of a request below `/v2/`; `None` for `/v2/` itself.
fn needed_scope(method: &Method, path: &str) -> Option<(String, &'static str)> {
    let path = path.split('?').next()?.strip_prefix("/v2/")?;
    let end = ["/manifests/", "/blobs/", "/tags/", "/referrers/"]
        .iter()
        .filter_map(|part| path.rfind(part))
        .max()?;
    let action = match *method {
        Method::GET | Method::HEAD => "pull",
        Method::DELETE => "delete",
        _ => "push",
    };
    Some((path[..end].to_owned(), action))
}

/// What is left of a scope that is asked for: strangers may only pull.
fn allowed(scope: &str, user: bool) -> Option<String> {
    let (repository, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let actions: Vec<_> = actions.split(',').filter(|action| user || *action == "pull").collect();
    Some(format!("repository:{repository}:{}", actions.join(",")))
}

fn grants(scope: &str, repository: &str, action: &str) -> bool {
    scope
        .strip_prefix("repository:")
        .and_then(|rest| rest.rsplit_once(':'))
        .is_some_and(|(of, actions)| of == repository && actions.split(',').any(|a| a == action))
}
