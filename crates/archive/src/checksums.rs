//! `FILE.sha256`: SHA-256 of an archive's files, one line each, as `sha256sum -c` takes it.
//!
//! It serves people and scripts that copy media. Nothing here reads it: it comes with the courier.

use super::ArchiveError;
use super::limits::IO_PIECE;
use super::parallel::parallel_map;
use super::partial;
use bundle_oci::{Digest, Hasher};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Where the list of the archive at `target` lies: `target`.sha256.
pub fn list_path(target: &Path) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

/// True when the file at `path` begins as a list of checksums does.
pub fn is_list(path: &Path) -> bool {
    let mut start = [0; 2 * 32 + 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let start = start.strip_prefix(b"\\").unwrap_or(&start);
    let (digits, rest) = start.split_at(2 * 32);
    read.is_ok() && digits.iter().all(u8::is_ascii_hexdigit) && rest.starts_with(b" ")
}

/// Reads `files`, which lie beside the archive's name `target`, and writes the list of their checksums, synced. Files
/// are hashed on all cores, one on each. Cost: one more pass over the archive. Blocks.
///
/// # Errors
/// A file cannot be read, or the list cannot be written.
pub fn write(target: &Path, files: &[PathBuf]) -> Result<PathBuf, ArchiveError> {
    let mut list = Vec::new();
    for (file, digest) in files.iter().zip(digests(files)?) {
        list.extend_from_slice(&line(file.file_name().unwrap_or_default(), &digest));
    }
    let path = list_path(target);
    partial::check_output(&path)?;
    let unfinished = partial::partial_path(&path);
    let mut output = partial::create(&unfinished)?;
    output
        .write_all(&list)
        .and_then(|()| output.sync_all())
        .map_err(|e| ArchiveError::io("write", &unfinished, e))?;
    std::fs::rename(&unfinished, &path).map_err(|e| ArchiveError::io("rename", &unfinished, e))?;
    partial::open_to_readers(&output);
    partial::sync_directory_of(&path)?;
    Ok(path)
}

fn digests(files: &[PathBuf]) -> Result<Vec<Digest>, ArchiveError> {
    let of = |(): &mut (), file: &PathBuf| {
        digest(file).map_err(|error| ArchiveError::io("read", file, error))
    };
    parallel_map(files, || (), of).into_iter().collect()
}

fn digest(path: &Path) -> std::io::Result<Digest> {
    let mut file = File::open(path)?;
    let (mut hasher, mut piece) = (Hasher::new(), vec![0; IO_PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// One line. As sha256sum(1) does, a name with a backslash or a line break is escaped, and a backslash before the line
/// says so.
fn line(name: &OsStr, digest: &Digest) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len());
    for byte in name.as_bytes() {
        match byte {
            b'\\' => escaped.extend_from_slice(b"\\\\"),
            b'\n' => escaped.extend_from_slice(b"\\n"),
            b'\r' => escaped.extend_from_slice(b"\\r"),
            other => escaped.push(*other),
        }
    }
    let mark = if escaped.len() > name.len() { "\\" } else { "" };
    [mark.as_bytes(), digest.hex().as_bytes(), b"  ", &escaped, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_a_line_in_order_with_its_base_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a");
        let files: Vec<PathBuf> =
            (1..=5).map(|number| super::super::volumes::volume_path(&target, number)).collect();
        for (number, file) in files.iter().enumerate() {
            std::fs::write(file, vec![number as u8; number * 300_000]).expect("a file");
        }
        let list = write(&target, &files).expect("written");
        assert_eq!(list, folder.path().join("a.sha256"));
        let text = std::fs::read_to_string(list).expect("the list");
        let expected: String = (0..5)
            .map(|n| {
                let digest = Digest::of(&vec![n as u8; n * 300_000]);
                format!("{}  a.{:03}\n", digest.hex(), n + 1)
            })
            .collect();
        assert_eq!(text, expected);
        assert_eq!(std::fs::read_dir(folder.path()).expect("folder").count(), 6);

        // What an interrupted run, or somebody else, left of a longer list is no part of this one.
        let unfinished = partial::partial_path(&list_path(&target));
        std::fs::write(unfinished, format!("{}  other\n", "0".repeat(64)).repeat(20))
            .expect("left");
        let list = write(&target, &files).expect("written");
        assert_eq!(std::fs::read_to_string(list).expect("the list"), text);
        std::fs::remove_file(&files[2]).expect("removed");
        assert!(matches!(write(&target, &files), Err(ArchiveError::Io { action: "read", .. })));
    }

    #[test]
    fn names_that_would_break_a_line_are_escaped() {
        let line = |name: &str| {
            let line = line(OsStr::new(name), &Digest::of(b""));
            String::from_utf8(line).expect("text").replace(&Digest::of(b"").hex(), "H")
        };
        assert_eq!(line("a b.001"), "H  a b.001\n");
        assert_eq!(line("a\nb\\c\r"), "\\H  a\\nb\\\\c\\r\n");
    }
}
