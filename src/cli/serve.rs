//! `bundle serve`.

use super::exit::Status;
use super::failure::Failure;
use super::inspect::damage_hint;
use super::output::{Output, say};
use super::signals::stopped_serving;
use super::standard_error::tell;
use super::text::line;
use bundle::serve::{self, ArchiveContent, ArchiveContentError, Registry, Store};
use clap::{ArgGroup, Args};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Serve a store or bundles as an OCI registry
#[derive(Args)]
#[command(group(ArgGroup::new("content").required(true).args(["files", "store"])))]
pub(super) struct Options {
    /// Bundles to serve, read-only; or their volumes, or folders that hold them
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read and write an OCI image layout directory, made when it is not there
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one. There is no access control: think before leaving loopback
    #[arg(long, value_name = "ADDR:PORT", default_value_t = serve::DEFAULT_ADDRESS)]
    listen: SocketAddr,
}

pub(super) async fn run(options: Options) -> Result<Status, Failure> {
    let registry = match &options.store {
        Some(directory) => {
            let store = Store::open(directory).map_err(|e| Failure::of(Status::Medium, &e))?;
            Registry::read_write(store)
        }
        None => {
            let content = ArchiveContent::open(&options.files).map_err(unreadable)?;
            Registry::read_only(Arc::new(content))
        }
    };
    let registry = registry.telling(|error| {
        let cause = error.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        tell!("error: a blob was not sent whole: {}", line(&format!("{error}{cause}")));
    });
    let listener = tokio::net::TcpListener::bind(options.listen).await.map_err(|error| {
        Failure::of(Status::Network, &error)
            .hint(format!("is {} in use? --listen names another address", options.listen))
    })?;
    let address = listener.local_addr().map_err(|e| Failure::of(Status::Network, &e))?;
    let asked = stopped_serving();
    let stopped = async move {
        asked.await;
    };
    let mut output = Output::default();
    say!(output, "listening on http://{address}");
    output.write()?;
    let served = serve::run(listener, registry, stopped).await;
    served.map_err(|error| Failure::of(Status::Network, &error))?;
    Ok(Status::Done)
}

fn unreadable(error: ArchiveContentError) -> Failure {
    let failure = Failure::of(Status::Medium, &error);
    match &error {
        ArchiveContentError::Archive { path, source } => {
            damage_hint(source, path).into_iter().fold(failure, Failure::hint)
        }
        ArchiveContentError::InOrder { path } => failure.hint(format!(
            "make a store of it: bundle unpack {} --to oci:DIR …; bundle serve --store DIR",
            path.display()
        )),
        _ => failure,
    }
}
