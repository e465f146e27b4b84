//! The log of requests: what it says, and what it never says.

use crate::harness::command::{Program, Ran};
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::faults::{Fault, Rule};
use crate::harness::scene::Connected;
use crate::harness::servers::{PASSWORD, USER};
use crate::harness::tokens::{Issue, TokenGate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;

/// Packs one image from behind a proxy, with whatever is logged.
fn pack(side: &Connected, proxy: &FaultProxy, arguments: &[&str], log: &str) -> Ran {
    let source = format!("{}/team/app:1=registry.example/team/app:1", proxy.address());
    let program = Program::bundle().args(&["pack", "--dry-run", "-o"]).arg(side.file());
    program.arg(source).args(arguments).env("RUST_LOG", log).run().expect_code(0)
}

#[test]
fn each_request_is_logged_where_that_is_asked_for() {
    let side = Connected::start();
    side.unsigned("team/app");
    let proxy = FaultProxy::start(side.address());
    let is_logged =
        |ran: &Ran| ran.stderr.contains("GET http://") && ran.stderr.contains(": 200 after ");
    for (arguments, log, expected) in [
        (&["-vv"][..], "", true),
        (&["-v"], "", false),
        (&[], "", false),
        (&[], "bundle=debug", true),
        (&["-vv"], "off", false),
        (&["-vv", "-q"], "", true),
    ] {
        let ran = pack(&side, &proxy, arguments, log);
        assert_eq!(is_logged(&ran), expected, "{arguments:?} {log}: {ran}");
    }
    let ran = pack(&side, &proxy, &[], "no=such=directive");
    assert!(ran.stderr.contains("warning: RUST_LOG is not used: "), "{ran}");
}

#[test]
fn each_retry_is_logged_with_its_reason() {
    let side = Connected::start();
    side.unsigned("team/app");
    let proxy = FaultProxy::start(side.address());
    let is_tag = |path: &str| path.ends_with("manifests/1");
    proxy.add(Rule::new(Method::GET, is_tag, Fault::too_many(1)).first(1));
    let ran = pack(&side, &proxy, &["-v"], "");
    assert!(ran.stderr.contains("trying again in 1 s: "), "{ran}");
    assert!(ran.stderr.contains("Retry-After"), "{ran}");
}

#[test]
fn log_holds_no_credentials_at_any_level() {
    let side = Connected::start();
    side.unsigned("team/app");
    let gate = TokenGate::new(Issue::UserOnly);
    let proxy = FaultProxy::start_with_tokens(side.address(), gate);
    let basic = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let auths = serde_json::json!({"auths": {proxy.address(): {"auth": basic}}});
    let authfile = side.text("auth.json", &auths.to_string());
    let ran = pack(&side, &proxy, &["-vv", "--authfile", &authfile, "--tls-verify=false"], "trace");
    assert!(ran.stderr.contains("/token: 200 after "), "{ran}");
    for secret in [PASSWORD, basic.as_str(), "Bearer ", "uthorization"] {
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{secret}: {ran}");
    }
}
