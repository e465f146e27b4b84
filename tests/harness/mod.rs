//! What the integration tests stand on: real registries and peer tools, images made in memory, signatures made without
//! the tools that verify them, and a proxy that breaks what it is told to break.
//!
//! Everything blocks, so that a test is a plain `#[test]`; servers and requests run on one runtime behind it.

#![allow(dead_code, reason = "tests of different parts use different helpers")]

pub(crate) mod command;
pub(crate) mod cosign;
pub(crate) mod fault_proxy;
pub(crate) mod faults;
pub(crate) mod frames;
pub(crate) use bundle_testing::peers;
pub(crate) mod gpg;
pub(crate) mod host;
pub(crate) mod images;
pub(crate) mod layers;
pub(crate) mod log;
pub(crate) mod long_blob;
pub(crate) mod nobody;
pub(crate) mod registry;
pub(crate) mod scene;
pub(crate) mod servers;
pub(crate) mod signatures;
pub(crate) mod signer;
pub(crate) mod terminal;
pub(crate) mod tokens;

use std::sync::LazyLock;
use tokio::runtime::Runtime;

/// The one runtime of the test binary.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("runtime")
});

/// An HTTP client that goes to loopback only: no proxy, no redirects.
pub(crate) fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("HTTP client")
}
