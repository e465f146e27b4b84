//! What the parts of an archive cost: `cargo bench --bench archive [FILTER]`.
//!
//! - `hash`: SHA-256 alone, the ceiling of both directions
//! - `raw_frame`: frames in memory: one copy and XXH64
//! - `raw_entry`: an entry to a file: SHA-256, XXH64, `pwrite`; nothing is synced
//! - `inspect`: opening an archive and making its report; 10,000 blobs are to take no more than 150 ms

mod made;

use bundle::archive::frame::raw_frame;
use bundle::archive::write::ArchiveWriter;
use bundle::archive::{Archive, limits::IO_PIECE};
use bundle::inventory::Stored;
use bundle::oci::{Digest, Hasher};
use bundle::report::inspect::InspectReport;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

#[divan::bench(args = [4 << 10, 256 << 10, 16 << 20])]
fn hash(bencher: Bencher<'_, '_>, length: usize) {
    let content = made::noise(1, length);
    bencher.counter(BytesCount::new(length)).bench_local(|| {
        let mut hasher = Hasher::new();
        for piece in content.chunks(IO_PIECE) {
            hasher.update(black_box(piece));
        }
        hasher.finish()
    });
}

#[divan::bench(args = [4 << 10, 256 << 10, 16 << 20])]
fn raw_frame_in_memory(bencher: Bencher<'_, '_>, length: usize) {
    let content = made::noise(1, length);
    bencher.counter(BytesCount::new(length)).bench_local(|| raw_frame(black_box(&content)));
}

#[divan::bench(args = [2 << 10, 1 << 20, 128 << 20], max_time = 5)]
fn raw_entry(bencher: Bencher<'_, '_>, length: usize) {
    let folder = made::folder();
    let content = made::noise(1, length);
    let blueprint = made::blueprint(&[(Stored::Raw, &content)], 1);
    bencher
        .counter(BytesCount::new(length))
        .with_inputs(|| {
            let target = folder.path().join("written.tar.zst");
            ArchiveWriter::create(&target, blueprint.clone()).expect("created")
        })
        .bench_local_values(|writer| {
            let mut entry = writer.entry(0).expect("an entry");
            for piece in content.chunks(IO_PIECE) {
                entry.write(piece).expect("written");
            }
            entry.finish().expect("the right content");
            writer
        });
}

#[divan::bench(args = [100, 1_000, 10_000], max_time = 5)]
fn inspect(bencher: Bencher<'_, '_>, blobs: usize) {
    let folder = made::folder();
    let contents: Vec<Vec<u8>> = (0..blobs).map(|seed| made::noise(seed, 2 << 10)).collect();
    // One in ten lies in each section that is not the largest.
    let stored = |number: usize| match number * 10 / blobs {
        0 => Stored::Trust,
        9 => Stored::Compressed,
        _ => Stored::Raw,
    };
    let contents: Vec<_> =
        contents.iter().enumerate().map(|(n, c)| (stored(n), c.as_slice())).collect();
    let path = made::archive(folder.path(), &contents, blobs / 20);
    bencher.counter(ItemsCount::new(blobs)).bench_local(|| {
        let archive = Archive::open(&path).expect("an archive");
        let report = serde_json::to_vec(&InspectReport::new(&archive)).expect("JSON");
        Digest::of(&report)
    });
}
