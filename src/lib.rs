//! Carry container images, with everything that proves where they come from, across an air gap in one file.
//!
//! Each task has one door, which takes a request and gives a report: [`pack::pack`], [`verify::verify`],
//! [`unpack::unpack`], [`inspect::inspect`]. Nothing is printed, and nobody is asked.
//!
//! ```
//! use bundle::archive::Input;
//! use bundle::oci::source::Held;
//! use bundle::oci::{Descriptor, Digest, Manifest, Repository, media_type};
//! use bundle::progress::{Progress, Silent};
//! use bundle::registry::{Client, ClientOptions, Presence};
//! use bundle::serve::{self, Registry, Store};
//! use bundle::unpack::TrustInputs;
//! use bundle::{pack, unpack, verify};
//! use std::sync::Arc;
//!
//! # #[tokio::main]
//! # async fn main() -> anyhow::Result<()> {
//! let client = Client::new(ClientOptions::default())?;
//! let progress: Arc<dyn Progress> = Arc::new(Silent);
//! let folder = tempfile::tempdir()?;
//!
//! // A registry in this process, with an image in it.
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let host = listener.local_addr()?.to_string();
//! let store = Store::open(&folder.path().join("store"))?;
//! tokio::spawn(serve::run(listener, Registry::read_write(store), std::future::pending()));
//! let content = r#"{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}"#;
//! let (digest, size) = (Digest::of(content.as_bytes()), content.len() as u64);
//! let config = Descriptor::new("application/vnd.oci.image.config.v1+json", digest, size);
//! let manifest = serde_json::json!({
//!     "schemaVersion": 2,
//!     "mediaType": media_type::OCI_MANIFEST,
//!     "config": {"mediaType": config.media_type, "digest": digest.to_string(), "size": size},
//!     "layers": [],
//! });
//! let manifest = Manifest::parse(manifest.to_string().into(), media_type::OCI_MANIFEST)?;
//! let repository = client.repository(&Repository::new(&host, "org/app")?);
//! repository.push_blob(&config, &Held(content.into()), None, Presence::Unknown).await?;
//! repository.push_manifest(Some("1.0"), &manifest).await?;
//!
//! // Outside: the image goes into a file, under the name of its publisher.
//! let file = folder.path().join("app.tar.zst");
//! let source = format!("{host}/org/app:1.0=quay.io/org/app:1.0").parse()?;
//! let request = pack::Request::new(vec![source], pack::Output::File(file.clone()));
//! let packed = pack::pack(request, &client, &progress).await?;
//!
//! // In the enclave: nobody has signed the image, so it is allowed by name, in the bundle that is expected.
//! let mut trust = TrustInputs { expect_bundle: Some(packed.bundle_digest), ..TrustInputs::default() };
//! trust.anchors.allow_unsigned.push("quay.io/org/app".parse()?);
//! let input = || Input::Files(vec![file.clone()]);
//! let request = verify::Request::new(input(), trust.clone());
//! let verified = tokio::task::block_in_place(|| verify::verify(request, &*progress))?;
//! assert!(verified.verdicts[0].is_admitted());
//!
//! let request = unpack::Request::new(input(), format!("{host}/mirror").parse()?, trust);
//! let unpacked = unpack::unpack(request, &client, &progress).await?;
//! assert_eq!(unpacked.images[0].target, format!("{host}/mirror/org/app:1.0"));
//!
//! // Without anything that is trusted, nothing is published.
//! let request = unpack::Request::new(input(), format!("{host}/other").parse()?, TrustInputs::default());
//! assert!(unpack::unpack(request, &client, &progress).await.is_err());
//! # Ok(())
//! # }
//! ```
//!
//! Dependencies point down; a test keeps the floors:
//!
//! ```text
//! cli (binary only)
//! verify                             stands on unpack
//! pack  unpack  serve  inspect       none uses another
//! report  signers  transfer          none uses another
//! host                               stands on seal and trust
//! seal                               stands on trust; like trust it does no I/O
//! archive  registry  trust           none uses another
//! inventory  progress
//! oci
//! files
//! ownership
//! ```

pub use bundle_archive as archive;
pub use bundle_files as files;
pub use bundle_host as host;
pub use bundle_inventory as inventory;
pub use bundle_oci as oci;
pub use bundle_ownership as ownership;
pub use bundle_progress as progress;
pub use bundle_registry as registry;
pub use bundle_seal as seal;
pub use bundle_trust as trust;

pub mod inspect;
pub mod pack;
pub mod report;
pub mod serve;
pub mod signers;
mod transfer;
pub mod unpack;
pub mod verify;
