//! The proxy breaks what it is told to break, and nothing else.

use super::pushed;
use crate::harness::fault_proxy::{FaultProxy, Seen};
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{self, Content};
use crate::harness::registry::Registry;
use crate::harness::servers::{DockerRegistry, PASSWORD, USER};
use crate::harness::tokens::{Issue, TokenGate};
use crate::harness::{RUNTIME, http_client};
use reqwest::Method;
use std::time::{Duration, Instant};

#[test]
fn tokens_are_good_for_their_scope_only() {
    let test = "tokens_are_good_for_their_scope_only";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    pushed(&Registry::at(server.address()), "app");
    let gate = TokenGate::new(Issue::AnonymousPull);
    let proxy = FaultProxy::start_with_tokens(server.address(), gate);
    let registry = Registry::at(proxy.address());

    let refused = registry.send(registry.request(Method::GET, "app/tags/list"));
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().expect("challenge");
    assert!(challenge.ends_with("scope=\"repository:app:pull\""), "{challenge}");
    assert_eq!(registry.send(registry.request(Method::GET, "")).status(), 401);

    let token = |query: &str, user: bool| {
        let request = http_client()
            .get(format!("http://{}/token?service=tests&scope={query}", proxy.address()));
        let request = if user { request.basic_auth(USER, Some(PASSWORD)) } else { request };
        let answer = registry.send(request);
        let answer = RUNTIME.block_on(answer.bytes()).expect("token");
        let answer: serde_json::Value = serde_json::from_slice(&answer).expect("token");
        answer["token"].as_str().expect("token").to_owned()
    };
    let status = |method: Method, path: &str, token: &str| {
        registry.send(registry.request(method, path).bearer_auth(token)).status().as_u16()
    };
    let pull = token("repository:app:pull,push", false);
    assert_eq!(status(Method::GET, "app/tags/list", &pull), 200);
    assert_eq!(status(Method::POST, "app/blobs/uploads/", &pull), 401, "strangers only pull");
    assert_eq!(status(Method::GET, "other/tags/list", &pull), 401, "another repository");
    let push = token("repository%3Aapp%3Apull%2Cpush", true);
    assert_eq!(status(Method::POST, "app/blobs/uploads/", &push), 202);
    proxy.forget_tokens();
    assert_eq!(status(Method::GET, "app/tags/list", &pull), 401, "expired");
}

#[test]
fn the_proxy_passes_everything_on_until_it_is_told_otherwise() {
    let test = "the_proxy_passes_everything_on_until_it_is_told_otherwise";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let proxy = FaultProxy::start(server.address());
    let registry = Registry::at(proxy.address());
    let image = images::image("one", "linux/amd64", &[200_000]);
    image.push(&registry, "app", Some("1"));
    let there = Registry::at(server.address());
    assert_eq!(there.manifest("app", "1").expect("manifest").bytes, image.manifest.bytes);
    let uploads = proxy.count(&Method::POST, |path| path.contains("/uploads/"));
    assert_eq!(uploads, image.blobs.len());
    let puts: Vec<Seen> =
        proxy.seen().into_iter().filter(|seen| seen.method == Method::PUT).collect();
    assert!(puts.iter().all(|seen| seen.status == 201), "{puts:?}");

    let manifests = |path: &str| path.contains("/manifests/");
    let get = |path: &str| {
        let request = registry.request(Method::GET, path);
        registry.send(request.header("accept", &image.manifest.media_type))
    };
    proxy.add(Rule::new(Method::GET, manifests, Fault::too_many(7)).nth(2));
    let statuses: Vec<_> = (0..3).map(|_| get("app/manifests/1").status().as_u16()).collect();
    assert_eq!(statuses, [200, 429, 200], "{:?}", proxy.seen());
    proxy.heal();
    proxy.add(Rule::new(Method::GET, manifests, Fault::status(500)).first(1));
    let statuses: Vec<_> = (0..2).map(|_| get("app/manifests/1").status().as_u16()).collect();
    assert_eq!(statuses, [500, 200], "{:?}", proxy.seen());
    proxy.heal();
    let lie = Fault::SetHeader("docker-content-digest", "sha256:lie".into());
    proxy.add(Rule::new(Method::GET, manifests, lie));
    assert_eq!(get("app/manifests/1").headers()["docker-content-digest"], "sha256:lie");
    proxy.heal();
    proxy.add(Rule::new(Method::GET, manifests, Fault::DropHeader("docker-content-digest")));
    assert!(!get("app/manifests/1").headers().contains_key("docker-content-digest"));
    proxy.heal();
    proxy.add(Rule::new(Method::GET, manifests, Fault::Delay(Duration::from_millis(50))));
    let start = Instant::now();
    assert_eq!(get("app/manifests/1").status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[test]
fn the_proxy_breaks_bodies_where_it_is_told_to() {
    let test = "the_proxy_breaks_bodies_where_it_is_told_to";
    let Some(server) = DockerRegistry::start(test) else {
        return;
    };
    let proxy = FaultProxy::start(server.address());
    let (registry, there) = (Registry::at(proxy.address()), Registry::at(server.address()));
    let image = images::image("one", "linux/amd64", &[200_000]);
    image.push(&there, "app", Some("1"));
    let layer: &Content = &image.blobs[1];
    let digest = layer.digest();
    let blobs = |path: &str| path.contains("/blobs/sha256:");

    proxy.add(Rule::new(Method::GET, blobs, Fault::FlipBit(100_000)).first(1));
    let mut got = registry.blob("app", &digest).expect("blob");
    assert_eq!(got[100_000], layer.bytes[100_000] ^ 1);
    got[100_000] ^= 1;
    assert_eq!(got, layer.bytes, "only that one");
    assert_eq!(registry.blob("app", &digest).as_ref(), Some(&layer.bytes), "once");

    proxy.heal();
    proxy.add(Rule::new(Method::GET, blobs, Fault::CloseAfter(70_000)));
    let path = format!("app/blobs/{digest}");
    let mut answer = registry.send(registry.request(Method::GET, &path));
    assert_eq!(answer.content_length(), Some(layer.bytes.len() as u64));
    let got = RUNTIME.block_on(async {
        let mut got = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            got.extend_from_slice(&piece);
        }
        got
    });
    assert!(got == layer.bytes[..70_000], "{} bytes", got.len());

    proxy.heal();
    let uploads = |path: &str| path.contains("/uploads/");
    proxy.add(Rule::new(Method::PUT, uploads, Fault::CloseUploadAfter(50_000)));
    let start = registry.send(registry.request(Method::POST, "other/blobs/uploads/"));
    let location = start.headers()["location"].to_str().expect("location").to_owned();
    assert!(location.contains(proxy.address()), "{location}");
    let upload = http_client().put(format!("{location}&digest={digest}")).body(layer.bytes.clone());
    let answer = RUNTIME.block_on(upload.send());
    assert!(!answer.is_ok_and(|answer| answer.status().is_success()));
    assert!(there.blob("other", &digest).is_none());
}
