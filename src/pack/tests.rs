//! The door itself: refusals before any work, and the end that a caller asks for.

use super::*;
use crate::archive::geometry::Geometry;
use crate::progress::Silent;
use crate::registry::ClientOptions;
use std::path::PathBuf;

/// Nothing lies there: whoever reads it fails.
const MISSING: &str = "oci:/nonexistent/layout=quay.io/org/app:1";

async fn refused(request: Request) -> PackError {
    let client = Client::new(ClientOptions::default()).expect("a client");
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    pack(request, &client, &progress).await.expect_err("nothing is packed")
}

fn request(output: Output) -> Request {
    Request::new(vec![MISSING.parse().expect("a source")], output)
}

fn stream() -> Output {
    Output::Stream(Box::new(std::io::sink()), PathBuf::from("-"))
}

/// True for an error that only reading the source gives.
fn is_of_source(error: &PackError) -> bool {
    error.to_string().contains("/nonexistent/layout")
}

#[tokio::test(flavor = "multi_thread")]
async fn another_file_is_spared_before_any_source_is_read() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a bundle").expect("written");
    let to_file = || request(Output::File(path.clone()));
    let error = refused(to_file()).await;
    assert!(matches!(error, PackError::Occupied { expected: Occupied::Archive, .. }), "{error:?}");
    let error = refused(to_file().other_file(OtherFile::Replaced)).await;
    assert!(is_of_source(&error), "the twin: {error:?}");
    assert_eq!(std::fs::read(&path).expect("still there"), b"not a bundle");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_file_has_volumes_checksums_and_images_left_out() {
    let volumes = Geometry::volumes(1 << 20).expect("a size");
    for (request, expected) in [
        (request(stream()).geometry(volumes), NeedsFile::Beside),
        (request(stream()).checksums(true), NeedsFile::Beside),
        (request(stream()).failed_images(FailedImages::LeaveOut), NeedsFile::LeavingOut),
    ] {
        let error = refused(request).await;
        assert!(matches!(error, PackError::NeedsFile(what) if what == expected), "{error:?}");
    }
    let error = refused(request(stream())).await;
    assert!(is_of_source(&error), "the twin: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_ends_when_its_caller_asks() {
    // Somebody who takes calls and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = silent.local_addr().expect("an address").to_string();
    let source = format!("{host}/org/app:1").parse().expect("a source");
    let folder = tempfile::tempdir().expect("temporary folder");
    let output = Output::File(folder.path().join("app.tar.zst"));
    let called = async move { drop(silent.accept().await) };
    let error = refused(Request::new(vec![source], output).until(called)).await;
    assert!(matches!(error, PackError::Stopped(Left::Nothing)), "{error:?}");
}
