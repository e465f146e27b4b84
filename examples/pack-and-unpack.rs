//! Carries an image across an air gap: `cargo run --example pack-and-unpack -- SOURCE KEY FILE TARGET`.
//!
//! `SOURCE` is packed into `FILE` when `KEY` verifies it. Then `FILE` is verified and unpacked to `TARGET` as the enclave
//! does it, by a `KEY` of its own.

use anyhow::{Context as _, bail};
use bundle::archive::Input;
use bundle::progress::{Progress, Silent};
use bundle::registry::{Client, ClientOptions};
use bundle::signers::{SignerFiles, Signers};
use bundle::unpack::{Target, TrustInputs};
use bundle::{pack, unpack, verify};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, key, file, target] = &arguments[..] else {
        bail!("expected SOURCE KEY FILE TARGET");
    };
    let client = Client::new(ClientOptions::default())?;
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let signers = || -> anyhow::Result<Signers> {
        let keys = vec![key.parse().context("KEY is not [SCOPE=]FILE")?];
        Ok(SignerFiles { keys, ..SignerFiles::default() }.read(Path::new("/"))?)
    };

    let output = pack::Output::File(file.into());
    let request = pack::Request::new(vec![source.parse()?], output).signers(signers()?);
    let packed = pack::pack(request, &client, &progress).await?;
    println!("packed {} blobs into {file}", packed.totals.blobs);

    let input = || Input::Files(vec![PathBuf::from(file)]);
    let trust = || -> anyhow::Result<TrustInputs> {
        let Signers { anchors, policy, .. } = signers()?;
        Ok(TrustInputs { anchors, policy, ..TrustInputs::default() })
    };
    let request = verify::Request::new(input(), trust()?);
    let verified = tokio::task::block_in_place(|| verify::verify(request, &*progress))?;
    println!("read {} blobs, none is damaged", verified.blobs);

    let target: Target = target.parse()?;
    let request = unpack::Request::new(input(), target, trust()?);
    let unpacked = unpack::unpack(request, &client, &progress).await?;
    for image in &unpacked.images {
        println!("{} -> {}", image.source, image.target);
    }
    Ok(())
}
