//! Memory does not follow the size of what streams by.

use crate::harness::images::{self, CONFIG, Content, LAYER};
use crate::harness::layers::noise;
use crate::harness::scene::{Connected, Enclave};
use serde_json::json;
use std::io::Write as _;

/// 100 MiB: what a whole run may take, beside 1 KiB for each blob.
const LIMIT: u64 = 100 << 20;

#[test]
fn three_hundred_megabytes_pass_through_little_memory() {
    let side = Connected::start();
    // One that goes into its upload as it comes, and many that are held.
    let layers: Vec<Content> = std::iter::once(200 << 20)
        .chain([8 << 20; 13])
        .enumerate()
        .map(|(number, size)| Content::new(LAYER, noise(&format!("layer {number}"), size)))
        .collect();
    let config = Content::new(CONFIG, r#"{"os":"linux","architecture":"amd64"}"#);
    let image = images::manifest(config, layers, json!({}));
    image.push(&side.registry, "app", Some("1"));
    drop(image);
    let (archive, mut packed) = (side.file(), 0);
    let mut output = std::fs::File::create(&archive).expect("file");
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let pack = side.pack_pipe(&["app:1"], &[]).stdout(writer).start();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = std::io::Read::read(&mut reader, &mut buffer).expect("archive");
        if count == 0 {
            break;
        }
        packed += count as u64;
        // It waits for the rest to be read, so it is there.
        if packed < 280 << 20 {
            assert!(pack.peak_memory() < LIMIT, "{} bytes packing", pack.peak_memory());
        }
        output.write_all(&buffer[..count]).expect("file");
    }
    pack.end().expect_code(0);
    assert!(packed > 300 << 20);

    let enclave = Enclave::start();
    let (reader, mut writer) = std::io::pipe().expect("pipe");
    let arguments = ["--allow-unsigned", "registry.example"];
    let unpack = enclave.unpack_pipe(enclave.address(), &arguments).stdin(reader).start();
    let mut archive = std::fs::File::open(&archive).expect("archive");
    let most = &mut std::io::Read::take(&mut archive, packed - 9);
    std::io::copy(most, &mut writer).expect("most of it");
    // The rest is waited for.
    let peak = unpack.peak_memory();
    std::io::copy(&mut archive, &mut writer).expect("the rest");
    drop(writer);
    unpack.end().expect_code(0);
    assert!(peak < LIMIT, "{peak} bytes unpacking");
    assert_eq!(enclave.tags(), ["app:1"]);
}
