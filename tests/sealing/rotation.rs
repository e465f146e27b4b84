//! One seal key takes over from another: forward only, and no older bundle comes back by it.

use super::scene::{Operator, recorded};
use super::{PASSWORD, seal, verified};
use crate::harness::command::Program;
use crate::harness::scene::{Enclave, inspect};
use bundle::archive::{Archive, head};
use std::fs;
use std::path::PathBuf;

impl Operator {
    /// With seal keys `ours`, `next` and `other`.
    fn with_successors() -> Self {
        let operator = Self::new();
        for name in ["next", "other"] {
            operator.keys.generate(name, PASSWORD).expect_code(0);
        }
        operator
    }

    /// A bundle that says that `next` seals from `from` on.
    fn announcing(&self, seal_key: &str, next: &str, sequence: u64, from: u64) -> PathBuf {
        let (public, from) = (self.public(next), from.to_string());
        self.numbered_by(seal_key, sequence, &["--successor", &public, "--from-sequence", &from])
    }
}

#[test]
fn successor_seals_unnamed_and_its_predecessor_no_more() {
    let operator = Operator::with_successors();
    let announcing = operator.announcing("ours", "next", 7, 10);
    let last = operator.numbered(9);
    let (retired, early) = (operator.numbered(10), operator.numbered_by("next", 8, &[]));
    let (first, second) =
        (operator.numbered_by("next", 10, &[]), operator.numbered_by("next", 11, &[]));
    let enclave = Enclave::start();
    let refused = |key: &str, file: &PathBuf, words: &[&str]| {
        operator.refused(&enclave, key, file, &[], words);
    };
    // Before anybody said so.
    refused("ours", &first, &["another key than those that are trusted"]);
    let report = operator.taken(&enclave, "ours", &announcing, &[]);
    let rotation = &report["seal"]["rotation"];
    assert_eq!(rotation["successor"], operator.fingerprint("next"));
    assert_eq!(rotation["fromSequence"], 10);
    refused("ours", &early, &["sealed by", "which seals from 10 on"]);
    refused("next", &early, &["which seals from 10 on"]);
    refused("ours", &retired, &["which retired in favour of", "from 10 on"]);
    let report = operator.taken(&enclave, "ours", &last, &[]);
    assert_eq!(report["seal"]["standing"], "outgoing");
    let report = operator.taken(&enclave, "ours", &first, &[]);
    assert_eq!(report["seal"]["standing"], "successor");
    assert_eq!(report["seal"]["succeeds"], operator.fingerprint("ours"));
    assert_eq!(report["seal"]["state"], "newer", "the series goes on");
    assert_eq!(recorded(&enclave), [9, 10]);
    // What came before the rotation is old, whichever key is named.
    for key in ["ours", "next"] {
        let words = if key == "ours" { "it is older" } else { "another key" };
        refused(key, &last, &[words]);
        refused(key, &announcing, &[words]);
    }
    operator.taken(&enclave, "next", &second, &[]);
    refused("ours", &first, &["has sequence 10, and 11"]);
    // Not for other series.
    let elsewhere = operator.sealed_by("next", "t", &["--name", "t", "--sequence", "12"]);
    refused("ours", &elsewhere, &["another key"]);
}

