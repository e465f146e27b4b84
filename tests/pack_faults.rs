//! `bundle pack` against a registry that fails, lies or goes away. What cannot be known is never taken for "none", and
//! a pack that failed leaves no archive: at most a beginning that the next run completes.

use crate::harness::command::Ran;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::images::{self, TestImage};
use crate::harness::scene::{Connected, FILE, HOST};
use crate::harness::servers::{Access, DockerRegistry, PASSWORD, USER};
use crate::harness::signatures::sign_bundle;
use crate::harness::signer::Signer;
use crate::harness::tokens::{Issue, TokenGate};
use base64::Engine as _;
use reqwest::Method;

/// A signed image behind a proxy. Large enough that a connection can break in the middle of a layer.
struct Scene {
    side: Connected,
    proxy: FaultProxy,
    image: TestImage,
}

impl Scene {
    fn new() -> Self {
        Self::of(Connected::start(), None)
    }

    fn of(mut side: Connected, gate: Option<TokenGate>) -> Self {
        let image = images::image("faults", "linux/amd64", &[2_000_000, 1_500]);
        image.push(&side.registry, "team/app", Some("1"));
        let signer = Signer::p256();
        side.sign("team/app", &image.digest(), &signer);
        sign_bundle(&side.registry, "team/app", &image, &signer);
        let proxy = match gate {
            Some(gate) => FaultProxy::start_with_tokens(side.address(), gate),
            None => FaultProxy::start(side.address()),
        };
        side.through(proxy.address());
        Self { side, proxy, image }
    }

    /// Breaks GET and HEAD of what the path satisfies.
    fn breaks(&self, path: impl Fn(&str) -> bool + Send + Sync + Copy + 'static, fault: &Fault) {
        self.proxy.heal();
        for method in [Method::GET, Method::HEAD] {
            self.proxy.add(Rule::new(method, path, fault.clone()));
        }
    }

    fn pack(&self, arguments: &[&str]) -> Ran {
        self.side.pack(&["team/app:1"], arguments)
    }

    /// The pack fails as a network error, names the image, the registry and `words`, and leaves nothing.
    #[track_caller]
    fn expect_failure(&self, words: &[&str]) {
        let ran = self.pack(&[]).expect_code(5);
        ran.expect_error(&["team/app"]).expect_error(words);
        assert_eq!(self.side.left(), [""; 0], "nothing is left");
    }

    /// The same in the transfer: the beginning is left, and said to be.
    #[track_caller]
    fn expect_broken_transfer(&self, words: &[&str]) {
        let ran = self.pack(&[]).expect_code(5);
        ran.expect_error(&["team/app", "run the same command again"]).expect_error(words);
        let left = ["partial", "partial.journal"].map(|ending| format!("{FILE}.{ending}"));
        assert_eq!(self.side.left(), left);
    }

    /// Removes a beginning.
    fn forget_beginning(&self) {
        for name in self.side.left() {
            std::fs::remove_file(self.side.output(&name)).expect("removed");
        }
    }

    /// It goes well, and everything is there.
    #[track_caller]
    fn expect_success(&self) {
        self.pack(&[]).expect_code(0);
        let image = &self.side.inspect()["images"][0];
        assert_eq!(image["attachmentLookup"], "complete");
        assert_eq!(image["attachments"].as_array().map(Vec::len), Some(2));
        assert_eq!(self.side.left(), [FILE]);
        std::fs::remove_file(self.side.file()).expect("archive");
    }

    fn layer_path(&self) -> String {
        format!("/blobs/{}", self.image.blobs[1].digest())
    }
}

/// A server error that asks to come back at once, so that no test waits.
fn failed_at_once(status: u16) -> Fault {
    let headers = vec![("retry-after", "0".to_owned())];
    Fault::Answer { status, headers, body: "<html>\u{1b}[2Jgone</html>".to_owned() }
}

