//! A registry over an image layout directory: `cargo run --example serve -- DIR [ADDRESS]`.

use bundle::serve::{DEFAULT_ADDRESS, Registry, Store, run};
use std::path::Path;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(directory) = arguments.next() else {
        anyhow::bail!("expected DIR [ADDRESS]");
    };
    let address = match arguments.next() {
        Some(address) => address.parse()?,
        None => DEFAULT_ADDRESS,
    };
    let store = Store::open(Path::new(&directory))?;
    let listener = TcpListener::bind(address).await?;
    eprintln!("{directory} at http://{}/v2/", listener.local_addr()?);
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    run(listener, Registry::read_write(store), interrupted).await?;
    Ok(())
}