/// Whoever has the key that retired, and that may be why it did, could otherwise give a bundle another name, or none.
#[test]
fn a_key_that_has_retired_begins_no_other_series() {
    let operator = Operator::with_successors();
    let announcing = operator.announcing("ours", "next", 7, 10);
    let first = operator.numbered_by("next", 10, &[]);
    let other = |sequence: &str, name: &str| {
        let file = format!("{name}-{sequence}");
        operator.sealed_by("ours", &file, &["--name", name, "--sequence", sequence])
    };
    let (known, later, new) = (other("1", "known"), other("2", "known"), other("1", "new"));
    let nameless = operator.sealed_by("ours", "nameless", &[]);
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &announcing, &[]);
    // Until its successor sealed, it may still do so.
    operator.taken(&enclave, "ours", &known, &[]);
    let unnumbered = ["--dry-run", "--allow-unnumbered"];
    operator.taken(&enclave, "ours", &nameless, &unnumbered);
    operator.taken(&enclave, "ours", &first, &[]);
    for (file, allowing) in [(&new, &[][..]), (&nameless, &[]), (&nameless, &unnumbered)] {
        let words = ["retired in the series \"s\" in favour of", "hint: ", "--seal-pub"];
        operator.refused(&enclave, "ours", file, allowing, &words);
    }
    // A series that it began goes on: it retires there by itself.
    operator.taken(&enclave, "ours", &later, &[]);
    let (program, file) = operator.packing("by-next", &["--name", "new", "--sequence", "1"]);
    program.arg("--seal-key").arg(operator.keys.private("next")).run().expect_code(0);
    operator.taken(&enclave, "next", &file, &[]);
}

#[test]
fn a_successor_goes_on_where_the_series_ended() {
    let operator = Operator::with_successors();
    let twenty = operator.numbered(20);
    let announcing = operator.announcing("ours", "next", 7, 10);
    let (twelve, later) =
        (operator.numbered_by("next", 12, &[]), operator.numbered_by("next", 21, &[]));
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &twenty, &[]);
    operator.taken(&enclave, "ours", &announcing, &["--allow-rollback", "7"]);
    // The new key has no state of its own; what the old one's says counts for it.
    for key in ["ours", "next"] {
        operator.refused(&enclave, key, &twelve, &[], &["has sequence 12, and 20"]);
    }
    operator.taken(&enclave, "next", &later, &[]);
    assert_eq!(recorded(&enclave), [20, 21]);
}

#[test]
fn a_rotation_is_not_turned_round_nor_said_by_others() {
    let operator = Operator::with_successors();
    let announcing = operator.announcing("ours", "next", 7, 10);
    let again = operator.announcing("ours", "other", 8, 11);
    let back = operator.announcing("next", "ours", 12, 20);
    let on = operator.announcing("next", "other", 13, 20);
    let third = operator.numbered_by("other", 20, &[]);
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &announcing, &[]);
    let refused = |file: &PathBuf, words: &str| {
        operator.refused(&enclave, "ours", file, &[], &[words]);
    };
    refused(&again, "retired in favour of");
    refused(&back, "as its own successor");
    refused(&third, "another key");
    operator.taken(&enclave, "ours", &on, &[]);
    let report = operator.taken(&enclave, "ours", &third, &[]);
    assert_eq!(report["seal"]["succeeds"], operator.fingerprint("next"));
    assert_eq!(recorded(&enclave), [7, 13, 20]);
    // A sequence of the retired key stays refused, whatever is named beside it.
    let both = ["--seal-pub", &operator.public("other")];
    operator.refused(&enclave, "ours", &operator.numbered(30), &both, &["retired"]);
}

#[test]
fn a_key_that_seals_verifies_no_image() {
    let operator = Operator::with_successors();
    let announcing = operator.announcing("ours", "next", 7, 10);
    let report = inspect(&announcing);
    let keys = report["keys"].as_array().expect("keys");
    let own = keys.iter().find(|key| key["use"] == "seal").expect("the successor");
    assert_eq!(own["fingerprint"], operator.fingerprint("next"));
    crate::schemas::assert_described("inspect-report.schema.json", &report);
    let enclave = Enclave::start();
    let ran = enclave.unpack(&announcing, &["--trust-fingerprint", &operator.fingerprint("next")]);
    ran.expect_code(3).expect_error(&["no carried key of a signer has the trusted fingerprint"]);
    enclave.expect_untouched();
}