#[test]
fn a_lookup_of_signatures_that_fails_fails_the_image() {
    let scene = Scene::new();
    scene.expect_success();
    let app = format!("{HOST}/team/app:1");
    for (status, words) in [
        (401, "wants other credentials"),
        (403, "access is denied"),
        (429, "limits the rate"),
        (500, "status 500"),
        (503, "status 503"),
    ] {
        for what in [".sig", ".att", "/referrers/"] {
            scene.breaks(move |path| path.contains(what), &failed_at_once(status));
            let said = ["cannot tell what is attached to", &app, words, what];
            scene.expect_failure(&said);
        }
    }
    scene.proxy.heal();
    scene.expect_success();
}

#[test]
fn a_lookup_that_fails_can_be_let_pass_and_is_never_forgotten() {
    let scene = Scene::new();
    // What is found in one way is carried although the other one failed.
    for (path, found) in [("/referrers/", ".sig"), (".sig", "referrer")] {
        scene.breaks(move |asked| asked.contains(path), &Fault::status(403));
        let ran = scene.pack(&["--attachment-errors", "warn"]).expect_code(4);
        for words in ["incomplete: attachments of ", "warning: ", "access is denied", path] {
            assert!(ran.stdout.contains(words), "{words}: {ran}");
        }
        let image = &scene.side.inspect()["images"][0];
        assert_eq!(image["attachmentLookup"], "incomplete", "{path}");
        let kept = image["attachments"].as_array().expect("attachments");
        assert!(kept.len() == 1 && kept[0]["found"].to_string().contains(found), "{kept:?}");
        let shown = crate::harness::command::Program::bundle().arg("inspect");
        let shown = shown.arg(scene.side.file()).run().expect_code(0);
        assert!(shown.stdout.contains("incomplete: attachments of "), "{shown}");
        std::fs::remove_file(scene.side.file()).expect("archive");
    }
    // Only lookups may be let pass: the image itself has to come.
    scene.breaks(|path| path.contains("/blobs/"), &Fault::status(403));
    scene.pack(&["--attachment-errors", "warn"]).expect_code(5);
    assert_eq!(scene.side.left(), [""; 0]);
    // And where everything is answered, the option changes nothing.
    scene.proxy.heal();
    scene.pack(&["--attachment-errors", "warn"]).expect_code(0);
}

#[test]
fn an_image_that_cannot_be_had_is_named() {
    let scene = Scene::new();
    let host = scene.proxy.address().to_owned();
    for (status, words) in [
        (401, "wants other credentials"),
        (403, "access is denied"),
        (404, "does not exist"),
        (429, "limits the rate"),
        (500, "status 500"),
        (418, "status 418"),
    ] {
        scene.breaks(|path| path.ends_with("/manifests/1"), &failed_at_once(status));
        scene.expect_failure(&[words, &host]);
    }
    let layer = scene.layer_path();
    for (status, words) in
        [(401, "credentials"), (403, "denied"), (404, "not found"), (429, "rate"), (500, "500")]
    {
        let layer = layer.clone();
        scene.proxy.heal();
        let rule = move |path: &str| path.contains(&layer);
        scene.proxy.add(Rule::new(Method::GET, rule, failed_at_once(status)));
        scene.expect_broken_transfer(&[words, &host, &scene.image.blobs[1].digest().to_string()]);
    }
}

