//! The registry of the product itself, and the servers that all tests share.

pub(crate) use bundle_testing::servers::{Access, DockerRegistry, Nginx, PASSWORD, USER};

use bundle_testing::servers::{Said, Server};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// The product's own registry.
#[derive(Debug)]
pub(crate) struct BundleServe {
    address: String,
    _server: Server,
}

impl BundleServe {
    /// Serves the image layout in `store`, reading and writing.
    pub(crate) fn start(store: &Path) -> Self {
        Self::start_with(&["--store".as_ref(), store.as_os_str()])
    }

    /// Serves bundles, reading only.
    pub(crate) fn of_files(files: &[&Path]) -> Self {
        let files: Vec<_> = files.iter().map(|file| file.as_os_str()).collect();
        Self::start_with(&files)
    }

    fn start_with(arguments: &[&OsStr]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bundle"));
        command.env_clear().args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
        let (server, address) = Server::start(command, Said::OnOutput, "listening on http://");
        Self { address, _server: server }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
