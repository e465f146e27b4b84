//! Every trouble with a volume is refused, and named by its file.

use super::{Cut, on};
use crate::harness::scene::Enclave;
use std::fs;
use std::path::Path;

/// Places at which a bit is flipped in a short run, and with `BUNDLE_LONG` set.
const FLIPS: usize = 100;
const FLIPS_LONG: usize = 2_000;

fn verify(cut: &Cut) -> crate::harness::command::Ran {
    on("verify", &[cut.side.file()], &["-q"])
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("volume")
}

#[test]
fn missing_swapped_or_strange_volume_is_named() {
    let (cut, other) = (Cut::new(), Cut::new());
    let enclave = Enclave::start();
    let refused = |parts: &[&str]| {
        verify(&cut).expect_code(6).expect_error(parts);
        let ran = enclave.unpack(&cut.side.file(), &["--key", &cut.key]);
        ran.expect_code(6).expect_error(parts);
        enclave.expect_untouched();
    };
    for (number, path) in cut.volumes.iter().enumerate() {
        let (name, bytes) = (cut.name(number + 1), read(path));
        fs::remove_file(path).expect("removed");
        refused(&[&name, "is missing"]);
        fs::write(path, read(&other.volumes[number])).expect("written");
        refused(&[&name, "belongs to another bundle", "sha256sum -c"]);
        for length in [0, 63, bytes.len() / 2, bytes.len() - 1] {
            fs::write(path, &bytes[..length]).expect("written");
            if number > 0 || length >= bytes.len() / 2 {
                refused(&[&name, "is truncated"]);
            } else {
                refused(&[&name]);
            }
        }
        fs::write(path, [&bytes[..], &[0]].concat()).expect("written");
        refused(&[&name, "too many"]);
        fs::write(path, &bytes).expect("written");
    }
    let (second, third) = (read(&cut.volumes[1]), read(&cut.volumes[2]));
    fs::write(&cut.volumes[1], &third).expect("written");
    fs::write(&cut.volumes[2], &second).expect("written");
    refused(&[&cut.name(2), "holds volume 3 where volume 2 is expected"]);
    fs::write(&cut.volumes[1], second).expect("written");
    fs::write(&cut.volumes[2], third).expect("written");
    let next = cut.side.output(&cut.name(cut.volumes.len() + 1));
    fs::write(&next, read(&other.volumes[1])).expect("written");
    refused(&[&cut.name(cut.volumes.len() + 1), "belongs to another bundle"]);
    fs::remove_file(next).expect("removed");
    verify(&cut).expect_code(0);
    enclave.unpack(&cut.side.file(), &["--key", &cut.key]).expect_code(0);
}

#[test]
fn volumes_that_come_through_a_pipe_in_a_wrong_way_are_named() {
    let (cut, other) = (Cut::new(), Cut::new());
    let mut volumes: Vec<Vec<u8>> = cut.volumes.iter().map(|path| read(path)).collect();
    let enclave = Enclave::start();
    let piped = |volumes: &[Vec<u8>]| {
        let program = enclave.unpack_pipe(enclave.address(), &["--key", &cut.key]);
        crate::streaming::feed(program, &volumes.concat())
    };
    let refused = |volumes: &[Vec<u8>], what: &str, hint: &str| {
        piped(volumes).expect_code(6).expect_error(&[what, hint]);
        enclave.expect_untouched();
    };
    let without = |number: usize| [&volumes[..number], &volumes[number + 1..]].concat();
    refused(&without(0), "begins with volume 2; volume 1 must come first", "cat FILE.001 FILE.002");
    for number in 1..volumes.len() - 1 {
        let what = format!("continues with volume {}, expected volume {}", number + 2, number + 1);
        refused(&without(number), &what, "hint: ");
    }
    let last = volumes.len() - 1;
    refused(&volumes[..last], &format!("in or after volume {last}"), "did all of it come");
    let own = std::mem::replace(&mut volumes[1], read(&other.volumes[1]));
    refused(&volumes, "volume 2 of another bundle", "hint: ");
    volumes[1] = own;
    volumes.swap(1, 2);
    refused(&volumes, "continues with volume 3, expected volume 2", "in order");
    volumes.swap(1, 2);
    piped(&volumes).expect_code(0);
    for name in super::REPOSITORIES {
        enclave.expect_all_of(&cut.side, name, name);
    }
}