#[test]
fn what_a_registry_says_cannot_command_a_terminal() {
    let scene = Scene::new();
    let body = r#"{"errors":[{"code":"DENIED","message":"\u001b[2Jall \u202egood"}]}"#.to_owned();
    let fault = Fault::Answer { status: 403, headers: Vec::new(), body };
    scene.breaks(|path| path.ends_with("/manifests/1"), &fault);
    let ran = scene.pack(&[]).expect_code(5);
    assert!(!ran.stderr.contains(['\u{1b}', '\u{202e}']), "{ran}");
    ran.expect_error(&["\\u{1b}[2J"]);
    // Nor can it fill the screen.
    let body = format!(r#"{{"errors":[{{"code":"DENIED","message":"{}"}}]}}"#, "x".repeat(100_000));
    let fault = Fault::Answer { status: 403, headers: Vec::new(), body };
    scene.breaks(|path| path.ends_with("/manifests/1"), &fault);
    let ran = scene.pack(&[]).expect_code(5);
    assert!(ran.stderr.len() < 4_000, "{} bytes", ran.stderr.len());
}

#[test]
fn failures_that_pass_are_not_noticed() {
    let scene = Scene::new();
    scene.proxy.add(
        Rule::new(Method::GET, |path| path.contains("/manifests/"), Fault::too_many(0)).first(2),
    );
    scene
        .proxy
        .add(Rule::new(Method::GET, |path| path.contains("/blobs/"), failed_at_once(502)).first(2));
    scene.proxy.add(
        Rule::new(Method::GET, |path| path.contains("/referrers/"), failed_at_once(500)).first(1),
    );
    scene.expect_success();
}

#[test]
fn a_transfer_that_breaks_goes_on_where_it_broke() {
    let scene = Scene::new();
    let layer = scene.layer_path();
    let rule = move |path: &str| path.contains(&layer);
    scene.proxy.add(Rule::new(Method::GET, rule, Fault::CloseAfter(700_000)).first(2));
    scene.expect_success();
    let layer = scene.layer_path();
    let asked: Vec<_> =
        scene.proxy.seen().into_iter().filter(|seen| seen.path.contains(&layer)).collect();
    let statuses: Vec<_> =
        asked.iter().filter(|seen| seen.method == Method::GET).map(|seen| seen.status).collect();
    assert_eq!(statuses, [200, 206, 206], "only what was missing is asked for again");
}

#[test]
fn a_transfer_that_never_gets_anywhere_fails() {
    let scene = Scene::new();
    let layer = scene.layer_path();
    let rule = move |path: &str| path.contains(&layer);
    scene.proxy.add(Rule::new(Method::GET, rule, Fault::CloseAfter(0)));
    let digest = scene.image.blobs[1].digest().to_string();
    scene.expect_broken_transfer(&[&digest, scene.proxy.address()]);
    scene.proxy.heal();
    scene.expect_success();
}

#[test]
fn what_is_not_what_it_was_asked_for_is_never_packed() {
    let scene = Scene::new();
    let (layer, config) = (scene.layer_path(), format!("/blobs/{}", scene.image.blobs[0].digest()));
    let by_digest = |path: &str| path.contains("/manifests/sha256:");
    for (what, offset) in [(layer.clone(), 0), (layer.clone(), 1_999_999), (config.clone(), 20)] {
        scene.proxy.heal();
        scene.forget_beginning();
        let path = what.clone();
        let rule = move |asked: &str| asked.contains(&path);
        scene.proxy.add(Rule::new(Method::GET, rule, Fault::FlipBit(offset)));
        match what == config {
            // Read to resolve the image, before anything is written.
            true => scene.expect_failure(&[what.trim_start_matches("/blobs/")]),
            false => scene.expect_broken_transfer(&[what.trim_start_matches("/blobs/")]),
        }
    }
    scene.proxy.heal();
    scene.proxy.add(Rule::new(Method::GET, by_digest, Fault::FlipBit(100)));
    scene.expect_failure(&["sha256:"]);
    scene.proxy.heal();
    scene.expect_success();
}

#[test]
fn shorter_and_longer_blobs_than_promised_are_refused() {
    let scene = Scene::new();
    let digest = scene.image.blobs[1].digest().to_string();
    for (status, body) in [(200, "short".to_owned()), (200, "x".repeat(3_000_000))] {
        let layer = scene.layer_path();
        let rule = move |path: &str| path.contains(&layer);
        scene.proxy.heal();
        let fault = Fault::Answer { status, headers: Vec::new(), body };
        scene.proxy.add(Rule::new(Method::GET, rule, fault));
        scene.expect_broken_transfer(&[&digest]);
    }
    scene.proxy.heal();
    scene.expect_success();
}

#[test]
fn nobody_listens() {
    let side = Connected::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("port");
    let address = listener.local_addr().expect("address").to_string();
    drop(listener);
    let file = side.file();
    let source = format!("{address}/team/app:1");
    let ran = crate::harness::command::Program::bundle()
        .args(&["pack", "-q", &source, "-o"])
        .arg(&file)
        .run()
        .expect_code(5);
    ran.expect_error(&[&source, "no connection"]);
    assert_eq!(side.left(), [""; 0]);
}

#[test]
fn tokens_are_fetched_and_renewed() {
    let gate = TokenGate::new(Issue::AnonymousPull);
    let scene = Scene::of(Connected::start(), Some(gate));
    scene.expect_success();
    let token = |path: &str| path.starts_with("/token");
    assert!(scene.proxy.count(&Method::GET, token) > 0, "a token was asked for");
    // Only the user gets one here, and nobody says who that is.
    let scene = Scene::of(Connected::start(), Some(TokenGate::new(Issue::UserOnly)));
    scene.expect_failure(&["credentials", "--authfile"]);
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let auths = serde_json::json!({"auths": {scene.proxy.address(): {"auth": auth}}});
    let authfile = scene.side.text("auth.json", &auths.to_string());
    // No password goes over plain HTTP, on loopback neither.
    let refused = scene.pack(&["--authfile", &authfile]).expect_code(5);
    refused.expect_error(&["does not speak TLS", "hint: ", "--tls-verify=false"]);
    scene.pack(&["--authfile", &authfile, "--tls-verify=false"]).expect_code(0);
}

#[test]
fn credentials_are_found_where_people_keep_them() {
    let test = "credentials_are_found_where_people_keep_them";
    let Some(server) = DockerRegistry::start_with(test, Access::Basic) else {
        return;
    };
    let registry = crate::harness::registry::Registry::at(server.address());
    let registry = registry.with_credentials(USER, PASSWORD);
    images::multi_platform("auth").push(&registry, "team/app", Some("1"));
    let auths = |password: &str| {
        let auth = format!("{USER}:{password}");
        let auth = base64::engine::general_purpose::STANDARD.encode(auth);
        serde_json::json!({"auths": {server.address(): {"auth": auth}}}).to_string()
    };
    let directory = tempfile::tempdir().expect("directory");
    let pack = |home: Option<&str>, variable: Option<&str>| {
        let mut program = crate::harness::command::Program::bundle();
        if let Some(content) = home {
            let docker = directory.path().join("home/.docker");
            std::fs::create_dir_all(&docker).expect("home");
            std::fs::write(docker.join("config.json"), content).expect("configuration");
            program = program.env("HOME", directory.path().join("home"));
        }
        if let Some(content) = variable {
            let file = directory.path().join("auth.json");
            std::fs::write(&file, content).expect("file");
            program = program.env("REGISTRY_AUTH_FILE", file);
        }
        let source = format!("{}/team/app:1", server.address());
        program
            .args(&["pack", "-q", "--tls-verify=false", &source, "-o"])
            .arg(directory.path().join("x"))
            .run()
    };
    let refused = pack(None, None).expect_code(5);
    let refused = refused.expect_error(&[server.address(), "hint: ", "--authfile"]);
    assert!(!refused.stderr.contains(PASSWORD));
    pack(Some(&auths(PASSWORD)), None).expect_code(0);
    pack(None, Some(&auths(PASSWORD))).expect_code(0);
    let refused = pack(Some(&auths("wrong-one")), None).expect_code(5);
    assert!(!refused.stderr.contains("wrong-one"), "a password is never shown: {refused}");
}
