//! `bundle verify`'s reading of every byte against SHA-256 alone: `cargo bench --bench verify`.
//!
//! The archive lies in the page cache. SHA-256 is timed on one core, and that speed times the cores is the measure;
//! the target is 0.75 of it. What all cores reach together when they only hash is printed as well: as far as that is
//! below the measure, the machine shares something between its cores, or does other work.

mod made;

use bundle::archive::Archive;
use bundle::archive::integrity::{self, Depth};
use bundle::archive::limits::IO_PIECE;
use bundle::inventory::Stored;
use bundle::oci::{Digest, Hasher};
use bundle::progress::Progress;
use std::hint::black_box;
use std::time::Instant;

const BLOB: usize = 8 << 20;
const BLOBS: usize = 64;
const RUNS: usize = 15;
const TARGET: f64 = 0.75;

fn main() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = made::folder();
    let contents: Vec<Vec<u8>> = (0..BLOBS).map(|seed| made::noise(seed, BLOB)).collect();
    let raw: Vec<_> = contents.iter().map(|content| (Stored::Raw, content.as_slice())).collect();
    let path = made::archive(folder.path(), &raw, 1);
    let archive = Archive::open(&path).expect("an archive");

    let check = || {
        let integrity = integrity::check(&archive, Depth::Whole, &Unheard);
        assert!(integrity.damaged.is_empty() && integrity.blobs == BLOBS as u64);
    };
    let one = || {
        black_box(hash(&contents[0]));
    };
    let all = || {
        std::thread::scope(|scope| {
            for share in contents.chunks(BLOBS.div_ceil(cores)) {
                scope.spawn(move || {
                    for content in share {
                        black_box(hash(content));
                    }
                });
            }
        });
    };
    // Now and then each: what slows the machine down slows all three.
    let mut runs = [const { Vec::new() }; 3];
    for _ in 0..RUNS {
        runs[0].push(speed(BLOB, &one));
        runs[1].push(speed(BLOB * BLOBS, &all));
        runs[2].push(speed(BLOB * BLOBS, &check));
    }
    let [one, all, check] = runs.map(fastest);
    let measure = one * cores as f64;
    let gb = |speed: f64| speed / 1e9;
    let length = (BLOB * BLOBS) >> 20;
    println!("{length} MiB in page cache, {cores} cores, the fastest of {RUNS} runs");
    println!("SHA-256, one core   {:5.2} GB/s; times cores {:.2}", gb(one), gb(measure));
    println!("SHA-256, all cores  {:5.2} GB/s; {:.2} of that", gb(all), all / measure);
    println!(
        "verify              {:5.2} GB/s; {:.2} of that (≥ {TARGET})",
        gb(check),
        check / measure
    );
    println!("                    {:.2} of SHA-256 on all cores", check / all);
}

/// Nobody looks at the progress.
struct Unheard;

impl Progress for Unheard {
    fn total(&self, _: u64, _: u64) {}
    fn started(&self, _: &Digest, _: u64) {}
    fn advanced(&self, _: &Digest, _: u64) {}
    fn finished(&self, _: &Digest, _: u64) {}
    fn note(&self, _: &str) {}
}

fn hash(content: &[u8]) -> Digest {
    let mut hasher = Hasher::new();
    content.chunks(IO_PIECE).for_each(|piece| hasher.update(piece));
    hasher.finish()
}

/// Bytes a second.
fn speed(bytes: usize, work: &dyn Fn()) -> f64 {
    let began = Instant::now();
    work();
    bytes as f64 / began.elapsed().as_secs_f64()
}

/// What slows a run down is the work of others.
fn fastest(speeds: Vec<f64>) -> f64 {
    speeds.into_iter().fold(0.0, f64::max)
}