#[test]
fn bundle_with_a_rotation_is_sealed_by_the_retiring_key() {
    let operator = Operator::with_successors();
    let (old, new) = (operator.public("ours"), operator.public("next"));
    let arguments =
        ["--name", "s", "--sequence", "7", "--successor", &new, "--from-sequence", "10"];
    let (program, _) = operator.packing("later", &arguments);
    program.run().expect_code(2).expect_error(&["which key retires", "--retires FILE"]);
    let (program, file) =
        operator.packing("later", &[&arguments[..], &["--retires", &old]].concat());
    program.run().expect_code(0);
    let ran = seal(&file, &operator.keys.private("next")).expect_code(2);
    ran.expect_error(&["that this key cannot seal", "a key retires only itself"]);
    seal(&file, &operator.keys.private("ours")).expect_code(0);
    assert!(verified(&file, &[operator.keys.public("ours")]).is_ok());
    let enclave = Enclave::start();
    operator.taken(&enclave, "ours", &file, &[]);
    operator.taken(&enclave, "ours", &operator.numbered_by("next", 10, &[]), &[]);
}

#[test]
fn a_rotation_that_no_enclave_would_take_is_not_packed() {
    let operator = Operator::with_successors();
    let (old, new) = (operator.public("ours"), operator.public("next"));
    let private = operator.keys.private("ours").display().to_string();
    for (arguments, words) in [
        (
            &["--sequence", "7", "--successor", &new, "--from-sequence", "7", "--retires", &old][..],
            "begins with sequence 7",
        ),
        (
            &["--sequence", "7", "--successor", &old, "--from-sequence", "8", "--retires", &old],
            "as its own successor",
        ),
        (&["--successor", &new, "--from-sequence", "8", "--retires", &old], "--sequence"),
        (&["--sequence", "7", "--successor", &new, "--retires", &old], "--from-sequence"),
        (&["--sequence", "7", "--from-sequence", "8"], "--successor"),
        (
            &[
                "--sequence",
                "7",
                "--successor",
                &new,
                "--from-sequence",
                "8",
                "--retires",
                &new,
                "--seal-key",
                &private,
            ],
            "a key retires only itself",
        ),
        (&["--sequence", "9007199254740993"], "9007199254740992"),
        (&["--expires", "yesterday"], "neither a time"),
        (&["--expires", "2001-01-01T00:00:00Z"], "before it is made"),
    ] {
        let (program, file) = operator.packing("refused", arguments);
        let program: Program = program;
        program.run().expect_code(2).expect_error(&[words]);
        assert!(!file.exists());
    }
    assert_eq!(operator.side.left(), [""; 0]);
}

/// What is said of the successor, changed before the key that retires seals it.
#[test]
fn a_rotation_whose_key_is_not_carried_is_refused() {
    let operator = Operator::with_successors();
    let announcing = operator.announcing("ours", "next", 7, 10);
    let archive = Archive::open(&announcing).expect("archive");
    let read = head::read(archive.medium().expect("a file")).expect("head");
    let (next, other) = (operator.fingerprint("next"), operator.fingerprint("other"));
    let enclave = Enclave::start();
    for (most, words) in [(1, "and does not carry it"), (2, "and does not carry it"), (0, "")] {
        let mut files = read.files.clone();
        files.retain(|file| file.name != head::SEAL);
        let own = files.iter_mut().find(|file| file.name == head::INVENTORY).expect("inventory");
        let text = String::from_utf8(own.bytes.clone()).expect("JSON");
        assert_eq!(text.matches(&next).count(), 2, "in the rotation, and with the key");
        own.bytes = text.replacen(&next, &other, most).into_bytes();
        let (bytes, _) = head::encode_within(&files, read.mtime, read.extent.end).expect("encoded");
        let file = operator.side.output(&format!("changed-{most}"));
        let mut changed = fs::read(&announcing).expect("archive");
        changed[..bytes.len()].copy_from_slice(&bytes);
        fs::write(&file, changed).expect("archive");
        seal(&file, &operator.keys.private("ours")).expect_code(0);
        match words {
            "" => drop(operator.taken(&enclave, "ours", &file, &[])),
            words => operator.refused(&enclave, "ours", &file, &[], &[words]),
        }
    }
}