#[test]
fn damage_that_shows_in_the_push_leads_to_verify() {
    let cut = Cut::new();
    let path = &cut.volumes[1];
    let whole = read(path);
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 4;
    fs::write(path, damaged).expect("written");
    let enclave = Enclave::start();
    let unpack = || enclave.unpack(&cut.side.file(), &["--key", &cut.key]);
    let hint = format!("hint: bundle verify {} ", cut.side.file().display());
    unpack().expect_code(6).expect_error(&[&cut.name(2), &hint]);
    enclave.expect_untouched();
    fs::write(path, whole).expect("written");
    let ran = unpack().expect_code(0);
    assert!(!ran.stderr.contains("hint: "), "{ran}");
}

#[test]
fn verify_names_the_volumes_that_a_damaged_blob_lies_in() {
    let cut = Cut::new();
    let mut bytes = read(&cut.volumes[1]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(&cut.volumes[1], bytes).expect("written");
    let report = on("verify", &[cut.side.file()], &["-q", "--json"]).expect_code(6).json();
    crate::schemas::assert_described("verify-report.schema.json", &report);
    let [damage] = &report["damaged"].as_array().expect("list")[..] else { panic!("{report}") };
    let volumes = damage["volumes"].as_array().expect("volumes");
    let damaged = cut.volumes[1].to_str().expect("path");
    assert!(volumes.iter().any(|volume| volume == damaged), "{report}");
    let text = verify(&cut).expect_code(6).stdout;
    assert!(text.contains("damaged: sha256:") && text.contains(damaged), "{text}");
}

#[test]
fn no_flipped_byte_passes_outside_the_seek_table() {
    let cut = Cut::new();
    let table = {
        let last = read(cut.volumes.last().expect("volume"));
        let [a, b, c, d, ..] = last[last.len() - 9..] else { panic!("a footer") };
        8 + u64::from(u32::from_le_bytes([a, b, c, d])) * 8 + 9
    };
    let lengths: Vec<u64> = cut.volumes.iter().map(|path| read(path).len() as u64).collect();
    let total = lengths.iter().sum::<u64>() - table;
    let flips = if std::env::var_os("BUNDLE_LONG").is_some() { FLIPS_LONG } else { FLIPS };
    // In this process: what `verify` and `unpack` read, without starting them anew each time.
    let reads = || {
        let archive = bundle::archive::Archive::open(&cut.side.file())?;
        let opened = bundle::unpack::Opened::of(archive.into());
        let archive = opened.archive().clone();
        if opened.check().is_err() {
            return Ok(false);
        }
        let blobs = &archive.inventory().blobs;
        Ok::<_, bundle::archive::ArchiveError>(
            blobs.iter().all(|blob| archive.read(&blob.digest, u64::MAX).is_ok()),
        )
    };
    assert!(matches!(reads(), Ok(true)), "undamaged");
    let spread = (0..flips as u64).map(|n| n * total / flips as u64 + n % 7);
    let markers = (1..lengths.len()).flat_map(|volume| {
        let start: u64 = lengths[..volume].iter().sum();
        [0, 4, 8, 39, 40, 44, 48, 63].map(|at| start + at)
    });
    for at in spread.chain(markers).filter(|at| *at < total) {
        let (mut volume, mut into) = (0, at);
        while into >= lengths[volume] {
            into -= lengths[volume];
            volume += 1;
        }
        let path = &cut.volumes[volume];
        let bytes = read(path);
        let mut damaged = bytes.clone();
        damaged[into as usize] ^= 1 << (at % 8);
        fs::write(path, damaged).expect("written");
        assert!(!matches!(reads(), Ok(true)), "byte {into} of {path:?}");
        fs::write(path, bytes).expect("written");
    }
    // Inside the table a flip changes nothing that is read.
    let last = cut.volumes.last().expect("volume");
    let bytes = read(last);
    for back in [1, 6, 9, table / 2, table - 1] {
        let mut damaged = bytes.clone();
        let at = bytes.len() - back as usize;
        damaged[at] ^= 2;
        fs::write(last, damaged).expect("written");
        assert!(matches!(reads(), Ok(true)), "{back} bytes before the end");
    }
}
